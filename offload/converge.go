package offload

import (
	"errors"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// converge brings the hardware's part of a table to what the plan says. Each of its writes leaves the hardware
// with right answers, whatever comes after it. A refused entry changes the plan, so it goes round until
// nothing is refused.
func (m *Manager) converge(v *view, o order) error {
	for {
		p := v.plan(o)
		if err := v.checkPins(p); err != nil {
			return err
		}
		if err := m.narrow(v, p); err != nil {
			return err
		}
		if v.dropLostPins() {
			continue
		}
		again, err := m.rewrite(v, p)
		if err != nil {
			return err
		}
		if !again {
			again, err = m.widen(v, p)
		}
		if err != nil {
			return err
		}
		if !again {
			return m.placeDefault(v, p)
		}
	}
}

// checkPins reports a pinned entry that the plan would take out of the hardware: the change that asks for it is
// refused instead. After a repair they may go, since they are hidden by entries outside of the hardware.
func (v *view) checkPins(p *plan) error {
	for _, it := range v.items {
		if it.entry.SkipSW && it.inHW != nil && !p.place[it] && !v.repaired {
			return fmt.Errorf("table %s: %w: %s would have to leave: %s", v.table.Name, ErrPinned, brief(it), p.why[it])
		}
	}
	return nil
}

// dropLostPins forgets pinned entries that a repair has taken out of the hardware for good.
func (v *view) dropLostPins() bool {
	lost := make(map[*item]bool)
	for _, it := range v.items {
		if v.repaired && it.entry.SkipSW && it.inHW == nil {
			lost[it] = true
		}
	}
	v.remove(lost)
	return len(lost) > 0
}

// narrow takes out of the hardware what the plan does not have there: the default entry first, to which every
// entry is a winner, then entries from the lowest rank up.
func (m *Manager) narrow(v *view, p *plan) error {
	if v.offline {
		return nil
	}
	if v.defInHW != nil && (!p.complete || v.def == nil || v.defRefused) {
		if err := m.setHardwareDefault(v, nil); err != nil {
			return err
		}
	}
	out := make(map[*item]bool)
	for _, it := range v.items {
		if it.inHW != nil && !p.place[it] {
			out[it] = true
		}
	}
	m.countAgain(v, out)
	return m.withdraw(v, out)
}

// countAgain reads the counts of entries that are about to leave the hardware and stay in the table, so that as little
// as possible of what it counts meanwhile is lost: the device has no way to remove an entry and say its last count.
func (m *Manager) countAgain(v *view, out map[*item]bool) {
	if len(out) == 0 || v.table.Counter == nil || v.table.Immutable {
		return
	}
	states, err := m.hardware.Entries(v.table)
	if err != nil {
		m.observe(Trouble{"count entries of " + v.table.Name + " that leave the hardware", err})
		return
	}
	for _, st := range states {
		if it := v.byKey[pipeline.EntryKey(st.Entry)]; it != nil && out[it] {
			it.hwCount = st.Count
		}
	}
}

// withdraw removes entries from the hardware, from the lowest rank up.
func (m *Manager) withdraw(v *view, out map[*item]bool) error {
	if v.offline || v.table.Immutable {
		return nil
	}
	var list []*item
	for _, it := range losersFirst(out) {
		if it.inHW != nil && it.entry.Table == v.table {
			list = append(list, it)
		}
	}
	for _, level := range levels(list) {
		if err := m.withdrawLevel(v, level); err != nil {
			return err
		}
	}
	if len(list) > 0 {
		m.observe(Placed{Table: v.table.Name, Entries: len(list), Hardware: false})
	}
	return nil
}

// withdrawLevel removes entries of one rank, whose order does not count. Entries that are gone already are as
// good as removed.
func (m *Manager) withdrawLevel(v *view, level []*item) error {
	entries := make([]*pipeline.Entry, len(level))
	for i, it := range level {
		entries[i] = it.inHW
	}
	err := m.hardware.Delete(entries...)
	if err != nil && errors.Is(err, pipeline.ErrNotFound) && len(level) > 1 {
		for _, it := range level {
			if err := m.withdrawLevel(v, []*item{it}); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil && !errors.Is(err, pipeline.ErrNotFound) {
		return fmt.Errorf("table %s: %w: remove entry: %w", v.table.Name, ErrHardware, err)
	}
	for _, it := range level {
		m.carry(it)
		it.inHW = nil
	}
	return nil
}

// carry keeps the count of an entry that leaves the hardware.
func (m *Manager) carry(it *item) {
	k := carryKey{it.entry.Table, it.key}
	if it.hwCount != (pipeline.Count{}) {
		m.carried[k] = addCounts(m.carried[k], it.hwCount)
		it.hwCount = pipeline.Count{}
	}
}

// rewrite gives entries in hardware the action that they should have. Again: one was refused.
func (m *Manager) rewrite(v *view, p *plan) (again bool, err error) {
	for _, it := range v.items {
		if it.inHW == nil || !p.place[it] || v.table.Immutable || sameResult(it.inHW, it.entry) {
			continue
		}
		switch err := m.hardware.Modify(it.entry); {
		case err == nil:
			it.inHW = it.entry
		case isRefusal(err):
			m.noteRefused(it, err)
			again = true
		default:
			return false, fmt.Errorf("table %s: modify entry: %w", v.table.Name, hardwareError(err))
		}
	}
	return again, nil
}

// widen puts into hardware what the plan has there, from the highest rank down. Again: one was refused, so what
// it wins over must not follow.
func (m *Manager) widen(v *view, p *plan) (again bool, err error) {
	if v.table.Immutable || v.offline {
		return false, nil
	}
	in := make(map[*item]bool)
	for _, it := range v.items {
		if p.place[it] && it.inHW == nil {
			in[it] = true
		}
	}
	list := losersFirst(in)
	slices.Reverse(list)
	done := 0
	for _, level := range levels(list) {
		n, again, err := m.insertLevel(v, level)
		done += n
		if again || err != nil {
			return again, err
		}
	}
	if done > 0 {
		m.observe(Placed{Table: v.table.Name, Entries: done, Hardware: true})
	}
	return false, nil
}

// insertLevel inserts entries of one rank, whose order does not count.
func (m *Manager) insertLevel(v *view, level []*item) (done int, again bool, err error) {
	entries := make([]*pipeline.Entry, len(level))
	for i, it := range level {
		entries[i] = it.entry
	}
	var broken error
	for i, err := range m.hardware.InsertEach(entries...) {
		switch {
		case err == nil:
			level[i].inHW = level[i].entry
			done++
		case errors.Is(err, pipeline.ErrTableFull):
			again = true
		case isRefusal(err) && !errors.Is(err, pipeline.ErrExists):
			m.noteRefused(level[i], err)
			again = true
		case broken == nil:
			broken = fmt.Errorf("table %s: %w: insert entry: %w", v.table.Name, ErrHardware, err)
		}
	}
	if again {
		m.noteFull(v, level)
	}
	return done, again, broken
}

// noteRefused remembers that the device does not take an entry, so that it is not asked at every change.
func (m *Manager) noteRefused(it *item, err error) {
	it.refused = err.Error()
	m.refused[carryKey{it.entry.Table, it.key}] = refusal{it.entry, it.refused}
}

// noteFull remembers how many entries the device held when it refused one for want of room.
func (m *Manager) noteFull(v *view, level []*item) {
	if !slices.ContainsFunc(level, func(it *item) bool { return it.inHW == nil && it.refused == "" }) {
		return
	}
	v.room = v.inHardware()
	m.full[v.table] = v.room
}

// placeDefault writes the default entry of a table that is complete in hardware.
func (m *Manager) placeDefault(v *view, p *plan) error {
	if v.offline || !p.complete || v.def == nil || v.defRefused || v.table.Hidden {
		return nil
	}
	if v.defInHW != nil && sameCall(v.def, v.defInHW) || v.inHardware() < len(v.items) {
		return nil
	}
	err := m.setHardwareDefault(v, v.def)
	if err != nil && isRefusal(err) {
		m.observe(Trouble{"write default entry of " + v.table.Name, err})
		v.defRefused = true
		return m.narrow(v, p)
	}
	return err
}

func (m *Manager) setHardwareDefault(v *view, call *pipeline.ActionCall) error {
	if err := m.hardware.SetDefault(v.table, call); err != nil {
		if call == nil { // it has to go: whatever the device said, it may still be there
			return fmt.Errorf("table %s: %w: take the default entry back: %w", v.table.Name, ErrHardware, err)
		}
		return fmt.Errorf("table %s: write default entry: %w", v.table.Name, hardwareError(err))
	}
	if (call == nil) != (v.defInHW == nil) {
		m.observe(DefaultPlaced{Table: v.table.Name, Hardware: call != nil})
	}
	v.defInHW = call
	return nil
}

// repair takes out of the hardware whatever answers wrongly after a fault: the default entry, entries that
// nobody wants, and those that are not sound, from the lowest rank up.
func (m *Manager) repair(v *view) error {
	if v.offline {
		return nil
	}
	if v.defInHW != nil {
		if err := m.setHardwareDefault(v, nil); err != nil {
			return err
		}
	}
	out := make(map[*item]bool)
	for _, it := range v.stale {
		out[it] = true
	}
	good := v.sound()
	for _, it := range v.items {
		if it.inHW != nil && !good[it] && !it.entry.SkipSW {
			out[it] = true
		}
	}
	if err := m.withdraw(v, out); err != nil {
		return err
	}
	v.stale, v.repaired = nil, true
	if len(v.sound()) < v.inHardware() { // what is left and not sound is pinned; the plan will not have it
		m.observe(Trouble{"entries of " + v.table.Name + " with skip_sw go: entries outside of the hardware hide them",
			ErrPinned})
	}
	return nil
}

// levels cuts a list that is sorted by rank into runs of one rank.
func levels(list []*item) [][]*item {
	var cut [][]*item
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].rank == list[0].rank {
			n++
		}
		cut = append(cut, list[:n])
		list = list[n:]
	}
	return cut
}
