package interp

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Insert adds entries, all or none. Errors are those of firmware/pipeline: ErrExists, ErrTableFull,
// ErrImmutable, ErrBadMatch, ErrNotFound for a member or group that does not exist, ...
func (sw *Switch) Insert(entries ...*pipeline.Entry) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	for i, e := range entries {
		err := sw.checkMutable(e)
		if err == nil {
			err = sw.insert(e)
		}
		if err != nil {
			for _, done := range entries[:i] {
				sw.remove(done)
			}
			return fmt.Errorf("interp: insert entry: %w", err)
		}
	}
	return nil
}

// Modify replaces action, data and time-out of the entries with the same match and priority, all or none;
// their counters and meters stay. ErrNotFound: there is no such entry.
func (sw *Switch) Modify(entries ...*pipeline.Entry) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	next := make([]*entry, len(entries))
	for i, e := range entries {
		err := sw.checkMutable(e)
		if err == nil {
			_, _, err = sw.heldEntry(e)
		}
		if err == nil {
			next[i], err = sw.newEntry(e)
		}
		if err != nil {
			return fmt.Errorf("interp: modify entry: %w", err)
		}
	}
	for i, e := range entries {
		_, held, _ := sw.heldEntry(e)
		held.use(-1)
		held.model, held.call, held.mbr, held.grp = next[i].model, next[i].call, next[i].mbr, next[i].grp
		held.lastHit, held.reported = next[i].lastHit, false
		held.use(1)
	}
	return nil
}

// Delete removes entries by match and priority, all or none. ErrNotFound: there is no such entry.
func (sw *Switch) Delete(entries ...*pipeline.Entry) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	for _, e := range entries {
		err := sw.checkMutable(e)
		if err == nil {
			_, _, err = sw.heldEntry(e)
		}
		if err != nil {
			return fmt.Errorf("interp: delete entry: %w", err)
		}
	}
	for _, e := range entries {
		sw.remove(e)
	}
	return nil
}

// Entries returns the entries of a table, those of the program included, in the order of their insertion.
// What is returned is a copy.
func (sw *Switch) Entries(m *pipeline.Table) ([]pipeline.EntryState, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	t, err := sw.tableOf(m)
	if err != nil {
		return nil, fmt.Errorf("interp: list entries: %w", err)
	}
	held := slices.SortedFunc(maps.Values(t.entries), func(a, b *entry) int { return cmp.Compare(a.order, b.order) })
	out := make([]pipeline.EntryState, 0, len(held))
	for _, e := range held {
		s := pipeline.EntryState{Entry: cloneEntry(e.model), Count: e.count}
		if t.model.SupportTimeout {
			s.IdleFor = sw.opts.Now().Sub(e.lastHit)
		}
		out = append(out, s)
	}
	return out, nil
}

// SetDefault sets what a miss runs; nil: what the program says. ErrImmutable: the program's default action is
// constant.
func (sw *Switch) SetDefault(m *pipeline.Table, call *pipeline.ActionCall) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	t, err := sw.tableOf(m)
	if err != nil {
		return fmt.Errorf("interp: set default action: %w", err)
	}
	if call == nil {
		t.def, err = sw.defaultCall(m)
		t.defaultSet = false
		return err
	}
	if err := pipeline.CheckDefault(m, call); err != nil {
		return fmt.Errorf("interp: set default action: %w", err)
	}
	c, err := sw.newCall(call)
	if err != nil {
		return fmt.Errorf("interp: set default action of table %s: %w", m.Name, err)
	}
	t.def, t.defaultSet = c, true
	return nil
}

// Default returns what a miss runs; nil: nothing.
func (sw *Switch) Default(m *pipeline.Table) (*pipeline.ActionCall, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	t, err := sw.tableOf(m)
	if err != nil {
		return nil, fmt.Errorf("interp: read default action: %w", err)
	}
	if t.def == nil {
		return nil, nil
	}
	return cloneCall(t.def.model), nil
}

func (sw *Switch) tableOf(m *pipeline.Table) (*table, error) {
	if m == nil || m.Index < 0 || m.Index >= len(sw.tables) || sw.tables[m.Index].model != m {
		return nil, pipeline.ErrNoTable
	}
	return sw.tables[m.Index], nil
}

// checkMutable: tables with entries of the program take no others at run time, as in BMv2.
func (sw *Switch) checkMutable(e *pipeline.Entry) error {
	if e == nil {
		return pipeline.ErrNoTable
	}
	t, err := sw.tableOf(e.Table)
	if err == nil && t.model.Immutable {
		err = fmt.Errorf("table %s: %w", t.model.Name, pipeline.ErrImmutable)
	}
	return err
}

// insert adds one entry, of the program or of the control plane.
func (sw *Switch) insert(m *pipeline.Entry) error {
	t, err := sw.tableOf(m.Table)
	if err != nil {
		return err
	}
	e, err := sw.newEntry(m)
	if err != nil {
		return err
	}
	id := pipeline.EntryKey(m)
	switch {
	case t.entries[id] != nil:
		return fmt.Errorf("table %s: %w", t.model.Name, pipeline.ErrExists)
	case t.model.Size > 0 && len(t.entries) >= t.model.Size && m.Source == (pipeline.Source{}):
		return fmt.Errorf("table %s: %w", t.model.Name, pipeline.ErrTableFull)
	}
	sw.inserted++
	e.order = sw.inserted
	t.entries[id] = e
	t.store.insert(e)
	e.use(1)
	return nil
}

