package main

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink/sim/models"
	"github.com/p4dev/p4dev/offload"
)

// TestFlashVendorFirmware follows the kernel's updater loop with devices that have nothing to do with P4.
func TestFlashVendorFirmware(t *testing.T) {
	p := newPlace(t)
	nics := models.All()
	p.serve(nics...)
	p.write("ice.bin", []byte("fw.mgmt 2.2.0\nfw.bundle_id 0x80002fff\n"))
	p.do(exitDone, "flash", "--dry-run", iceDev, "ice.bin")
	p.do(exitDone, "flash", iceDev, "ice.bin", "--want", "fw.mgmt=2.2.0", "--overwrite", "settings,identifiers")
	p.do(exitDone, "flash", iceDev, "--want", "fw.mgmt=2.2.0,fw.bundle_id=0x80002fff", "--allow-reset")
	p.do(exitNothing, "flash", iceDev, "ice.bin", "--want", "fw.mgmt=2.2.0")
	p.do(exitFailed, "flash", iceDev, "ice.bin", "--want", "fw.moon=1")
	p.do(exitFailed, "flash", iceDev, "ice.bin", "--overwrite", "everything")

	p.write("mlx5.bin", []byte("fw 22.35.1012\nfw.version 22.35.1012\n"))
	p.do(exitDone, "-j", "flash", mlx5Dev, "mlx5.bin", "--want", "fw.version=22.35.1012")
	p.do(exitFailed, "flash", mlx5Dev, "mlx5.bin", "--overwrite", "settings")

	p.write("root/lib/firmware/nfp.nffw", []byte("fw.app nic-2.1.17\n"))
	p.do(exitDone, "flash", "--dry-run", nfpDev, "nfp.nffw")
	p.do(exitDone, "flash", nfpDev, "nfp.nffw")
	p.do(exitFailed, "flash", nfpDev, "nfp.nffw", "--disk", "netronome/nic.nffw")
	p.quiet("set", "param", nfpDev, "fw_load_policy", "disk")
	p.do(exitDone, "flash", nfpDev, "nfp.nffw", "--disk", "netronome/nic.nffw", "--want", "fw.app=nic-2.1.17")
	p.do(exitDone, "flash", nfpDev, "nfp.nffw")

	p.write("dsc.tar", []byte("fw 1.40.0\n"))
	p.do(exitDone, "flash", ionicDev, "dsc.tar", "--want", "fw=1.40.0")
	nics[4].Reset()
	p.do(exitNothing, "flash", ionicDev, "dsc.tar", "--want", "fw=1.40.0")

	p.write("nsim.bin", []byte("fw.mgmt 10.20.31\n"))
	p.do(exitDone, "flash", netdevsimDev, "nsim.bin", "--component", "fw.mgmt")
	p.do(exitFailed, "flash", netdevsimDev, "nsim.bin", "--component", "fw.app")
	p.do(exitFailed, "flash", netdevsimDev, "ice.bin", "--want", "fw.mgmt=10.20.32")
	p.do(exitFailed, "flash", netdevsimDev, "mlx5.bin", "--component", "fw.mgmt")
	p.do(exitMissing, "flash", netdevsimDev, "nothing.bin")
	p.do(exitFailed, "flash", netdevsimDev, "nothing.p4fw", "--component", "fw.mgmt")
	p.do(exitFailed, "flash", netdevsimDev, "--component", "fw.mgmt")
	p.do(exitFailed, "flash", netdevsimDev, "nsim.bin", "--probe")
	p.do(exitDone, "history")
	p.golden("update")
	if got := string(p.read("root/lib/firmware/netronome/nic.nffw")); got != "fw.app nic-2.1.17\n" {
		t.Errorf("on disk is %q", got)
	}
	if f := nics[0].Flashed(); f.Overwrite != 3 || f.Component != "" {
		t.Errorf("ice was flashed with %+v", f)
	}
	if f := nics[5].Flashed(); f.Component != "" && f.Component != "fw.mgmt" || strings.HasSuffix(f.File, ".bin") {
		t.Errorf("netdevsim was flashed with %+v", f)
	}
}

// TestFlashVendorSignature: firmware of a vendor is signed and trusted as packages are.
func TestFlashVendorSignature(t *testing.T) {
	p := newPlace(t)
	p.serve(models.BNXT())
	p.write("root/etc/p4dev/allowed_signers", []byte(p.key("ada", "ada@example.com", 1)))
	p.key("eve", "eve@example.com", 2)
	p.write("bnxt.pkg", []byte("fw 221.0.0.0\n"))
	p.do(exitFailed, "flash", bnxtDev, "bnxt.pkg")
	p.do(exitDone, "flash", bnxtDev, "bnxt.pkg", "--allow-unsigned", "--dry-run")
	p.do(exitDone, "sign", "bnxt.pkg", "--key", "eve")
	p.do(exitFailed, "flash", bnxtDev, "bnxt.pkg")
	p.do(exitDone, "sign", "bnxt.pkg", "--key", "ada")
	p.do(exitDone, "verify", "bnxt.pkg")
	p.do(exitDone, "flash", bnxtDev, "bnxt.pkg")
	p.write("bnxt.pkg", []byte("fw 222.0.0.0\n"))
	p.do(exitFailed, "verify", "bnxt.pkg")
	p.do(exitFailed, "flash", bnxtDev, "bnxt.pkg")
	p.golden("vendorsign")
}

// TestClock: what a terminal shows behind a step that takes its time.
func TestClock(t *testing.T) {
	begin := time.Unix(100, 0)
	for _, tt := range []struct {
		timeout, passed time.Duration
		want            string
	}{
		{0, time.Second, ""}, {0, 3 * time.Second, " (3s)"}, {0, 75 * time.Second, " (1m15s)"},
		{25 * time.Minute, 0, " (0s of 25m0s)"}, {81 * time.Second, 80*time.Second + 1, " (1m20s of 1m21s)"},
		{81 * time.Second, 83 * time.Second, " (1m23s, longer than the announced 1m21s)"},
	} {
		if got := (clock{begin, tt.timeout}).text(begin.Add(tt.passed)); got != tt.want {
			t.Errorf("%v of %v: got %q, want %q", tt.passed, tt.timeout, got, tt.want)
		}
	}
}

// TestProgressOnTerminal: a line is redrawn while its message stays, and the clock runs without reports.
func TestProgressOnTerminal(t *testing.T) {
	var b syncBuilder
	p := &progress{w: &b, tty: true}
	p.observe(offload.LoadStep{Step: offload.StepFlash, Component: "fw", Message: "Flashing", Done: 0, Total: 2})
	p.observe(offload.LoadStep{Step: offload.StepFlash, Component: "fw", Message: "Flashing", Done: 2, Total: 2})
	p.observe(offload.LoadStep{Step: offload.StepFlash, Message: "Installing", Timeout: time.Minute})
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(b.String(), "(1s of 1m0s)"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the clock does not run: %q", b.String())
		}
	}
	p.observe(offload.LoadStep{Step: offload.StepVerify, Message: "done"})
	p.end()
	got := b.String()
	for _, want := range []string{"\r\x1b[Kflash     [##############################] 100% [fw] Flashing\n", "Installing (0s of 1m0s)\r", "\nverify    done\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("not there: %q in %q", want, got)
		}
	}
	if strings.Count(got, "\n") != 3 {
		t.Errorf("%d lines: %q", strings.Count(got, "\n"), got)
	}
}

// syncBuilder is a strings.Builder for several goroutines.
type syncBuilder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuilder) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuilder) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
