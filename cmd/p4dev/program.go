package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// programView is what commands show of a program.
type programView struct {
	Name    string       `json:"name"`
	Arch    string       `json:"arch"`
	Headers []headerView `json:"headers"`
	States  int          `json:"parser_states"`
	Tables  []tableView  `json:"tables"`
}

type headerView struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Width int    `json:"bitwidth"`
}

type tableView struct {
	Name    string    `json:"name"`
	Control string    `json:"control"`
	Size    int       `json:"size"`
	Keys    []keyView `json:"match"`
	Actions []string  `json:"actions"`
	Default string    `json:"default,omitempty"`
	Counter bool      `json:"counters"`
}

type keyView struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Width int    `json:"bitwidth"`
}

// viewProgram leaves out what the compiler made for itself: hidden tables and metadata.
func viewProgram(p *pipeline.Program) *programView {
	v := &programView{Name: p.Name, Arch: p.Arch}
	for _, h := range p.Headers {
		if !h.Metadata {
			v.Headers = append(v.Headers, headerView{h.Name, h.Type.Name, h.Type.Width})
		}
	}
	for _, ps := range p.Parsers {
		v.States += len(ps.States)
	}
	for _, t := range p.Tables {
		if !t.Hidden {
			v.Tables = append(v.Tables, viewTable(t))
		}
	}
	return v
}

func viewTable(t *pipeline.Table) tableView {
	tv := tableView{Name: t.Name, Control: t.Control.Name, Size: t.Size, Counter: t.Counter != nil}
	for _, k := range t.Keys {
		tv.Keys = append(tv.Keys, keyView{k.Name, k.Kind.String(), k.Width})
	}
	for _, act := range t.Actions {
		tv.Actions = append(tv.Actions, act.Name)
	}
	if t.Default != nil {
		tv.Default = t.Default.Action.Name
	}
	return tv
}

func (v *programView) text(w io.Writer) error {
	fmt.Fprintf(w, "program %s (%s): %d headers, %d parser states, %d tables\n\n",
		v.Name, v.Arch, len(v.Headers), v.States, len(v.Tables))
	return tablesText(w, v.Tables)
}

func tablesText(w io.Writer, tables []tableView) error {
	var rows [][]string
	for _, t := range tables {
		rows = append(rows, []string{t.Name, fmt.Sprint(t.Size), shortNames(t.Actions), keysText(t.Keys)})
	}
	return table(w, "TABLE SIZE ACTIONS KEY", rows)
}

// keysText writes a table's key: "hdr.ipv4.dst_addr:lpm", "-" without a key.
func keysText(keys []keyView) string {
	var words []string
	for _, k := range keys {
		words = append(words, k.Name+":"+k.Kind)
	}
	return orElse(strings.Join(words, " "), "-")
}

// shortNames drops the controls' names, which the table's name has already.
func shortNames(names []string) string {
	short := make([]string, len(names))
	for i, n := range names {
		short[i] = n[strings.LastIndexByte(n, '.')+1:]
	}
	return strings.Join(short, " ")
}

// graphFormats are the values of --graph.
const graphFormats = "text, mermaid, dot or svg"

// writeGraph prints the graph of each parser of a program.
func (a *app) writeGraph(p *pipeline.Program, format string) error {
	var list []*graph.Graph
	for _, ps := range p.Parsers {
		list = append(list, graph.FromParser(ps))
	}
	return a.drawGraphs(list, format)
}

func (a *app) drawGraphs(list []*graph.Graph, format string) error {
	render := map[string]func(*graph.Graph, io.Writer) error{
		"text": (*graph.Graph).Text, "mermaid": (*graph.Graph).Mermaid, "dot": (*graph.Graph).DOT, "svg": (*graph.Graph).SVG,
	}[format]
	if render == nil {
		return fmt.Errorf("unknown graph format %q: want %s", format, graphFormats)
	}
	for _, g := range list {
		if err := render(g, a.out); err != nil {
			return err
		}
	}
	return nil
}
