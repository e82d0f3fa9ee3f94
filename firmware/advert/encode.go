package advert

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Layout of the encoded form, docs/formats.md.
const (
	magic       = "P4ADVERT"
	format      = 1
	headerSize  = 64
	none        = 1<<32 - 1 // no mask
	hasCounters = 1

	// Limits of the driver's reader.
	maxRecords = 64 << 10 // of each kind
	maxBytes   = 4 << 20
)

// Encode returns the description, with the entries of the program itself, in records of fixed size.
func (a *Advert) Encode() ([]byte, error) {
	e := encoder{offsets: map[string]uint32{"": 0}, strings: []byte{0}}
	if err := e.add(a); err != nil {
		return nil, fmt.Errorf("advert: encode %s: %w", a.Name, err)
	}
	return e.finish(), nil
}

// section numbers the kinds of records, in the order in which they are written.
type section int

const (
	secHeaders section = iota
	secFields
	secTables
	secRefs
	secResources
	secEntries
	secValues
	sections
)

// encoder collects the records of each kind.
type encoder struct {
	name, version, source uint32
	records               [sections][]byte
	count                 [sections]uint32
	bytes                 []byte
	strings               []byte
	offsets               map[string]uint32 // of strings
}

// put appends a record.
func (e *encoder) put(s section, words ...uint32) {
	for _, w := range words {
		e.records[s] = binary.LittleEndian.AppendUint32(e.records[s], w)
	}
	e.count[s]++
}

// str returns the offset of a string.
func (e *encoder) str(s string) uint32 {
	if at, ok := e.offsets[s]; ok {
		return at
	}
	at := uint32(len(e.strings))
	e.strings = append(append(e.strings, s...), 0)
	e.offsets[s] = at
	return at
}

func (e *encoder) add(a *Advert) error {
	for _, s := range []string{a.Name, a.Version, a.Source} {
		if strings.ContainsRune(s, 0) {
			return fmt.Errorf("%q has a zero byte", s)
		}
	}
	e.name, e.version, e.source = e.str(a.Name), e.str(a.Version), e.str(a.Source)
	for _, h := range a.Headers {
		e.put(secHeaders, h.ID, e.str(h.Name), e.count[secFields], uint32(len(h.Fields)))
		for _, f := range h.Fields {
			e.put(secFields, e.str(f.Name), f.Width)
		}
	}
	refs := make(map[Ref]uint32) // number of one of the records
	for _, t := range a.Tables {
		var flags uint32
		if t.Counters {
			flags = hasCounters
		}
		e.put(secTables, e.str(t.Name), t.Size, t.Resource, flags, e.count[secRefs], uint32(len(t.Matches)), uint32(len(t.Actions)), 0)
		for _, list := range [][]Ref{t.Matches, t.Actions} {
			for _, r := range list {
				refs[r] = e.count[secRefs]
				e.put(secRefs, r.Header, r.Field)
			}
		}
	}
	for _, r := range a.Resources {
		e.put(secResources, r.ID, e.str(r.Name), r.Parent, r.Size)
	}
	for i, t := range a.Tables {
		for _, x := range t.Program.Entries {
			e.entry(uint32(i), a.Entry(x), refs)
		}
	}
	return e.check()
}

func (e *encoder) entry(table uint32, x Entry, refs map[Ref]uint32) {
	matches, actions := describable(x.Matches, refs), describable(x.Actions, refs)
	e.put(secEntries, table, e.count[secValues], uint32(len(matches)), uint32(len(actions)))
	for _, list := range [][]Value{matches, actions} {
		for _, v := range list {
			at, mask := e.data(v.Value), uint32(none)
			if v.Mask != nil {
				mask = e.data(v.Mask)
			}
			e.put(secValues, refs[v.Field], at, mask, uint32(len(v.Value)))
		}
	}
}

// describable leaves out values of fields that no table has, and those without bytes.
func describable(values []Value, refs map[Ref]uint32) []Value {
	var out []Value
	for _, v := range values {
		if _, ok := refs[v.Field]; ok && len(v.Value) > 0 {
			out = append(out, v)
		}
	}
	return out
}

func (e *encoder) data(b []byte) uint32 {
	at := uint32(len(e.bytes))
	e.bytes = append(e.bytes, b...)
	return at
}

func (e *encoder) check() error {
	for s, n := range e.count {
		if n > maxRecords {
			return fmt.Errorf("%d records of kind %d, at most %d are read", n, s, maxRecords)
		}
	}
	if size := e.size(); size > maxBytes {
		return fmt.Errorf("%d bytes, at most %d are read", size, maxBytes)
	}
	return nil
}

func (e *encoder) size() int {
	size := headerSize + len(e.bytes) + len(e.strings)
	for _, r := range e.records {
		size += len(r)
	}
	return size
}

func (e *encoder) finish() []byte {
	out := make([]byte, 0, e.size())
	out = append(out, magic...)
	for _, w := range append([]uint32{format, uint32(e.size()), e.name, e.version, e.source}, e.count[:]...) {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	out = binary.LittleEndian.AppendUint32(out, uint32(len(e.bytes)))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(e.strings)))
	for _, r := range e.records {
		out = append(out, r...)
	}
	out = append(out, e.bytes...)
	return append(out, e.strings...)
}
