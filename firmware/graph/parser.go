package graph

import (
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// FromParser makes the graph of a P4 parser: a node for the start, one for each state in the parser's order,
// then accept, and reject where a packet can get there. A state without a default transition rejects what
// nothing matches.
func FromParser(p *pipeline.Parser) *Graph {
	g := &Graph{Name: p.Name, Nodes: []Node{{Kind: Start, Name: "start"}}}
	for _, st := range p.States {
		g.Nodes = append(g.Nodes, stateNode(st))
	}
	b := &builder{graph: g, accept: len(g.Nodes), reject: -1}
	g.Nodes = append(g.Nodes, Node{Kind: Accept, Name: "accept"})
	b.edge(0, b.target(p.Start), "")
	for i, st := range p.States {
		b.transitions(1+i, st)
	}
	return g
}

// builder adds the edges.
type builder struct {
	graph  *Graph
	accept int
	reject int // -1 until something leads there
}

// target returns the node of a state; nil is accept.
func (b *builder) target(st *pipeline.ParserState) int {
	if st == nil {
		return b.accept
	}
	return 1 + st.Index
}

func (b *builder) edge(from, to int, label string) {
	b.graph.Edges = append(b.graph.Edges, Edge{From: from, To: to, Label: label})
}

func (b *builder) toReject(from int, label string) {
	if b.reject < 0 {
		b.reject = len(b.graph.Nodes)
		b.graph.Nodes = append(b.graph.Nodes, Node{Kind: Reject, Name: "reject"})
	}
	b.edge(from, b.reject, label)
}

func (b *builder) transitions(from int, st *pipeline.ParserState) {
	if st.HasReject {
		b.toReject(from, "")
		return
	}
	complete := false
	for i := range st.Next {
		tr := &st.Next[i]
		label := pipeline.TransitionLabel(st, tr)
		if tr.Kind == pipeline.TransitionDefault {
			complete = true
			if len(st.Next) == 1 {
				label = ""
			}
		}
		b.edge(from, b.target(tr.Next), label)
	}
	if !complete {
		b.toReject(from, "no match")
	}
}

// stateNode describes what a state does.
func stateNode(st *pipeline.ParserState) Node {
	n := Node{Name: st.Name}
	for _, p := range st.Body {
		n.Rows = append(n.Rows, operation(p))
	}
	var keys []string
	for _, k := range st.Key {
		keys = append(keys, pipeline.ExprString(k.Expr))
	}
	n.Select = strings.Join(keys, ", ")
	return n
}

// operation writes one operation of a state. Extracts get the size of what they read.
func operation(p pipeline.Primitive) string {
	if p.Op != pipeline.OpExtract && p.Op != pipeline.OpExtractVar || len(p.Args) == 0 {
		return p.String()
	}
	name, typ := extracted(p.Args[0])
	if typ == nil {
		return p.String()
	}
	if typ.Var != nil {
		return fmt.Sprintf("extract %s (%s, %d bytes at most)", name, size(typ.Width), typ.MaxBytes)
	}
	return fmt.Sprintf("extract %s (%s)", name, size(typ.Width))
}

// extracted returns the name and type of what an extract reads.
func extracted(x pipeline.Expr) (string, *pipeline.HeaderType) {
	switch x := x.(type) {
	case *pipeline.HeaderRef:
		return x.Header.Name, x.Header.Type
	case *pipeline.StackRef:
		return x.Stack.Name + ".next", x.Stack.Type
	case *pipeline.UnionStackRef:
		if members := x.Stack.Type.Members; x.Member >= 0 && x.Member < len(members) {
			return pipeline.ExprString(x), members[x.Member].Type
		}
	}
	return "", nil
}

// size writes a number of bits, in bytes where it is whole ones.
func size(bits int) string {
	if bits%8 != 0 {
		return fmt.Sprintf("%d bits", bits)
	}
	if bits == 8 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", bits/8)
}
