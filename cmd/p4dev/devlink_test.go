package main

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
)

// serve lets the place's commands reach simulated devices; their firmware folder is the place's.
func (p *place) serve(devices ...*models.Device) *sim.Kernel {
	p.t.Helper()
	k := sim.New(sim.Options{Firmware: sim.FirmwareDirs("root/lib/firmware")})
	for _, d := range devices {
		p.must(k.Register(d))
	}
	path := filepath.Join(p.t.TempDir(), "devlink.sock")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	p.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- k.Serve(ctx, l) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			p.t.Error(err)
		}
	})
	p.flags = append(p.flags, "--endpoint", "unix:"+path)
	return k
}

const (
	iceDev       = "pci/0000:01:00.0"
	mlx5Dev      = "pci/0000:03:00.0"
	bnxtDev      = "pci/0000:04:00.0"
	nfpDev       = "pci/0000:05:00.0"
	mlxswDev     = "pci/0000:06:00.0"
	ionicDev     = "pci/0000:b5:00.0"
	netdevsimDev = "netdevsim/netdevsim1"
)

// TestShowDevices shows what the kernel's drivers advertise.
func TestShowDevices(t *testing.T) {
	p := newPlace(t)
	p.serve(models.All()...)
	p.do(exitDone, "list")
	p.do(exitDone, "show", mlxswDev)
	p.do(exitDone, "show", mlxswDev, "entries")
	p.do(exitDone, "show", mlxswDev, "entries", "mlxsw_host4")
	p.do(exitMissing, "show", mlxswDev, "entries", "mlxsw_host5")
	p.do(exitDone, "-j", "show", mlxswDev, "entries", "mlxsw_adj")
	p.do(exitDone, "-j", "show", mlxswDev, "tables", "mlxsw_host6")
	p.do(exitDone, "-j", "show", mlxswDev, "resources")
	p.do(exitDone, "show", nfpDev)
	p.do(exitDone, "show", netdevsimDev)
	p.do(exitDone, "-j", "show", netdevsimDev, "traps", "fid_miss")
	p.do(exitDone, "-j", "show", netdevsimDev, "trap-groups")
	p.do(exitDone, "-j", "show", netdevsimDev, "trap-policers", "1")
	p.do(exitMissing, "show", netdevsimDev, "traps", "nothing")
	p.do(exitDone, "show", nfpDev, "traps")
	p.do(exitFailed, "show", nfpDev, "resources")
	p.do(exitDone, "show", mlx5Dev, "health", "tx")
	p.do(exitDone, "-j", "show", mlx5Dev, "health")
	p.do(exitFailed, "show", mlx5Dev, "info", "fw")
	p.do(exitDone, "show", "all", "params", "fw_load_policy")
	p.do(exitDone, "-j", "show", "all", "params", "fw_load_policy")
	p.do(exitMissing, "show", "all", "params", "colour")
	p.do(exitDone, "show", "all", "selftests")
	p.do(exitDone, "-j", "show", "all", "selftests")
	p.do(exitDone, "show", "all", "ports")
	p.golden("devices")
}

