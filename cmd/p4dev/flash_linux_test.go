package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload/simnic"
)

const folder = "root/lib/firmware/p4dev"

// TestFlashSearch: without a file, the serial number goes before the address on the bus and that before the driver.
func TestFlashSearch(t *testing.T) {
	l := newLab(t, simnic.Limits{})
	l.do(exitMissing, "flash", dev)
	l.do(exitDone, "flash", "--probe", dev)
	l.pack(folder+"/p4sim.p4fw", "1.0.0")
	l.do(exitDone, "flash", dev)
	l.pack(folder+"/pci-0000:01:00.0.p4fw", "1.1.0")
	l.do(exitDone, "flash", dev)
	l.pack(folder+"/serial-P4SIM0001.p4fw", "1.2.0")
	l.do(exitDone, "flash", dev)
	l.do(exitNothing, "flash", dev)
	l.do(exitDone, "flash", "--probe", dev)
	l.pack(folder+"/router.p4fw", "1.3.0")
	l.do(exitDone, "flash", "--dry-run", dev, "router")
	l.do(exitDone, "flash", dev, "router")
	l.do(exitDone, "flash", "--probe", dev) // the serial number's is older: nothing to do
	l.do(exitMissing, "flash", dev, "switch")
	l.do(exitMissing, "flash", dev, "./switch.p4fw")
	l.do(exitMissing, "flash", "pci/0000:09:00.0", "router")
	l.do(exitFailed, "flash", "--signature", "maybe", dev, "router")
	l.do(exitDone, "-j", "flash", "--allow-downgrade", dev)
	l.do(exitDone, "history")
	l.golden("search")
	var out, errOut bytes.Buffer
	code := run(t.Context(), []string{"__complete", "--endpoint", "unix:run/sim.sock", "flash", ""}, nil, &out, &errOut)
	if code != exitDone || !strings.HasPrefix(out.String(), dev+"\n") {
		t.Errorf("completion of a device: status %d, %s%s", code, out.String(), errOut.String())
	}
}

// TestProbe is what a device goes through whose driver binds again and again: the package that lies in the firmware
// folder is taken once, with the fallback, a newer one is taken, an older one is not, and none of it fills the history.
func TestProbe(t *testing.T) {
	l := newLab(t, simnic.Limits{})
	probe := func(code int, flags ...string) {
		l.t.Helper()
		l.do(code, append([]string{"flash", "--probe", "--fallback"}, append(flags, dev)...)...)
	}
	probe(exitDone) // no package: nothing to attach either
	l.pack(folder+"/p4sim.p4fw", "1.1.0")
	probe(exitDone)
	probe(exitDone)
	l.do(exitDone, "fallback", "show")
	l.pack(folder+"/p4sim.p4fw", "1.0.0")
	probe(exitDone)
	l.pack(folder+"/p4sim.p4fw", "1.2.0")
	probe(exitDone)
	l.do(exitDone, "fallback", "detach", "pci-0000-01-00-0")
	probe(exitDone)
	l.pack(folder+"/p4sim.p4fw", "1.3.0")
	probe(exitFailed, "--signature", "require")
	probe(exitFailed, "--signature", "require")
	l.do(exitDone, "history")
	l.do(exitDone, "fallback", "detach", "pci-0000-01-00-0")
	l.do(exitDone, "flash", "--fallback", dev)
	l.do(exitNothing, "flash", "--fallback", dev)
	l.do(exitDone, "fallback", "detach", "pci-0000-01-00-0")
	l.do(exitDone, "flash", "--fallback", dev)
	l.do(exitDone, "fallback", "detach", "pci-0000-01-00-0")
	l.golden("probe")
}

// opaquePackage is one without a pipeline.
func (l *lab) opaquePackage(file, version string) {
	l.t.Helper()
	pkg, err := firmware.Build(firmware.BuildOptions{Name: "l3router", Version: version, Arch: "v1model",
		SourceTag: "sha256:" + strings.Repeat("ab", 32),
		Images:    []firmware.Image{{Name: "sim", Family: "p4sim", Data: firmware.Bytes([]byte("bits"))}},
		Devices:   []firmware.DeviceRecord{{DeviceID: firmware.DeviceID{Driver: "p4sim"}, Images: []string{"sim"}}}})
	l.must(err)
	var b bytes.Buffer
	_, err = pkg.WriteTo(&b)
	l.must(err)
	l.write(file, b.Bytes())
}

// TestFlashRefused: what must not be loaded is not, the device keeps its program, and the message names the flag that
// an operator may insist by.
func TestFlashRefused(t *testing.T) {
	l := newLab(t, simnic.Limits{})
	signers := l.key("ada", "ada@example.com", 1)
	l.key("eve", "eve@example.com", 2)
	l.pack("good.p4fw", "2.0.0", "--lowest-version", "1.5.0")
	l.do(exitDone, "flash", dev, "good.p4fw")
	running := l.look("show", dev, "info")
	refused := func(args ...string) {
		l.t.Helper()
		l.do(exitFailed, append([]string{"flash", dev}, args...)...)
		if now := l.look("show", dev, "info"); now != running {
			t.Fatalf("the device has changed:\n%s\nwant\n%s", now, running)
		}
	}
	l.pack("old.p4fw", "1.9.0")
	l.pack("oldest.p4fw", "1.4.0")
	refused("old.p4fw")
	refused("oldest.p4fw")
	refused("--allow-downgrade", "oldest.p4fw")
	l.pack("new.p4fw", "2.1.0")
	refused("--signature", "require", "new.p4fw")
	l.write("root/etc/p4dev/allowed_signers", []byte(signers))
	refused("new.p4fw")
	l.do(exitDone, "sign", "new.p4fw", "-f", "eve")
	refused("new.p4fw")
	l.do(exitDone, "sign", "new.p4fw", "-f", "ada")
	l.pack("new.p4fw", "2.1.1")
	refused("new.p4fw")
	refused("--allow-unsigned", "new.p4fw")
	whole := l.read("new.p4fw")
	l.write("cut.p4fw", whole[:len(whole)/2])
	refused("--signature", "off", "cut.p4fw")
	whole[len(whole)-1] ^= 1
	l.write("flipped.p4fw", whole)
	refused("--signature", "off", "flipped.p4fw")
	l.write("text.p4fw", []byte("not a package\n"))
	refused("--signature", "off", "text.p4fw")
	l.opaquePackage("opaque.p4fw", "2.2.0")
	refused("--signature", "off", "opaque.p4fw")
	l.write("acme.bit", []byte("bits\n"))
	l.look("pack", "l3router.p4", "--version", "2.2.0", "--image", "a=acme.bit", "--device", "driver:acme=a",
		"--device", "pci:1234:5678=a", "-o", "acme.p4fw")
	refused("--signature", "off", "acme.p4fw")
	l.pack("reset.p4fw", "2.3.0", "--needs-reset")
	refused("--signature", "off", "reset.p4fw")
	l.do(exitDone, "sign", "new.p4fw", "-f", "ada")
	l.do(exitDone, "flash", dev, "new.p4fw")
	l.do(exitDone, "flash", "--allow-downgrade", "--allow-unsigned", dev, "old.p4fw")
	l.do(exitDone, "flash", "--signature", "off", "--allow-reset", dev, "reset.p4fw")
	l.do(exitDone, "history")
	l.golden("refused")
	if left, err := filepath.Glob(folder + "/.*"); err != nil || len(left) > 0 {
		t.Errorf("left in the firmware folder: %v, %v", left, err)
	}
}
