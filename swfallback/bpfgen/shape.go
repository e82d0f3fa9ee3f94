package bpfgen

import (
	"encoding/binary"
	"slices"
)

// A shape is a state as far as it decides how the program goes on from a point: the key under which the code
// for it is found, and the values that differ from packet to packet.
type shape struct {
	key     []byte // until the next one is made
	vals    []*value
	bits    []int
	headers []int // whose validity is the first of vals, one each
	fields  []int // whose values are the others, as many each as they have limbs
}

// settle reduces the state to what matters at the point and returns its shape. With general set, constants
// and facts are given up so that more paths meet.
func (l *lowerer) settle(st *state, p *point, general bool) shape {
	sh := shape{key: l.key[:0]}
	sh.note(partPoint, uint64(p.id), uint64(st.data.id), uint64(st.end.id))
	l.settleHeaders(st, p, &sh)
	kept := st.fields[:0]
	for i := range st.fields {
		fs := &st.fields[i]
		l.settleField(fs, p, general, &sh)
		if !fs.empty() {
			kept = append(kept, *fs)
		}
	}
	st.fields = kept
	if p.kind == pointState {
		sh.note(partCursor, uint64(st.cursor), uint64(st.checked))
	}
	sh.note(partSums, st.sumOK...)
	sh.note(partDigest, uint64(st.digest), uint64(st.trust))
	l.key = sh.key
	return sh
}

// What the parts of a shape's key begin with. The numbers that follow are as many as the part says.
const (
	partPoint byte = iota
	partLayout
	partHeader
	partStale
	partConst
	partValue
	partDirty
	partFacts
	partNot
	partCursor
	partSums
	partDigest
)

// note adds a part to the key.
func (sh *shape) note(part byte, numbers ...uint64) {
	sh.key = binary.AppendUvarint(append(sh.key, part), uint64(len(numbers)))
	for _, n := range numbers {
		sh.key = binary.AppendUvarint(sh.key, n)
	}
}

func (l *lowerer) settleHeaders(st *state, p *point, sh *shape) {
	if p.kind != pointState {
		l.trim(st, p)
		st.checked = 0
	}
	for _, h := range st.layout {
		sh.note(partLayout, uint64(h))
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
			sh.note(partHeader, uint64(i), uint64(hs.valid), uint64(hs.at+1))
		}
		if hs.stale = hs.stale && l.headerLive(p, i); hs.stale {
			sh.note(partStale, uint64(i))
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
		if st.field(l.base[h] + i).dirty {
			return true
		}
	}
	return false
}

func (l *lowerer) clearFields(st *state, h int) {
	from, _ := st.find(l.base[h])
	to, _ := st.find(l.base[h] + len(l.prog.Headers[h].Type.Fields))
	st.fields = slices.Delete(st.fields, from, to)
}

// settleField reduces one field.
func (l *lowerer) settleField(fs *fieldState, p *point, general bool, sh *shape) {
	id := fs.id
	ref := l.fields[id]
	if l.points.zero.has(id) || !p.live.has(id) && !fs.dirty {
		*fs = fieldState{id: id}
		return
	}
	if general || !l.ctl.has(id) {
		fs.facts = nil
	}
	if fs.val == nil {
		sh.noteFacts(fs)
		return
	}
	if !fs.dirty && !ref.Header.Metadata && !(fs.val.isConst() && l.ctl.has(id) && !general) {
		fs.val = nil
		sh.noteFacts(fs)
		return
	}
	if fs.val.isConst() && (l.ctl.has(id) || fs.val.isZero() && !fs.dirty) && !general {
		sh.note(partConst, uint64(id), uint64(len(fs.val)))
		for _, v := range fs.val {
			sh.key = binary.AppendUvarint(sh.key, v.imm)
		}
		fs.facts = nil
	} else {
		sh.note(partValue, uint64(id))
		sh.fields = append(sh.fields, id)
		for i, v := range fs.val {
			sh.vals = append(sh.vals, v)
			sh.bits = append(sh.bits, min(64, ref.Field.Width-64*i))
		}
		sh.noteFacts(fs)
	}
	if fs.dirty {
		sh.note(partDirty)
	}
}

// noteFacts adds the facts about a field to the key.
func (sh *shape) noteFacts(fs *fieldState) {
	if fs.facts != nil {
		sh.note(partFacts, uint64(fs.id), fs.facts.lo, fs.facts.hi)
		sh.note(partNot, fs.facts.not...)
	}
}

// adopt replaces the values that the shape listed by parameters.
func (l *lowerer) adopt(st *state, sh shape, params []*value) {
	for _, h := range sh.headers {
		st.h[h].bit, params = params[0], params[1:]
	}
	for _, id := range sh.fields {
		fs := st.edit(id)
		n := len(fs.val)
		fs.val, params = num(params[:n:n]), params[n:]
	}
}
