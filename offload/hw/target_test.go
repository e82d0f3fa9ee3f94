package hw_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/offload/p4rt"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// device is an agent's target: an interpreter that hands over what its default entries do not cover.
type device struct {
	*interp.Switch
	written map[*pipeline.Table]*pipeline.ActionCall
	removed []*pipeline.Entry
}

func (d *device) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	d.written[t] = call
	return nil
}

func (d *device) Default(t *pipeline.Table) (*pipeline.ActionCall, error) { return d.written[t], nil }

func (d *device) Delete(list ...*pipeline.Entry) error {
	d.removed = append(d.removed, list...)
	return d.Switch.Delete(list...)
}

// agent is a P4Runtime server in front of a device, which can be stopped and started.
type agent struct {
	t       *testing.T
	address string
	program *pipeline.Program
	device  *device
	stop    func()
}

func newAgent(t *testing.T, name string) *agent {
	t.Helper()
	a := &agent{t: t, address: "unix:" + filepath.Join(t.TempDir(), "agent.sock")}
	a.program, _ = openProgram(t, name, true)
	a.device = &device{Switch: newSwitch(t, a.program), written: map[*pipeline.Table]*pipeline.ActionCall{}}
	a.start(name)
	t.Cleanup(func() { a.stop() })
	return a
}

func (a *agent) start(name string) {
	a.t.Helper()
	text, err := os.ReadFile("../../testdata/p4/" + name + ".p4info.txtpb")
	if err != nil {
		a.t.Fatal(err)
	}
	info, err := bmv2.ReadP4Info(text)
	if err != nil {
		a.t.Fatal(err)
	}
	schema, err := p4rt.NewSchema(a.program, info)
	if err != nil {
		a.t.Fatal(err)
	}
	server, err := p4rt.NewServer(p4rt.Config{DeviceID: hw.DefaultDeviceID, Target: a.device})
	if err != nil {
		a.t.Fatal(err)
	}
	server.SetPipeline(&p4rt.Pipeline{Schema: schema})
	listener, err := p4rt.Listen(a.address)
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, listener) }()
	a.stop = func() {
		cancel()
		if err := <-served; err != nil {
			a.t.Errorf("serve: %v", err)
		}
		a.stop = func() {}
	}
}

// dial connects with a program of its own, as another process would.
func (a *agent) dial(change func(*hw.Config)) (*hw.Target, *pipeline.Program, error) {
	a.t.Helper()
	program, _ := openProgram(a.t, "l3router", true)
	config := hw.Config{Address: a.address, Program: program, Batch: 3, Timeout: 5 * time.Second}
	if change != nil {
		change(&config)
	}
	target, err := hw.Dial(context.Background(), config)
	if err == nil {
		a.t.Cleanup(func() { _ = target.Close() })
	}
	return target, program, err
}

