package interp

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// node is a step of a control block: *table, *conditional or *actionCall; nil is the block's end.
type node interface{ apply(*packet) node }

// conditional is P4_16's if.
type conditional struct {
	model     *pipeline.Conditional
	cond      test
	then, els node
}

func (n *conditional) apply(p *packet) node {
	holds := n.cond(p)
	if p.traced() {
		p.trace(Branch{n.model, holds})
	}
	if holds {
		return n.then
	}
	return n.els
}

// actionCall runs an action without a table.
type actionCall struct {
	action *action
	next   node
}

func (n *actionCall) apply(p *packet) node {
	n.action.run(p, nil)
	return n.next
}

// control is a control block: ingress or egress.
type control struct {
	model *pipeline.Control
	start node
}

// run runs the block until its end or an exit (P4_16, "Exit statement").
func (b *control) run(p *packet) {
	for n := b.start; n != nil && !p.exit && p.failure == nil; {
		n = n.apply(p)
	}
	p.exit = false
	p.traceChanges()
}

// linker finds the compiled node of a node of the model.
type linker struct {
	tables []*table // by Table.Index
	conds  []*conditional
	calls  []*actionCall
}

func (l *linker) node(m pipeline.Node) (node, error) {
	switch m := m.(type) {
	case nil:
		return nil, nil
	case *pipeline.Table:
		if m == nil {
			return nil, nil
		}
		if err := within("table", m.Index, l.tables); err != nil {
			return nil, err
		}
		return l.tables[m.Index], nil
	case *pipeline.Conditional:
		if m == nil {
			return nil, nil
		}
		if err := within("conditional", m.Index, l.conds); err != nil {
			return nil, err
		}
		return l.conds[m.Index], nil
	case *pipeline.ActionCallNode:
		if m == nil {
			return nil, nil
		}
		if err := within("action call", m.Index, l.calls); err != nil {
			return nil, err
		}
		return l.calls[m.Index], nil
	}
	return nil, fmt.Errorf("link %T: not a node", m)
}

// control compiles the nodes of a block and links them.
func (c *compiler) control(m *pipeline.Control) (*control, error) {
	l := &linker{tables: c.sw.tables}
	for _, n := range m.Conditionals {
		cond, err := c.test(n.If)
		if err != nil {
			return nil, fmt.Errorf("compile condition %s: %w", n.Name, err)
		}
		l.conds = append(l.conds, &conditional{model: n, cond: cond})
	}
	for _, n := range m.Calls {
		a, err := c.actionOf(n.Action)
		if err != nil {
			return nil, fmt.Errorf("compile call %s: %w", n.Name, err)
		}
		l.calls = append(l.calls, &actionCall{action: a})
	}
	if err := c.link(m, l); err != nil {
		return nil, fmt.Errorf("link control %s: %w", m.Name, err)
	}
	start, err := l.node(m.Start)
	return &control{m, start}, err
}

func (c *compiler) actionOf(a *pipeline.Action) (*action, error) {
	if a == nil {
		return nil, fmt.Errorf("resolve action: %w", errNilReference)
	}
	if err := within("action", a.Index, c.sw.actions); err != nil {
		return nil, err
	}
	return c.sw.actions[a.Index], nil
}

func (c *compiler) link(m *pipeline.Control, l *linker) error {
	var err error
	for i, n := range m.Conditionals {
		if l.conds[i].then, err = l.node(n.Then); err != nil {
			return err
		}
		if l.conds[i].els, err = l.node(n.Else); err != nil {
			return err
		}
	}
	for i, n := range m.Calls {
		if l.calls[i].next, err = l.node(n.Next); err != nil {
			return err
		}
	}
	for _, t := range m.Tables {
		if err := c.linkTable(c.sw.tables[t.Index], l); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return nil
}

func (c *compiler) linkTable(t *table, l *linker) error {
	var err error
	if t.hitNext, err = l.node(t.model.HitNext); err != nil {
		return err
	}
	if t.missNext, err = l.node(t.model.MissNext); err != nil {
		return err
	}
	if t.emptyNext, err = l.node(t.model.EmptyNext); err != nil {
		return err
	}
	if t.model.ByHit {
		return nil
	}
	if len(t.model.Next) != len(t.model.Actions) {
		return fmt.Errorf("%d successors for %d actions", len(t.model.Next), len(t.model.Actions))
	}
	t.nextOf = make([]node, len(c.sw.actions))
	for i, a := range t.model.Actions {
		next, err := l.node(t.model.Next[i])
		if err != nil {
			return err
		}
		// Actions of one name may exist once per table; a member of a shared profile has one of them.
		for _, other := range c.sw.actions {
			if other.model == a || other.model.Name == a.Name && t.nextOf[other.model.Index] == nil {
				t.nextOf[other.model.Index] = next
			}
		}
	}
	return nil
}
