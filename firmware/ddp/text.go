package ddp

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Text writes the result for people: each round, and then what was found.
func (r *Result) Text(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i := range r.Steps {
		r.Steps[i].text(out, i+1)
	}
	name := "none"
	if r.PType >= 0 {
		name = strings.TrimSpace(fmt.Sprintf("%d %s", r.PType, r.Name))
	}
	fmt.Fprintf(out, "packet type  %s\n", name)
	fmt.Fprintf(out, "headers      %s\n", placesText(r.Headers))
	for _, l := range []struct {
		name string
		list []string
	}{{"markers", r.Markers}, {"flags", r.PacketFlags}} {
		if len(l.list) > 0 {
			fmt.Fprintf(out, "%-12s %s\n", l.name, strings.Join(l.list, " "))
		}
	}
	if r.Errors != 0 {
		fmt.Fprintf(out, "errors       %#x\n", r.Errors)
	}
	for _, s := range r.Profiles {
		fmt.Fprintf(out, "%-12s group %s, profile %s\n", s.Block, s.Group, s.Profile)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("ddp: write text: %w", err)
	}
	return nil
}

func (s *Step) text(out io.Writer, number int) {
	fmt.Fprintf(out, "round %d: node %s, instruction %s, header offset %d\n", number, s.Node, s.Instruction, s.Header)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-7s %s\n", name, fmt.Sprintf(format, args...))
	}
	if s.Boost != nil {
		line("boost", "%s (entry %d, group %d)", s.Boost.Label, s.Boost.Entry, s.Boost.Group)
	}
	line("next", "%#04x", s.Next)
	if s.Table == "" {
		line("match", "none")
		return
	}
	line("match", "%s %d", s.Table, s.Entry)
	for _, a := range s.ALU {
		line("run", "%s", a)
	}
	if len(s.Protocols) > 0 {
		line("header", "%s", placesText(s.Protocols))
	}
	if len(s.Markers) > 0 {
		line("marker", "%s", strings.Join(s.Markers, " "))
	}
	var flags []string
	for _, f := range s.Set {
		flags = append(flags, "+"+f)
	}
	for _, f := range s.Cleared {
		flags = append(flags, "-"+f)
	}
	if len(flags) > 0 {
		line("flag", "%s", strings.Join(flags, " "))
	}
	if s.Last {
		line("end", "at header offset %d", s.NextHeader)
		return
	}
	line("go to", "node %s, header offset %d", s.NextNode, s.NextHeader)
}

// placesText writes "MAC_DEPTH0 at 0, ETYPE_DEPTH0 at 12"; "none" without headers.
func placesText(list []Header) string {
	var parts []string
	for _, h := range list {
		parts = append(parts, fmt.Sprintf("%s at %d", h.Name, h.Offset))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// Ranges writes the bytes of a field vector in the order of the headers, runs of words as one: "MAC_DEPTH0[0:12]
// TCP[0:4]", bytes from and up to; metadata as "meta[40:42]". It is Text in short, without the order of the words.
func (v FieldVector) Ranges(protocols Labels) string {
	words := slices.DeleteFunc(slices.Clone(v), func(w FieldWord) bool { return !w.Used() })
	slices.SortFunc(words, func(a, b FieldWord) int {
		if a.Protocol != b.Protocol {
			return int(a.Protocol) - int(b.Protocol)
		}
		return int(a.Offset) - int(b.Offset)
	})
	words = slices.Compact(words)
	var parts []string
	for i := 0; i < len(words); {
		first, end := words[i], words[i].Offset+2
		for i++; i < len(words) && words[i].Protocol == first.Protocol && words[i].Offset == end; i++ {
			end += 2
		}
		name := "meta"
		if first.Protocol != noProtocol {
			name = protocolName(protocols, first.Protocol)
		}
		parts = append(parts, fmt.Sprintf("%s[%d:%d]", name, first.Offset, end))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, " ")
}

func protocolName(protocols Labels, id uint8) string {
	if name := protocols.Name(int(id)); name != "" {
		return name
	}
	return fmt.Sprintf("#%d", id)
}
