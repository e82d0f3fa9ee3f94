package simnic

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// validField is the name of the field that stands for a header's validity where a table matches on it; it is
// BMv2's, and 1 bit wide.
const validField = "$valid$"

// What fits into one message of the kernel, which cannot split a header or a table: bytes of fields, and matches
// and actions of 44 bytes each.
const (
	maxFieldBytes = 3400
	maxRefs       = 72
)

// description is a program in dpipe's terms. A header whose fields do not fit into one message is described by
// several of the same name: the first has the header's index in the program as its identifier.
type description struct {
	headers []sim.DpipeHeader
	refs    map[fieldKey]sim.DpipeFieldRef
	tables  []*pipeline.Table // those that are advertised: all that the compiler did not make
}

type fieldKey struct {
	header *pipeline.Header
	field  *pipeline.Field // nil: validity
}

func describe(p *pipeline.Program) *description {
	d := &description{refs: map[fieldKey]sim.DpipeFieldRef{}}
	valid := map[*pipeline.Header]bool{}
	for _, t := range p.Tables {
		if t.Hidden {
			continue
		}
		d.tables = append(d.tables, t)
		for _, k := range t.Keys {
			if v, ok := k.Expr.(*pipeline.ValidRef); ok {
				valid[v.Header] = true
			}
		}
	}
	more := uint32(len(p.Headers))
	for _, h := range p.Headers {
		more = d.addHeader(h, valid[h], more)
	}
	return d
}

// addHeader describes a header. Identifiers of further parts count up from more; it returns the next one.
func (d *description) addHeader(h *pipeline.Header, valid bool, more uint32) uint32 {
	part := sim.DpipeHeader{ID: uint32(h.Index), Name: h.Name}
	size := 0
	add := func(key fieldKey, f sim.DpipeField) {
		n := 4 + (4+len(f.Name)+4)&^3 + 3*8
		if size+n > maxFieldBytes {
			d.headers = append(d.headers, part)
			part, size = sim.DpipeHeader{ID: more, Name: h.Name}, 0
			more++
		}
		size += n
		d.refs[key] = sim.DpipeFieldRef{Header: part.ID, Field: uint32(len(part.Fields))}
		part.Fields = append(part.Fields, f)
	}
	for _, f := range h.Type.Fields {
		add(fieldKey{h, f}, sim.DpipeField{Name: f.Name, Width: uint32(f.Width)})
	}
	if valid {
		add(fieldKey{h, nil}, sim.DpipeField{Name: validField, Width: 1})
	}
	d.headers = append(d.headers, part)
	return more
}

// keyRef is the field that a key matches on.
func (d *description) keyRef(k *pipeline.Key) (sim.DpipeFieldRef, bool) {
	switch x := k.Expr.(type) {
	case *pipeline.FieldRef:
		ref, ok := d.refs[fieldKey{x.Header, x.Field}]
		return ref, ok
	case *pipeline.ValidRef:
		ref, ok := d.refs[fieldKey{x.Header, nil}]
		return ref, ok
	}
	return sim.DpipeFieldRef{}, false
}

// written is a field that an action sets, to a parameter's value where param is not negative.
type written struct {
	ref   sim.DpipeFieldRef
	param int
}

// writes lists the fields that an action sets: the destination is the first argument of every primitive that
// has one.
func (d *description) writes(a *pipeline.Action) []written {
	var out []written
	for _, p := range a.Body {
		if len(p.Args) < 2 || p.Op == pipeline.OpJumpIfZero || p.Op == pipeline.OpLogMsg {
			continue
		}
		x, ok := p.Args[0].(*pipeline.FieldRef)
		if !ok {
			continue
		}
		ref, ok := d.refs[fieldKey{x.Header, x.Field}]
		if !ok {
			continue
		}
		w := written{ref, -1}
		if v, ok := p.Args[1].(*pipeline.Param); ok && (p.Op == pipeline.OpAssign || p.Op == pipeline.OpModifyField) {
			w.param = v.Index
		}
		out = append(out, w)
	}
	return out
}

