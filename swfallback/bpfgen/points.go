package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// pointKind says what a point of the program is.
type pointKind uint8

// The kinds of points, in the order in which a packet meets them.
const (
	pointState      pointKind = iota // a parser state
	pointVerify                      // checksums after the parser
	pointNode                        // a node of a control
	pointIngressEnd                  // v1model between ingress and egress
	pointEgressEnd                   // drop or send
	pointDeparse                     // checksums and deparser

	// Points of the general form alone.
	pointBegin       // a pass through the program begins
	pointCloned      // an ingress clone, parsed
	pointReplica     // a copy for a member of a multicast group
	pointEgressClone // an egress clone
	pointEgressBegin // egress begins
)

var pointNames = [...]string{"state", "verify", "node", "after ingress", "after egress", "deparse",
	"begin", "ingress clone", "replica", "egress clone", "before egress"}

// A point is a place of the program where paths may meet again.
type point struct {
	id     int
	kind   pointKind
	state  *pipeline.ParserState
	node   pipeline.Node
	egress bool // of a node: which control it is in
	succ   []*point

	use, def set // fields read before they are written here; fields always written here
	touch    set // headers that this point mentions
	live     set // fields that may be read from here on
	touched  set // headers that may be mentioned from here on, deparser aside
}

// name says what the point is, for a reader.
func (p *point) name() string {
	switch p.kind {
	case pointState:
		return "state " + p.state.Name
	case pointNode:
		return "node " + p.node.NodeName()
	}
	return pointNames[p.kind]
}

// points is the graph of all points of a program.
type points struct {
	*index
	known                                  *Known
	all                                    []*point
	states                                 map[*pipeline.ParserState]*point
	nodes                                  map[pipeline.Node]*point
	verify, ingressEnd, egressEnd, deparse *point
	begin, cloned, replica, egressClone    *point
	egressBegin                            *point
	ingress, egress                        *pipeline.Control
	parser                                 *pipeline.Parser
	ctl                                    set // fields that decide which way a packet goes
	zero                                   set // fields of metadata that nothing ever makes other than 0
}

// newPoints makes the graph and computes what is live where.
func newPoints(x *index, known *Known) (*points, error) {
	g := &points{index: x, known: known, states: make(map[*pipeline.ParserState]*point), nodes: make(map[pipeline.Node]*point)}
	if err := g.findBlocks(); err != nil {
		return nil, err
	}
	if g.parser != nil {
		for _, s := range g.parser.States {
			g.states[s] = g.add(&point{kind: pointState, state: s})
		}
	}
	g.verify = g.add(&point{kind: pointVerify})
	g.addNodes(g.ingress, false)
	g.ingressEnd = g.add(&point{kind: pointIngressEnd})
	g.addNodes(g.egress, true)
	g.egressEnd = g.add(&point{kind: pointEgressEnd})
	g.deparse = g.add(&point{kind: pointDeparse})
	g.begin = g.add(&point{kind: pointBegin})
	g.cloned = g.add(&point{kind: pointCloned})
	g.replica = g.add(&point{kind: pointReplica})
	g.egressClone = g.add(&point{kind: pointEgressClone})
	g.egressBegin = g.add(&point{kind: pointEgressBegin})
	g.connect()
	g.ctl = newSet(len(g.fields))
	for _, p := range g.all {
		g.effects(p)
	}
	g.closeControl()
	g.findZero()
	g.solve()
	return g, nil
}

func (g *points) findBlocks() error {
	p := g.prog
	if p.Arch != "v1model" && p.Arch != "" {
		return &UnsupportedError{What: "architecture " + p.Arch}
	}
	for _, c := range p.Controls {
		switch c.Name {
		case "ingress":
			g.ingress = c
		case "egress":
			g.egress = c
		}
	}
	if g.ingress == nil || g.egress == nil {
		return &UnsupportedError{What: "program without ingress and egress"}
	}
	if len(p.Parsers) > 1 || len(p.Deparsers) > 1 {
		return &UnsupportedError{What: "program with several parsers"}
	}
	if len(p.Parsers) == 1 {
		g.parser = p.Parsers[0]
	}
	return nil
}

func (g *points) add(p *point) *point {
	n := len(g.fields)
	h := len(g.prog.Headers)
	p.id = len(g.all)
	p.use, p.def, p.live = newSet(n), newSet(n), newSet(n)
	p.touch, p.touched = newSet(h), newSet(h)
	g.all = append(g.all, p)
	return p
}

func (g *points) addNodes(c *pipeline.Control, egress bool) {
	add := func(n pipeline.Node) { g.nodes[n] = g.add(&point{kind: pointNode, node: n, egress: egress}) }
	for _, t := range c.Tables {
		add(t)
	}
	for _, n := range c.Conditionals {
		add(n)
	}
	for _, n := range c.Calls {
		add(n)
	}
}

// next returns the point of a node's successor.
func (g *points) next(n pipeline.Node, egress bool) *point {
	if p, ok := g.nodes[n]; ok && n != nil {
		return p
	}
	if egress {
		return g.egressEnd
	}
	return g.ingressEnd
}

// nextState returns the point of a parser state's successor.
func (g *points) nextState(s *pipeline.ParserState) *point {
	if s == nil {
		return g.verify
	}
	return g.states[s]
}

// startPoint is where a packet starts.
func (g *points) startPoint() *point {
	if g.parser != nil && g.parser.Start != nil {
		return g.states[g.parser.Start]
	}
	return g.verify
}

// connect fills in the successors.
func (g *points) connect() {
	for _, p := range g.all {
		switch p.kind {
		case pointState:
			p.succ = append(p.succ, g.verify) // an error ends parsing
			for _, t := range p.state.Next {
				p.succ = append(p.succ, g.nextState(t.Next))
			}
		case pointVerify:
			p.succ = []*point{g.next(g.ingress.Start, false), g.cloned}
		case pointNode:
			g.connectNode(p)
		case pointIngressEnd:
			p.succ = []*point{g.next(g.egress.Start, true), g.egressBegin}
		case pointEgressEnd:
			p.succ = []*point{g.deparse}
		case pointBegin:
			p.succ = []*point{g.startPoint()}
		case pointCloned, pointReplica, pointEgressClone:
			p.succ = []*point{g.egressBegin}
		case pointEgressBegin:
			p.succ = []*point{g.next(g.egress.Start, true)}
		}
	}
}

func (g *points) connectNode(p *point) {
	to := func(n pipeline.Node) { p.succ = append(p.succ, g.next(n, p.egress)) }
	to(nil) // exit
	switch n := p.node.(type) {
	case *pipeline.Table:
		if n.ByHit {
			to(n.HitNext)
			to(n.MissNext)
		}
		for _, m := range n.Next {
			to(m)
		}
		to(n.EmptyNext)
	case *pipeline.Conditional:
		to(n.Then)
		to(n.Else)
	case *pipeline.ActionCallNode:
		to(n.Next)
	}
}

// solve propagates liveness backwards until nothing changes.
func (g *points) solve() {
	for changed := true; changed; {
		changed = false
		for i := len(g.all) - 1; i >= 0; i-- {
			p := g.all[i]
			if p.live.join(p.use, nil) {
				changed = true
			}
			if p.touched.join(p.touch, nil) {
				changed = true
			}
			for _, s := range p.succ {
				if p.live.join(s.live, p.def) {
					changed = true
				}
				if p.touched.join(s.touched, nil) {
					changed = true
				}
			}
		}
	}
}
