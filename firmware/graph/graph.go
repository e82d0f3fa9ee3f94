package graph

import (
	"fmt"
	"unicode"
)

// Graph is a parser graph.
type Graph struct {
	Name  string
	Nodes []Node
	Edges []Edge
}

// Node is a state of a parser, or one of the points where parsing starts and ends.
type Node struct {
	Kind   Kind
	Name   string
	Rows   []string // what the state does, one line each: "extract ethernet (14 bytes)"
	Select string   // what the edges' labels are compared with: "ethernet.ether_type"; "" for nothing
}

// Edge leads from one node to another. The nodes are given by their index in Graph.Nodes; edges that name no
// node are left out of every drawing.
type Edge struct {
	From, To int
	Label    string // "0x0800"; "" for a way that is always taken
}

// Kind says what a Node is.
type Kind int

// The kinds of nodes.
const (
	State Kind = iota
	Start
	Accept
	Reject
)

// arrow is all edges between two nodes, drawn as one.
type arrow struct {
	from, to int
	labels   []string
}

// arrows joins the edges between the same two nodes, in the order of the first of each. Labels that are empty
// are left out.
func (g *Graph) arrows() []arrow {
	var out []arrow
	index := map[[2]int]int{}
	for _, e := range g.Edges {
		if e.From < 0 || e.To < 0 || e.From >= len(g.Nodes) || e.To >= len(g.Nodes) {
			continue
		}
		at, ok := index[[2]int{e.From, e.To}]
		if !ok {
			at = len(out)
			index[[2]int{e.From, e.To}] = at
			out = append(out, arrow{from: e.From, to: e.To})
		}
		if e.Label != "" {
			out[at].labels = append(out[at].labels, e.Label)
		}
	}
	return out
}

// shorten keeps a label with many lines readable: the first ones, and how many more there are.
func shorten(lines []string) []string {
	const most = 8
	if len(lines) <= most {
		return lines
	}
	return append(append([]string(nil), lines[:most-1]...), fmt.Sprintf("and %d more", len(lines)-most+1))
}

// printable replaces control characters, which none of the forms can hold.
func printable(s string) string {
	out := []rune(s)
	for i, r := range out {
		if !unicode.IsPrint(r) {
			out[i] = '\uFFFD'
		}
	}
	return string(out)
}
