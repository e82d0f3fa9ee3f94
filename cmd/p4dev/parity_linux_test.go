package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/parity"
	"github.com/p4dev/p4dev/devlink/sim/models"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// needProgram returns the path of a program of the system.
func needProgram(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range []string{"", "/sbin/", "/usr/sbin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	if slices.Contains(strings.Split(os.Getenv(bpftest.RequireVariable), ","), "tools") {
		t.Fatalf("%s asks for tools: no %s here", bpftest.RequireVariable, name)
	}
	t.Skipf("no %s here", name)
	return ""
}

// devlinkCommand runs iproute2's devlink.
type devlinkCommand struct {
	t    *testing.T
	path string
	env  []string
}

// onSimulation returns devlink with the place's endpoint in the kernel's place.
func (p *place) onSimulation() devlinkCommand {
	p.t.Helper()
	shim := filepath.Join(p.t.TempDir(), "simlink.so")
	out, err := exec.Command(needProgram(p.t, "gcc"), "-shared", "-fPIC", "-Wall", "-Werror", "-o", shim,
		filepath.Join(p.home, "../../testdata/bench/c/simlink.c"), "-ldl").CombinedOutput()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	socket := strings.TrimPrefix(p.flags[len(p.flags)-1], "unix:")
	return devlinkCommand{p.t, needProgram(p.t, "devlink"), append(os.Environ(), "LD_PRELOAD="+shim, "P4DEV_SIM_SOCKET="+socket)}
}

func (d devlinkCommand) run(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(d.t.Context(), d.path, args...)
	cmd.Env = d.env
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}

// compare runs the queries about a device with both programs, and fails where they differ and should not.
func (p *place) compare(theirs devlinkCommand, c *devlink.Client, h devlink.Handle) {
	p.t.Helper()
	queries, err := parity.Queries(p.t.Context(), c, h)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, q := range queries {
		t, err := theirs.run(q.Devlink...)
		ours := p.run(q.P4dev...)
		if err != nil || ours.code != exitDone {
			if (err != nil) != (ours.code != exitDone) {
				p.t.Errorf("devlink %s: %v\n%s", strings.Join(q.Devlink, " "), err, ours.transcript())
			}
			continue
		}
		differences, err := parity.Compare(t, []byte(ours.out))
		if err != nil {
			p.t.Errorf("devlink %s: %v\n%s\n%s", strings.Join(q.Devlink, " "), err, t, ours.out)
		}
		for _, d := range parity.Unknown(differences) {
			p.t.Errorf("devlink %s: %s", strings.Join(q.Devlink, " "), d)
		}
	}
	p.t.Logf("%s: compared %d commands", h, len(queries))
}

// TestDevlinkCommand: of simulated devices both programs say the same, apart from what is meant.
func TestDevlinkCommand(t *testing.T) {
	p := newPlace(t)
	p.serve(models.All()...)
	theirs := p.onSimulation()
	p.quiet("region", "new", iceDev, "nvm-flash", "--snapshot", "5")
	c := p.client()
	for _, d := range models.All() {
		h, err := devlink.ParseHandle(d.String())
		p.must(err)
		p.compare(theirs, c, h)
	}
}

// client opens the place's endpoint.
func (p *place) client() *devlink.Client {
	socket := strings.TrimPrefix(p.flags[len(p.flags)-1], "unix:")
	c := devlink.New(func(ctx context.Context) (devlink.Endpoint, error) { return devlink.DialUnix(ctx, socket) })
	p.t.Cleanup(func() { c.Close() })
	return c
}

// deviceEnv names devices of the kernel, separated by spaces, of which both programs are asked.
const deviceEnv = "P4DEV_TEST_DEVLINK_COMMAND"

// TestDevlinkCommandKernel: the same of devices of the running kernel.
func TestDevlinkCommandKernel(t *testing.T) {
	devices := strings.Fields(os.Getenv(deviceEnv))
	if len(devices) == 0 {
		t.Skipf("%s names no device", deviceEnv)
	}
	p := newPlace(t)
	theirs := devlinkCommand{t, needProgram(t, "devlink"), os.Environ()}
	c, err := devlink.Dial(t.Context())
	p.must(err)
	defer c.Close()
	for _, d := range devices {
		h, err := devlink.ParseHandle(d)
		p.must(err)
		p.compare(theirs, c, h)
	}
}

