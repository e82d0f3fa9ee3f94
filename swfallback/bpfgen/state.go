package bpfgen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A num is a number of any width: 64 bits per value, the least significant first.
type num []*value

// fieldState is what is known about a field on a path.
type fieldState struct {
	val   num  // its value; nil: of metadata zero, of a header still where the packet has it
	dirty bool // of a header: val is not what the packet has
	// Facts about the value of a field of at most 64 bits.
	known  bool // lo and hi hold
	lo, hi uint64
	not    []uint64 // values that it does not have
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
	valid validity
	bit   *value // of unknown: 0 or 1
	at    int    // byte of the packet where it was extracted, -1: nowhere
	stale bool   // invalid, and its fields may have values: it has been valid, or they were written to
}

// A state is what is known about a packet on a path.
type state struct {
	f       []fieldState // by field number
	h       []hdrState   // by header
	layout  []int        // headers in the order in which they lie in the packet, from its first byte on
	cursor  int          // bytes parsed
	checked int          // bytes of the packet that are known to be there
	sumOK   set          // by checksum: the packet's own value is right for the packet's own bytes
	data    *value       // the packet
	end     *value       // behind the packet
	homed   bool         // all fields are in the packet's home
	digest  int          // 1 + index of the digest that ingress asked for, 0: none
}

// newState returns the state of a packet that nothing is known about.
func newState(x *index) *state {
	st := &state{f: make([]fieldState, len(x.fields)), h: make([]hdrState, len(x.prog.Headers)),
		sumOK: newSet(len(x.prog.Checksums) + 1)}
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
	c.f = slices.Clone(st.f)
	c.h = slices.Clone(st.h)
	c.layout = slices.Clone(st.layout)
	c.sumOK = slices.Clone(st.sumOK)
	return &c
}

// setField gives a field a value that the packet does not have.
func (st *state) setField(id int, v num, header bool) {
	st.f[id] = fieldState{val: v, dirty: header}
}

