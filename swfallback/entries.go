package swfallback

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Insert adds entries, all or none. Many entries in one call are much faster than one by one. The errors are those
// of firmware/pipeline, with the table's name: ErrExists, ErrTableFull, ErrImmutable, ErrBadMatch, ...
func (f *Fallback) Insert(entries ...*pipeline.Entry) error {
	return f.change("insert", checkWhole, entries, insertChecked)
}

// Modify replaces action, data and time-out of the entries with the same match and priority, all or none; their
// counters go on. ErrNotFound: there is no such entry.
func (f *Fallback) Modify(entries ...*pipeline.Entry) error {
	return f.change("modify", checkWhole, entries, checked(store.modify))
}

// Delete removes entries by match and priority, all or none; what else the entries say is not looked at.
// ErrNotFound: there is no such entry.
func (f *Fallback) Delete(entries ...*pipeline.Entry) error {
	return f.change("delete", checkIdentity, entries, checked(store.remove))
}

// checker reports what is wrong with an entry for a pipeline, but for its match where that is known to be right.
type checker func(g *generation, e *pipeline.Entry, matched bool) error

// entryCheck is a checker for one pipeline.
type entryCheck = func(e *pipeline.Entry, matched bool) error

// checkWhole is CheckEntry, and checks that the member or group that the entry refers to exists.
func checkWhole(g *generation, e *pipeline.Entry, matched bool) error {
	check := pipeline.CheckEntry
	if matched {
		check = pipeline.CheckRest
	}
	if err := check(e); err != nil {
		return err
	}
	return g.checkReference(e)
}

// checkIdentity is CheckEntry without the action.
func checkIdentity(_ *generation, e *pipeline.Entry, _ bool) error {
	if e == nil || e.Table == nil {
		return pipeline.ErrNoTable
	}
	if len(e.Match) != len(e.Table.Keys) || len(e.Match) == 0 {
		return fmt.Errorf("table %s: %d matches for a key of %d components: %w",
			e.Table.Name, len(e.Match), len(e.Table.Keys), pipeline.ErrBadMatch)
	}
	return nil
}

// preparer checks entries of one table and makes the edit of their store.
type preparer func(store, []*pipeline.Entry, entryCheck) (edit, error)

// checked checks all entries and then prepares.
func checked(prepare func(store, []*pipeline.Entry) (edit, error)) preparer {
	return func(s store, entries []*pipeline.Entry, check entryCheck) (edit, error) {
		if err := checkAll(entries, check); err != nil {
			return edit{}, err
		}
		return prepare(s, entries)
	}
}

func checkAll(entries []*pipeline.Entry, check entryCheck) error {
	for _, e := range entries {
		if err := check(e, false); err != nil {
			return err
		}
	}
	return nil
}

// insertChecked is checked(store.insert), and in an arena checks each entry when it is written: many entries are more
// than what caches hold, and would have to be fetched twice.
func insertChecked(s store, entries []*pipeline.Entry, check entryCheck) (edit, error) {
	if a, ok := s.(*arenaStore); ok {
		return a.insertChecked(entries, check)
	}
	return checked(store.insert)(s, entries, check)
}

// change makes an edit of every table that the entries are for and commits them.
func (f *Fallback) change(verb string, check checker, entries []*pipeline.Entry, prepare preparer) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: %s entries: %w", verb, err)
	}
	defer leave()
	if err := f.gen.change(check, entries, prepare); err != nil {
		return fmt.Errorf("swfallback: %s entries: %w", verb, err)
	}
	return nil
}

func (g *generation) change(check checker, entries []*pipeline.Entry, prepare preparer) error {
	groups, err := g.byTable(entries)
	if err != nil {
		return err
	}
	edits := make([]edit, 0, len(groups))
	for _, group := range groups {
		var wrong error // what check has found; it names the table
		e, err := prepare(g.stores[group[0].Table.Index], group, func(e *pipeline.Entry, matched bool) error {
			wrong = check(g, e, matched)
			return wrong
		})
		if err != nil {
			cancel(edits)
			if wrong != nil {
				return wrong
			}
			return fmt.Errorf("table %s: %w", group[0].Table.Name, err)
		}
		edits = append(edits, named(e, group[0].Table.Name))
	}
	for _, group := range groups {
		g.outdate(group[0].Table)
	}
	return commit(edits)
}

// named puts the table's name in front of the errors of an edit.
func named(e edit, table string) edit {
	apply := e.apply
	e.apply = func() error {
		if err := apply(); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		return nil
	}
	return e
}

// byTable groups entries by table, in the order in which the tables come first, and checks that those take entries.
func (g *generation) byTable(entries []*pipeline.Entry) ([][]*pipeline.Entry, error) {
	if len(entries) > 0 && allOf(entries) { // one table, as nearly always: no copy
		return [][]*pipeline.Entry{entries}, g.checkMutable(entries[0].Table)
	}
	place := make(map[*pipeline.Table]int)
	var groups [][]*pipeline.Entry
	for _, e := range entries {
		if e == nil {
			return nil, pipeline.ErrNoTable
		}
		at, known := place[e.Table]
		if !known {
			if err := g.checkMutable(e.Table); err != nil {
				return nil, err
			}
			at = len(groups)
			place[e.Table] = at
			groups = append(groups, nil)
		}
		groups[at] = append(groups[at], e)
	}
	return groups, nil
}

