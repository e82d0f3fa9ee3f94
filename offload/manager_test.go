package offload_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

func newManager(t *testing.T, sw *software, hw *hardware, p *testProgram, gate offload.Gate) *offload.Manager {
	t.Helper()
	config := offload.Config{Program: p.Program, Software: sw, Gate: gate}
	if hw != nil {
		config.Hardware = hw
	}
	m, err := offload.NewManager(config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func exactEntry(p *testProgram, v, action byte) *pipeline.Entry {
	return &pipeline.Entry{Table: p.exact, Match: []pipeline.Match{{Value: []byte{v}}}, Call: p.call(action)}
}

func route(p *testProgram, v byte, prefix int) *pipeline.Entry {
	return &pipeline.Entry{Table: p.lpm, Match: []pipeline.Match{{Value: []byte{0}}, {Value: []byte{v}, Prefix: prefix}},
		Call: p.call(byte(prefix) + 1)}
}

// places returns which entries of a table are in hardware, in order.
func places(t *testing.T, m *offload.Manager, table *pipeline.Table) (in []bool, why []string) {
	t.Helper()
	placed, err := m.Placement(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range placed {
		in, why = append(in, p.Hardware), append(why, p.Why)
	}
	return in, why
}

func TestLongerPrefixOutsideKeepsShorterOutside(t *testing.T) {
	p := newTestProgram()
	hw := newHardware(1)
	m := newManager(t, &software{side: newSide()}, hw, p, verified)
	inner := route(p, 0b10100, 3)
	if err := m.Insert(route(p, 0b10000, 1), route(p, 0b01000, 2)); err != nil {
		t.Fatal(err)
	}
	if in, _ := places(t, m, p.lpm); !slices.Equal(in, []bool{true, true}) || hw.defaults[p.lpm] == nil {
		t.Fatalf("in hardware: %v, default %v", in, hw.defaults[p.lpm])
	}
	inner.SkipHW = true
	if err := m.Insert(inner); err != nil {
		t.Fatal(err)
	}
	// The software's order is by rank within one call: the longer prefix first.
	in, why := places(t, m, p.lpm)
	if !slices.Equal(in, []bool{true, false, false}) || hw.defaults[p.lpm] != nil {
		t.Fatalf("in hardware: %v %q, default %v", in, why, hw.defaults[p.lpm])
	}
	if err := m.Delete(inner); err != nil {
		t.Fatal(err)
	}
	if in, _ := places(t, m, p.lpm); !slices.Equal(in, []bool{true, true}) || hw.defaults[p.lpm] == nil {
		t.Fatalf("after the delete in hardware: %v, default %v", in, hw.defaults[p.lpm])
	}
}

func TestPinnedEntries(t *testing.T) {
	p := newTestProgram()
	hw := newHardware(1)
	hw.limit, hw.advertise = 1, true
	sw := &software{side: newSide()}
	m := newManager(t, sw, hw, p, verified)
	pin := exactEntry(p, 1, 1)
	pin.SkipSW = true
	if err := m.Insert(pin); err != nil {
		t.Fatal(err)
	}
	if len(sw.entries[p.exact]) != 0 || len(hw.entries[p.exact]) != 1 {
		t.Fatalf("software holds %d, hardware %d; want 0 and 1", len(sw.entries[p.exact]), len(hw.entries[p.exact]))
	}
	second := exactEntry(p, 2, 1)
	second.SkipSW = true
	if err := m.Insert(second); !errors.Is(err, offload.ErrNotOffloaded) {
		t.Errorf("a pinned entry without room: %v, want ErrNotOffloaded", err)
	}
	if err := m.Insert(exactEntry(p, 2, 1)); err != nil {
		t.Errorf("an entry that spills: %v", err)
	}
	wide := &pipeline.Entry{Table: p.lpm, SkipSW: true, Call: p.call(1),
		Match: []pipeline.Match{{Value: []byte{0}}, {Value: []byte{0}}}}
	if err := m.Insert(wide); err != nil {
		t.Fatal(err)
	}
	narrow := route(p, 0b10000, 1)
	narrow.SkipHW = true
	if err := m.Insert(narrow); !errors.Is(err, offload.ErrPinned) {
		t.Errorf("an entry that hides a pinned one: %v, want ErrPinned", err)
	}
	closed := newManager(t, sw, hw, p, offload.Gate{State: offload.GateMismatch})
	third := exactEntry(p, 3, 1)
	third.SkipSW = true
	if err := closed.Insert(third); !errors.Is(err, offload.ErrNotOffloaded) {
		t.Errorf("a pinned entry behind a shut gate: %v, want ErrNotOffloaded", err)
	}
}

func TestRebalanceMovesWhatIsHit(t *testing.T) {
	p := newTestProgram()
	hw := newHardware(1)
	hw.limit, hw.advertise = 2, true
	sw := &software{side: newSide()}
	m := newManager(t, sw, hw, p, verified)
	for v := range byte(4) {
		if err := m.Insert(exactEntry(p, v, 1)); err != nil {
			t.Fatal(err)
		}
	}
	in, why := places(t, m, p.exact)
	if !slices.Equal(in, []bool{true, true, false, false}) || why[2] != "hardware table is full (room for 2 of 4 entries)" {
		t.Fatalf("first come: %v %q", in, why)
	}
	sw.hits["exact"+pipeline.EntryKey(exactEntry(p, 3, 1))] = 90
	hw.hits["exact"+pipeline.EntryKey(exactEntry(p, 0, 1))] = 7
	hw.hits["exact"+pipeline.EntryKey(exactEntry(p, 1, 1))] = 5
	if err := m.Rebalance(context.Background()); err != nil {
		t.Fatal(err)
	}
	if in, _ := places(t, m, p.exact); !slices.Equal(in, []bool{true, false, false, true}) {
		t.Errorf("after rebalance: %v", in)
	}
	placed, err := m.Placement(p.exact)
	if err != nil {
		t.Fatal(err)
	}
	delete(hw.hits, "exact"+pipeline.EntryKey(exactEntry(p, 1, 1)))
	if got := placed[1].Total.Packets; got != 5+0 {
		t.Errorf("packets of the entry that left the hardware: %d, want 5", got)
	}
}

func TestEqualPriorityStaysInSoftware(t *testing.T) {
	p := newTestProgram()
	m := newManager(t, &software{side: newSide()}, newHardware(1), p, verified)
	acl := func(v, mask byte, prio int32, action byte) *pipeline.Entry {
		return &pipeline.Entry{Table: p.acl, Priority: prio, Call: p.call(action), Match: []pipeline.Match{
			{Value: []byte{v & mask}, Mask: []byte{mask}}, {Value: []byte{0}, Mask: []byte{0}}, {Value: []byte{0}, High: []byte{7}}}}
	}
	if err := m.Insert(acl(1, 1, 2, 1), acl(2, 2, 2, 3), acl(0, 4, 1, 2), acl(0, 7, 3, 4)); err != nil {
		t.Fatal(err)
	}
	in, _ := places(t, m, p.acl)
	if !slices.Equal(in, []bool{true, false, false, false}) {
		t.Errorf("in hardware, by falling priority: %v; want only the entry above the two that are equal", in)
	}
}

func TestWithoutHardware(t *testing.T) {
	p := newTestProgram()
	m := newManager(t, &software{side: newSide()}, nil, p, verified)
	if err := m.Insert(exactEntry(p, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if m.Gate().State != offload.GateAbsent {
		t.Errorf("gate %v, want absent", m.Gate().State)
	}
	if in, why := places(t, m, p.exact); in[0] || why[0] != "there is no hardware" {
		t.Errorf("in hardware %v, why %q", in, why)
	}
	if err := m.Insert(exactEntry(p, 1, 1)); !errors.Is(err, pipeline.ErrExists) {
		t.Errorf("second insert: %v, want ErrExists", err)
	}
	if err := m.Delete(exactEntry(p, 2, 1)); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("delete of nothing: %v, want ErrNotFound", err)
	}
}

// countingHardware counts a packet for every entry each time that it is asked.
type countingHardware struct {
	*hardware
	packets uint64
}

func (h *countingHardware) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	states, err := h.hardware.Entries(t)
	h.packets++
	for i := range states {
		states[i].Count.Packets = h.packets
	}
	return states, err
}

// TestCountsOfEvicted: what an entry has counted right before it has to leave the hardware is kept.
func TestCountsOfEvicted(t *testing.T) {
	p := newTestProgram()
	p.exact.Counter = &pipeline.Counter{Name: "hits"}
	sw, hw := &software{side: newSide()}, &countingHardware{hardware: newHardware(1)}
	sw.limit, hw.limit = 14, 12
	m, err := offload.NewManager(offload.Config{Program: p.Program, Software: sw, Hardware: hw, Gate: verified})
	if err != nil {
		t.Fatal(err)
	}
	e := &pipeline.Entry{Table: p.exact, Call: p.call(1), Match: []pipeline.Match{{Value: []byte{1}}}}
	if err := m.Insert(e); err != nil {
		t.Fatal(err)
	}
	again := *e
	again.SkipHW = true
	before := hw.packets
	if err := m.Modify(&again); err != nil {
		t.Fatal(err)
	}
	placed, err := m.Placement(p.exact)
	if err != nil || len(placed) != 1 || placed[0].Hardware {
		t.Fatalf("%+v, %v", placed, err)
	}
	if got, least := placed[0].HWCount.Packets, before+2; got < least {
		t.Errorf("kept %d packets; the hardware counted %d when the change began and more until the entry went", got, least-1)
	}
}
