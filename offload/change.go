package offload

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// change is one call of Insert, Modify or Delete. Each has the same three phases: take out of the hardware what
// may not be there afterwards, change software, put into hardware what may be there now.
type change struct {
	m       *Manager
	entries []*pipeline.Entry
	views   []*view // of the tables concerned, in the order of their first entry
	byTable map[*pipeline.Table]*view
}

// begin checks entries and reads their tables, which it repairs where a fault left them wrong.
func (m *Manager) begin(entries []*pipeline.Entry) (*change, error) {
	c := &change{m: m, entries: entries, byTable: make(map[*pipeline.Table]*view)}
	for _, e := range entries {
		if e == nil || e.Table == nil {
			return nil, pipeline.ErrNoTable
		}
		if e.Table.Immutable {
			return nil, fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrImmutable)
		}
		if c.byTable[e.Table] != nil {
			continue
		}
		v, err := m.lookSound(e.Table)
		if err != nil {
			return nil, err
		}
		c.byTable[e.Table] = v
		c.views = append(c.views, v)
	}
	return c, nil
}

// lookSound reads a table and repairs it where the hardware gives wrong answers.
func (m *Manager) lookSound(t *pipeline.Table) (*view, error) {
	v, err := m.look(t)
	if err != nil {
		return nil, err
	}
	if v.isSound() {
		return v, nil
	}
	if err := m.repair(v); err != nil {
		return nil, err
	}
	err = m.converge(v, firstCome)
	v.repaired = false
	return v, err
}

// insert adds the entries.
func (c *change) insert() error {
	added, err := c.addItems()
	if err != nil {
		return err
	}
	for _, v := range c.views {
		if err := c.m.makeWay(v, added); err != nil {
			return c.settleOld(added, err)
		}
	}
	if err := some(c.m.software.Insert, winnersFirst(added)); err != nil {
		return c.settleOld(added, err)
	}
	for it := range added {
		it.inSW = !it.entry.SkipSW
	}
	for _, v := range c.views {
		err := c.m.converge(v, firstCome)
		if err == nil {
			err = refusedPin(v, added)
		}
		if err != nil {
			return c.undoInsert(added, err)
		}
	}
	return nil
}

// addItems adds the new entries to the views.
func (c *change) addItems() (map[*item]bool, error) {
	added := make(map[*item]bool, len(c.entries))
	for _, e := range c.entries {
		if err := pipeline.CheckEntry(e); err != nil {
			return nil, err
		}
		v := c.byTable[e.Table]
		it := newItem(e)
		if v.byKey[it.key] != nil {
			return nil, fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrExists)
		}
		v.add(it)
		added[it] = true
	}
	return added, nil
}

// makeWay takes out of the hardware what cannot be there together with what is to come, and refuses the change
// where that concerns a pinned entry.
func (m *Manager) makeWay(v *view, added map[*item]bool) error {
	p := v.plan(firstCome)
	for it := range added {
		if it.entry.Table == v.table && it.entry.SkipSW && !p.place[it] {
			return fmt.Errorf("table %s: %w: %s", v.table.Name, ErrNotOffloaded, p.why[it])
		}
	}
	if err := v.checkPins(p); err != nil {
		return err
	}
	return m.narrow(v, p)
}

// refusedPin reports a new pinned entry that the device did not take after all.
func refusedPin(v *view, added map[*item]bool) error {
	for _, it := range v.items {
		if it.entry.SkipSW && it.inHW == nil && added[it] {
			return fmt.Errorf("table %s: %w: %s", v.table.Name, ErrNotOffloaded, it.refused)
		}
	}
	return nil
}

// settleOld brings hardware back to what the entries allow, without those that are gone.
func (c *change) settleOld(added map[*item]bool, cause error) error {
	for _, v := range c.views {
		v.remove(added)
		if err := c.m.converge(v, firstCome); err != nil {
			c.m.observe(Trouble{"put entries of " + v.table.Name + " back into hardware", err})
		}
	}
	return cause
}

// undoInsert takes entries out again after the hardware failed or refused a pinned one: first out of hardware,
// then out of software, as a delete does.
func (c *change) undoInsert(added map[*item]bool, cause error) error {
	var inSW []*pipeline.Entry
	for _, it := range losersFirst(added) {
		if it.inSW {
			inSW = append(inSW, it.entry)
		}
	}
	for _, v := range c.views {
		if err := c.m.withdraw(v, added); err != nil {
			cause = errors.Join(cause, err)
		}
	}
	if err := some(c.m.software.Delete, inSW); err != nil {
		return errors.Join(cause, err)
	}
	return c.settleOld(added, cause)
}