// dropLoaded forgets what was read from the packet or its home and can be read again, but not the facts about it.
func (st *state) dropLoaded(x *index) {
	for id := range st.f {
		fs := &st.f[id]
		if fs.val != nil && !fs.dirty && (st.homed || !x.fields[id].Header.Metadata) && !fs.val.isConst() {
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
	for id := range st.f {
		fs := &st.f[id]
		if len(fs.val) == 1 && fs.val[0] == v {
			st.learnField(b, fs, c, k, lowMask(x.fields[id].Field.Width))
		}
	}
}

func (st *state) learnField(b *builder, fs *fieldState, c cond, k, most uint64) {
	if !fs.known {
		fs.known, fs.lo, fs.hi = true, 0, most
	}
	switch c {
	case condEq:
		fs.lo, fs.hi = k, k
		fs.val = num{b.konst(k)}
	case condNe:
		if fs.lo == k {
			fs.lo++
		} else if fs.hi == k {
			fs.hi--
		} else if len(fs.not) < 8 && !slices.Contains(fs.not, k) {
			fs.not = append(slices.Clone(fs.not), k)
			slices.Sort(fs.not)
		}
	case condLt:
		fs.hi = min(fs.hi, k-1)
	case condLe:
		fs.hi = min(fs.hi, k)
	case condGt:
		fs.lo = max(fs.lo, k+1)
	case condGe:
		fs.lo = max(fs.lo, k)
	}
	if fs.lo == fs.hi && fs.val != nil {
		fs.val = num{b.konst(fs.lo)}
	}
}

// decide evaluates a comparison from what is known.
func (st *state) decide(c cond, a, k *value) (result, ok bool) {
	if result, ok = decide(c, a, k); ok || !k.isConst() {
		return result, ok
	}
	for id := range st.f {
		fs := &st.f[id]
		if len(fs.val) != 1 || fs.val[0] != a {
			continue
		}
		if slices.Contains(fs.not, k.imm) && (c == condEq || c == condNe) {
			return c == condNe, true
		}
		if fs.known {
			if result, ok = decideRange(c, fs.lo, fs.hi, k.imm); ok {
				return result, true
			}
		}
	}
	return false, false
}

// A shape is a state as far as it decides how the program goes on from a point: the key under which the code
// for it is found, and the values that differ from packet to packet.
type shape struct {
	key     string
	vals    []*value
	bits    []int
	headers []int // whose validity is the first of vals, one each
	fields  []int // whose values are the others, as many each as they have limbs
}

// settle reduces the state to what matters at the point and returns its shape. With general set, constants
// and facts are given up so that more paths meet.
func (l *lowerer) settle(st *state, p *point, general bool) shape {
	var key strings.Builder
	var sh shape
	fmt.Fprintf(&key, "%d/%d.%d/", p.id, st.data.id, st.end.id)
	l.settleHeaders(st, p, &key, &sh)
	for id := range st.f {
		l.settleField(st, p, id, general, &key, &sh)
	}
	if p.kind == pointState {
		fmt.Fprintf(&key, "c%d,%d", st.cursor, st.checked)
	}
	fmt.Fprintf(&key, "s%xd%d", st.sumOK, st.digest)
	sh.key = key.String()
	return sh
}

func (l *lowerer) settleHeaders(st *state, p *point, key *strings.Builder, sh *shape) {
	if p.kind != pointState {
		l.trim(st, p)
	}
	if p.kind != pointState {
		st.checked = 0
	}
	for _, h := range st.layout {
		fmt.Fprintf(key, "h%d", h)
		if p.kind != pointState {
			st.checked += l.size(h)
		}
	}
	for i := range st.h {
		hs := &st.h[i]
		if l.prog.Headers[i].Metadata {
			continue
		}
		if hs.valid == unknown {
			sh.vals, sh.bits, sh.headers = append(sh.vals, hs.bit), append(sh.bits, 1), append(sh.headers, i)
		}
		if hs.valid != invalid || hs.at >= 0 {
			fmt.Fprintf(key, "/%d:%d@%d", i, hs.valid, hs.at)
		}
		if hs.stale = hs.stale && l.headerLive(p, i); hs.stale {
			fmt.Fprintf(key, "/%d?", i)
		}
	}
}

// trim turns headers at the end of the layout into payload when nothing mentions them any more and the
// deparser would write them just so, unless a checksum tells headers from payload.
func (l *lowerer) trim(st *state, p *point) {
	if l.sumsPayload {
		return
	}
	for len(st.layout) > 0 {
		h := st.layout[len(st.layout)-1]
		if p.touched.has(h) || st.h[h].valid != valid || st.h[h].at < 0 || l.headerDirty(st, h) || !l.lastInOrder(st, p, h) {
			return
		}
		st.layout = st.layout[:len(st.layout)-1]
		st.h[h] = hdrState{at: -1}
		l.clearFields(st, h)
	}
}

// lastInOrder reports whether the deparser writes header h behind all that are or may become valid.
func (l *lowerer) lastInOrder(st *state, p *point, h int) bool {
	at, seen := l.order[h], l.order[h] >= 0
	for i := range st.h {
		if i == h || l.prog.Headers[i].Metadata {
			continue
		}
		may := st.h[i].valid != invalid || p.touched.has(i) && l.settable.has(i)
		if may && l.order[i] > at {
			return false
		}
	}
	return seen
}

// headerLive reports whether a field of a header may be read from a point on.
func (l *lowerer) headerLive(p *point, h int) bool {
	for i := range l.prog.Headers[h].Type.Fields {
		if p.live.has(l.base[h] + i) {
			return true
		}
	}
	return false
}

func (l *lowerer) headerDirty(st *state, h int) bool {
	for i := range l.prog.Headers[h].Type.Fields {
		if st.f[l.base[h]+i].dirty {
			return true
		}
	}
	return false
}

func (l *lowerer) clearFields(st *state, h int) {
	for i := range l.prog.Headers[h].Type.Fields {
		st.f[l.base[h]+i] = fieldState{}
	}
}

// settleField reduces one field.
func (l *lowerer) settleField(st *state, p *point, id int, general bool, key *strings.Builder, sh *shape) {
	fs := &st.f[id]
	ref := l.fields[id]
	if l.points.zero.has(id) {
		*fs = fieldState{}
		return
	}
	live := p.live.has(id)
	if !live && !fs.dirty {
		*fs = fieldState{}
		return
	}
	if general || !l.ctl.has(id) {
		fs.known, fs.not = false, nil
	}
	if fs.val == nil {
		l.keyFacts(fs, id, key)
		return
	}
	if !fs.dirty && !ref.Header.Metadata && !(fs.val.isConst() && l.ctl.has(id) && !general) {
		fs.val = nil
		l.keyFacts(fs, id, key)
		return
	}
	if fs.val.isConst() && (l.ctl.has(id) || fs.val.isZero() && !fs.dirty) && !general {
		fmt.Fprintf(key, "f%d=", id)
		for _, v := range fs.val {
			fmt.Fprintf(key, "%x,", v.imm)
		}
		fs.known, fs.not = false, nil
	} else {
		fmt.Fprintf(key, "f%dv", id)
		sh.fields = append(sh.fields, id)
		for i, v := range fs.val {
			sh.vals = append(sh.vals, v)
			sh.bits = append(sh.bits, min(64, ref.Field.Width-64*i))
		}
		l.keyFacts(fs, id, key)
	}
	if fs.dirty {
		key.WriteByte('d')
	}
}

func (l *lowerer) keyFacts(fs *fieldState, id int, key *strings.Builder) {
	if fs.known || len(fs.not) > 0 {
		fmt.Fprintf(key, "f%d[%x-%x!%x]", id, fs.lo, fs.hi, fs.not)
	}
}

// adopt replaces the values that the shape listed by parameters.
func (l *lowerer) adopt(st *state, sh shape, params []*value) {
	for _, h := range sh.headers {
		st.h[h].bit, params = params[0], params[1:]
	}
	for _, id := range sh.fields {
		n := len(st.f[id].val)
		st.f[id].val, params = num(params[:n:n]), params[n:]
	}
}

// headerOf returns the header of a reference; computed ones are not handled here.
func headerOf(e pipeline.Expr) *pipeline.Header {
	if r, ok := e.(*pipeline.HeaderRef); ok {
		return r.Header
	}
	return nil
}
