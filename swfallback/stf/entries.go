package stf

import (
	"fmt"
	"math"
	"strconv"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// handles are BMv2's numbers for a table's entries: the smallest that is free. An element that is free is nil.
type handles []*pipeline.Entry

func (r *runner) insert(e *pipeline.Entry) error {
	if err := r.target.Insert(e); err != nil {
		return err
	}
	h := r.handles[e.Table]
	for i := range h {
		if h[i] == nil {
			h[i] = e
			return nil
		}
	}
	r.handles[e.Table] = append(h, e)
	return nil
}

func (r *runner) handle(t *pipeline.Table, text string) (int, error) {
	i, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("handle %q: not a number", text)
	}
	if h := r.handles[t]; i < 0 || i >= len(h) || h[i] == nil {
		return 0, fmt.Errorf("handle %d of table %s: %w", i, t.Name, pipeline.ErrNotFound)
	}
	return i, nil
}

func (r *runner) entryByHandle(t *pipeline.Table, text string) (*pipeline.Entry, error) {
	i, err := r.handle(t, text)
	if err != nil {
		return nil, err
	}
	return r.handles[t][i], nil
}

func (r *runner) add(s *Add) error {
	t, err := r.table(s.Table)
	if err != nil {
		return err
	}
	e := &pipeline.Entry{Table: t}
	if e.Match, err = stfKey(t, s.Match); err != nil {
		return err
	}
	if t.NeedsPriority() {
		e.Priority = 1
		if s.Priority != nil {
			if *s.Priority < 0 || *s.Priority >= math.MaxInt32 {
				return fmt.Errorf("priority %d: %w", *s.Priority, pipeline.ErrBadRange)
			}
			e.Priority = int32(*s.Priority) + 1 // 0 is a priority in STF, and none in the model
		}
	}
	if e.Call, err = s.Call.call(t); err != nil {
		return err
	}
	if err := r.insert(e); err != nil {
		return err
	}
	if s.Label != "" {
		r.labels[s.Label] = e
	}
	return nil
}

// stfKey makes the key of an add: what it does not name matches anything, or 0 where it is exact.
func stfKey(t *pipeline.Table, pairs []Pair) ([]pipeline.Match, error) {
	out := make([]pipeline.Match, len(t.Keys))
	for i, k := range t.Keys {
		m, ok := pipeline.AnyMatch(k)
		if !ok {
			m.Value = make([]byte, (k.Width+7)/8)
		}
		out[i] = m
	}
	for _, p := range pairs {
		k, err := key(t, p.Name)
		if err != nil {
			return nil, err
		}
		if out[k.Index], err = stfMatch(k, p.Value); err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
	}
	return out, nil
}

func (r *runner) setDefault(s *SetDefault) error {
	t, err := r.table(s.Table)
	if err != nil {
		return err
	}
	call, err := s.Call.call(t)
	if err != nil {
		return err
	}
	return r.target.SetDefault(t, call)
}

func (r *runner) removeAll() error {
	for _, t := range r.program.Tables {
		if t.Immutable || t.Hidden {
			continue
		}
		if err := r.clear(t); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) clear(t *pipeline.Table) error {
	states, err := r.target.Entries(t)
	if err != nil {
		return err
	}
	var all []*pipeline.Entry
	for _, s := range states {
		all = append(all, s.Entry)
	}
	delete(r.handles, t)
	return r.target.Delete(all...)
}