// TestDevlinkEffects: what one program changes in a device the other changes likewise, command by command.
func TestDevlinkEffects(t *testing.T) {
	theirPlace, ourPlace := newPlace(t), newPlace(t)
	theirPlace.serve(models.All()...)
	ourPlace.serve(models.All()...)
	theirs := theirPlace.onSimulation()
	ourPlace.write("root/lib/firmware/nsim.bin", []byte("fw.mgmt 10.20.31\n")) // of both
	ourPlace.write("root/lib/firmware/nfp.nffw", []byte("fw.app nic-2.1.17\n"))
	for _, tt := range []struct{ theirs, ours string }{
		{"dev param set pci/0000:05:00.0 name fw_load_policy value disk cmode permanent", "set param pci/0000:05:00.0 fw_load_policy disk"},
		{"dev param set pci/0000:03:00.0 name enable_roce value false cmode driverinit", "set param pci/0000:03:00.0 enable_roce false --cmode driverinit"},
		{"dev param set pci/0000:03:00.0 name flow_steering_mode value dmfs cmode runtime", "set param pci/0000:03:00.0 flow_steering_mode dmfs"},
		{"dev reload pci/0000:03:00.0", "reload pci/0000:03:00.0"},
		{"dev reload pci/0000:03:00.0 action fw_activate limit no_reset", "reload pci/0000:03:00.0 --action fw_activate --limit no_reset"},
		{"resource set netdevsim/netdevsim1 path /IPv4/fib size 256", "set resource netdevsim/netdevsim1 /IPv4/fib 256"},
		{"resource set netdevsim/netdevsim1 path /nexthops size 16", "set resource netdevsim/netdevsim1 /nexthops 16"},
		{"dev reload netdevsim/netdevsim1 action driver_reinit", "reload netdevsim/netdevsim1"},
		{"region new netdevsim/netdevsim1/dummy snapshot 3", "region new netdevsim/netdevsim1 dummy --snapshot 3"},
		{"region new netdevsim/netdevsim1/dummy", "region new netdevsim/netdevsim1 dummy"},
		{"region del netdevsim/netdevsim1/dummy snapshot 3", "region delete netdevsim/netdevsim1 dummy 3"},
		{"dpipe table set pci/0000:06:00.0 name mlxsw_adj counters_enabled true", "set counters pci/0000:06:00.0 mlxsw_adj on"},
		{"dpipe table set pci/0000:06:00.0 name mlxsw_host4 counters_enabled false", "set counters pci/0000:06:00.0 mlxsw_host4 off"},
		{"trap set netdevsim/netdevsim1 trap ingress_vlan_filter action mirror", "set trap netdevsim/netdevsim1 ingress_vlan_filter mirror"},
		{"trap group set netdevsim/netdevsim1 group mc_snooping policer 2", "set trap-group netdevsim/netdevsim1 mc_snooping --policer 2"},
		{"trap group set netdevsim/netdevsim1 group l2_drops nopolicer", "set trap-group netdevsim/netdevsim1 l2_drops --policer none"},
		{"trap group set netdevsim/netdevsim1 group l2_drops action trap", "set trap-group netdevsim/netdevsim1 l2_drops --action trap"},
		{"trap policer set netdevsim/netdevsim1 policer 2 rate 100 burst 16", "set trap-policer netdevsim/netdevsim1 2 --rate 100 --burst 16"},
		{"health dump show netdevsim/netdevsim1 reporter dummy", "health dump netdevsim/netdevsim1 dummy"},
		{"health dump clear netdevsim/netdevsim1 reporter dummy", "health clear netdevsim/netdevsim1 dummy"},
		{"health set netdevsim/netdevsim1 reporter dummy grace_period 500 auto_recover false auto_dump false",
			"set health netdevsim/netdevsim1 dummy --grace-period 500ms --auto-recover=false --auto-dump=false"},
		{"health set pci/0000:03:00.0/131071 reporter tx grace_period 70", "set health pci/0000:03:00.0/131071 tx --grace-period 70ms"},
		{"health recover netdevsim/netdevsim1 reporter dummy", "health recover netdevsim/netdevsim1 dummy"},
		{"health test pci/0000:06:00.0 reporter fw_fatal", "health test pci/0000:06:00.0 fw_fatal"},
		{"dev flash netdevsim/netdevsim1 file nsim.bin component fw.mgmt overwrite settings",
			"flash netdevsim/netdevsim1 nsim.bin --component fw.mgmt --overwrite settings"},
		{"dev flash pci/0000:05:00.0 file nfp.nffw", "flash pci/0000:05:00.0 nfp.nffw"},
		{"dev selftests run pci/0000:04:00.0 id flash", "selftest pci/0000:04:00.0 flash"},
	} {
		if _, err := theirs.run(strings.Fields(tt.theirs)...); err != nil {
			t.Errorf("devlink %s: %v", tt.theirs, err)
		}
		if r := ourPlace.run(strings.Fields(tt.ours)...); r.code != exitDone {
			t.Errorf("%s", r.transcript())
		}
		if diff := cmp.Diff(theirPlace.everything(), ourPlace.everything()); diff != "" {
			t.Errorf("devlink %s, p4dev %s: (-devlink +p4dev)\n%s", tt.theirs, tt.ours, diff)
		}
	}
	reapOrphans()
}

// reapOrphans takes the exit status of the children that "devlink dev flash" leaves behind: where the tests have a
// process namespace of their own, this process is their parent. No other child is running.
func reapOrphans() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}

// everything is what p4dev shows of all devices, without the times of dumps and the counters of dropped packets, which
// go up in netdevsim whenever they are read.
func (p *place) everything() string {
	shown := slices.Concat([]byte(p.look("-j", "show", "all")), []byte(p.look("show", "all", "entries")))
	shown = regexp.MustCompile(`"dropped": \d+`).ReplaceAll(shown, []byte(`"dropped": COUNT`))
	return string(regexp.MustCompile(`"last_dump[a-z_]*": "[^"]*"`).ReplaceAll(shown, []byte(`"last_dump": TIME`)))
}
