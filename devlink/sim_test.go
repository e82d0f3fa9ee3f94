package devlink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/contract"
	"github.com/p4dev/p4dev/devlink/sim"
)

// expectation is what newNIC has.
func expectation(n *nic) contract.Expectation {
	app := func(v string) map[string]string { return map[string]string{"fw.app": v} }
	fixed := map[string]string{"board.id": "p4nic"}
	return contract.Expectation{
		Device: handle, Driver: "p4sim",
		Versions: &devlink.Versions{Fixed: fixed, Running: app("1.0"), Stored: app("1.0")},
		Ports:    []string{"p4p1", "p4p2"}, Headers: []string{"ipv4", "meta"}, Tables: []string{"route", "drop"},
		Resources: []string{"memory"}, Regions: []string{"p4-pipeline", "dump-only"},
		Params:    []string{"fw_load_policy", "enable_p4", "label"},
		Reporters: []string{"pipeline", "bare"}, Traps: []string{"ttl_value_is_too_small", "p4_miss"},
		Entries:   map[string]int{"route": n.entries},
		Contents:  map[string][]byte{"p4-pipeline": n.region},
		Snapshots: "p4-pipeline", Counters: "route",
		Flash: &contract.Flash{
			Request:  devlink.FlashRequest{File: "p4dev/l3.p4fw", Component: "fw.app"},
			Statuses: 13,
			After:    &devlink.Versions{Fixed: fixed, Running: app("1.0"), Stored: app("2.0")},
		},
		Reload: &devlink.ReloadRequest{
			Action: devlink.ReloadFirmwareActivate, Limits: []devlink.ReloadLimit{devlink.ReloadNoReset},
		},
	}
}

// TestContractDirect holds the simulated kernel in this process to the contract.
func TestContractDirect(t *testing.T) {
	n := newNIC()
	k := newKernel(n)
	contract.Run(t, func(context.Context) (*devlink.Client, error) { return direct(k), nil }, expectation(n))
}

// TestContractBare holds a device that can do nothing to the contract.
func TestContractBare(t *testing.T) {
	k := newKernel(newNIC())
	contract.Run(t, func(context.Context) (*devlink.Client, error) { return direct(k), nil },
		contract.Expectation{Device: devlink.Handle{Bus: "platform", Dev: "other"}})
}

// TestContractUnix holds the simulated kernel behind a Unix socket to the contract.
func TestContractUnix(t *testing.T) {
	n := newNIC()
	path := serve(t, newKernel(n))
	contract.Run(t, func(context.Context) (*devlink.Client, error) { return dialUnix(path), nil }, expectation(n))
}

// dialUnix returns a client of the simulated kernel at path.
func dialUnix(path string) *devlink.Client {
	return devlink.New(func(ctx context.Context) (devlink.Endpoint, error) { return devlink.DialUnix(ctx, path) })
}

// serve puts k behind a Unix socket for the time of the test.
func serve(t *testing.T, k *sim.Kernel) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "devlink.sock")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Skipf("no socket of type unixpacket: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = k.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return path
}

