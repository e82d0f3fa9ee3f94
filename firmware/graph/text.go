package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Text writes the graph for a terminal: each state with what it does, and below it where it leads.
func (g *Graph) Text(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s\n", printable(g.Name))
	next := make([][]Edge, len(g.Nodes))
	for _, e := range g.Edges {
		if e.From >= 0 && e.From < len(next) && e.To >= 0 && e.To < len(next) {
			next[e.From] = append(next[e.From], e)
		}
	}
	for i, n := range g.Nodes {
		switch {
		case n.Kind == Start && len(next[i]) > 0:
			fmt.Fprintf(out, "\n  -> %s\n", printable(g.Nodes[next[i][0].To].Name))
		case n.Kind == State:
			g.textState(out, n, next[i])
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("graph: write text: %w", err)
	}
	return nil
}

func (g *Graph) textState(out io.Writer, n Node, next []Edge) {
	fmt.Fprintf(out, "\n%s\n", printable(n.Name))
	for _, row := range n.Rows {
		fmt.Fprintf(out, "    %s\n", printable(row))
	}
	if n.Select != "" {
		fmt.Fprintf(out, "    select %s\n", printable(n.Select))
	}
	width := 0
	for _, e := range next {
		width = max(width, utf8.RuneCountInString(printable(e.Label)))
	}
	for _, e := range next {
		label := printable(e.Label)
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(label))
		if width > 0 {
			pad += " "
		}
		fmt.Fprintf(out, "        %s%s-> %s\n", label, pad, printable(g.Nodes[e.To].Name))
	}
}
