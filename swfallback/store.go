package swfallback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// store holds the entries of one table. The entries have passed CheckEntry, the lock is held. insert, modify and
// remove check that the change is possible and return it as an edit; nothing is changed until it is committed.
type store interface {
	insert([]*pipeline.Entry) (edit, error)
	modify([]*pipeline.Entry) (edit, error)
	remove([]*pipeline.Entry) (edit, error)
	entries() ([]*pipeline.Entry, []uint32, error) // entries and their slots
	slotOf(*pipeline.Entry) (uint32, error)        // of the entry with this match and priority, or ErrNotFound
	count() (int, error)
	table() *tableState
}

var (
	_ store = (*keyStore)(nil)
	_ store = (*ruleStore)(nil)
	_ store = (*writtenStore)(nil)
)

// edit is a change of one table. Either it is applied, or cancelled, where cancel is not nil.
type edit struct {
	keep   func() error // remembers what undo needs; nil where nothing has to be remembered
	apply  func() error // changes all or nothing
	undo   func() error // takes back what apply did, after keep
	cancel func()       // gives up what apply would have used
}

// commit applies edits in order. When one fails those before it are undone, the last first, and those behind it
// cancelled.
func commit(edits []edit) error {
	for i, e := range edits {
		var err error
		if e.keep != nil && i < len(edits)-1 { // the last one is never undone
			err = e.keep()
		}
		if err == nil {
			err = e.apply()
		}
		if err == nil {
			continue
		}
		for _, done := range slices.Backward(edits[:i]) {
			err = errors.Join(err, done.undo())
		}
		cancel(edits[i+1:])
		return err
	}
	return nil
}

func cancel(edits []edit) {
	for _, e := range edits {
		if e.cancel != nil {
			e.cancel()
		}
	}
}

// tableState is what the stores have in common: maps, version, slots.
type tableState struct {
	layout  *bpfgen.TableLayout
	entry   *ebpf.Map // layout.Map, or nil
	counter direct    // the direct counter, or nil
	hit     *ebpf.Map // layout.HitMap, or nil
	meter   *ebpf.Map // layout.MeterMap, or nil
	state   *ebpf.Map
	size    int // most entries

	version uint64 // of what is in memory
	loaded  bool   // whether anything is
	slots   slots
}

func (g *generation) newTableState(layout *bpfgen.TableLayout) (*tableState, error) {
	t := &tableState{layout: layout, state: g.state}
	var counters *ebpf.Map
	for name, m := range map[string]**ebpf.Map{
		layout.Map: &t.entry, layout.CounterMap: &counters, layout.HitMap: &t.hit, layout.MeterMap: &t.meter,
	} {
		if name == "" {
			continue
		}
		var err error
		if *m, err = g.dp.Map(name); err != nil {
			return nil, err
		}
	}
	switch a := layout.Arena; {
	case counters != nil:
		t.counter, t.slots.max = mapCounter{counters}, counters.MaxEntries()-1
	case a != nil && a.Counters != 0:
		t.counter, t.slots.max = newArenaCounter(g.memory, a, g.object.Options.CPUs), uint32(a.Size)
	}
	t.size = layout.Table.Size
	if room := t.room(); t.size <= 0 || t.size > room {
		t.size = room
	}
	for _, m := range []*ebpf.Map{t.hit, t.meter} {
		if m != nil {
			t.slots.max = m.MaxEntries() - 1
		}
	}
	return t, nil
}

// room is how many entries the table's map takes.
func (t *tableState) room() int {
	if t.layout.Written {
		return max(t.layout.Table.Size, len(t.layout.Table.Entries))
	}
	if t.layout.Arena != nil {
		return t.layout.Arena.Size
	}
	if t.layout.Kind == bpfgen.LookupClassifier {
		return t.layout.MaxRules()
	}
	return int(t.entry.MaxEntries())
}

func (t *tableState) table() *tableState { return t }

// stateKey is the table's element of the state map.
func (t *tableState) stateKey() uint32 { return uint32(1 + t.layout.Table.Index) }

// fresh reads the table's state and reports whether what is in memory is still true.
func (t *tableState) fresh() (stateValue, bool, error) {
	var s stateValue
	if err := t.state.Lookup(t.stateKey(), &s); err != nil {
		return s, false, fmt.Errorf("read state: %w", err)
	}
	return s, t.loaded && s.Version == t.version, nil
}

// bump tells other processes that the table is about to change, and which slots have been used.
func (t *tableState) bump() error {
	s := stateValue{Version: t.version + 1, High: uint64(t.slots.high)}
	if err := t.state.Put(t.stateKey(), &s); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	t.version++
	return nil
}

// forget makes the store read the kernel's maps before it does anything else.
func (t *tableState) forget() { t.loaded = false }

