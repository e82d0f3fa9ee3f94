package ddp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/firmware/graph"
)

// Graph returns the parse graph: a state for each node that a packet can get to, in the order in which they are
// reached, with the instructions that run there, how the next protocol is taken from the packet, and the headers
// that are recorded. An edge's label is the boost entry that must be hit, if any, and the next protocol.
func (p *Parser) Graph() *graph.Graph {
	b := &graphBuilder{parser: p, names: p.Names.tables(), at: map[uint16]int{}, pcs: map[uint16][]uint8{},
		out: map[uint16][]edge{}, groups: map[uint8][]*BoostEntry{}}
	b.collect()
	g := &graph.Graph{Name: direction(p.Transmit) + " parser", Nodes: []graph.Node{{Kind: graph.Start, Name: "start"}}}
	order := b.reach(p.Init[0].Node)
	for i, n := range order {
		b.at[n] = 1 + i
		g.Nodes = append(g.Nodes, b.node(n))
	}
	done := len(g.Nodes)
	g.Nodes = append(g.Nodes, graph.Node{Kind: graph.Accept, Name: "done"})
	g.Edges = append(g.Edges, graph.Edge{From: 0, To: 1})
	for _, n := range order {
		for _, e := range b.ways(n) {
			to := done
			if !e.action.Last {
				to = b.at[e.action.NextNode]
			}
			g.Edges = append(g.Edges, graph.Edge{From: b.at[n], To: to, Label: b.label(e)})
		}
	}
	return g
}

// edge is an entry of the parse graph.
type edge struct {
	key     GraphKey
	action  GraphAction
	nomatch bool
}

type graphBuilder struct {
	parser *Parser
	names  *tableNames
	at     map[uint16]int     // index of a node in the graph
	pcs    map[uint16][]uint8 // instructions that run at a node
	out    map[uint16][]edge
	groups map[uint8][]*BoostEntry // boost entries by group
}

func (b *graphBuilder) collect() {
	p := b.parser
	for _, t := range []struct {
		entries []GraphEntry
		nomatch bool
	}{{p.CAM, false}, {p.Spill, false}, {p.NoMatch, true}, {p.NoMatchSpill, true}} {
		for _, e := range t.entries {
			if e.Key.Valid {
				b.out[e.Key.Node] = append(b.out[e.Key.Node], edge{e.Key, e.Action, t.nomatch})
			}
		}
	}
	for i := range p.Boost {
		if g := p.Boost[i].Group; g != 0 {
			b.groups[g] = append(b.groups[g], &p.Boost[i])
		}
	}
	for n := range b.out { // entries lie in the order of a hash: what they say is easier to read
		slices.SortStableFunc(b.out[n], compareEdges)
	}
}