// TestValues compares what the client makes of the device with what the device has.
func TestValues(t *testing.T) {
	n := newNIC()
	c := direct(newKernel(n))
	defer c.Close()
	ctx := t.Context()

	port, err := c.Port(ctx, handle, 2)
	if err != nil {
		t.Fatal(err)
	}
	if port.Type != devlink.PortEthernet || port.NetDev != "p4p2" || port.IfIndex != 8 || port.Lanes != 4 ||
		*port.Flavour != devlink.FlavourPhysical || *port.Number != 2 {
		t.Errorf("port: got %+v", port)
	}

	table, err := c.DpipeTable(ctx, handle, "route")
	if err != nil {
		t.Fatal(err)
	}
	resource := uint64(2)
	want := devlink.DpipeTable{
		Name: "route", Size: 1024, CountersEnabled: true, ResourceID: &resource, ResourceUnits: 3,
		Matches: []devlink.DpipeMatch{{DpipeFieldRef: devlink.DpipeFieldRef{HeaderID: 1, Global: true}}},
		Actions: []devlink.DpipeAction{{DpipeFieldRef: devlink.DpipeFieldRef{HeaderID: 1}}},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}

	i := 0
	for e, err := range c.DpipeEntries(ctx, handle, "route") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Index != uint64(i) || e.Counter != uint64(2*i) || !e.HasCounter || len(e.Match) != 1 || len(e.Action) != 1 ||
			!bytes.Equal(e.Match[0].Value, []byte{10, 0, byte(i >> 8), byte(i)}) || len(e.Match[0].Mask) != 4 ||
			e.Action[0].Mapping != 7 || !e.Action[0].HasMapping || e.Match[0].HasMapping {
			t.Fatalf("entry %d: got %+v", i, e)
		}
		i++
	}

	tree, err := c.Resources(ctx, handle)
	if err != nil {
		t.Fatal(err)
	}
	if r, path := devlink.FindResource(tree, 2); r == nil || path != "/memory/tcam" || r.Size != 1024 || *r.Occ != 700 ||
		r.SizeGran != 16 {
		t.Errorf("resource: got %+v, %q", r, path)
	}
	if err := c.SetResource(ctx, handle, 2, 512); err != nil {
		t.Fatal(err)
	}
	if tree, err = c.Resources(ctx, handle); err != nil || tree[0].Children[0].SizeNew != 512 {
		t.Errorf("resource after change: got %+v, %v", tree, err)
	}
}

// TestParamValues reads and sets parameters of every type.
func TestParamValues(t *testing.T) {
	c := direct(newKernel(newNIC()))
	defer c.Close()
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		mode devlink.CMode
		want any
		text string
	}{
		{"fw_load_policy", devlink.CModePermanent, uint8(2), "0x1"},
		{"enable_p4", devlink.CModeRuntime, true, "false"},
		{"enable_p4", devlink.CModeDriverInit, false, "true"},
		{"label", devlink.CModeRuntime, "p4", "other"},
	} {
		p, err := c.Param(ctx, handle, tt.name)
		if err != nil || p.Value(tt.mode) != tt.want {
			t.Errorf("%s %v: got %#v, %v, want %#v", tt.name, tt.mode, p.Value(tt.mode), err, tt.want)
			continue
		}
		v, err := p.ParseValue(tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := c.SetParam(ctx, handle, tt.name, tt.mode, v); err != nil {
			t.Errorf("%s %v: set: %v", tt.name, tt.mode, err)
		}
	}
	if err := c.SetParam(ctx, handle, "fw_load_policy", devlink.CModePermanent, uint32(1)); err == nil {
		t.Error("a value of the wrong type was accepted")
	}
	if err := c.SetParam(ctx, handle, "label", devlink.CModeRuntime, 1.5); err == nil {
		t.Error("a floating-point number was accepted")
	}
}