func (sw *Switch) remove(m *pipeline.Entry) {
	t, e, err := sw.heldEntry(m)
	if err != nil {
		return
	}
	delete(t.entries, pipeline.EntryKey(m))
	t.store.remove(e)
	e.use(-1)
}

// heldEntry finds the entry with m's match and priority.
func (sw *Switch) heldEntry(m *pipeline.Entry) (*table, *entry, error) {
	t, err := sw.tableOf(m.Table)
	if err != nil {
		return nil, nil, err
	}
	if len(m.Match) != len(m.Table.Keys) {
		return nil, nil, fmt.Errorf("table %s: %d match fields: %w", t.model.Name, len(m.Match), pipeline.ErrBadMatch)
	}
	e := t.entries[pipeline.EntryKey(m)]
	if e == nil {
		return nil, nil, fmt.Errorf("table %s: %w", t.model.Name, pipeline.ErrNotFound)
	}
	return t, e, nil
}

func (e *entry) use(n int) {
	if e.mbr != nil {
		e.mbr.used += n
	}
	if e.grp != nil {
		e.grp.used += n
	}
}

func entryMatch(m *pipeline.Entry) (matchBytes, error) {
	var b matchBytes
	if len(m.Match) != len(m.Table.Keys) {
		return b, fmt.Errorf("%d match fields, want %d: %w", len(m.Match), len(m.Table.Keys), pipeline.ErrBadMatch)
	}
	for i, k := range m.Table.Keys {
		if err := b.add(k.Kind, k.Width, &m.Match[i]); err != nil {
			return b, fmt.Errorf("field %s: %w", k.Name, err)
		}
	}
	return b, nil
}

// newEntry checks an entry and compiles it.
func (sw *Switch) newEntry(m *pipeline.Entry) (*entry, error) {
	if err := pipeline.CheckEntry(m); err != nil {
		return nil, err
	}
	t := sw.tables[m.Table.Index]
	e := &entry{model: cloneEntry(m)}
	if t.model.SupportTimeout {
		e.lastHit = sw.opts.Now()
	}
	var err error
	if e.match, err = entryMatch(m); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.model.Name, err)
	}
	switch {
	case t.profile == nil:
		e.call, err = sw.newCall(e.model.Call)
	case m.Member != nil:
		if e.mbr = t.profile.members[*m.Member]; e.mbr == nil {
			err = fmt.Errorf("member %d: %w", *m.Member, pipeline.ErrNotFound)
		}
	case m.Group != nil:
		if e.grp = t.profile.groups[*m.Group]; e.grp == nil {
			err = fmt.Errorf("group %d: %w", *m.Group, pipeline.ErrNotFound)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.model.Name, err)
	}
	return e, nil
}

// newCall makes numbers of an action's arguments; the caller has checked them against the table.
func (sw *Switch) newCall(m *pipeline.ActionCall) (*call, error) {
	if m == nil || m.Action == nil || m.Action.Index < 0 || m.Action.Index >= len(sw.actions) ||
		sw.actions[m.Action.Index].model != m.Action {
		return nil, pipeline.ErrNoAction
	}
	if len(m.Args) != len(m.Action.Params) {
		return nil, fmt.Errorf("%d arguments for %s: %w", len(m.Args), m.Action.Name, pipeline.ErrBadAction)
	}
	c := &call{model: cloneCall(m), action: sw.actions[m.Action.Index]}
	for _, arg := range m.Args {
		c.args = append(c.args, bigEndian(arg))
	}
	return c, nil
}

func (sw *Switch) defaultCall(m *pipeline.Table) (*call, error) {
	if m.Default == nil {
		return nil, nil
	}
	return sw.newCall(m.Default)
}

func cloneCall(c *pipeline.ActionCall) *pipeline.ActionCall {
	if c == nil {
		return nil
	}
	out := &pipeline.ActionCall{Action: c.Action}
	for _, a := range c.Args {
		out.Args = append(out.Args, slices.Clone(a))
	}
	return out
}

func cloneEntry(e *pipeline.Entry) *pipeline.Entry {
	out := *e
	out.Match = slices.Clone(e.Match)
	for i := range out.Match {
		m := &out.Match[i]
		m.Value, m.Mask, m.High = slices.Clone(m.Value), slices.Clone(m.Mask), slices.Clone(m.High)
	}
	out.Call = cloneCall(e.Call)
	if e.Member != nil {
		id := *e.Member
		out.Member = &id
	}
	if e.Group != nil {
		id := *e.Group
		out.Group = &id
	}
	return &out
}

func sortedKeys[V any](m map[uint32]V) []uint32 { return slices.Sorted(maps.Keys(m)) }

// Sweep returns the entries that have not been hit for their time-out. Like BMv2, which sweeps once a second,
// an entry that stays idle is reported by every other sweep. Counters and entries stay as they are:
// whether an idle entry goes is the control plane's decision.
func (sw *Switch) Sweep() []*pipeline.Entry {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	now := sw.opts.Now()
	var idle []*entry
	for _, t := range sw.tables {
		if !t.model.SupportTimeout {
			continue
		}
		for _, e := range t.entries {
			if e.idle(now) && !e.reported {
				idle = append(idle, e)
				e.reported = true
				continue
			}
			e.reported = false
		}
	}
	slices.SortFunc(idle, func(a, b *entry) int { return cmp.Compare(a.order, b.order) })
	var out []*pipeline.Entry
	for _, e := range idle {
		out = append(out, cloneEntry(e.model))
	}
	return out
}

func (e *entry) idle(now time.Time) bool {
	return e.model.IdleTimeout > 0 && now.Sub(e.lastHit) >= e.model.IdleTimeout
}
