package offload_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// world is a manager with both sides, and the rule that must hold at every single write.
type world struct {
	t       *rapid.T
	program *testProgram
	sw      *software
	hw      *hardware
	m       *offload.Manager
	// before and after are the whole table as it was before the change in progress and as it will be.
	before, after map[*pipeline.Table]*whole
	skip          map[string]bool // entries with SkipHW, by table and key
	unsafe        bool            // the connection broke: answers are not known until the next Reconcile
}

// whole is a table with all its entries, pinned ones too.
type whole struct {
	entries []*pipeline.Entry
	def     *pipeline.ActionCall
}

func (w *whole) answer(key []byte) string {
	if e := best(w.entries, key); e != nil {
		return result(e.Call)
	}
	return result(w.def)
}

var verified = offload.Gate{State: offload.GateVerified, Device: "sim/0", Reason: "test"}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, skip: map[string]bool{}, program: newTestProgram(), sw: &software{side: newSide()},
		hw: newHardware(rapid.Uint64().Draw(t, "seed"))}
	w.hw.limit = rapid.IntRange(0, 12).Draw(t, "room")
	w.hw.advertise = rapid.Bool().Draw(t, "advertise")
	w.hw.picky = rapid.Bool().Draw(t, "picky")
	w.hw.half = rapid.Bool().Draw(t, "half")
	w.sw.limit = 14
	for _, table := range w.program.Tables {
		w.hw.absent[table] = rapid.IntRange(0, 5).Draw(t, "absent") == 0
		w.hw.listed[table] = rapid.Bool().Draw(t, "listed")
	}
	w.hw.changed, w.sw.changed = w.check, w.check
	m, err := offload.NewManager(offload.Config{Program: w.program.Program, Software: w.sw, Hardware: w.hw, Gate: verified})
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	w.before, w.after = w.snapshot(), w.snapshot()
	if err := m.Reconcile(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

// snapshot returns the tables as they are: what software holds, and the pinned entries of the hardware.
func (w *world) snapshot() map[*pipeline.Table]*whole {
	all := map[*pipeline.Table]*whole{}
	for _, table := range w.program.Tables {
		def, _ := w.sw.Default(table)
		list := slices.Clone(w.sw.entries[table])
		for _, e := range w.hw.entries[table] {
			if e.SkipSW {
				list = append(list, e)
			}
		}
		all[table] = &whole{list, def}
	}
	return all
}

// check holds the rule: an answer of the hardware is that of the table before or after the change.
func (w *world) check() {
	if w.unsafe {
		return
	}
	for _, table := range w.program.Tables {
		for _, key := range keys(table) {
			got, handed := w.hw.answer(table, key)
			if handed {
				continue
			}
			before, after := w.before[table].answer(key), w.after[table].answer(key)
			if got != before && got != after {
				w.t.Fatalf("table %s key %v: hardware answers %s; the table before %s, after %s", table.Name, key, got, before, after)
			}
		}
	}
}

// settled checks the state between changes: exactly the table's answer, and nothing left out that fits.
func (w *world) settled() {
	w.before = w.snapshot()
	w.after = w.before
	w.check()
	for _, table := range w.program.Tables {
		placed, err := w.m.Placement(table)
		if err != nil {
			w.t.Fatal(err)
		}
		complete := true
		for _, p := range placed {
			complete = complete && p.Hardware
			if p.Hardware != (p.Why == "") {
				w.t.Fatalf("table %s: hardware %v, why %q", table.Name, p.Hardware, p.Why)
			}
			if skip := w.skip[table.Name+pipeline.EntryKey(p.Entry)]; skip && p.Hardware || skip != p.Entry.SkipHW {
				w.t.Fatalf("table %s: skip_hw %v, hardware %v, flag %v", table.Name, skip, p.Hardware, p.Entry.SkipHW)
			}
			if p.Why == "not in hardware yet" {
				w.t.Fatalf("table %s: an entry that fits was left out", table.Name)
			}
		}
		wantDefault := complete && (!w.hw.absent[table] || w.hw.listed[table]) && w.m.Gate().Open() && w.hw.refuses(w.after[table].def) == nil
		if (w.hw.defaults[table] != nil) != wantDefault {
			w.t.Fatalf("table %s: complete %v, default entry in hardware %v", table.Name, complete, w.hw.defaults[table])
		}
	}
}

func (w *world) drawTable() *pipeline.Table {
	return rapid.SampledFrom([]*pipeline.Table{w.program.exact, w.program.lpm, w.program.acl, w.program.acl}).Draw(w.t, "table")
}

func (w *world) drawEntry(table *pipeline.Table) *pipeline.Entry {
	e := &pipeline.Entry{Table: table, Call: w.program.call(byte(rapid.IntRange(1, 12).Draw(w.t, "action")))}
	for _, k := range table.Keys {
		top := 1<<k.Width - 1
		v := byte(rapid.IntRange(0, top).Draw(w.t, "value"))
		m := pipeline.Match{}
		switch k.Kind {
		case pipeline.MatchLPM:
			m.Prefix = rapid.IntRange(0, k.Width).Draw(w.t, "prefix")
			v = v >> (k.Width - m.Prefix) << (k.Width - m.Prefix)
		case pipeline.MatchTernary:
			m.Mask = []byte{byte(rapid.IntRange(0, top).Draw(w.t, "mask"))}
			v &= m.Mask[0]
		case pipeline.MatchOptional:
			m.Mask = []byte{byte(top * rapid.IntRange(0, 1).Draw(w.t, "present"))}
			v &= m.Mask[0]
		case pipeline.MatchRange:
			m.High = []byte{byte(rapid.IntRange(int(v), top).Draw(w.t, "high"))}
		}
		m.Value = []byte{v}
		e.Match = append(e.Match, m)
	}
	if table.NeedsPriority() {
		e.Priority = int32(rapid.IntRange(1, 4).Draw(w.t, "priority"))
	}
	switch rapid.IntRange(0, 9).Draw(w.t, "flag") {
	case 0:
		e.SkipHW = true
	case 1:
		e.SkipSW = true
	}
	return e
}

// drawHeld picks entries that the tables hold.
func (w *world) drawHeld(most int) []*pipeline.Entry {
	var all []*pipeline.Entry
	for _, table := range w.program.Tables {
		all = append(all, w.before[table].entries...)
	}
	if len(all) == 0 {
		return nil
	}
	var picked []*pipeline.Entry
	for range rapid.IntRange(1, most).Draw(w.t, "how many") {
		e := rapid.SampledFrom(all).Draw(w.t, "entry")
		if !slices.Contains(picked, e) {
			picked = append(picked, e)
		}
	}
	return picked
}

// change runs one change of which the outcome is known, and checks what became of it.
func (w *world) change(what string, expect func(map[*pipeline.Table]*whole), do func() error) {
	w.before, w.after = w.snapshot(), w.snapshot()
	expect(w.after)
	before, after := w.before, w.after
	breaks := rapid.IntRange(0, 11).Draw(w.t, "fault") == 0
	if breaks {
		w.hw.fail = rapid.IntRange(1, 5).Draw(w.t, "writes until it breaks")
		w.unsafe = true
	}
	err := do()
	broke := breaks && w.hw.fail == 0
	w.hw.fail = -1
	if broke {
		w.before, w.after = w.snapshot(), w.snapshot()
		if rerr := w.m.Reconcile(context.Background()); rerr != nil {
			w.t.Fatalf("%s, then reconcile: %v", what, rerr)
		}
	}
	w.unsafe = false
	if err != nil {
		after = before
	}
	w.same(what, err, broke, after)
	w.settled()
}

// same compares what the tables hold with what they should. Pinned entries may be lost where the connection
// broke.
func (w *world) same(what string, err error, broke bool, want map[*pipeline.Table]*whole) {
	got := w.snapshot()
	for _, table := range w.program.Tables {
		list := func(from *whole) []string {
			var texts []string
			for _, e := range from.entries {
				if !broke || !e.SkipSW {
					texts = append(texts, fmt.Sprint(e.Priority, e.Match, result(e.Call)))
				}
			}
			slices.Sort(texts)
			return texts
		}
		if g, x := list(got[table]), list(want[table]); !slices.Equal(g, x) || result(got[table].def) != result(want[table].def) {
			w.t.Fatalf("%s (error %v): table %s holds\n%q, want\n%q", what, err, table.Name, g, x)
		}
	}
}

func (w *world) insert() {
	var list []*pipeline.Entry
	for range rapid.IntRange(1, 4).Draw(w.t, "how many") {
		list = append(list, w.drawEntry(w.drawTable()))
	}
	w.change("insert", func(all map[*pipeline.Table]*whole) {
		for _, e := range list {
			all[e.Table].entries = append(all[e.Table].entries, e)
		}
	}, func() error { return w.noteSkips(list, w.m.Insert(list...)) })
}

// noteSkips remembers the flags of entries that were written.
func (w *world) noteSkips(list []*pipeline.Entry, err error) error {
	if err == nil {
		for _, e := range list {
			w.skip[e.Table.Name+pipeline.EntryKey(e)] = e.SkipHW
		}
	}
	return err
}

func (w *world) delete() {
	list := w.drawHeld(3)
	w.change("delete", func(all map[*pipeline.Table]*whole) {
		for _, e := range list {
			kept := all[e.Table].entries
			all[e.Table].entries = slices.DeleteFunc(slices.Clone(kept), func(o *pipeline.Entry) bool { return o == e })
		}
	}, func() error { return w.m.Delete(list...) })
}

func (w *world) modify() {
	held := w.drawHeld(3)
	var list []*pipeline.Entry
	for _, old := range held {
		e := *old
		e.Match = cloneMatch(old.Match)
		e.Call = w.program.call(byte(rapid.IntRange(1, 12).Draw(w.t, "new action")))
		if !e.SkipSW {
			e.SkipHW = rapid.IntRange(0, 5).Draw(w.t, "skip_hw") == 0
		}
		list = append(list, &e)
	}
	w.change("modify", func(all map[*pipeline.Table]*whole) {
		for i, e := range list {
			all[e.Table].entries[slices.Index(all[e.Table].entries, held[i])] = e
		}
	}, func() error { return w.noteSkips(list, w.m.Modify(list...)) })
}

func (w *world) setDefault() {
	table := rapid.SampledFrom(w.program.Tables).Draw(w.t, "table")
	var call *pipeline.ActionCall
	if rapid.Bool().Draw(w.t, "own") {
		call = w.program.call(byte(rapid.IntRange(1, 12).Draw(w.t, "default")))
	}
	w.change("set default", func(all map[*pipeline.Table]*whole) {
		if all[table].def = call; call == nil {
			all[table].def = table.Default
		}
	}, func() error { return w.m.SetDefault(table, call) })
}

// rebalance gives entries random hits and moves them.
func (w *world) rebalance() {
	for _, table := range w.program.Tables {
		for _, e := range w.before[table].entries {
			w.sw.hits[table.Name+pipeline.EntryKey(e)] = rapid.Uint64Range(0, 9).Draw(w.t, "hits")
		}
	}
	w.change("rebalance", func(map[*pipeline.Table]*whole) {}, func() error { return w.m.Rebalance(context.Background()) })
}

// reset is a device that forgets everything, and somebody who writes to it past the manager.
func (w *world) reset() {
	keepPins := w.snapshot()
	clear(w.hw.entries)
	clear(w.hw.defaults)
	for _, table := range w.program.Tables {
		whole := keepPins[table]
		whole.entries = slices.DeleteFunc(whole.entries, func(e *pipeline.Entry) bool { return e.SkipSW })
		if rapid.IntRange(0, 3).Draw(w.t, "foreign") == 0 && len(table.Keys) > 0 && !w.hw.absent[table] {
			e := w.drawEntry(table)
			e.SkipSW = false
			w.hw.entries[table] = append(w.hw.entries[table], e)
			w.hw.defaults[table] = w.program.call(3)
		}
	}
	w.unsafe = true
	if err := w.m.Reconcile(context.Background()); err != nil {
		w.t.Fatalf("reconcile: %v", err)
	}
	w.unsafe = false
	w.same("reset", nil, false, keepPins)
	w.settled()
}

// gate shuts and opens the gate.
func (w *world) gate() {
	w.before, w.after = w.snapshot(), w.snapshot()
	if err := w.m.CloseGate(context.Background(), offload.GateMismatch, "test"); err != nil {
		w.t.Fatalf("close gate: %v", err)
	}
	for _, table := range w.program.Tables {
		if len(w.hw.entries[table]) > 0 || w.hw.defaults[table] != nil {
			w.t.Fatalf("table %s is still in hardware behind a shut gate", table.Name)
		}
	}
	w.settled()
	if rapid.Bool().Draw(w.t, "insert behind the gate") {
		w.insert()
	}
	w.before, w.after = w.snapshot(), w.snapshot()
	if err := w.m.SetGate(context.Background(), verified); err != nil {
		w.t.Fatalf("open gate: %v", err)
	}
	w.settled()
}

// TestPlacementNeverLies makes random changes to tables with overlapping entries over hardware of random size
// that refuses, forgets and breaks, and looks at every key after every single write to either side.
func TestPlacementNeverLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		act := map[int]func(){0: w.insert, 1: w.insert, 2: w.insert, 3: w.insert, 4: w.delete, 5: w.modify, 6: w.setDefault,
			7: w.rebalance, 8: w.reset, 9: w.gate}
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			n := rapid.IntRange(0, 9).Draw(t, "change")
			if (n == 4 || n == 5) && w.drawHeld(1) == nil {
				continue
			}
			act[n]()
		}
	})
}
