package bpfgen

import (
	"fmt"
	"sort"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ProgramSummary is the size of one program.
type ProgramSummary struct {
	Name         string
	Instructions int // slots of 8 bytes: a wide load takes two
	StackBytes   int
	Blocks       int
	Points       []string // the places of the P4 program that it has code for: "state NAME", "node NAME", ...
}

// MapSummary is the size of one map.
type MapSummary struct {
	Name       string
	Type       string
	KeySize    int // bytes
	ValueSize  int // bytes
	MaxEntries int
	PerCPU     bool // the values are there once per CPU
}

// Summary is what a compiled program takes up.
type Summary struct {
	Form     Form             // how the program was compiled: FormSpecial or FormGeneral
	Programs []ProgramSummary // by name
	Maps     []MapSummary     // by name
}

// Summary returns the sizes of the object's programs and maps.
func (o *Object) Summary() Summary {
	s := Summary{Form: o.form}
	for _, u := range o.usage {
		s.Programs = append(s.Programs, u)
	}
	for name, m := range o.Spec.Maps {
		s.Maps = append(s.Maps, MapSummary{Name: name, Type: m.Type.String(), KeySize: int(m.KeySize),
			ValueSize: int(m.ValueSize), MaxEntries: int(m.MaxEntries),
			PerCPU: m.Type == ebpf.PerCPUArray || m.Type == ebpf.PerCPUHash})
	}
	sort.Slice(s.Programs, func(a, b int) bool { return s.Programs[a].Name < s.Programs[b].Name })
	sort.Slice(s.Maps, func(a, b int) bool { return s.Maps[a].Name < s.Maps[b].Name })
	return s
}

// SourceOf returns the place in the P4 program that an instruction comes from, as the verifier numbers them
// (slots of 8 bytes from 0); the zero Source where there is none.
func (o *Object) SourceOf(prog string, insn int) pipeline.Source {
	runs := o.source[prog]
	if insn < 0 || insn >= o.usage[prog].Instructions {
		return pipeline.Source{}
	}
	behind := sort.Search(len(runs), func(i int) bool { return runs[i].from > insn })
	return sourceAt(runs[behind-1].src)
}

// mapNames makes the names of maps.
type mapNames struct{}

// of returns PREFIX, index and the last part of a P4 name: "t3_nexthop".
func (*mapNames) of(prefix string, index int, name string) string {
	if at := strings.LastIndexByte(name, '.'); at >= 0 {
		name = name[at+1:]
	}
	return fmt.Sprintf("%s%d_%s", prefix, index, name)
}

// pointNamesOf lists the points that a program has blocks of, in their order in the P4 program.
func pointNamesOf(f *fn, g *points) []string {
	has := newSet(len(g.all))
	for _, b := range f.blocks {
		has.add(b.point)
	}
	var out []string
	has.each(func(id int) { out = append(out, g.all[id].name()) })
	return out
}