// TestSet changes what devices let themselves be told.
func TestSet(t *testing.T) {
	p := newPlace(t)
	p.serve(models.All()...)
	p.do(exitDone, "set", "param", nfpDev, "fw_load_policy", "disk")
	p.do(exitNothing, "set", "param", nfpDev, "fw_load_policy", "2")
	p.do(exitFailed, "set", "param", nfpDev, "fw_load_policy", "moon")
	p.do(exitFailed, "set", "param", nfpDev, "fw_load_policy", "disk", "--cmode", "runtime")
	p.do(exitFailed, "set", "param", nfpDev, "fw_load_policy", "--default")
	p.do(exitFailed, "set", "param", nfpDev, "fw_load_policy")
	p.do(exitMissing, "set", "param", nfpDev, "colour", "blue")
	p.do(exitMissing, "set", "param", "pci/0000:99:00.0", "fw_load_policy", "disk")
	p.do(exitDone, "-j", "set", "param", mlx5Dev, "enable_roce", "false", "--cmode", "driverinit")
	p.do(exitDone, "show", nfpDev, "params")

	p.do(exitDone, "set", "resource", netdevsimDev, "/IPv4/fib", "0x100")
	p.do(exitNothing, "set", "resource", netdevsimDev, "/IPv4/fib", "256")
	p.do(exitFailed, "set", "resource", mlxswDev, "/kvd/hash_double", "192640")
	p.do(exitMissing, "set", "resource", netdevsimDev, "/IPv5", "1")
	p.do(exitDone, "show", netdevsimDev, "resources", "/IPv4/fib")
	p.do(exitDone, "set", "resource", netdevsimDev, "/IPv4", "512")
	p.do(exitDone, "set", "resource", netdevsimDev, "/IPv4/fib-rules", "512")
	p.do(exitFailed, "reload", netdevsimDev)
	p.do(exitDone, "-j", "show", netdevsimDev, "resources", "/IPv4")
	p.do(exitDone, "set", "resource", netdevsimDev, "IPv4/fib-rules", "128")
	p.do(exitDone, "reload", netdevsimDev)
	p.do(exitDone, "show", netdevsimDev, "resources", "/IPv4/fib")

	p.do(exitDone, "set", "counters", mlxswDev, "mlxsw_adj", "on")
	p.do(exitNothing, "set", "counters", mlxswDev, "mlxsw_adj", "on")
	p.do(exitMissing, "set", "counters", mlxswDev, "mlxsw_nothing", "on")
	p.do(exitFailed, "set", "counters", mlxswDev, "mlxsw_adj", "maybe")

	p.do(exitDone, "set", "trap", netdevsimDev, "ingress_vlan_filter", "trap")
	p.do(exitNothing, "set", "trap", netdevsimDev, "ingress_vlan_filter", "trap")
	p.do(exitFailed, "set", "trap", netdevsimDev, "fid_miss", "drop")
	p.do(exitMissing, "set", "trap", netdevsimDev, "nothing", "drop")
	p.do(exitDone, "set", "trap-group", netdevsimDev, "l2_drops", "--action", "mirror", "--policer", "2")
	p.do(exitDone, "set", "trap-group", netdevsimDev, "mc_snooping", "--policer", "none")
	p.do(exitFailed, "set", "trap-group", netdevsimDev, "l2_drops")
	p.do(exitMissing, "set", "trap-group", netdevsimDev, "nothing", "--policer", "1")
	p.do(exitDone, "set", "trap-policer", netdevsimDev, "1", "--rate", "8000")
	p.do(exitFailed, "set", "trap-policer", netdevsimDev, "1", "--rate", "9000")
	p.do(exitFailed, "set", "trap-policer", netdevsimDev, "1")
	p.do(exitDone, "show", netdevsimDev, "traps")
	p.do(exitDone, "show", netdevsimDev, "trap-groups")
	p.do(exitDone, "show", netdevsimDev, "trap-policers")
	p.golden("set")
}

// TestReloadAndSelftest reloads devices and has them test themselves.
func TestReloadAndSelftest(t *testing.T) {
	p := newPlace(t)
	nics := models.All()
	nics[4].Tests = map[uint32]uint8{} // ionic could test itself, but for now there is nothing to test
	p.serve(nics...)
	p.do(exitDone, "reload", netdevsimDev)
	p.do(exitFailed, "reload", netdevsimDev, "--action", "fw_activate")
	p.do(exitDone, "-j", "reload", mlx5Dev, "--action", "fw_activate", "--limit", "no_reset")
	p.do(exitFailed, "reload", mlx5Dev, "--limit", "no_reset")
	p.do(exitFailed, "reload", mlx5Dev, "--limit", "none")
	p.do(exitFailed, "reload", nfpDev)
	p.do(exitMissing, "reload", "pci/0000:99:00.0")
	p.do(exitMissing, "reload", mlx5Dev, "--to-netns", "p4dev-none")
	p.do(exitDone, "show", mlx5Dev, "dev")
	p.do(exitDone, "-j", "show", mlx5Dev, "dev")
	p.do(exitDone, "selftest", bnxtDev)
	p.do(exitDone, "-j", "selftest", bnxtDev, "flash")
	p.do(exitMissing, "selftest", bnxtDev, "memory")
	p.do(exitFailed, "selftest", nfpDev)
	p.do(exitNothing, "selftest", ionicDev)
	p.golden("reload")
}

