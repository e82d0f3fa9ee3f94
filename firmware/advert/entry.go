package advert

import "github.com/p4dev/p4dev/firmware/pipeline"

// Entry is a table entry in dpipe's terms.
type Entry struct {
	Matches []Value
	Actions []Value // what a hit writes
}

// Value is a field's value. Bytes are big-endian, as pipeline.Match has them, and belong to the entry.
type Value struct {
	Field Ref
	Value []byte
	Mask  []byte // nil: all bits are compared
}

// written is a field that an action sets, to a parameter's value where param is not negative.
type written struct {
	ref   Ref
	param int
}

// writes lists the fields that an action sets: the destination is the first argument of every primitive that
// has one.
func (a *Advert) writes(action *pipeline.Action) []written {
	var out []written
	for _, p := range action.Body {
		if len(p.Args) < 2 || p.Op == pipeline.OpJumpIfZero || p.Op == pipeline.OpLogMsg {
			continue
		}
		x, ok := p.Args[0].(*pipeline.FieldRef)
		if !ok {
			continue
		}
		ref, ok := a.refs[fieldKey{x.Header, x.Field}]
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

// Entry describes an entry of one of the program's tables. The mask of a range covers the leading bits that all
// its values share.
func (a *Advert) Entry(e *pipeline.Entry) Entry {
	var out Entry
	for i, k := range e.Table.Keys {
		if ref, ok := a.keyRef(k); ok {
			m := &e.Match[i]
			out.Matches = append(out.Matches, Value{Field: ref, Value: m.Value, Mask: matchMask(k, m)})
		}
	}
	if e.Call == nil {
		return out
	}
	for _, w := range a.writes(e.Call.Action) {
		if w.param >= 0 && w.param < len(e.Call.Args) {
			out.Actions = append(out.Actions, Value{Field: w.ref, Value: e.Call.Args[w.param]})
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