// modify replaces the entries' actions.
func (c *change) modify() error {
	old, err := c.replaceItems()
	if err != nil {
		return err
	}
	for _, v := range c.views {
		if err := c.m.makeWay(v, nil); err != nil {
			return c.restore(old, nil, err)
		}
	}
	var next, before []*pipeline.Entry
	for it, was := range old {
		if it.inSW {
			next, before = append(next, it.entry), append(before, was)
		}
	}
	if err := some(c.m.software.Modify, next); err != nil {
		return c.restore(old, nil, err)
	}
	for _, v := range c.views {
		err := c.m.converge(v, firstCome)
		if err == nil {
			err = lostPin(v, old)
		}
		if err != nil {
			return c.restore(old, before, err)
		}
	}
	return nil
}

// replaceItems puts the new entries in place of the old, which it returns.
func (c *change) replaceItems() (map[*item]*pipeline.Entry, error) {
	old := make(map[*item]*pipeline.Entry, len(c.entries))
	for _, e := range c.entries {
		if err := pipeline.CheckEntry(e); err != nil {
			return nil, err
		}
		it := c.byTable[e.Table].byKey[pipeline.EntryKey(e)]
		switch {
		case it == nil:
			return nil, fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrNotFound)
		case it.entry.SkipSW != e.SkipSW:
			return nil, fmt.Errorf("table %s: skip_sw cannot change, delete the entry and insert it again: %w",
				e.Table.Name, pipeline.ErrBadAction)
		}
		if _, twice := old[it]; !twice {
			old[it] = it.entry
		}
	}
	for _, e := range c.entries {
		it := c.byTable[e.Table].byKey[pipeline.EntryKey(e)]
		it.entry, it.refused = e, ""
	}
	return old, nil
}

// lostPin reports a pinned entry whose new action the device refused.
func lostPin(v *view, old map[*item]*pipeline.Entry) error {
	for it := range old {
		if it.entry.Table == v.table && it.entry.SkipSW && it.inHW == nil {
			return fmt.Errorf("table %s: %w: %s", v.table.Name, ErrNotOffloaded, it.refused)
		}
	}
	return nil
}

// restore gives up a modify; before are the entries that software has to be given back.
func (c *change) restore(old map[*item]*pipeline.Entry, before []*pipeline.Entry, cause error) error {
	for it, was := range old {
		it.entry, it.refused = was, ""
	}
	if len(before) > 0 {
		if err := c.m.software.Modify(before...); err != nil {
			return errors.Join(cause, err)
		}
	}
	return c.settleOld(nil, cause)
}

// delete removes the entries, out of hardware first: what is left of the table there answers as the whole will.
func (c *change) delete() error {
	gone := make(map[*item]bool, len(c.entries))
	for _, e := range c.entries {
		if len(e.Match) != len(e.Table.Keys) {
			return fmt.Errorf("table %s: %d matches for %d keys: %w", e.Table.Name, len(e.Match), len(e.Table.Keys),
				pipeline.ErrBadMatch)
		}
		it := c.byTable[e.Table].byKey[pipeline.EntryKey(e)]
		if it == nil || gone[it] {
			return fmt.Errorf("table %s: %w", e.Table.Name, pipeline.ErrNotFound)
		}
		gone[it] = true
	}
	for _, v := range c.views {
		if err := c.m.withdraw(v, gone); err != nil {
			return c.settleOld(nil, err)
		}
	}
	var inSW []*pipeline.Entry
	for _, it := range losersFirst(gone) {
		if it.inSW {
			inSW = append(inSW, it.entry)
		}
	}
	if err := some(c.m.software.Delete, inSW); err != nil {
		return c.settleOld(nil, err)
	}
	for it := range gone {
		delete(c.m.carried, carryKey{it.entry.Table, it.key})
		delete(c.m.refused, carryKey{it.entry.Table, it.key})
	}
	return c.settleOld(gone, nil)
}

// some calls a method of a target, unless there is nothing to call it with.
func some(do func(...*pipeline.Entry) error, list []*pipeline.Entry) error {
	if len(list) == 0 {
		return nil
	}
	return do(list...)
}

// winnersFirst returns the entries that go into software, by falling rank.
func winnersFirst(items map[*item]bool) []*pipeline.Entry {
	sorted := losersFirst(items)
	slices.Reverse(sorted)
	var list []*pipeline.Entry
	for _, it := range sorted {
		if !it.entry.SkipSW {
			list = append(list, it.entry)
		}
	}
	return list
}

// losersFirst returns items by rising rank, and within a rank the last inserted first.
func losersFirst(items map[*item]bool) []*item {
	list := make([]*item, 0, len(items))
	for it := range items {
		list = append(list, it)
	}
	slices.SortFunc(list, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.order, a.order))
	})
	return list
}
