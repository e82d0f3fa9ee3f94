package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/paths"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

func (a *app) compatCommand() *cobra.Command {
	var f ddpFlags
	cmd := &cobra.Command{
		Use:   "compat FILE FILE.pkg",
		Short: "Show which packets of a program's parser a DDP package would not understand",
		Long: `Walks all ways through the parser of a program, a package or BMv2 JSON, that end in accept, makes a packet for each, proves
in the interpreter that it goes that way, and sends it through the receive parser of a DDP package. Places of headers are
compared: "yes" where the hardware finds all headers of the program, "passes" where it goes over some to those behind them,
"no" where it stops before one; "unknown" where no packet could be made. Exit status: 0 all are understood, 1 some are not or
are unknown, 2 trouble.`,
		Example: "  p4dev compat l3router.p4fw /lib/firmware/intel/ice/ddp/ice.pkg",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			v, err := f.compat(args[0], args[1])
			if err == nil {
				err = a.render(v, v.text)
			}
			switch {
			case err != nil:
				return &statusError{exitTrouble, err}
			case v.Counts[compatYes]+v.Counts[compatPasses] < len(v.Ways) || v.More:
				return &statusError{exitDiffers, errSilent}
			}
			return nil
		},
	}
	f.addSegment(cmd)
	f.addSettings(cmd)
	return cmd
}

// The answers for a way.
const (
	compatYes     = "yes"
	compatPasses  = "passes"
	compatNo      = "no"
	compatUnknown = "unknown"
)

// compatView is what "compat -j" prints.
type compatView struct {
	Program string         `json:"program"`
	Package string         `json:"package"`
	Segment string         `json:"segment"`
	Name    string         `json:"name"`
	Version string         `json:"version"`
	Counts  map[string]int `json:"counts"`
	More    bool           `json:"more"` // there are ways that were not walked: longer loops
	Ways    []compatWay    `json:"ways"`
}

// compatWay is a way through the program's parser.
type compatWay struct {
	States     []string   `json:"states"`
	Headers    []ddp.Seen `json:"headers"`
	Packet     string     `json:"packet,omitempty"`
	PType      string     `json:"ptype,omitempty"`
	Understood string     `json:"understood"`
	Reason     string     `json:"reason,omitempty"`
}

func (f *ddpFlags) compat(program, pkg string) (*compatView, error) {
	prog, err := readProgram(program)
	if err != nil {
		return nil, err
	}
	if len(prog.Parsers) == 0 {
		return nil, fmt.Errorf("%s has no parser", program)
	}
	sw, err := interp.New(prog, interp.Options{})
	if err != nil {
		return nil, err
	}
	segment, sim, err := f.simulator(pkg)
	if err != nil {
		return nil, err
	}
	info, err := segment.Info()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pkg, err)
	}
	v := &compatView{Program: prog.Name, Package: pkg, Segment: segment.Type.String(), Name: info.Name, Version: info.Version.String(),
		Counts: map[string]int{}}
	found, more := paths.Find(prog.Parsers[0], paths.DefaultLimits())
	v.More = more
	for _, p := range found {
		w := walkBoth(p, sw, sim)
		v.Counts[w.Understood]++
		v.Ways = append(v.Ways, w)
	}
	return v, nil
}

// walkBoth sends a way's packet through both parsers.
func walkBoth(p paths.Path, sw *interp.Switch, sim *ddp.Simulator) compatWay {
	w := compatWay{Understood: compatUnknown, Reason: p.Reason, Headers: []ddp.Seen{}, States: []string{}}
	for _, s := range p.States {
		w.States = append(w.States, s.Name)
	}
	if p.Packet == nil {
		return w
	}
	w.Packet = fmt.Sprintf("%x", p.Packet)
	headers, err := parse(sw, p)
	if err != nil {
		w.Reason = err.Error()
		return w
	}
	r, err := sim.Run(p.Packet)
	if w.PType = r.Name; w.PType == "" {
		w.PType = "none"
	}
	w.Headers = ddp.Understand(headers, r)
	w.Understood = map[ddp.SeenState]string{ddp.SeenFound: compatYes, ddp.SeenPassed: compatPasses, ddp.SeenNot: compatNo}[ddp.Worst(w.Headers)]
	if err != nil || r.PType < 0 {
		w.Understood = compatNo
	}
	switch {
	case err != nil:
		w.Reason = err.Error()
	case r.PType < 0:
		w.Reason = "no packet type"
	}
	return w
}