// TestRegion takes snapshots and reads.
func TestRegion(t *testing.T) {
	p := newPlace(t)
	p.serve(models.ICE(), models.NFP())
	p.do(exitDone, "region", "new", iceDev, "nvm-flash", "--snapshot", "7")
	p.do(exitFailed, "region", "new", iceDev, "nvm-flash")
	p.do(exitDone, "-j", "region", "new", iceDev, "device-caps")
	p.do(exitDone, "show", iceDev, "regions")
	p.do(exitDone, "-j", "show", iceDev, "regions", "nvm-flash")
	p.do(exitDone, "region", "read", iceDev, "nvm-flash", "--snapshot", "7", "--length", "0x14")
	p.do(exitDone, "-j", "region", "read", iceDev, "nvm-flash", "--snapshot", "7", "--address", "1", "--length", "2")
	p.do(exitDone, "region", "read", iceDev, "device-caps", "--length", "16")
	p.do(exitDone, "region", "read", iceDev, "nvm-flash", "--snapshot", "7", "-o", "nvm.bin")
	p.do(exitMissing, "region", "read", iceDev, "nvm-flash", "--snapshot", "8")
	p.do(exitFailed, "region", "read", iceDev, "nvm-flash", "--snapshot", "7", "--address", "0x10000")
	p.do(exitFailed, "region", "read", iceDev, "nvm-flash", "--snapshot", "7", "--length", "0x10001")
	p.do(exitMissing, "region", "read", iceDev, "nothing")
	p.do(exitDone, "region", "delete", iceDev, "nvm-flash", "7")
	p.do(exitMissing, "region", "delete", iceDev, "nvm-flash", "7")
	p.do(exitDone, "show", iceDev, "regions")
	p.golden("region")
	if data := p.read("nvm.bin"); len(data) != 1<<16 || string(data[:3]) != "nvm" {
		t.Errorf("%d bytes, %q", len(data), data[:3])
	}
}

// TestHealth asks reporters.
func TestHealth(t *testing.T) {
	p := newPlace(t)
	k := p.serve(models.MLX5(), models.Netdevsim(), models.MLXSW())
	p.do(exitDone, "health", "diagnose", netdevsimDev, "dummy")
	p.do(exitDone, "-j", "health", "diagnose", mlx5Dev+"/131071", "tx")
	p.do(exitMissing, "health", "diagnose", mlx5Dev, "tx")
	p.do(exitMissing, "health", "diagnose", mlx5Dev+"/2", "tx")
	p.do(exitDone, "health", "diagnose", netdevsimDev, "empty")
	p.do(exitFailed, "health", "diagnose", mlxswDev, "fw_fatal")
	p.do(exitDone, "health", "dump", netdevsimDev, "dummy")
	p.do(exitDone, "-j", "health", "dump", netdevsimDev, "dummy")
	p.do(exitDone, "health", "clear", netdevsimDev, "dummy")
	p.do(exitDone, "set", "health", netdevsimDev, "dummy", "--auto-recover=false", "--grace-period", "500ms")
	p.must(k.Report(t.Context(), "netdevsim", "netdevsim1", "dummy"))
	p.do(exitDone, "show", netdevsimDev, "health", "dummy")
	p.do(exitDone, "health", "recover", netdevsimDev, "dummy")
	p.do(exitDone, "health", "test", mlxswDev, "fw_fatal")
	p.do(exitFailed, "health", "test", mlx5Dev, "fw")
	p.do(exitDone, "set", "health", mlx5Dev+"/131071", "tx", "--burst-period", "2s")
	p.do(exitFailed, "set", "health", mlx5Dev, "fw", "--auto-recover")
	p.do(exitFailed, "set", "health", mlx5Dev, "fw")
	p.do(exitDone, "-j", "show", mlx5Dev, "health", "tx")
	p.golden("health")
}

// TestMonitorCommand prints the kinds that are asked for, each on a line of JSON as devlink has it.
func TestMonitorCommand(t *testing.T) {
	p := newPlace(t)
	p.serve(models.NFP())
	p.do(exitFailed, "monitor", "weather")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out syncBuilder
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append(p.flags[:len(p.flags):len(p.flags)], "-j", "monitor", "param"), strings.NewReader(""), &out, io.Discard)
	}()
	for i := 0; !strings.Contains(out.String(), "\n"); i++ { // until it listens
		if ctx.Err() != nil {
			t.Fatal("no notification")
		}
		p.quiet("set", "param", nfpDev, "fw_load_policy", []string{"disk", "flash"}[i%2])
	}
	cancel()
	if got := <-code; got != exitDone {
		t.Errorf("exit status %d", got)
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	want := `{"command":"new","param":{"` + nfpDev + `":{"name":"fw_load_policy","type":"generic","value_type":"u8","values":[{"cmode":"permanent","value":"`
	if !strings.HasPrefix(line, want) {
		t.Errorf("got %s, want %s...", line, want)
	}
}
