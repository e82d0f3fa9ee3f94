package bpfgen

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A num is a number of any width: 64 bits per value, the least significant first.
type num []*value

// fieldState is what is known about a field on a path.
type fieldState struct {
	id    int // the field's number
	val   num // its value; nil: of metadata zero, of a header still where the packet has it
	facts *facts
	dirty bool // of a header: val is not what the packet has
}

// facts are known about the value of a field of at most 64 bits. They do not change once they are in a state.
type facts struct {
	lo, hi uint64   // it is from lo to hi
	not    []uint64 // and none of these
}

// unknownField is a field that nothing is known about. Nobody writes to it.
var unknownField fieldState

// empty reports whether nothing is known about the field.
func (fs *fieldState) empty() bool {
	return fs.val == nil && !fs.dirty && fs.facts == nil
}

// validity is what is known about a header's validity.
type validity uint8

// The kinds of validity.
const (
	invalid validity = iota
	valid
	unknown // hdrState.bit says at run time
)

// hdrState is what is known about a header on a path.
type hdrState struct {
	bit   *value // of unknown: 0 or 1
	at    int    // byte of the packet where it was extracted, -1: nowhere
	valid validity
	stale bool // invalid, and its fields may have values: it has been valid, or they were written to
}

// A state is what is known about a packet on a path.
type state struct {
	fields  []fieldState // of fields that something may be known about, by rising number: few of many
	h       []hdrState   // by header
	layout  []int        // headers in the order in which they lie in the packet, from its first byte on
	cursor  int          // bytes parsed
	checked int          // bytes of the packet that are known to be there
	sumOK   set          // by checksum: the packet's own value is right for the packet's own bytes
	data    *value       // the packet
	end     *value       // behind the packet
	homed   bool         // all fields are in the packet's home
	digest  int          // 1 + index of the digest that ingress asked for, 0: none
	trust   trust        // whether what is known of tables is right
}

// moreFields is room for fields that a copy of a state learns of.
const moreFields = 4

// newState returns the state of a packet that nothing is known about.
func newState(x *index) *state {
	st := &state{fields: make([]fieldState, 0, moreFields), h: make([]hdrState, len(x.prog.Headers)), sumOK: newSet(len(x.prog.Checksums) + 1)}
	for i, h := range x.prog.Headers {
		st.h[i] = hdrState{at: -1}
		if h.Metadata {
			st.h[i].valid = valid
		}
	}
	return st
}

// clone returns a copy that may be changed.
func (st *state) clone() *state {
	c := *st
	c.fields = append(make([]fieldState, 0, len(st.fields)+moreFields), st.fields...)
	c.h = slices.Clone(st.h)
	c.layout = slices.Clone(st.layout)
	c.sumOK = slices.Clone(st.sumOK)
	return &c
}

// find returns where in st.fields a field is, or would be.
func (st *state) find(id int) (int, bool) {
	return slices.BinarySearchFunc(st.fields, id, func(fs fieldState, id int) int { return fs.id - id })
}

// field returns what is known about a field, to be read before the state changes.
func (st *state) field(id int) *fieldState {
	if i, ok := st.find(id); ok {
		return &st.fields[i]
	}
	return &unknownField
}

// edit returns what is known about a field, to be changed before another field is.
func (st *state) edit(id int) *fieldState {
	i, ok := st.find(id)
	if !ok {
		st.fields = slices.Insert(st.fields, i, fieldState{id: id})
	}
	return &st.fields[i]
}

// setField gives a field a value that the packet does not have.
func (st *state) setField(id int, v num, header bool) {
	*st.edit(id) = fieldState{id: id, val: v, dirty: header}
}

// dropLoaded forgets what was read from the packet or its home and can be read again, but not the facts about it.
func (st *state) dropLoaded(x *index) {
	for i := range st.fields {
		fs := &st.fields[i]
		if fs.val != nil && !fs.dirty && (st.homed || !x.fields[fs.id].Header.Metadata) && !fs.val.isConst() {
			fs.val = nil
		}
	}
}

// isConst reports whether all of a number is constant.
func (n num) isConst() bool {
	for _, v := range n {
		if !v.isConst() {
			return false
		}
	}
	return true
}

// isZero reports whether a number is the constant 0.
func (n num) isZero() bool {
	for _, v := range n {
		if !v.isConst() || v.imm != 0 {
			return false
		}
	}
	return true
}

// learn records, for every field that v is the value of, that v cond k holds.
func (st *state) learn(x *index, b *builder, v *value, c cond, k uint64) {
	for i := range st.fields {
		fs := &st.fields[i]
		if len(fs.val) == 1 && fs.val[0] == v {
			st.learnField(b, fs, c, k, lowMask(x.fields[fs.id].Field.Width))
		}
	}
}

func (st *state) learnField(b *builder, fs *fieldState, c cond, k, most uint64) {
	fa := facts{hi: most}
	if fs.facts != nil {
		fa = *fs.facts
	}
	switch c {
	case condEq:
		fa.lo, fa.hi = k, k
		fs.val = num{b.konst(k)}
	case condNe:
		if fa.lo == k {
			fa.lo++
		} else if fa.hi == k {
			fa.hi--
		} else if len(fa.not) < 8 && !slices.Contains(fa.not, k) {
			fa.not = append(slices.Clone(fa.not), k)
			slices.Sort(fa.not)
		}
	case condLt:
		fa.hi = min(fa.hi, k-1)
	case condLe:
		fa.hi = min(fa.hi, k)
	case condGt:
		fa.lo = max(fa.lo, k+1)
	case condGe:
		fa.lo = max(fa.lo, k)
	}
	if fa.lo == fa.hi && fs.val != nil {
		fs.val = num{b.konst(fa.lo)}
	}
	fs.facts = &fa
}

// decide evaluates a comparison from what is known.
func (st *state) decide(c cond, a, k *value) (result, ok bool) {
	if result, ok = decide(c, a, k); ok || !k.isConst() {
		return result, ok
	}
	for i := range st.fields {
		fs := &st.fields[i]
		if len(fs.val) != 1 || fs.val[0] != a || fs.facts == nil {
			continue
		}
		if slices.Contains(fs.facts.not, k.imm) && (c == condEq || c == condNe) {
			return c == condNe, true
		}
		if result, ok = decideRange(c, fs.facts.lo, fs.facts.hi, k.imm); ok {
			return result, true
		}
	}
	return false, false
}

// headerOf returns the header of a reference; computed ones are not handled here.
func headerOf(e pipeline.Expr) *pipeline.Header {
	if r, ok := e.(*pipeline.HeaderRef); ok {
		return r.Header
	}
	return nil
}