func (a *agent) mustDial() (*hw.Target, *pipeline.Program) {
	a.t.Helper()
	target, program, err := a.dial(nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return target, program
}

func table(t *testing.T, p *pipeline.Program, name string) *pipeline.Table {
	t.Helper()
	found, err := p.TableByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func call(t *testing.T, table *pipeline.Table, name string, args ...[]byte) *pipeline.ActionCall {
	t.Helper()
	action, err := table.ActionByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return &pipeline.ActionCall{Action: action, Args: args}
}

func route(t *testing.T, p *pipeline.Program, dst [4]byte, prefix int) *pipeline.Entry {
	lpm := table(t, p, "ipv4_lpm")
	return &pipeline.Entry{Table: lpm, Match: []pipeline.Match{{Value: dst[:], Prefix: prefix}},
		Call: call(t, lpm, "set_nexthop", []byte{0, dst[0]})}
}

func TestTargetEntries(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	lpm := table(t, p, "ipv4_lpm")
	var routes []*pipeline.Entry
	for i := range byte(7) { // more than two batches
		routes = append(routes, route(t, p, [4]byte{10, i, 0, 0}, 16))
	}
	routes[6].SkipSW = true
	if err := target.Insert(routes...); err != nil {
		t.Fatal(err)
	}
	states, err := target.Entries(lpm)
	if err != nil || len(states) != 7 {
		t.Fatalf("%d entries, %v", len(states), err)
	}
	for i, st := range states {
		if pipeline.EntryKey(st.Entry) != pipeline.EntryKey(routes[i]) || st.Entry.Table != lpm ||
			st.Entry.SkipSW != (i == 6) || string(st.Entry.Call.Args[0]) != "\x00\x0a" {
			t.Errorf("entry %d: %+v", i, st.Entry)
		}
	}
	changed := route(t, p, [4]byte{10, 0, 0, 0}, 16)
	changed.Call = call(t, lpm, "drop")
	if err := target.Modify(changed); err != nil {
		t.Fatal(err)
	}
	if err := target.Delete(routes[1]); err != nil {
		t.Fatal(err)
	}
	if err := target.Delete(routes[1]); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("second delete: %v, want ErrNotFound", err)
	}
	states, err = target.Entries(lpm)
	if err != nil || len(states) != 6 || states[0].Entry.Call.Action.Name != "router_ingress.drop" {
		t.Errorf("%d entries, first %+v, %v", len(states), states[0].Entry.Call, err)
	}
}

func TestTargetErrorsPerEntry(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	list := []*pipeline.Entry{route(t, p, [4]byte{10}, 8), route(t, p, [4]byte{10}, 8), route(t, p, [4]byte{11}, 8),
		{Table: &pipeline.Table{Name: "foreign"}}, route(t, p, [4]byte{12}, 8)}
	errs := target.InsertEach(list...)
	for i, want := range []error{nil, pipeline.ErrExists, nil, pipeline.ErrNoTable, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("entry %d: %v, want %v", i, errs[i], want)
		}
	}
	if err := target.Insert(route(t, p, [4]byte{13}, 8), route(t, p, [4]byte{10}, 8)); !errors.Is(err, pipeline.ErrExists) {
		t.Errorf("insert of two, one of them there: %v, want ErrExists", err)
	}
	if states, err := target.Entries(table(t, p, "ipv4_lpm")); err != nil || len(states) != 3 {
		t.Errorf("%d entries after an insert that was refused, want 3; %v", len(states), err)
	}
}

func TestTargetDefault(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	acl := table(t, p, "acl")
	if got, err := target.Default(acl); err != nil || got != nil {
		t.Errorf("before it is written: %v, %v", got, err)
	}
	if err := target.SetDefault(acl, call(t, acl, "drop")); err != nil {
		t.Fatal(err)
	}
	if got, err := target.Default(acl); err != nil || got == nil || got.Action.Name != "router_ingress.drop" {
		t.Errorf("after: %v, %v", got, err)
	}
	if err := target.SetDefault(acl, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := target.Default(acl); err != nil || got != nil {
		t.Errorf("after it is taken back: %v, %v", got, err)
	}
}

func TestTargetReconnects(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	if err := target.Insert(route(t, p, [4]byte{10}, 8)); err != nil {
		t.Fatal(err)
	}
	a.stop()
	err := target.Insert(route(t, p, [4]byte{11}, 8))
	if !errors.Is(err, hw.ErrUnreachable) {
		t.Fatalf("without an agent: %v, want ErrUnreachable", err)
	}
	a.start("l3router")
	deadline := time.Now().Add(5 * time.Second)
	for err != nil && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
		err = target.Insert(route(t, p, [4]byte{11}, 8))
	}
	if err != nil {
		t.Fatalf("with the agent back: %v", err)
	}
}

func TestTargetArbitration(t *testing.T) {
	a := newAgent(t, "l3router")
	first, p := a.mustDial()
	second, p2 := a.mustDial() // came later: is primary
	if err := second.Insert(route(t, p2, [4]byte{10}, 8)); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	err := first.Insert(route(t, p, [4]byte{11}, 8))
	for err != nil && time.Now().Before(deadline) { // it notices, and takes its turn
		time.Sleep(5 * time.Millisecond)
		err = first.Insert(route(t, p, [4]byte{11}, 8))
	}
	if err != nil {
		t.Errorf("the first client's turn: %v", err)
	}
	if _, _, err := a.dial(func(c *hw.Config) { c.ElectionID = &p4v1.Uint128{Low: 1} }); !errors.Is(err, hw.ErrNotPrimary) {
		t.Errorf("a low election id: %v, want ErrNotPrimary", err)
	}
	if _, _, err := a.dial(func(c *hw.Config) { c.Address = "unix:/nowhere/x.sock" }); !errors.Is(err, hw.ErrUnreachable) {
		t.Errorf("nobody there: %v, want ErrUnreachable", err)
	}
	if _, _, err := a.dial(func(c *hw.Config) { c.Program, _ = openProgram(t, "l2switch", true) }); !errors.Is(err, pipeline.ErrNoTable) {
		t.Errorf("another program: %v, want ErrNoTable", err)
	}
}

