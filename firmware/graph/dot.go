package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// DOT writes the graph in Graphviz's language. It brings colours and fonts that read well on paper and on
// screens; states are boxes with their name on top.
func (g *Graph) DOT(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "digraph %s {\n", dotQuote(g.Name))
	out.WriteString("    graph [rankdir=TB, nodesep=0.4, ranksep=0.5]\n")
	out.WriteString("    node [fontname=\"Helvetica\", fontsize=11, shape=plain]\n")
	out.WriteString("    edge [fontname=\"Courier\", fontsize=10, color=\"#555555\"]\n")
	for i, n := range g.Nodes {
		switch n.Kind {
		case Start:
			fmt.Fprintf(out, "    n%d [shape=circle, style=filled, fillcolor=\"#222222\", label=\"\", width=0.2]\n", i)
		case Accept:
			fmt.Fprintf(out, "    n%d [shape=box, style=\"rounded,filled\", fillcolor=\"#d9ead3\", label=%s]\n", i, dotQuote(n.Name))
		case Reject:
			fmt.Fprintf(out, "    n%d [shape=box, style=\"rounded,filled\", fillcolor=\"#f4cccc\", label=%s]\n", i, dotQuote(n.Name))
		default:
			fmt.Fprintf(out, "    n%d [label=<%s>]\n", i, dotTable(n))
		}
	}
	for _, a := range g.arrows() {
		if len(a.labels) == 0 {
			fmt.Fprintf(out, "    n%d -> n%d\n", a.from, a.to)
			continue
		}
		// Lines end in \l, which aligns them to the left; the blank keeps them off the edge.
		var label strings.Builder
		for _, l := range shorten(a.labels) {
			label.WriteString(" " + dotEscape(l) + `\l`)
		}
		fmt.Fprintf(out, "    n%d -> n%d [label=\"%s\"]\n", a.from, a.to, label.String())
	}
	out.WriteString("}\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("graph: write DOT: %w", err)
	}
	return nil
}

// dotTable writes a state as an HTML-like label.
func dotTable(n Node) string {
	var b strings.Builder
	b.WriteString(`<table border="0" cellborder="1" cellspacing="0" cellpadding="4" bgcolor="white">`)
	fmt.Fprintf(&b, `<tr><td bgcolor="#cfe2f3"><b>%s</b></td></tr>`, htmlText(n.Name))
	if len(n.Rows) > 0 {
		b.WriteString(`<tr><td align="left" balign="left">`)
		for i, row := range shorten(n.Rows) {
			if i > 0 {
				b.WriteString("<br/>")
			}
			b.WriteString(htmlText(row))
		}
		b.WriteString("</td></tr>")
	}
	if n.Select != "" {
		fmt.Fprintf(&b, `<tr><td align="left"><i>select %s</i></td></tr>`, htmlText(n.Select))
	}
	b.WriteString("</table>")
	return b.String()
}

// htmlText escapes text for HTML-like labels. Graphviz refuses empty elements, so nothing becomes a blank.
func htmlText(s string) string {
	if s == "" {
		return " "
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(printable(s))
}

func dotQuote(s string) string { return `"` + dotEscape(s) + `"` }

// dotEscape escapes text for a quoted string in DOT, whose labels know escapes of their own.
func dotEscape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;").Replace(printable(s))
}