func (d *description) table(t *pipeline.Table, l *Limits) sim.DpipeTable {
	out := sim.DpipeTable{Name: t.Name, Size: uint64(l.room(t)), Resource: resourceID(t), Units: 1,
		Counters: t.Counter != nil, NoCounterControl: true}
	for _, k := range t.Keys {
		if ref, ok := d.keyRef(k); ok {
			out.Matches = append(out.Matches, ref)
		}
	}
	for _, a := range t.Actions {
		for _, w := range d.writes(a) {
			if !slices.Contains(out.Actions, w.ref) && len(out.Matches)+len(out.Actions) < maxRefs {
				out.Actions = append(out.Actions, w.ref)
			}
		}
	}
	return out
}

// DpipeHeaders implements sim.Piper.
func (d *device) DpipeHeaders() []sim.DpipeHeader {
	running, _ := d.programs()
	if running == nil {
		return nil
	}
	return describe(running.model).headers
}

// DpipeTables implements sim.Piper.
func (d *device) DpipeTables() []sim.DpipeTable {
	running, _ := d.programs()
	if running == nil {
		return nil
	}
	about := describe(running.model)
	var out []sim.DpipeTable
	for _, t := range about.tables {
		out = append(out, about.table(t, &d.n.cfg.Limits))
	}
	if d.n.cfg.Limits.Faults.BadTables {
		out = append(out, sim.DpipeTable{Name: "nowhere", Size: 1})
	}
	return out
}

// DpipeEntries implements sim.Piper: the entries that the device now holds, those of the program among them.
func (d *device) DpipeEntries(name string, counters bool) ([]sim.DpipeEntry, error) {
	running, _ := d.programs()
	if running == nil {
		return nil, nil
	}
	about := describe(running.model)
	i := slices.IndexFunc(about.tables, func(t *pipeline.Table) bool { return t.Name == name })
	if i < 0 {
		return nil, nil
	}
	entries, err := d.n.Agent().Entries(about.tables[i])
	if err != nil {
		return nil, fmt.Errorf("read entries of %s: %w", name, err)
	}
	var out []sim.DpipeEntry
	for i, e := range entries {
		x := about.entry(e.Entry)
		x.Index = uint64(i)
		if counters {
			x.Counter = &e.Count.Packets
		}
		out = append(out, x)
	}
	return out, nil
}

// entry describes an entry. Values are big-endian, as pipeline.Match has them. The mask of a range covers the
// leading bits that all its values share.
func (d *description) entry(e *pipeline.Entry) sim.DpipeEntry {
	var out sim.DpipeEntry
	for i, k := range e.Table.Keys {
		if ref, ok := d.keyRef(k); ok {
			m := &e.Match[i]
			out.Matches = append(out.Matches, sim.DpipeValue{Field: ref, Value: m.Value, Mask: matchMask(k, m)})
		}
	}
	if e.Call == nil {
		return out
	}
	for _, w := range d.writes(e.Call.Action) {
		if w.param >= 0 && w.param < len(e.Call.Args) {
			out.Actions = append(out.Actions, sim.DpipeValue{Field: w.ref, Value: e.Call.Args[w.param]})
		}
	}
	return out
}

// matchMask is the mask of one component, nil where all bits are compared.
func matchMask(k *pipeline.Key, m *pipeline.Match) []byte {
	switch k.Kind {
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return m.Mask
	case pipeline.MatchLPM:
		return leadingBits(k.Width, m.Prefix)
	case pipeline.MatchRange:
		same := 0
		for same < k.Width && bit(m.Value, k.Width, same) == bit(m.High, k.Width, same) {
			same++
		}
		return leadingBits(k.Width, same)
	}
	return nil
}

// bit returns the i-th most significant of width bits of a big-endian number.
func bit(b []byte, width, i int) byte {
	at := len(b)*8 - width + i
	return b[at/8] >> (7 - at%8) & 1
}

// leadingBits is a big-endian mask of width bits with the first n set.
func leadingBits(width, n int) []byte {
	mask := make([]byte, (width+7)/8)
	for i := range n {
		at := len(mask)*8 - width + i
		mask[at/8] |= 0x80 >> (at % 8)
	}
	return mask
}
