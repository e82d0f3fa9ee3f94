package offload

import (
	"context"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// pins returns the entries that live in hardware only.
func (m *Manager) pins(ctx context.Context) ([]*pipeline.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*pipeline.Entry
	if !m.gate.Open() {
		return nil, nil
	}
	err := m.eachTable(ctx, "read", func(t *pipeline.Table) error {
		v, err := m.look(t)
		if err != nil {
			return err
		}
		for _, it := range v.items {
			if it.entry.SkipSW {
				list = append(list, it.entry)
			}
		}
		return nil
	})
	return list, err
}

// restorePins gives the device its pinned entries back, as far as the program that it runs now has a place for
// them. Those that it has not are told of.
func (l *loader) restorePins(m *Manager) {
	if !m.Gate().Open() {
		return
	}
	for _, e := range l.pins {
		next, err := translate(m.program, e)
		if err == nil {
			err = m.Insert(next)
		}
		if err != nil {
			l.Observe(Trouble{"an entry of " + e.Table.Name + " with skip_sw is lost", err})
		}
	}
	l.pins = nil
}

// translate returns an entry of one program as one of another, which has a table of the same name and key and an
// action of the same name and parameters.
func translate(p *pipeline.Program, e *pipeline.Entry) (*pipeline.Entry, error) {
	t, err := p.TableByName(e.Table.Name)
	if err != nil {
		return nil, err
	}
	for i, k := range t.Keys {
		if i >= len(e.Table.Keys) || e.Table.Keys[i].Name != k.Name || e.Table.Keys[i].Kind != k.Kind {
			return nil, fmt.Errorf("table %s has another key: %w", t.Name, pipeline.ErrBadMatch)
		}
	}
	next := *e
	next.Table = t
	if e.Call != nil {
		a, err := t.ActionByName(e.Call.Action.Name)
		if err != nil {
			return nil, err
		}
		next.Call = &pipeline.ActionCall{Action: a, Args: e.Call.Args}
	}
	return &next, pipeline.CheckEntry(&next)
}