// TestClearGoesFromTheLosersUp: entries leave in an order in which none of them is seen where it would have lost.
func TestClearGoesFromTheLosersUp(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	lpm := table(t, p, "ipv4_lpm")
	for _, prefix := range []int{16, 0, 32, 8, 24} {
		if err := target.Insert(route(t, p, [4]byte{}, prefix)); err != nil {
			t.Fatal(err)
		}
	}
	if err := target.SetDefault(lpm, call(t, lpm, "drop")); err != nil {
		t.Fatal(err)
	}
	if err := target.Clear(); err != nil {
		t.Fatal(err)
	}
	var order []int
	for _, e := range a.device.removed {
		order = append(order, e.Match[0].Prefix)
	}
	if !slices.Equal(order, []int{0, 8, 16, 24, 32}) {
		t.Errorf("prefixes left in the order %v", order)
	}
	if got, err := target.Default(lpm); err != nil || got != nil {
		t.Errorf("default entry %v, %v", got, err)
	}
}

// TestClearWithoutProgram: behind a shut gate nothing is known of what the device runs.
func TestClearWithoutProgram(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	if err := target.Insert(route(t, p, [4]byte{10}, 8), route(t, p, [4]byte{11}, 8)); err != nil {
		t.Fatal(err)
	}
	if err := hw.Clear(context.Background(), hw.Config{Address: a.address}); err != nil {
		t.Fatal(err)
	}
	if states, err := target.Entries(table(t, p, "ipv4_lpm")); err != nil || len(states) != 0 {
		t.Errorf("%d entries left, %v", len(states), err)
	}
	if err := hw.Clear(context.Background(), hw.Config{Address: "unix:/nowhere/x.sock"}); !errors.Is(err, hw.ErrUnreachable) {
		t.Errorf("nobody there: %v, want ErrUnreachable", err)
	}
}

// TestManagerOverAgent runs a manager over an interpreter as software and an agent as hardware.
func TestManagerOverAgent(t *testing.T) {
	a := newAgent(t, "l3router")
	target, p := a.mustDial()
	software := newSwitch(t, p)
	m, err := offload.NewManager(offload.Config{Program: p, Software: software, Hardware: target,
		Gate: offload.Gate{State: offload.GateVerified}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []int{8, 24, 0} {
		if err := m.Insert(route(t, p, [4]byte{}, prefix)); err != nil {
			t.Fatal(err)
		}
	}
	lpm := table(t, p, "ipv4_lpm")
	sum, err := m.TablePlacement(lpm)
	if err != nil || sum.Entries != 3 || sum.Hardware != 3 || !sum.Complete {
		t.Errorf("placement %+v, %v", sum, err)
	}
	outside := route(t, p, [4]byte{0, 0, 0, 7}, 32)
	outside.SkipHW = true
	if err := m.Insert(outside); err != nil {
		t.Fatal(err)
	}
	sum, err = m.TablePlacement(lpm)
	if err != nil || sum.Entries != 4 || sum.Hardware != 0 || sum.Complete {
		t.Errorf("with an entry outside that wins over all: %+v, %v", sum, err)
	}
	if err := m.Delete(outside); err != nil {
		t.Fatal(err)
	}
	if err := m.CloseGate(context.Background(), offload.GateMismatch, "test"); err != nil {
		t.Fatal(err)
	}
	if states, err := target.Entries(lpm); err != nil || len(states) != 0 {
		t.Errorf("%d entries behind a shut gate, %v", len(states), err)
	}
	if states, err := m.Entries(lpm); err != nil || len(states) != 3 {
		t.Errorf("%d entries in software, %v", len(states), err)
	}
}

func TestAgentAddress(t *testing.T) {
	got := hw.AgentAddress("/run/p4dev", devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"})
	if want := "unix:/run/p4dev/agent/pci-0000:01:00.0.sock"; got != want {
		t.Errorf("address %s, want %s", got, want)
	}
}

func newSwitch(t *testing.T, p *pipeline.Program) *interp.Switch {
	t.Helper()
	sw, err := interp.New(p, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return sw
}
