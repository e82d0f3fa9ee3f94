package advert

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// ValidField is the name of the field that stands for a header's validity where a table matches on it; it is
// BMv2's, and 1 bit wide.
const ValidField = "$valid$"

// What fits into one message of the kernel, which cannot split a header, a table or a resource with its children:
// bytes of fields, matches and actions of 44 bytes each, and children.
const (
	MaxFieldBytes = 3400
	maxRefs       = 72
	maxChildren   = 16
)

// firstTableResource is the identifier of the first table's resource; those of the groups are smaller.
const firstTableResource = 1 << 16

// Advert is what a device says of a program.
type Advert struct {
	// Name, Version and Source are the package's; New leaves them empty.
	Name, Version, Source string

	// Headers has the program's, in their order. One whose fields do not fit into one message is described by
	// several of the same name.
	Headers []Header
	// Tables are all that the compiler did not make.
	Tables []Table
	// Resources has groups, one or several for each control, each followed by its tables.
	Resources []Resource

	refs map[fieldKey]Ref
}

// Header is a header instance, or a part of one.
type Header struct {
	ID     uint32 // unique; of the first part: the header's index in the program
	Name   string
	Fields []Field
}

// Field is a field of a header. Width is in bits.
type Field struct {
	Name  string
	Width uint32
}

// Ref refers to a field.
type Ref struct {
	Header uint32 // index into Advert.Headers
	Field  uint32 // index into Header.Fields
}

// Table is a table with what it matches on and what its actions write.
type Table struct {
	Program  *pipeline.Table
	Name     string
	Size     uint32 // entries
	Resource uint32 // identifier
	Counters bool   // entries have counters
	Matches  []Ref
	Actions  []Ref
}

// Resource is room for entries: a table's, or of a group of tables.
type Resource struct {
	ID     uint32 // not 0
	Name   string
	Parent uint32 // identifier of the group, 0 for a group
	Size   uint32 // entries
}

type fieldKey struct {
	header *pipeline.Header
	field  *pipeline.Field // nil: validity
}

// New describes a program. Room says how many entries the device has room for; nil: as many as the program asks
// for.
func New(p *pipeline.Program, room func(*pipeline.Table) int) *Advert {
	if room == nil {
		room = func(t *pipeline.Table) int { return t.Size }
	}
	a := &Advert{refs: make(map[fieldKey]Ref)}
	a.addHeaders(p)
	for _, t := range p.Tables {
		if !t.Hidden {
			a.Tables = append(a.Tables, a.table(t, room(t)))
		}
	}
	for _, c := range p.Controls {
		a.addControl(c, room)
	}
	return a
}

func (a *Advert) addHeaders(p *pipeline.Program) {
	valid := make(map[*pipeline.Header]bool)
	for _, t := range p.Tables {
		for _, k := range t.Keys {
			if v, ok := k.Expr.(*pipeline.ValidRef); ok && !t.Hidden {
				valid[v.Header] = true
			}
		}
	}
	more := uint32(len(p.Headers))
	for _, h := range p.Headers {
		more = a.addHeader(h, valid[h], more)
	}
}

// addHeader describes a header. Identifiers of further parts count up from more; it returns the next one.
func (a *Advert) addHeader(h *pipeline.Header, valid bool, more uint32) uint32 {
	part := Header{ID: uint32(h.Index), Name: h.Name}
	size := 0
	add := func(key fieldKey, f Field) {
		n := 4 + (4+len(f.Name)+4)&^3 + 3*8
		if size+n > MaxFieldBytes {
			a.Headers = append(a.Headers, part)
			part, size = Header{ID: more, Name: h.Name}, 0
			more++
		}
		size += n
		a.refs[key] = Ref{Header: uint32(len(a.Headers)), Field: uint32(len(part.Fields))}
		part.Fields = append(part.Fields, f)
	}
	for _, f := range h.Type.Fields {
		add(fieldKey{h, f}, Field{Name: f.Name, Width: uint32(f.Width)})
	}
	if valid {
		add(fieldKey{h, nil}, Field{Name: ValidField, Width: 1})
	}
	a.Headers = append(a.Headers, part)
	return more
}

// keyRef is the field that a key matches on.
func (a *Advert) keyRef(k *pipeline.Key) (Ref, bool) {
	switch x := k.Expr.(type) {
	case *pipeline.FieldRef:
		ref, ok := a.refs[fieldKey{x.Header, x.Field}]
		return ref, ok
	case *pipeline.ValidRef:
		ref, ok := a.refs[fieldKey{x.Header, nil}]
		return ref, ok
	}
	return Ref{}, false
}

func (a *Advert) table(t *pipeline.Table, room int) Table {
	out := Table{Program: t, Name: t.Name, Size: uint32(room), Resource: tableResource(t), Counters: t.Counter != nil}
	for _, k := range t.Keys {
		if ref, ok := a.keyRef(k); ok {
			out.Matches = append(out.Matches, ref)
		}
	}
	for _, action := range t.Actions {
		for _, w := range a.writes(action) {
			if !slices.Contains(out.Actions, w.ref) && len(out.Matches)+len(out.Actions) < maxRefs {
				out.Actions = append(out.Actions, w.ref)
			}
		}
	}
	return out
}

func tableResource(t *pipeline.Table) uint32 { return firstTableResource + uint32(t.Index) }

// addControl adds a group for a control, "-2" and so on where it has many tables, and the tables.
func (a *Advert) addControl(c *pipeline.Control, room func(*pipeline.Table) int) {
	part, children, group := 0, 0, -1
	for _, t := range c.Tables {
		if t.Hidden {
			continue
		}
		if group < 0 || children == maxChildren {
			part++
			name := c.Name
			if part > 1 {
				name = fmt.Sprintf("%s-%d", c.Name, part)
			}
			group, children = len(a.Resources), 0
			a.Resources = append(a.Resources, Resource{ID: uint32(group + 1), Name: name})
		}
		size := uint32(room(t))
		a.Resources = append(a.Resources, Resource{ID: tableResource(t), Name: t.Name, Parent: a.Resources[group].ID, Size: size})
		a.Resources[group].Size += size
		children++
	}
}