// slotted reports whether entries of the table have slots.
func (t *tableState) slotted() bool { return t.counter != nil || t.hit != nil || t.meter != nil }

// take allocates slots for n entries: zeros in tables without.
func (t *tableState) take(n int) (taken []uint32, used int, err error) {
	if !t.slotted() {
		return make([]uint32, n), 0, nil
	}
	if err := t.sweep(n); err != nil {
		return nil, 0, err
	}
	taken, used, ok := t.slots.take(n)
	if !ok {
		return nil, 0, t.full()
	}
	if t.counter != nil {
		if err := t.counter.reserve(t.slots.high); err != nil {
			t.slots.giveBack(taken)
			return nil, 0, err
		}
	}
	return taken, used, nil
}

func (t *tableState) giveBack(slots []uint32) {
	switch {
	case !t.slotted():
	case t.lined() != nil:
		t.slots.stale = append(t.slots.stale, slots...)
	default:
		t.slots.giveBack(slots)
	}
}

// lined returns the direct counter of a table whose packets may have counted in lines, else nil.
func (t *tableState) lined() *arenaCounter {
	if c, ok := t.counter.(*arenaCounter); ok && c.lined() {
		return c
	}
	return nil
}

// mostStale is how many slots wait to be swept while there are others.
const mostStale = 1 << 16

// sweep makes stale slots free where they are many, or n more are asked for than there are others.
func (t *tableState) sweep(n int) error {
	s := &t.slots
	if len(s.stale) == 0 || len(s.stale) < mostStale && n <= len(s.free)+int(s.max-s.high) {
		return nil
	}
	if c := t.lined(); c != nil {
		if err := c.sweep(s.stale); err != nil {
			return err
		}
	}
	s.free, s.stale = append(s.free, s.stale...), nil
	return nil
}

// full is ErrTableFull with the table's size.
func (t *tableState) full() error {
	return fmt.Errorf("%d entries: %w", t.size, pipeline.ErrTableFull)
}

// explain turns a map's refusal for want of room into ErrTableFull.
func (t *tableState) explain(err error) error {
	if bpfrun.IsFull(err) {
		return fmt.Errorf("%w: %w", t.full(), err)
	}
	return err
}

// prepareSlots makes slots ready for new entries: counters of the first used ones, which entries had before, start
// at 0, their meters have no rates, and an entry that was never hit has been idle since now.
func (t *tableState) prepareSlots(slots []uint32, used int) error {
	if t.counter != nil {
		if err := t.counter.clear(slots[:used]); err != nil {
			return err
		}
	}
	if t.meter != nil {
		if err := clearMeters(t.meter, slots[:used]); err != nil {
			return err
		}
	}
	if t.hit != nil {
		return t.touch(slots)
	}
	return nil
}

// touch sets the time of the last hit of slots to now.
func (t *tableState) touch(slots []uint32) error {
	keys, values := make([]byte, 0, 4*len(slots)), make([]byte, 0, 8*len(slots))
	now := uint64(coarseNow())
	for _, slot := range slots {
		keys = binary.NativeEndian.AppendUint32(keys, slot)
		values = binary.NativeEndian.AppendUint64(values, now)
	}
	_, err := bpfrun.UpdateBatch(t.hit, keys, values, len(slots))
	return err
}

// slots hands out the numbers 1 to max. Those up to high have been handed out before; free are the ones among them
// that nobody has, stale those in whose name packets may have counted in lines.
type slots struct {
	free      []uint32
	stale     []uint32
	high, max uint32
}

// take returns n slots, the used ones that had an owner before first. ok is false when there are not enough.
func (s *slots) take(n int) (taken []uint32, used int, ok bool) {
	used = min(n, len(s.free))
	fresh := n - used
	if fresh > int(s.max-s.high) {
		return nil, 0, false
	}
	taken = make([]uint32, 0, n)
	taken = append(taken, s.free[len(s.free)-used:]...)
	s.free = s.free[:len(s.free)-used]
	for range fresh {
		s.high++
		taken = append(taken, s.high)
	}
	return taken, used, true
}

func (s *slots) giveBack(taken []uint32) { s.free = append(s.free, taken...) }

// recover rebuilds the free list from the slots that entries have.
func (s *slots) recover(taken []uint32, high uint32) {
	s.high, s.free, s.stale = high, s.free[:0], nil
	for _, slot := range taken { // an entry beyond the mark would be a fault of ours, and must not be given out
		s.high = max(s.high, slot)
	}
	owned := make([]bool, s.high+1)
	for _, slot := range taken {
		owned[slot] = true
	}
	for slot := s.high; slot >= 1; slot-- {
		if !owned[slot] {
			s.free = append(s.free, slot)
		}
	}
}
