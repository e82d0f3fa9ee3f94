package swfallback

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ruleStore holds the entries of a table that is searched by priority: its map has one element, an inner map with
// all rules, which is built aside and exchanged.
type ruleStore struct {
	*tableState
	rules []rule
}

// rule is an entry with its place.
type rule struct {
	entry *pipeline.Entry
	slot  uint32
	key   string // pipeline.EntryKey
}

// refresh reads the inner map when another process has changed it, or nothing has been read yet.
func (s *ruleStore) refresh() error {
	state, fresh, err := s.fresh()
	if err != nil || fresh {
		return err
	}
	s.forget()
	entries, taken, err := s.read()
	if err != nil {
		return err
	}
	s.rules = s.rules[:0]
	for i, e := range entries {
		s.rules = append(s.rules, rule{e, taken[i], pipeline.EntryKey(e)})
	}
	if s.slotted() {
		s.slots.recover(taken, uint32(state.High))
	}
	s.version, s.loaded = state.Version, true
	return nil
}

// read decodes the inner map.
func (s *ruleStore) read() ([]*pipeline.Entry, []uint32, error) {
	values, err := innerValues(s.entry)
	if err != nil {
		return nil, nil, err
	}
	return s.layout.DecodeClassifier(values)
}

func (s *ruleStore) count() (int, error) {
	err := s.refresh()
	return len(s.rules), err
}

func (s *ruleStore) entries() ([]*pipeline.Entry, []uint32, error) {
	if err := s.refresh(); err != nil {
		return nil, nil, err
	}
	// What is in memory belongs to the store: the caller gets entries of its own.
	return s.read()
}

// find returns the place of the rule with a key, -1 when there is none.
func (s *ruleStore) find(key string) int {
	return slices.IndexFunc(s.rules, func(r rule) bool { return r.key == key })
}

func (s *ruleStore) slotOf(e *pipeline.Entry) (uint32, error) {
	if err := s.refresh(); err != nil {
		return 0, err
	}
	at := s.find(pipeline.EntryKey(e))
	if at < 0 {
		return 0, pipeline.ErrNotFound
	}
	return s.rules[at].slot, nil
}

// swap returns the edit that puts other rules in the place of the present ones.
func (s *ruleStore) swap(next []rule, taken []uint32, used int) edit {
	var before []rule
	return edit{
		apply: func() error {
			before = s.rules
			err := s.bump()
			if err == nil {
				err = s.prepareSlots(taken, used)
			}
			if err == nil {
				err = s.put(next)
			}
			if err != nil {
				s.forget()
			}
			return s.explain(err)
		},
		undo: func() error {
			s.forget()
			return s.put(before)
		},
	}
}

// put builds an inner map and exchanges it. Packets see the rules before or after, all of them.
func (s *ruleStore) put(rules []rule) error {
	entries, taken := make([]*pipeline.Entry, len(rules)), make([]uint32, len(rules))
	for i, r := range rules {
		entries[i], taken[i] = r.entry, r.slot
	}
	spec, err := s.layout.BuildClassifier(entries, taken)
	if err != nil {
		return err
	}
	if err := exchange(s.entry, spec); err != nil {
		return err
	}
	s.rules = rules
	return nil
}

func (s *ruleStore) insert(entries []*pipeline.Entry) (edit, error) {
	if err := s.refresh(); err != nil {
		return edit{}, err
	}
	if len(s.rules)+len(entries) > s.size {
		return edit{}, s.full()
	}
	known := make(map[string]bool, len(s.rules))
	for _, r := range s.rules {
		known[r.key] = true
	}
	next := slices.Clone(s.rules)
	for _, e := range entries {
		key := pipeline.EntryKey(e)
		if known[key] {
			return edit{}, pipeline.ErrExists
		}
		known[key] = true
		next = append(next, rule{entry: cloneEntry(e), key: key})
	}
	taken, used, err := s.take(len(entries))
	if err != nil {
		return edit{}, err
	}
	for i := range taken {
		next[len(s.rules)+i].slot = taken[i]
	}
	e := s.swap(next, taken, used)
	e.cancel = func() { s.giveBack(taken) }
	return e, nil
}

func (s *ruleStore) modify(entries []*pipeline.Entry) (edit, error) {
	if err := s.refresh(); err != nil {
		return edit{}, err
	}
	next := slices.Clone(s.rules)
	var touched []uint32
	for _, e := range entries {
		key := pipeline.EntryKey(e)
		at := s.find(key)
		if at < 0 {
			return edit{}, pipeline.ErrNotFound
		}
		next[at].entry = cloneEntry(e)
		touched = append(touched, next[at].slot)
	}
	return s.swap(next, touched, 0), nil
}

func (s *ruleStore) remove(entries []*pipeline.Entry) (edit, error) {
	if err := s.refresh(); err != nil {
		return edit{}, err
	}
	gone := make(map[string]bool, len(entries))
	for _, e := range entries {
		key := pipeline.EntryKey(e)
		if s.find(key) < 0 {
			return edit{}, pipeline.ErrNotFound
		}
		gone[key] = true
	}
	next := make([]rule, 0, len(s.rules))
	var freed []uint32
	for _, r := range s.rules {
		if gone[r.key] {
			freed = append(freed, r.slot)
			continue
		}
		next = append(next, r)
	}
	e := s.swap(next, nil, 0)
	apply := e.apply
	e.apply = func() error {
		err := apply()
		if err == nil {
			s.giveBack(freed)
		}
		return err
	}
	return e, nil
}