// TestHealth reads a diagnosis that fills several messages, and goes through what else a reporter can do.
func TestHealth(t *testing.T) {
	c := direct(newKernel(newNIC()))
	defer c.Close()
	ctx := t.Context()
	v, err := c.Diagnose(ctx, handle, "pipeline")
	if err != nil {
		t.Fatal(err)
	}
	m := v.(devlink.Message)
	tables, _ := m.Get("tables").([]any)
	if m.Get("state") != "up" || m.Get("ok") != true || len(tables) != 200 {
		t.Fatalf("got %v", m)
	}
	if last := tables[199].(devlink.Message); last.Get("name") != "table number 199" || last.Get("size") != uint32(199) {
		t.Errorf("last table: got %v", last)
	}
	text, err := json.Marshal(m)
	if err != nil || !strings.HasPrefix(string(text), `{"state":"up","tables":[{"name":"table number 0","size":0},`) {
		t.Errorf("JSON: got %.80s, %v", text, err)
	}
	dump, err := c.HealthDump(ctx, handle, "pipeline")
	want := devlink.Message{{Name: "registers", Value: devlink.Message{{Name: "pc", Value: uint64(1) << 40}}}}
	if err != nil || !reflect.DeepEqual(dump, want) {
		t.Errorf("dump: got %v, %v, want %v", dump, err, want)
	}
	if r, err := c.Reporter(ctx, handle, "pipeline"); err != nil || r.LastDump == nil || r.LastDump.UnixNano() != 1000e9+5 {
		t.Errorf("reporter with a dump: got %+v, %v", r, err)
	}
	off, grace := false, 1500*time.Millisecond
	err = c.SetReporter(ctx, handle, "pipeline", devlink.ReporterSettings{AutoRecover: &off, GracePeriod: &grace})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := c.Reporter(ctx, handle, "pipeline"); err != nil || *r.AutoRecover || *r.GracePeriod != grace {
		t.Errorf("reporter after change: got %+v, %v", r, err)
	}
	for what, err := range map[string]error{
		"clear": c.ClearHealthDump(ctx, handle, "pipeline"), "recover": c.Recover(ctx, handle, "pipeline"),
		"test": c.TestReporter(ctx, handle, "pipeline"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.Diagnose(ctx, handle, "bare"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a reporter without diagnosis: got %v, want ErrUnsupported", err)
	}
}

// TestMonitor looks at the notifications of a device that comes and goes.
func TestMonitor(t *testing.T) {
	k := newKernel(newNIC())
	c := dialUnix(serve(t, k))
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	k.Unregister(handle.Bus, handle.Dev)
	seen := map[string]int{}
	for ev, err := range m.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Device != handle || !ev.Deleted {
			t.Errorf("got %+v", ev)
		}
		switch {
		case ev.Port != nil:
			seen["port"]++
		case ev.Region != nil:
			seen["region"]++
		case ev.Param != nil:
			seen["param"]++
		case ev.Trap != nil:
			seen["trap"]++
		}
		if ev.DevLink != nil {
			break
		}
	}
	want := map[string]int{"port": 2, "region": 2, "param": 3, "trap": 2}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

// TestFaults provokes what no healthy kernel does.
func TestFaults(t *testing.T) {
	const info, portGet, flash, regionRead = 51, 5, 58, 46
	for _, tt := range []struct {
		name  string
		fault sim.Fault
		call  func(context.Context, *devlink.Client) error
		want  error // nil: success
	}{
		{"refused", sim.Fault{Kind: sim.Errno, Cmd: info, Errno: syscall.EACCES, Message: "no way"}, callInfo, errPermission},
		{"interrupted once", sim.Fault{Kind: sim.DumpInterrupted, Cmd: portGet, Nth: 1}, callPorts, nil},
		{"interrupted always", sim.Fault{Kind: sim.DumpInterrupted, Cmd: portGet}, callPorts, devlink.ErrInterrupted},
		{"unknown attributes", sim.Fault{Kind: sim.UnknownAttributes}, callPorts, nil},
		{"unknown attributes in chunks", sim.Fault{Kind: sim.UnknownAttributes}, callRead, nil},
		{"truncated", sim.Fault{Kind: sim.Truncate, Cmd: info, Length: 30}, callInfo, devlink.ErrMalformed},
		{"garbage", sim.Fault{Kind: sim.Garbage, Cmd: portGet}, callPorts, devlink.ErrMalformed},
		{"vanished", sim.Fault{Kind: sim.Vanish, Cmd: info}, callInfo, devlink.ErrDeviceGone},
		{"lost reply", sim.Fault{Kind: sim.NoBuffers, Cmd: info}, callInfo, syscall.ENOBUFS},
		{"stalled", sim.Fault{Kind: sim.Stall, Cmd: info}, callInfo, context.DeadlineExceeded},
		{"flash fails", sim.Fault{Kind: sim.FlashFailure, Cmd: flash, Percent: 50, Errno: syscall.EIO}, callFlash, syscall.EIO},
		{"vanished in a flash", sim.Fault{Kind: sim.Vanish, Cmd: flash, Percent: 50}, callFlash, devlink.ErrDeviceGone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := newKernel(newNIC())
			c := direct(k)
			defer c.Close()
			if _, err := c.Devices(t.Context()); err != nil {
				t.Fatal(err)
			}
			k.Inject(tt.fault)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if err := tt.call(ctx, c); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if _, err := c.Devices(t.Context()); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

var errPermission = syscall.EACCES

func callInfo(ctx context.Context, c *devlink.Client) error {
	_, err := c.Info(ctx, handle)
	return err
}

func callPorts(ctx context.Context, c *devlink.Client) error {
	list, err := c.Ports(ctx, handle)
	if err == nil && len(list) != 2 {
		return errors.New("not two ports")
	}
	return err
}

func callRead(ctx context.Context, c *devlink.Client) error {
	_, err := c.ReadRegion(ctx, handle, devlink.RegionRead{Region: "p4-pipeline"})
	return err
}

func callFlash(ctx context.Context, c *devlink.Client) error {
	return c.Flash(ctx, handle, devlink.FlashRequest{File: "p4dev/l3.p4fw"}, func(devlink.FlashStatus) {})
}

// TestFlashCancelled leaves a flash that does not end: the call returns, other devices still answer, and closing the
// client does not wait.
func TestFlashCancelled(t *testing.T) {
	n := newNIC()
	n.release = make(chan struct{})
	defer close(n.release)
	c := direct(newKernel(n))
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		var once sync.Once
		done <- c.Flash(ctx, handle, devlink.FlashRequest{File: "p4dev/l3.p4fw"}, func(devlink.FlashStatus) {
			once.Do(func() { close(begun) })
		})
	}()
	<-begun
	if _, err := c.Device(t.Context(), devlink.Handle{Bus: "platform", Dev: "other"}); err != nil {
		t.Errorf("another device: %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestNested makes calls from inside a loop over entries.
func TestNested(t *testing.T) {
	c := direct(newKernel(newNIC()))
	defer c.Close()
	for e, err := range c.DpipeEntries(t.Context(), handle, "route") {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Info(t.Context(), handle); err != nil {
			t.Fatal(err)
		}
		if e.Index == 3 {
			break
		}
	}
}

// TestEntriesKept: the next entry overwrites the values of one, not those of a clone; and a loop that ends when its
// context does ends without an error.
func TestEntriesKept(t *testing.T) {
	c := dialUnix(serve(t, newKernel(newNIC())))
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var kept []devlink.DpipeEntry
	for e, err := range c.DpipeEntries(ctx, handle, "route") {
		if err != nil {
			t.Fatal(err)
		}
		if kept = append(kept, e.Clone()); len(kept) == 400 {
			cancel()
			break
		}
	}
	for i, e := range kept {
		want := devlink.HexBytes{10, 0, byte(i >> 8), byte(i)}
		if len(e.Match) != 1 || !bytes.Equal(e.Match[0].Value, want) || len(e.Action) != 1 {
			t.Fatalf("entry %d: got %+v, want %v", i, e, want)
		}
	}
	if _, err := c.Info(t.Context(), handle); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestTrace reads the trace of two requests.
func TestTrace(t *testing.T) {
	var b bytes.Buffer
	c := direct(newKernel(newNIC()), devlink.WithTrace(&b))
	defer c.Close()
	if _, err := c.Info(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Region(t.Context(), handle, "none"); err == nil {
		t.Fatal("a region that is not there was found")
	}
	for _, want := range []string{
		"FAMILY_NAME \"devlink\"\n", "-> seq 2 INFO_GET [request ack] ", "  BUS_NAME \"pci\"\n  DEV_NAME \"0000:01:00.0\"\n",
		"  INFO_VERSION_RUNNING\n    INFO_VERSION_NAME \"fw.app\"\n", "<- seq 2 ERROR [capped] 36 bytes ok\n",
		"errno 22 (invalid argument)",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in the trace:\n%s", want, b.String())
		}
	}
}

// TestMonitorLost lets more notifications come than the socket holds: the loss shows, and later ones come through.
func TestMonitorLost(t *testing.T) {
	k := sim.New(sim.Options{Buffer: 1024})
	c := direct(k)
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	m, err := c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 50 {
		if err := k.Register(other{}); err != nil {
			t.Fatal(err)
		}
		k.Unregister("platform", "other")
	}
	lost := false
	for { // read what was kept
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		ev, err := m.Next(short)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lost = lost || ev.Lost
	}
	if !lost {
		t.Error("the loss was not reported")
	}
	if err := k.Register(other{}); err != nil {
		t.Fatal(err)
	}
	if ev, err := m.Next(ctx); err != nil || ev.Command != devlink.CmdNew || ev.Device.Dev != "other" {
		t.Errorf("afterwards: got %+v, %v", ev, err)
	}
}