// parserTrace collects what the program's parser does with a packet.
type parserTrace struct {
	states  []*pipeline.ParserState
	headers []ddp.Wanted
	err     error
	done    bool
}

// Trace implements interp.Tracer; only the first pass through the parser counts.
func (t *parserTrace) Trace(e interp.Event) {
	if t.done {
		return
	}
	switch e := e.(type) {
	case interp.ParserState:
		t.states = append(t.states, e.State)
	case interp.Extract:
		t.headers = append(t.headers, ddp.Wanted{Name: e.Header.Name, Offset: e.Offset, Bytes: e.Bytes})
	case interp.ParserDone:
		t.done = true
		if e.Error != 0 {
			t.err = fmt.Errorf("the program's parser ends with %s", orElse(e.Name, fmt.Sprint(e.Error)))
		}
	}
}

// parse runs the program's parser, and makes sure that the packet goes the way it was made for.
func parse(sw *interp.Switch, p paths.Path) ([]ddp.Wanted, error) {
	var t parserTrace
	_, _ = sw.ProcessTraced(0, p.Packet, &t) // what becomes of the packet behind the parser does not matter
	if t.err != nil {
		return nil, t.err
	}
	same := len(t.states) == len(p.States)
	for i := 0; same && i < len(t.states); i++ {
		same = t.states[i] == p.States[i]
	}
	if !same {
		return nil, errors.New("the packet that was made goes another way")
	}
	return t.headers, nil
}

func (v *compatView) text(w io.Writer) error {
	fmt.Fprintf(w, "%s in %s, %s: %s %s\n\n", v.Program, v.Package, v.Segment, v.Name, v.Version)
	if err := table(w, "WAYS UNDERSTOOD HEADERS PTYPE MISSING", v.rows()); err != nil {
		return err
	}
	var parts []string
	for _, answer := range []string{compatYes, compatPasses, compatNo, compatUnknown} {
		if n := v.Counts[answer]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", answer, n))
		}
	}
	more := ""
	if v.More {
		more = "; loops go on in ways that were not walked"
	}
	_, err := fmt.Fprintf(w, "\n%d ways: %s%s\n", len(v.Ways), strings.Join(parts, ", "), more)
	return err
}

// rows are the ways in a table; those that look the same are counted.
func (v *compatView) rows() [][]string {
	var rows [][]string
	count := map[string]int{}
	for i := range v.Ways {
		row := v.Ways[i].row()
		key := strings.Join(row, "\x00")
		if count[key]++; count[key] == 1 {
			rows = append(rows, row)
		}
	}
	for i, row := range rows {
		rows[i] = append([]string{fmt.Sprint(count[strings.Join(row, "\x00")])}, row...)
	}
	return rows
}

// row is the way in a table: what is understood, the headers in the program's names, packet type, what is missing.
func (w *compatWay) row() []string {
	var headers, missing []string
	for _, h := range w.Headers {
		headers = append(headers, h.Name)
		if h.State == ddp.SeenNot {
			missing = append(missing, fmt.Sprintf("%s at %d", h.Name, h.Offset))
		}
	}
	if n := len(missing); n > 2 {
		missing = []string{missing[0], fmt.Sprintf("and %d more", n-1)}
	}
	if len(w.Headers) == 0 && w.Understood == compatUnknown {
		headers = w.States
	}
	return []string{w.Understood, orElse(strings.Join(headers, " "), "none"), orElse(w.PType, "-"), orElse(strings.Join(missing, ", "), orElse(w.Reason, "-"))}
}
