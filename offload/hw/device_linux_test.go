package hw_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/offload/simnic"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// nicBench is a simulated NIC with its agent, on a simulated kernel whose firmware folder holds packages of l3router.
type nicBench struct {
	t       *testing.T
	client  *devlink.Client
	files   fstest.MapFS
	address string
	request offload.LoadRequest
}

func newNICBench(t *testing.T, limits simnic.Limits) *nicBench {
	t.Helper()
	bpftest.Require(t, "root", "netns")
	b := &nicBench{t: t, files: fstest.MapFS{}, address: "unix:" + filepath.Join(t.TempDir(), "agent.sock")}
	kernel := sim.New(sim.Options{Firmware: func(name string) ([]byte, error) {
		return fs.ReadFile(b.files, "lib/firmware/"+name)
	}})
	ns := namespace(t)
	nic, err := simnic.New(kernel, simnic.Config{Bus: handle.Bus, Dev: handle.Dev, Limits: limits,
		Ports: []simnic.PortConfig{{Host: "p1", HostNamespace: ns, Wire: "w1", WireNamespace: ns}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- nic.ServeAgent(ctx, b.address) }()
	b.client = devlink.New(func(context.Context) (devlink.Endpoint, error) { return kernel.Dial(), nil })
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, b.client.Close(), nic.Close()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	b.request = offload.LoadRequest{Device: hw.Device{Client: b.client, Handle: handle},
		Identity: firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: "p4sim"}, Bus: handle.Bus, Address: handle.Dev},
		Search:   firmware.Search{FS: b.files, Paths: []string{"lib/firmware"}},
		Policy:   firmware.Policy{Trust: firmware.TrustOff}, Wait: 5 * time.Second, Switch: b.follow}
	b.waitAgent()
	return b
}

// waitAgent returns when the agent's socket is there.
func (b *nicBench) waitAgent() {
	b.t.Helper()
	path := strings.TrimPrefix(b.address, "unix:")
	for range 500 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("the agent does not come up")
}

// namespace makes a network namespace that lives as long as the test, and returns its path.
func namespace(t *testing.T) string {
	t.Helper()
	type result struct {
		file *os.File
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var r result
		if r.err = unix.Unshare(unix.CLONE_NEWNET); r.err == nil {
			r.file, r.err = os.Open("/proc/thread-self/ns/net")
		}
		done <- r
	}()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.file.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", r.file.Fd())
}

// put writes a package of l3router into the firmware folder.
func (b *nicBench) put(version string) {
	b.t.Helper()
	read := func(suffix string) []byte {
		data, err := os.ReadFile("../../testdata/p4/l3router" + suffix)
		if err != nil {
			b.t.Fatal(err)
		}
		return data
	}
	pkg, err := firmware.Build(firmware.BuildOptions{Name: "l3router", Version: version, Pipeline: read(".json"),
		P4Info: read(".p4info.txtpb"), Source: []firmware.SourceFile{{Name: "l3router.p4", Data: read(".p4")}},
		Images:  []firmware.Image{{Name: "sim", Data: firmware.Bytes([]byte("none"))}},
		Devices: []firmware.DeviceRecord{{DeviceID: firmware.DeviceID{Driver: "p4sim"}, Images: []string{"sim"}}}})
	if err != nil {
		b.t.Fatal(err)
	}
	var data bytes.Buffer
	if _, err := pkg.WriteTo(&data); err != nil {
		b.t.Fatal(err)
	}
	b.files["lib/firmware/p4dev/p4sim.p4fw"] = &fstest.MapFile{Data: data.Bytes()}
}

// follow is what the command line does when a device was verified: software runs the program, and a manager
// stands over both.
func (b *nicBench) follow(ctx context.Context, pkg *firmware.Package) (*offload.Manager, error) {
	program, err := pkg.Program()
	if err != nil {
		return nil, err
	}
	model, err := hw.ReadModel(ctx, b.client, handle)
	if err != nil {
		return nil, err
	}
	target, err := hw.Dial(ctx, hw.Config{Address: b.address, Program: program, Model: model})
	if err != nil {
		return nil, err
	}
	b.t.Cleanup(func() { _ = target.Close() })
	return offload.NewManager(offload.Config{Program: program, Software: newSwitch(b.t, program), Hardware: target})
}