// allOf reports whether all entries are for one table.
func allOf(entries []*pipeline.Entry) bool {
	for _, e := range entries {
		if e == nil || e.Table != entries[0].Table {
			return false
		}
	}
	return true
}

// checkMutable checks that a table takes entries at run time.
func (g *generation) checkMutable(t *pipeline.Table) error {
	s, err := g.table(t)
	switch {
	case err != nil:
		return err
	case t.Immutable:
		return fmt.Errorf("table %s: %w", t.Name, pipeline.ErrImmutable)
	case s == nil:
		return fmt.Errorf("table %s has no room for entries: %w", t.Name, pipeline.ErrTableFull)
	}
	return nil
}

// Entries returns the entries of a table, those of the program included, in no particular order, with the counts
// of their direct counter summed over all CPUs. The caller owns what is returned.
func (f *Fallback) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: list entries: %w", err)
	}
	defer leave()
	states, err := f.gen.entries(t)
	if err != nil {
		return nil, fmt.Errorf("swfallback: list entries: %w", err)
	}
	return states, nil
}

func (g *generation) entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	s, err := g.table(t)
	if err != nil || s == nil {
		return nil, err
	}
	list, slots, err := s.entries()
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	states := make([]pipeline.EntryState, len(list))
	for i, e := range list {
		states[i].Entry = e
	}
	if c := s.table().counter; c != nil {
		counts, err := c.read(slots)
		if err != nil {
			return nil, fmt.Errorf("counter of table %s: %w", t.Name, err)
		}
		for i := range states {
			states[i].Count = counts[i]
		}
	}
	if m := s.table().hit; m != nil {
		if err := readIdle(m, slots, states); err != nil {
			return nil, fmt.Errorf("hits of table %s: %w", t.Name, err)
		}
	}
	return states, nil
}

// Flush removes all entries of a table; those of the program cannot be removed: ErrImmutable.
func (f *Fallback) Flush(t *pipeline.Table) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: flush table: %w", err)
	}
	defer leave()
	s, err := f.gen.table(t)
	switch {
	case err != nil:
		return fmt.Errorf("swfallback: flush table: %w", err)
	case t.Immutable:
		return fmt.Errorf("swfallback: flush table %s: %w", t.Name, pipeline.ErrImmutable)
	case s == nil:
		return nil
	}
	list, _, err := s.entries()
	if err == nil && len(list) > 0 {
		err = f.gen.change(checkIdentity, list, checked(store.remove))
	}
	if err != nil {
		return fmt.Errorf("swfallback: flush table %s: %w", t.Name, err)
	}
	return nil
}

// SetDefault sets what a miss runs; nil: what the program says. ErrImmutable: the program's default action, or its
// data, is constant.
func (f *Fallback) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: set default action: %w", err)
	}
	defer leave()
	if err := f.gen.setDefault(t, call); err != nil {
		return fmt.Errorf("swfallback: set default action: %w", err)
	}
	return nil
}

func (g *generation) setDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	layout, err := g.layout(t)
	if err != nil {
		return err
	}
	if err := pipeline.CheckDefault(t, call); err != nil {
		return err
	}
	if layout == nil || layout.DefaultMap == "" {
		if call == nil {
			return nil
		}
		return fmt.Errorf("table %s: default action: %w", t.Name, pipeline.ErrImmutable)
	}
	value, err := layout.AppendDefault(nil, call)
	if err != nil {
		return err
	}
	m, err := g.dp.Map(layout.DefaultMap)
	if err != nil {
		return err
	}
	g.outdate(t)
	if err := m.Update(uint32(0), value, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("table %s: write default action: %w", t.Name, err)
	}
	return nil
}

// Default returns what a miss runs; nil: nothing. The caller owns what is returned.
func (f *Fallback) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: read default action: %w", err)
	}
	defer leave()
	call, err := f.gen.changedDefault(t)
	if err != nil {
		return nil, fmt.Errorf("swfallback: read default action: %w", err)
	}
	if call == nil {
		call = cloneCall(t.Default)
	}
	return call, nil
}

// changedDefault returns the default action that was set; nil: it is the program's own.
func (g *generation) changedDefault(t *pipeline.Table) (*pipeline.ActionCall, error) {
	layout, err := g.layout(t)
	if err != nil || layout == nil || layout.DefaultMap == "" {
		return nil, err
	}
	m, err := g.dp.Map(layout.DefaultMap)
	if err != nil {
		return nil, err
	}
	value, err := m.LookupBytes(uint32(0))
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return layout.DecodeDefault(value)
}
