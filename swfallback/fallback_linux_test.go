package swfallback

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

const patience = 30 * time.Second

// routed makes l3router forward from port 1 to port 2.
var routed = []string{
	"my_station 1 02:00:00:00:00:01 => route",
	"ipv4_lpm 10.1.0.0/16 => set_nexthop 1",
	"nexthop 1 => forward 2 02:00:00:00:00:02 02:00:00:00:00:b2",
}

// routedFrame is a frame that they forward, and forwardedFrame what becomes of it.
const (
	routedFrame    = "0200000000010200000000aa08004500002000014000401125ca0a0000010a010101045708ae000c0000cafef00d"
	forwardedFrame = "0200000000b202000000000208004500002000010000" // the rest depends on the checksum
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNames(t *testing.T) {
	place := testPlace(t)
	for _, name := range []string{"", "a/b", "..", "a.b", strings.Repeat("x", 65)} {
		if _, err := Attach(t.Context(), Config{Name: name, Source: source(t, "l3router"), Place: place}); err == nil {
			t.Errorf("attached as %q", name)
		}
		if _, err := Open(t.Context(), name, At(place)); err == nil {
			t.Errorf("opened %q", name)
		}
	}
	if _, err := Open(t.Context(), "absent", At(place)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open what is not there: %v", err)
	}
	if names, err := List(place); err != nil || len(names) != 0 {
		t.Errorf("list: %v, %v", names, err)
	}
	if left, err := os.ReadDir(place.Run); err != nil || len(left) != 0 {
		t.Errorf("lock files %v, %v", left, err)
	}
}

func TestAttachLeavesNothingWhenItFails(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	place, ns := testPlace(t), bpftest.NewNetNS(t)
	ns.Veth(t, "p1")
	config := Config{Name: "x", Source: small(source(t, "l3router")), Place: place, Mode: bpfrun.ModeNative}
	for name, ports := range map[string]map[uint32]string{
		"no such interface":        {1: "p1", 2: "absent"},
		"one interface, two ports": {1: "p1", 2: "p1"},
		"no XDP in the driver":     {1: "p1", 2: "lo"},
	} {
		config.Ports = ports
		ns.Do(t, func() {
			if _, err := Attach(t.Context(), config); err == nil {
				t.Errorf("%s: attached", name)
			}
			checkUnattached(t, "p1")
		})
		if names, err := List(place); err != nil || len(names) != 0 {
			t.Errorf("%s: left %v, %v", name, names, err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	config.Ports = nil
	if _, err := Attach(cancelled, config); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func checkUnattached(t *testing.T, device string) {
	t.Helper()
	found, err := netlink.LinkByName(device)
	if err != nil || found.Attrs().Xdp != nil && found.Attrs().Xdp.Attached {
		t.Errorf("%s: xdp %+v, %v", device, found.Attrs().Xdp, err)
	}
}

// TestLifeOfATarget attaches, goes away, comes back, and detaches.
func TestLifeOfATarget(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
	insert(t, fab.Fallback, routed...)
	if _, err := Attach(t.Context(), Config{Name: "test", Source: source(t, "l3router"), Place: fab.place}); !errors.Is(err, ErrBusy) {
		t.Errorf("attach twice: %v", err)
	}
	if err := fab.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fab.Insert(entry(t, fab.Fallback, routed[0])); !errors.Is(err, ErrClosed) {
		t.Errorf("insert after close: %v", err)
	}
	forwardOne(t, fab) // nobody has it open

	again := reopen(t, fab.Fallback)
	checkEntries(t, again, "ipv4_lpm", routed[1])
	states, err := again.Entries(table(t, again, "ipv4_lpm"))
	if want := (pipeline.Count{Packets: 1, Bytes: 46}); err != nil || states[0].Count != want {
		t.Errorf("count %v, %v, want %v", states[0].Count, err, want)
	}
	status, err := again.Show()
	if err != nil {
		t.Fatal(err)
	}
	if status.Program != "l3router.p4" && !strings.HasSuffix(status.Program, "l3router.p4") || status.Tag != "sha256:l3router" ||
		len(status.Ports) != 2 || status.Ports[0].Mode != "native" || status.Ports[0].Index != fab.ports[1].Index {
		t.Errorf("status %+v", status)
	}
	if status.Fates[bpfgen.FateForwarded].Packets != 1 {
		t.Errorf("fates %v", status.Fates)
	}
	if names, err := List(fab.place); err != nil || !slices.Equal(names, []string{"test"}) {
		t.Errorf("list %v, %v", names, err)
	}
	third := reopen(t, again)
	if err := again.Detach(); err != nil {
		t.Fatal(err)
	}
	if _, err := third.Show(); !errors.Is(err, ErrStale) {
		t.Errorf("use what another has detached: %v", err)
	}
	third.Close()
	checkGone(t, fab, status)
}

// forwardOne sends a frame through the router and checks that it comes out.
func forwardOne(t *testing.T, fab *fabric) {
	t.Helper()
	if err := fab.ports[1].Send(unhex(t, routedFrame)); err != nil {
		t.Fatal(err)
	}
	got, err := fab.ports[2].Recv(patience)
	if want := unhex(t, forwardedFrame); err != nil || len(got) != 46 || !bytes.Equal(got[:14], want[:14]) || got[22] != 0x3f {
		t.Fatalf("got %x, %v", got, err)
	}
}

// checkGone checks that nothing of a target is left: files, attachments, kernel objects.
func checkGone(t *testing.T, fab *fabric, status *Status) {
	t.Helper()
	fab.ns.Do(t, func() { checkUnattached(t, "p1"); checkUnattached(t, "p2") })
	for _, dir := range []string{filepath.Join(fab.place.BPF, "p4dev"), fab.place.Run} {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) { // the kernel frees them later
		var left []string
		for _, m := range status.Maps { // without opening it: the kernel may never free a program array that is opened as it ends
			if next, err := ebpf.MapGetNextID(ebpf.MapID(m.ID) - 1); err == nil && next == ebpf.MapID(m.ID) {
				left = append(left, m.Name)
			}
		}
		for _, p := range status.Programs {
			if next, err := ebpf.ProgramGetNextID(ebpf.ProgramID(p.ID) - 1); err == nil && next == ebpf.ProgramID(p.ID) {
				left = append(left, p.Name)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left in the kernel: %v", left)
			return
		}
	}
}

// TestReplaceUnderTraffic replaces the router again and again while it forwards numbered frames: each comes out
// once.
func TestReplaceUnderTraffic(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
	insert(t, fab.Fallback, routed...)
	next := small(source(t, "l3router"))
	noneLost(t, fab, 5, func(n int) {
		carried, err := fab.Replace(t.Context(), nil, next)
		if err != nil || carried.Entries != 3 || len(carried.Dropped) != 0 {
			t.Errorf("replacement %d carried %+v: %v", n, carried, err)
		}
	})
}

// TestSpecialiseUnderTraffic does the same with a router that is specialised, and outdated by a change, again and again.
// In the end nothing of it is left.
func TestSpecialiseUnderTraffic(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
	insert(t, fab.Fallback, routed...)
	noneLost(t, fab, 20, func(n int) {
		done, err := fab.Specialise(t.Context())
		if err != nil || done.Again {
			t.Errorf("%d: %+v, %v", n, done, err)
		}
		time.Sleep(5 * time.Millisecond)
		for _, text := range routed {
			if err := fab.Modify(entry(t, fab.Fallback, text)); err != nil {
				t.Error(err)
			}
		}
	})
	if _, err := fab.Specialise(t.Context()); err != nil {
		t.Fatal(err)
	}
	forwardOne(t, fab)
	status, err := fab.Show()
	if err != nil || len(status.Specialised) == 0 {
		t.Fatalf("%+v, %v", status, err)
	}
	if err := fab.Detach(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, fab, status)
}

// noneLost calls do again and again while the router forwards numbered frames: each comes out once.
func noneLost(t *testing.T, fab *fabric, times int, do func(n int)) {
	t.Helper()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for n := range times {
			do(n)
		}
	}()
	t.Cleanup(func() { <-finished })
	frame := unhex(t, routedFrame)
	seen := make(map[uint32]bool)
	const window = 64
	receive := func() {
		got, err := fab.ports[2].Recv(patience)
		if err != nil {
			t.Fatalf("after %d frames: %v", len(seen), err)
		}
		n := binary.BigEndian.Uint32(got[42:])
		if seen[n] {
			t.Fatalf("frame %d came twice", n)
		}
		seen[n] = true
	}
	sent := uint32(0)
	for ; !closed(finished); sent++ {
		binary.BigEndian.PutUint32(frame[42:], sent)
		if err := fab.ports[1].Send(frame); err != nil {
			t.Fatal(err)
		}
		if sent >= window {
			receive()
		}
	}
	for len(seen) < int(sent) {
		receive()
	}
	t.Logf("%d frames, none lost", sent)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestReplaceCarriesWhatFits renames a table and takes away an action's parameter type.
func TestReplaceCarriesWhatFits(t *testing.T) {
	f := attachProgram(t, "l3router")
	insert(t, f, kinds["ipv4_lpm"].a, kinds["ipv4_lpm"].b, kinds["nexthop"].a, kinds["acl"].a)
	drop, err := pipeline.ParseCall(table(t, f, "acl"), "drop", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.SetDefault(table(t, f, "acl"), drop); err != nil {
		t.Fatal(err)
	}
	next := small(source(t, "l3router"))
	next.JSON = bytes.ReplaceAll(next.JSON, []byte(`"router_ingress.nexthop"`), []byte(`"router_ingress.next_hop"`))
	next.P4Info, next.Tag = nil, "sha256:next"
	other, oldProgram := reopen(t, f), f.Program()
	carried, err := f.Replace(t.Context(), nil, next)
	if err != nil {
		t.Fatal(err)
	}
	if carried.Entries != 3 || carried.Defaults != 1 || carried.Dropped["router_ingress.nexthop"] != 1 {
		t.Errorf("carried %+v", carried)
	}
	if f.Program() == oldProgram {
		t.Error("the program has not changed")
	}
	checkEntries(t, f, "ipv4_lpm", kinds["ipv4_lpm"].a, kinds["ipv4_lpm"].b)
	checkEntries(t, f, "acl", kinds["acl"].a)
	checkEntries(t, f, "next_hop")
	if call, err := f.Default(table(t, f, "acl")); err != nil || call.Action.Name != "router_ingress.drop" {
		t.Errorf("default %v, %v", call, err)
	}
	if _, err := other.Entries(table(t, other, "acl")); !errors.Is(err, ErrStale) {
		t.Errorf("the other process: %v", err)
	}
	again := reopen(t, f)
	checkEntries(t, again, "acl", kinds["acl"].a)
	if status, err := again.Show(); err != nil || status.Tag != "sha256:next" {
		t.Errorf("status %+v, %v", status, err)
	}
}

// TestReplaceFailsWithoutATrace gives Replace what cannot be compiled or read.
func TestReplaceFailsWithoutATrace(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
	insert(t, fab.Fallback, routed...)
	before, err := fab.Show()
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	unknown := source(t, "features/selector")
	unknown.JSON = bytes.ReplaceAll(unknown.JSON, []byte(`"crc16"`), []byte(`"crc17"`))
	for name, try := range map[string]func() error{
		"not JSON":     func() error { _, err := fab.Replace(t.Context(), nil, Source{JSON: []byte("{")}); return err },
		"not compiled": func() error { _, err := fab.Replace(t.Context(), nil, unknown); return err },
		"cancelled":    func() error { _, err := fab.Replace(cancelled, nil, source(t, "l3router")); return err },
	} {
		if err := try(); err == nil {
			t.Errorf("%s: replaced", name)
		}
		forwardOne(t, fab)
	}
	after, err := fab.Show()
	if err != nil || after.Ports[0].ProgramID != before.Ports[0].ProgramID || !slices.Equal(after.Maps, before.Maps) {
		t.Errorf("status changed: %+v, %v", after, err)
	}
	if left, err := os.ReadDir(fab.place.dir("test")); err != nil || len(left) != 2 {
		t.Errorf("pins %v, %v", left, err)
	}
}

// TestOpenRecoversFromACrash leaves what a process leaves that dies in the middle of Replace.
func TestOpenRecoversFromACrash(t *testing.T) {
	for _, exchanged := range []bool{false, true} {
		name := map[bool]string{false: "before the pins were exchanged", true: "after"}[exchanged]
		t.Run(name, func(t *testing.T) {
			fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
			insert(t, fab.Fallback, routed...)
			devices, err := fab.devices()
			if err != nil {
				t.Fatal(err)
			}
			next, err := newGeneration(fab.Program(), fab.record.Options.options(), fab.gen, devices)
			if err != nil {
				t.Fatal(err)
			}
			defer next.close()
			if _, err := carry(fab.gen, next); err != nil {
				t.Fatal(err)
			}
			if err := next.pin(fab.place.next("test"), fab.record); err != nil {
				t.Fatal(err)
			}
			if err := fab.attachments[1].Replace(next.dp); err != nil {
				t.Fatal(err)
			}
			if err := fab.gen.retire(true); err != nil {
				t.Fatal(err)
			}
			if exchanged {
				if err := errors.Join(fab.attachments[2].Replace(next.dp),
					bpfrun.Exchange(fab.place.next("test"), fab.place.pipeline("test"))); err != nil {
					t.Fatal(err)
				}
			}
			again := reopen(t, fab.Fallback)
			status, err := again.Show()
			if err != nil || status.Ports[0].ProgramID != status.Ports[1].ProgramID ||
				status.Ports[0].ProgramID != status.Programs[0].ID {
				t.Errorf("ports %+v, programs %+v, %v", status.Ports, status.Programs, err)
			}
			checkEntries(t, again, "nexthop", routed[2])
			forwardOne(t, fab)
			if left, err := os.ReadDir(fab.place.dir("test")); err != nil || len(left) != 2 {
				t.Errorf("pins %v, %v", left, err)
			}
		})
	}
}

func TestRemoveTakesAwayWhatCannotBeOpened(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1)
	status, err := fab.Show()
	if err != nil {
		t.Fatal(err)
	}
	fab.ns.Veth(t, "p2")
	if err := os.Remove(filepath.Join(fab.place.pipeline("test"), "maps", mapSource)); err != nil {
		t.Fatal(err)
	}
	fab.Close()
	if _, err := Open(t.Context(), "test", At(fab.place)); err == nil {
		t.Fatal("opened without its source")
	}
	if err := Remove(t.Context(), "test", fab.place); err != nil {
		t.Fatal(err)
	}
	checkGone(t, fab, status)
}

func TestOpenRefusesAnotherLayout(t *testing.T) {
	f := attachProgram(t, "l3router")
	path := filepath.Join(f.place.pipeline("test"), "maps", mapSource)
	r := *f.record
	r.Layout = strings.Repeat("0", 64)
	m, err := newRecordMap(&r)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := errors.Join(os.Remove(path), m.Pin(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "test", At(f.place)); !errors.Is(err, ErrLayout) {
		t.Errorf("got %v, want ErrLayout", err)
	}
}

// TestWritersTakeTurns lets several openers insert and delete at the same time.
func TestWritersTakeTurns(t *testing.T) {
	f := attachProgram(t, "l3router")
	const writers, each = 4, 25
	var wait sync.WaitGroup
	for w := range writers {
		mine := reopen(t, f)
		all := nexthops(t, mine, writers*each)[w*each : (w+1)*each]
		wait.Add(1)
		go func() {
			defer wait.Done()
			for _, e := range all {
				if err := mine.Insert(e); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
			if err := mine.Delete(all[0]); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		}()
	}
	wait.Wait()
	if got := listed(t, f, "nexthop"); len(got) != writers*(each-1) {
		t.Errorf("%d entries, want %d", len(got), writers*(each-1))
	}
}
