package main

import (
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// costView is what "inspect --bpf" shows.
type costView struct {
	File     string            `json:"file"`
	Form     string            `json:"form"`
	Programs []costProgramView `json:"programs"`
	Maps     []costMapView     `json:"maps"`
	MapBytes int               `json:"map_bytes"` // keys and values of all maps when full, per-CPU ones once
}

type costProgramView struct {
	Name         string   `json:"name"`
	Instructions int      `json:"instructions"`
	Bytes        int      `json:"bytes"`
	Stack        int      `json:"stack"`
	Points       []string `json:"points"`
}

type costMapView struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Key     int    `json:"key_size"`
	Value   int    `json:"value_size"`
	Entries int    `json:"max_entries"`
	PerCPU  bool   `json:"per_cpu,omitempty"`
	Bytes   int    `json:"bytes"`
}

// inspectBPF compiles a program and shows how it is split and what it costs.
func (a *app) inspectBPF(path, form string) error {
	o, err := compileFile(path, form, nil)
	if err != nil {
		return err
	}
	const slot = 8 // bytes of an instruction
	s := o.Summary()
	v := costView{File: path, Form: s.Form.String()}
	for _, p := range s.Programs {
		v.Programs = append(v.Programs, costProgramView{p.Name, p.Instructions, slot * p.Instructions, p.StackBytes, p.Points})
	}
	for _, m := range s.Maps {
		bytes := m.MaxEntries * (m.KeySize + m.ValueSize)
		v.Maps = append(v.Maps, costMapView{m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.PerCPU, bytes})
		v.MapBytes += bytes
	}
	return a.render(v, v.text)
}

func (v costView) text(w io.Writer) error {
	fmt.Fprintf(w, "compiled in %s form: %d programs, %d maps of %d bytes when full\n\n", v.Form, len(v.Programs), len(v.Maps), v.MapBytes)
	var rows [][]string
	for _, p := range v.Programs {
		rows = append(rows, []string{p.Name, fmt.Sprint(p.Instructions), fmt.Sprint(p.Bytes), fmt.Sprint(p.Stack), summarise(p.Points)})
	}
	if err := table(w, "PROGRAM INSTRUCTIONS BYTES STACK HOLDS", rows); err != nil {
		return err
	}
	fmt.Fprintln(w)
	rows = nil
	for _, m := range v.Maps {
		bytes := fmt.Sprint(m.Bytes)
		if m.PerCPU {
			bytes += " per CPU"
		}
		rows = append(rows, []string{m.Name, m.Type, fmt.Sprint(m.Key), fmt.Sprint(m.Value), fmt.Sprint(m.Entries), bytes})
	}
	return table(w, "MAP TYPE KEY VALUE ENTRIES BYTES", rows)
}

// summarise counts the parser states and nodes of a program and names the rest.
func summarise(points []string) string {
	states, nodes := 0, 0
	var rest []string
	for _, p := range points {
		switch {
		case strings.HasPrefix(p, "state "):
			states++
		case strings.HasPrefix(p, "node "):
			nodes++
		default:
			rest = append(rest, p)
		}
	}
	var out []string
	if states > 0 {
		out = append(out, fmt.Sprintf("%d parser states", states))
	}
	if nodes > 0 {
		out = append(out, fmt.Sprintf("%d nodes", nodes))
	}
	return orElse(strings.Join(append(out, rest...), ", "), "-")
}

// inspectStage prints what the compiler has after a stage.
func (a *app) inspectStage(path, stage, form string) error {
	var names []string
	found := false
	_, err := compileFile(path, form, func(name, text string) {
		names = append(names, name)
		if name == stage {
			found = true
			fmt.Fprint(a.out, text)
		}
	})
	switch {
	case err != nil:
		return err
	case stage == "list":
		_, err = fmt.Fprintln(a.out, strings.Join(names, "\n"))
		return err
	case !found:
		return fmt.Errorf("no stage %q, 'p4dev inspect --stage list %s' names them: %w", stage, path, fs.ErrNotExist)
	}
	return nil
}

// compileFile compiles the program of a file to eBPF.
func compileFile(path, form string, dump func(stage, text string)) (*bpfgen.Object, error) {
	f, err := bpfgen.ParseForm(form)
	if err != nil {
		return nil, err
	}
	prog, err := readProgram(path)
	if err != nil {
		return nil, err
	}
	return bpfgen.Compile(prog, bpfgen.Options{Form: f, Dump: dump})
}