// TestLoadIntoSimulatedNIC loads a package through devlink's bytes and places entries through the agent's socket.
func TestLoadIntoSimulatedNIC(t *testing.T) {
	b := newNICBench(t, simnic.Limits{Entries: map[string]int{"default": 2}, Flash: simnic.FlashLimits{Reload: true, NoReset: true}})
	b.put("1.0")
	var progress int
	b.request.Observe = func(e offload.Event) {
		if s, ok := e.(offload.LoadStep); ok && s.Step == offload.StepFlash && s.Total > 0 {
			progress++
		}
	}
	report, err := offload.Load(context.Background(), b.request)
	if err != nil {
		t.Fatal(err)
	}
	m := report.Manager
	if !m.Gate().Open() || progress == 0 || report.FlashName != "p4dev/p4sim.p4fw" {
		t.Fatalf("gate %+v, %d reports of progress, report %+v", m.Gate(), progress, report)
	}
	checkSpill(t, b, m)
	b.put("1.1")
	b.request.Manager = m
	if report, err = offload.Load(context.Background(), b.request); err != nil {
		t.Fatal(err)
	}
	if report.Before.Version != "1.0" || !report.Carried || m.Gate().Open() || !report.Manager.Gate().Open() {
		t.Errorf("report of the second load %+v, old gate %v", report, m.Gate())
	}
	b.request.Manager = report.Manager
	if _, err = offload.Load(context.Background(), b.request); !errors.Is(err, offload.ErrNothingToDo) {
		t.Errorf("third load: %v, want ErrNothingToDo", err)
	}
}

// checkSpill inserts routes into a table that has room for two.
func checkSpill(t *testing.T, b *nicBench, m *offload.Manager) {
	t.Helper()
	model, err := hw.ReadModel(context.Background(), b.client, handle)
	if err != nil || model.Program == nil || len(model.Differences) > 0 {
		t.Fatalf("model %+v, %v", model, err)
	}
	lpm := table(t, m.Program(), "ipv4_lpm")
	for i, prefix := range []int{16, 24, 8} {
		if err := m.Insert(routeIn(t, lpm, prefix)); err != nil {
			t.Fatal(err)
		}
		sum, err := m.TablePlacement(lpm)
		if err != nil || sum.Hardware != min(i+1, 2) || sum.Complete != (i < 2) {
			t.Errorf("after %d routes: %+v, %v", i+1, sum, err)
		}
	}
	if err := m.Delete(routeIn(t, lpm, 24)); err != nil {
		t.Fatal(err)
	}
	if sum, err := m.TablePlacement(lpm); err != nil || sum.Hardware != 2 || !sum.Complete {
		t.Errorf("after a route has left: %+v, %v", sum, err)
	}
}

func routeIn(t *testing.T, lpm *pipeline.Table, prefix int) *pipeline.Entry {
	t.Helper()
	return &pipeline.Entry{Table: lpm, Match: []pipeline.Match{{Value: []byte{10, 0, 0, 0}, Prefix: prefix}},
		Call: call(t, lpm, "set_nexthop", []byte{0, byte(prefix)})}
}

// TestFaultsOfSimulatedNIC: what a device gets wrong keeps the gate shut, and the message says what.
func TestFaultsOfSimulatedNIC(t *testing.T) {
	tests := []struct {
		name   string
		limits simnic.Limits
		want   error
		text   string
	}{
		{"other source tag", simnic.Limits{Faults: simnic.Faults{Source: "sha256:" + strings.Repeat("ab", 32)}},
			offload.ErrNotVerified, "fw.app.source is"},
		{"other pipeline", simnic.Limits{Faults: simnic.Faults{BadRegion: true}}, offload.ErrNotVerified, "region p4-pipeline"},
		{"other tables", simnic.Limits{Faults: simnic.Faults{BadTables: true}}, offload.ErrNotVerified, "table nowhere"},
		{"flash fails", simnic.Limits{Faults: simnic.Faults{FailsAt: 50}}, nil, "software is attached"},
		{"vanishes", simnic.Limits{Faults: simnic.Faults{VanishesAt: 50}}, nil, "load again"},
		{"needs a reset", simnic.Limits{Flash: simnic.FlashLimits{Reload: true}}, offload.ErrNeedsReset, "--allow-reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newNICBench(t, tt.limits)
			b.put("1.0")
			b.request.Wait = 300 * time.Millisecond
			report, err := offload.Load(context.Background(), b.request)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v with %q", err, tt.want, tt.text)
			}
			if report.Gate.Open() {
				t.Errorf("gate %+v", report.Gate)
			}
		})
	}
}
