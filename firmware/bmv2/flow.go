package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// flow is the control flow of one pipeline while it is read.
type flow struct {
	imp    *importer
	nodes  map[string]pipeline.Node // tables, conditionals and calls share one space of names
	tables []*pipeline.Table
}

// next returns the node that n names; nil where n is nil, which is the end of the pipeline.
func (f *flow) next(n *node) pipeline.Node {
	return lookup(n, f.nodes, "table, conditional or action call")
}

func (f *flow) conditional(n *node, c *pipeline.Control) {
	s := &scope{imp: f.imp}
	cond := &pipeline.Conditional{
		Index:  len(c.Conditionals),
		Name:   n.member("name").text(),
		Source: n.source(),
		If:     s.operand(n.member("expression"), kindBool),
	}
	declare(n.optional("name"), f.nodes, cond.Name, pipeline.Node(cond))
	c.Conditionals = append(c.Conditionals, cond)
}

func (f *flow) conditionalNext(nodes []*node, c *pipeline.Control) {
	for i, n := range nodes {
		c.Conditionals[i].Then = f.next(n.optional("true_next"))
		c.Conditionals[i].Else = f.next(n.optional("false_next"))
	}
}

func (f *flow) call(n *node, c *pipeline.Control) {
	call := &pipeline.ActionCallNode{
		Index:  len(c.Calls),
		Name:   n.member("name").text(),
		Source: n.source(),
		Action: lookupID(n.member("action_id"), f.imp.actions, "action"),
	}
	if call.Action != nil && len(call.Action.Params) > 0 {
		n.fail(ErrArguments, "action %q takes %d, and a call has none", call.Action.Name, len(call.Action.Params))
	}
	declare(n.optional("name"), f.nodes, call.Name, pipeline.Node(call))
	c.Calls = append(c.Calls, call)
}

func (f *flow) callNext(nodes []*node, c *pipeline.Control) {
	for i, n := range nodes {
		c.Calls[i].Next = f.next(n.optional("next_node"))
	}
}

// tableNext reads what comes after a table: next_tables has either __HIT__ and __MISS__ or every action.
func (f *flow) tableNext(n *node, t *pipeline.Table) {
	t.EmptyNext = f.next(n.optional("base_default_next"))
	next := n.member("next_tables")
	obj := next.object()
	if obj == nil {
		return
	}
	_, hit := obj["__HIT__"]
	_, miss := obj["__MISS__"]
	if hit || miss {
		t.ByHit = true
		if !hit || !miss || len(obj) != 2 {
			next.fail(ErrMismatch, "__HIT__ and __MISS__ go together and alone")
		}
		t.HitNext = f.next(next.optional("__HIT__"))
		t.MissNext = f.next(next.optional("__MISS__"))
		return
	}
	for _, a := range t.Actions {
		if _, ok := obj[a.Name]; !ok {
			next.fail(ErrMissing, "nothing comes after action %q", a.Name)
		}
		t.Next = append(t.Next, f.next(next.optional(a.Name)))
	}
	if len(obj) > len(t.Actions) {
		next.fail(ErrMismatch, "%d actions, the table has %d", len(obj), len(t.Actions))
	}
}

// successors returns the nodes that may follow node, nil among them.
func successors(node pipeline.Node) []pipeline.Node {
	switch node := node.(type) {
	case *pipeline.Conditional:
		return []pipeline.Node{node.Then, node.Else}
	case *pipeline.ActionCallNode:
		return []pipeline.Node{node.Next}
	case *pipeline.Table:
		out := append([]pipeline.Node{node.EmptyNext, node.HitNext, node.MissNext}, node.Next...)
		return out
	}
	return nil
}

// findCycle reports the first cycle of the control flow, from the first node or from any that nothing leads
// to.
func (f *flow) findCycle(n *node, c *pipeline.Control) {
	const (
		open   = 1 // on the way from the root
		closed = 2 // seen, no cycle behind it
	)
	type step struct {
		node pipeline.Node
		rest []pipeline.Node
	}
	state := map[pipeline.Node]int{}
	visit := func(root pipeline.Node) bool {
		if root == nil || state[root] != 0 {
			return false
		}
		state[root] = open
		stack := []step{{root, successors(root)}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.rest) == 0 {
				state[top.node] = closed
				stack = stack[:len(stack)-1]
				continue
			}
			next := top.rest[0]
			top.rest = top.rest[1:]
			switch {
			case next == nil || state[next] == closed:
			case state[next] == open:
				n.fail(ErrCycle, "control flow comes from %q back to %q", top.node.NodeName(), next.NodeName())
				return true
			default:
				state[next] = open
				stack = append(stack, step{next, successors(next)})
			}
		}
		return false
	}
	if visit(c.Start) {
		return
	}
	for _, node := range f.ordered(c) {
		if visit(node) {
			return
		}
	}
}

// ordered returns all nodes in the order of the input.
func (f *flow) ordered(c *pipeline.Control) []pipeline.Node {
	var out []pipeline.Node
	for _, t := range f.tables {
		out = append(out, t)
	}
	for _, cond := range c.Conditionals {
		out = append(out, cond)
	}
	for _, call := range c.Calls {
		out = append(out, call)
	}
	return out
}