func compareEdges(x, y edge) int {
	for _, d := range []int{int(x.key.Boost) - int(y.key.Boost), order(x.nomatch) - order(y.nomatch), int(x.key.Next) - int(y.key.Next)} {
		if d != 0 {
			return d
		}
	}
	return 0
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// reach returns the nodes that can be reached from one, itself first, and notes the instructions that run there.
func (b *graphBuilder) reach(start uint16) []uint16 {
	nodes := []uint16{start}
	note := func(node uint16, pc uint8) {
		if !slices.Contains(b.pcs[node], pc) {
			b.pcs[node] = append(b.pcs[node], pc)
		}
	}
	note(start, b.parser.Init[0].PC)
	for i := 0; i < len(nodes); i++ {
		for _, e := range b.out[nodes[i]] {
			if e.action.Last {
				continue
			}
			note(e.action.NextNode, e.action.NextPC)
			if !slices.Contains(nodes, e.action.NextNode) {
				nodes = append(nodes, e.action.NextNode)
			}
		}
	}
	return nodes
}

func (b *graphBuilder) node(n uint16) graph.Node {
	node := graph.Node{Name: at(b.names.node, int(n)), Select: "boost TCAM, next protocol"}
	var instructions []string
	for _, pc := range b.pcs[n] {
		instructions = append(instructions, at(b.names.instruction, int(pc)))
	}
	node.Rows = append(node.Rows, "instruction "+strings.Join(instructions, ", "))
	var headers, keys []string
	boosted := false
	for _, e := range b.out[n] {
		if h := b.header(&e.action); h != "" && !slices.Contains(headers, h) {
			headers = append(headers, h)
		}
		boosted = boosted || e.key.Boost != 0
		if k := b.take(e.key.Boost); k != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	for _, h := range headers {
		node.Rows = append(node.Rows, "header "+h)
	}
	node.Rows = append(node.Rows, keys...)
	if !boosted {
		node.Select = "next protocol"
		if b.takesNone(n, 0) {
			node.Select = ""
		}
	}
	return node
}

// header describes what an entry records: "MAC_DEPTH0, VLAN_EXTERNAL+14".
func (b *graphBuilder) header(a *GraphAction) string {
	list := []ProtocolOffset{{Protocol: a.Protocol}}
	if a.ProtoGroup {
		list = nil
		if int(a.Protocol) < len(b.parser.ProtoGroups) {
			list = b.parser.ProtoGroups[a.Protocol]
		}
	}
	var parts []string
	for _, po := range list {
		name := at(b.names.protocol, int(po.Protocol))
		switch {
		case po.Protocol == noProtocol:
			continue
		case po.FromEnd:
			name = fmt.Sprintf("%s %d before the next", name, po.Offset)
		case po.Offset != 0:
			name = fmt.Sprintf("%s+%d", name, po.Offset)
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// take says where a boost group's entries take the next protocol from; "" without a group, or without one.
func (b *graphBuilder) take(group uint8) string {
	entries := b.groups[group]
	if len(entries) == 0 || entries[0].Next.Op != NextExtract || entries[0].Next.B == 0 {
		return ""
	}
	return fmt.Sprintf("%s takes %d bits from bit %d on", b.group(group), entries[0].Next.B, entries[0].Next.A)
}

// group names a boost group by its first entry.
func (b *graphBuilder) group(g uint8) string {
	entries := b.groups[g]
	switch {
	case g == 0:
		return ""
	case len(entries) == 0:
		return fmt.Sprintf("group %d", g)
	case len(entries) == 1:
		return at(b.names.boost, int(entries[0].Address))
	}
	return fmt.Sprintf("%s (of %d)", at(b.names.boost, int(entries[0].Address)), len(entries))
}

// takesNone reports whether a node's keys with a boost group, 0 for none, have a next protocol that is always zero.
func (b *graphBuilder) takesNone(n uint16, group uint8) bool {
	for _, e := range b.groups[group] {
		if e.Next.Op == NextExtract {
			return false
		}
	}
	if group != 0 {
		return true
	}
	for _, pc := range b.pcs[n] {
		if int(pc) < len(b.parser.Instructions) && b.parser.Instructions[pc].Next.Op == NextExtract {
			return false
		}
	}
	return true
}

// ways returns the edges of a node, without those that a sure match before them hides.
func (b *graphBuilder) ways(n uint16) []edge {
	var list []edge
	for _, e := range b.out[n] {
		sure := func(x edge) bool {
			return !x.nomatch && x.key.Next == 0 && x.key.Boost == e.key.Boost && x.key.Flags == e.key.Flags
		}
		if e.nomatch && b.takesNone(n, e.key.Boost) && slices.ContainsFunc(b.out[n], sure) {
			continue
		}
		list = append(list, e)
	}
	return list
}

func (b *graphBuilder) label(e edge) string {
	next := fmt.Sprintf("%#04x", e.key.Next)
	switch {
	case b.takesNone(e.key.Node, e.key.Boost):
		next = ""
	case e.nomatch:
		next = "default"
	}
	return strings.TrimSpace(b.group(e.key.Boost) + " " + next)
}
