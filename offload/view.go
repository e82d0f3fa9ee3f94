package offload

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// view is one table on both sides at one moment. The manager makes it from the targets and keeps it in step
// with what it writes.
type view struct {
	table      *pipeline.Table
	items      []*item // entries that should be, in the order of the software, pinned ones behind
	byKey      map[string]*item
	next       int     // order of the next item
	stale      []*item // in hardware only, and not pinned
	def        *pipeline.ActionCall
	defInHW    *pipeline.ActionCall // nil: a miss hands the packet to the host
	defRefused bool
	room       int    // most entries in hardware; -1: not known
	closed     string // why nothing goes into hardware; "": something may
	offline    bool   // the hardware was not asked
	repaired   bool   // a fault left it wrong, and pinned entries may have to go
}

// look reads a table from both targets.
func (m *Manager) look(t *pipeline.Table) (*view, error) {
	v := &view{table: t, byKey: make(map[string]*item), room: -1}
	states, err := m.software.Entries(t)
	if err != nil {
		return nil, err
	}
	for _, st := range states {
		it := newItem(st.Entry)
		it.inSW, it.swCount, it.idle = true, st.Count, st.IdleFor
		v.add(it)
	}
	if v.def, err = m.software.Default(t); err != nil {
		return nil, err
	}
	v.closed = m.closedFor(t)
	if v.closed != "" && !m.holdsDefault(t) {
		v.offline = true
		return v, nil
	}
	err = m.lookHardware(v)
	if v.closed != "" && isRefusal(err) {
		v.offline, err = true, nil // the device does not speak of a table without room
	}
	return v, err
}

// holdsDefault reports whether the hardware has a table, if only to run its default action.
func (m *Manager) holdsDefault(t *pipeline.Table) bool {
	return m.hardware != nil && m.gate.Open() && m.hardware.Capability(t).Listed
}

// closedFor says why nothing of a table goes into hardware, or "".
func (m *Manager) closedFor(t *pipeline.Table) string {
	switch {
	case m.hardware == nil && (m.gate.Open() || m.gate.State == GateAbsent):
		return "there is no hardware"
	case !m.gate.Open():
		return "the gate is " + m.gate.State.String() + ": " + m.gate.Reason
	}
	if c := m.hardware.Capability(t); !c.Holds {
		return c.Why
	}
	return ""
}

// lookHardware adds the hardware's side.
func (m *Manager) lookHardware(v *view) error {
	states, err := m.hardware.Entries(v.table)
	if err != nil {
		return hardwareError(err)
	}
	for _, st := range states {
		it := v.byKey[pipeline.EntryKey(st.Entry)]
		switch {
		case it == nil && st.Entry.SkipSW:
			it = newItem(st.Entry)
			v.add(it)
		case it == nil:
			it = newItem(st.Entry)
			v.stale = append(v.stale, it)
		}
		it.inHW, it.hwCount = st.Entry, st.Count
		if st.Entry.Table.SupportTimeout && (!it.inSW || st.IdleFor < it.idle) {
			it.idle = st.IdleFor
		}
	}
	if v.defInHW, err = m.hardware.Default(v.table); err != nil {
		return hardwareError(err)
	}
	v.room = m.roomFor(v)
	for _, it := range v.items {
		if r, ok := m.refused[carryKey{v.table, it.key}]; ok && it.inHW == nil && sameResult(r.entry, it.entry) {
			it.refused = r.why
		}
	}
	return nil
}

// roomFor returns the most entries that the hardware takes of a table: what it advertises, or less where it
// refused one for want of room.
func (m *Manager) roomFor(v *view) int {
	room := -1
	if size := m.hardware.Capability(v.table).Size; size > 0 {
		room = size
	}
	if full, ok := m.full[v.table]; ok && (room < 0 || full < room) {
		room = full
	}
	return room
}

func (v *view) add(it *item) {
	it.order = v.next
	v.next++
	v.items = append(v.items, it)
	v.byKey[it.key] = it
}

// remove takes entries out of what should be.
func (v *view) remove(gone map[*item]bool) {
	kept := v.items[:0:0]
	for _, it := range v.items {
		if gone[it] {
			delete(v.byKey, it.key)
			continue
		}
		kept = append(kept, it)
	}
	v.items = kept
}

// inHardware returns how many entries the hardware holds.
func (v *view) inHardware() int {
	n := len(v.stale)
	for _, it := range v.items {
		if it.inHW != nil {
			n++
		}
	}
	return n
}

// plan says where the entries belong now.
func (v *view) plan(o order) *plan {
	return newPlan(v.table, v.items, v.room, v.closed, o)
}

// sound returns the entries whose answer in hardware is the table's own: they run what they should, and all
// that win over them are there too. It is all of them but after a fault: a process that was killed in the
// middle of a change, a device that lost entries.
func (v *view) sound() map[*item]bool {
	good := make(map[*item]bool)
	wrong := make([]*item, 0)
	for _, it := range v.items {
		if it.inHW != nil && sameResult(it.inHW, it.entry) {
			good[it] = true
		} else {
			wrong = append(wrong, it)
		}
	}
	if len(wrong) == 0 || len(good) == 0 {
		return good
	}
	rel := newRelation(v.table, v.items)
	for len(wrong) > 0 {
		it := wrong[len(wrong)-1]
		wrong = wrong[:len(wrong)-1]
		rel.losers(it, func(loser *item) {
			if good[loser] {
				delete(good, loser)
				wrong = append(wrong, loser)
			}
		})
	}
	return good
}

// isSound reports whether every answer of the hardware is the table's own.
func (v *view) isSound() bool {
	if v.offline {
		return true
	}
	n := v.inHardware()
	if len(v.stale) > 0 || v.defInHW != nil && (n < len(v.items) || !sameCall(v.def, v.defInHW)) {
		return false
	}
	return len(v.sound()) == n
}

// brief names an entry for a message: its table and place in it.
func brief(it *item) string {
	return fmt.Sprintf("entry of %s with priority %d", it.entry.Table.Name, it.entry.Priority)
}
