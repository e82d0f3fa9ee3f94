package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Mermaid writes the graph as a Mermaid flowchart, as documents on the web show it.
func (g *Graph) Mermaid(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "---\ntitle: %s\n---\nflowchart TD\n", yamlText(g.Name))
	for i, n := range g.Nodes {
		switch n.Kind {
		case Start:
			fmt.Fprintf(out, "    n%d(( ))\n", i)
		case Accept, Reject:
			fmt.Fprintf(out, "    n%d([\"%s\"])\n", i, mermaidText(n.Name))
		default:
			fmt.Fprintf(out, "    n%d[\"%s\"]\n", i, mermaidLabel(n))
		}
	}
	for _, a := range g.arrows() {
		if len(a.labels) == 0 {
			fmt.Fprintf(out, "    n%d --> n%d\n", a.from, a.to)
			continue
		}
		var lines []string
		for _, l := range shorten(a.labels) {
			lines = append(lines, mermaidText(l))
		}
		fmt.Fprintf(out, "    n%d -->|\"%s\"| n%d\n", a.from, strings.Join(lines, "<br/>"), a.to)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("graph: write Mermaid: %w", err)
	}
	return nil
}

func mermaidLabel(n Node) string {
	lines := []string{"<b>" + mermaidText(n.Name) + "</b>"}
	for _, row := range shorten(n.Rows) {
		lines = append(lines, mermaidText(row))
	}
	if n.Select != "" {
		lines = append(lines, "<i>select "+mermaidText(n.Select)+"</i>")
	}
	return strings.Join(lines, "<br/>")
}

// mermaidText escapes what has a meaning in Mermaid's quoted labels, by Mermaid's entity codes.
func mermaidText(s string) string {
	return strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "#", "#35;", "`", "#96;",
		`\`, "#92;", ";", "#59;").Replace(printable(s))
}

// yamlText quotes the title, which stands in YAML.
func yamlText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}
