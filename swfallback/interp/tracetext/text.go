package tracetext

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Text writes the trace for people.
func (t *Trace) Text(w io.Writer) error {
	b := bufio.NewWriter(w)
	p := &printer{w: b, out: t.Out}
	p.line(0, "%s: %d bytes into port %d", t.Program, len(t.Packet)/2, t.Port)
	p.line(1, "%s", t.Packet)
	for i := range t.Steps {
		p.step(&t.Steps[i])
	}
	switch {
	case t.Error != "":
		p.line(0, "failed: %s", t.Error)
	case len(t.Out) == 0:
		p.line(0, "nothing comes out")
	}
	return b.Flush()
}

// printer writes steps.
type printer struct {
	w       *bufio.Writer
	out     []Output // not yet shown
	pending string   // line to write in front of the next change
	emitted []string // headers of the deparser under way
}

func (p *printer) line(depth int, format string, args ...any) {
	p.w.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(p.w, format, args...)
	p.w.WriteByte('\n')
}

func (p *printer) step(s *Step) {
	switch s.Event {
	case "change", "valid", "invalid":
		p.change(s)
		return
	case "emit":
		p.emitted = append(p.emitted, s.Name)
		return
	}
	p.pending = ""
	if len(p.emitted) > 0 {
		p.line(1, "emit %s", strings.Join(p.emitted, ", "))
		p.emitted = nil
	}
	switch s.Event {
	case "block":
		p.line(0, "%s", s.Name)
	case "state":
		p.line(1, "state %s", s.Name)
	case "extract":
		p.line(2, "extract %s, bytes %d to %d", s.Name, *s.Offset, *s.Offset+*s.Bytes-1)
		p.values(3, s.Fields)
	case "parsed":
		p.parsed(s)
	case "checksum":
		p.checksum(s)
	case "table":
		p.table(s)
	case "if":
		p.line(1, "if %s: %s%s", s.Name, s.Result, behind(s.Source))
	case "outcome":
		p.outcome(s)
	}
}

// behind is a place behind a line.
func behind(source string) string {
	if source == "" {
		return ""
	}
	return "  (" + source + ")"
}

// values writes names and values in two columns.
func (p *printer) values(depth int, values []Value) {
	width := 0
	for _, v := range values {
		width = max(width, len(v.Name))
	}
	for _, v := range values {
		p.line(depth, "%-*s  %s", width, v.Name, v.Value)
	}
}

func (p *printer) parsed(s *Step) {
	if s.Result != "" {
		p.line(1, "parser error %s at byte %d", s.Result, *s.Offset)
		return
	}
	p.line(1, "accept at byte %d", *s.Offset)
}

func (p *printer) checksum(s *Step) {
	switch s.Result {
	case "right":
		p.line(1, "checksum %s is right: %s%s", s.Name, s.Before, behind(s.Source))
	case "wrong":
		p.line(1, "checksum %s is wrong: %s, computed %s%s", s.Name, s.Before, s.After, behind(s.Source))
	default:
		p.line(1, "checksum %s updated: %s -> %s%s", s.Name, s.Before, s.After, behind(s.Source))
	}
}

// table leaves out what the compiler made, unless a change follows.
func (p *printer) table(s *Step) {
	if s.Hidden {
		p.pending = "at " + s.Source
		if s.Source == "" {
			p.pending = "in " + s.Name
		}
		return
	}
	p.line(1, "table %s: %s%s", s.Name, s.Result, behind(s.Source))
	for _, k := range s.Key {
		p.line(2, "key     %s = %s", k.Name, k.Value)
	}
	if s.Entry != "" {
		p.line(2, "entry   %s", s.Entry)
	}
	p.line(2, "action  %s", actionText(s))
}

func actionText(s *Step) string {
	if s.Action == "" {
		return "none"
	}
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		args[i] = a.Name + "=" + a.Value
	}
	text := s.Action + "(" + strings.Join(args, ", ") + ")"
	switch s.Default {
	case "set":
		return text + " (default, set at run time)"
	case "program":
		return text + " (default)"
	}
	return text
}

func (p *printer) change(s *Step) {
	if p.pending != "" {
		p.line(1, "%s", p.pending)
		p.pending = ""
	}
	name := strings.TrimPrefix(s.Name, "scalars.") // where p4c keeps local variables and flat metadata
	switch {
	case s.Event != "change":
		p.line(2, "header  %s becomes %s", name, s.Event)
	case s.Before == "":
		p.line(2, "        %s = %s", name, s.After)
	default:
		p.line(2, "change  %s: %s -> %s", name, s.Before, s.After)
	}
}

func (p *printer) outcome(s *Step) {
	switch {
	case s.Result == "sent" && len(p.out) > 0:
		p.line(0, "out of port %d: %d bytes", p.out[0].Port, len(p.out[0].Packet)/2)
		p.line(1, "%s", p.out[0].Packet)
		p.out = p.out[1:]
	case s.Port != nil && s.ID != nil:
		p.line(1, "%s by session %d to port %d", s.Result, *s.ID, *s.Port)
	case s.Port != nil:
		p.line(1, "%s to port %d", s.Result, *s.Port)
	case s.ID != nil:
		p.line(1, "%s to group %d", s.Result, *s.ID)
	default:
		p.line(1, "%s", s.Result)
	}
}
