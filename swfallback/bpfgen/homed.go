package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// anyState is the state of a packet of which nothing is known but where its home is.
func (l *lowerer) anyState() *state {
	st := newState(l.index)
	st.homed = true
	for i, h := range l.prog.Headers {
		if !h.Metadata {
			st.h[i].valid = unknown
		}
	}
	return st
}

// spot is an address in memory: a register and an offset that is known.
type spot struct {
	ptr *value
	off int
}

// at returns the spot off bytes further on.
func (p spot) at(off int) spot { return spot{p.ptr, p.off + off} }

// homeAt is a spot in the packet's home.
func (l *lowerer) homeAt(off int) spot { return spot{l.homePtr, off} }

// word loads a number of the home.
func (l *lowerer) word(off, size int) *value { return l.load(l.homePtr, off, size) }

// setWord stores a number in the home.
func (l *lowerer) setWord(off, size int, v *value) { l.store(l.homePtr, off, size, v) }

// pass loads a word that begins at 0 with every pass.
func (l *lowerer) pass(off int) *value { return l.word(l.home.cleared+off, 4) }

// setPass stores such a word.
func (l *lowerer) setPass(off int, v *value) { l.setWord(l.home.cleared+off, 4, v) }

// forget gives up what is known of the fields, after something has been written to the home on another way than by
// their names.
func (l *lowerer) forget(st *state) {
	st.fields = st.fields[:0]
}

// readHome reads a field from the home.
func (l *lowerer) readHome(st *state, id int) num {
	ref := l.fields[id]
	if ref.Field.Var {
		return l.readVar(l.hold(ref.Header))
	}
	n := l.readField(l.fieldHome(ref), ref.Field, ref.Header.Metadata)
	st.edit(id).val = n
	return n
}

// fieldHome is where the field, or the header of the packet that it is in, has its home.
func (l *lowerer) fieldHome(ref *pipeline.FieldRef) spot {
	if ref.Header.Metadata {
		return l.homeAt(l.home.field[l.id(ref)])
	}
	return l.homeAt(l.home.header[ref.Header.Index])
}

// readField reads a field: of metadata at its spot, of a header at the header's.
func (l *lowerer) readField(p spot, f *pipeline.Field, meta bool) num {
	out := make(num, limbs(f.Width))
	for i := range out {
		w := min(64, f.Width-64*i)
		if meta {
			size := min(8, paramSize(f.Width))
			out[i] = l.load(p.ptr, p.off+8*i, size)
			out[i].bits = min(out[i].bits, w)
			continue
		}
		out[i] = l.bitsAt(p, (f.Offset+f.Width+7)/8, f.Offset+f.Width-64*i-w, w)
	}
	return out
}

// writeField writes a field; the bits of n above its width must be 0.
func (l *lowerer) writeField(p spot, f *pipeline.Field, meta bool, n num) {
	for i := range limbs(f.Width) {
		w := min(64, f.Width-64*i)
		if meta {
			l.store(p.ptr, p.off+8*i, min(8, paramSize(f.Width)), n[i])
			continue
		}
		l.putBits(p, f.Offset+f.Width-64*i-w, w, n[i])
	}
}

// writeHome gives a field a value.
func (l *lowerer) writeHome(st *state, id int, n num) {
	ref := l.fields[id]
	n = l.fit(n, ref.Field.Width)
	l.writeField(l.fieldHome(ref), ref.Field, ref.Header.Metadata, n)
	*st.edit(id) = fieldState{id: id, val: n}
}

// bitsAt reads at most 64 bits of memory in the order of the wire, of which limit bytes may be read.
func (l *lowerer) bitsAt(p spot, limit, bit, width int) *value {
	first, n := bit/8, (bit+width+7)/8-bit/8
	size := 1
	for size < n {
		size *= 2
	}
	switch {
	case width <= 0:
		return l.konst(0)
	case size > 8: // 9 bytes: the first, and the rest
		head := 8 - bit%8
		v := l.aluC(opShl, l.bitsAt(p, limit, bit, head), uint64(width-head))
		return l.alu(opOr, v, l.bitsAt(p, limit, bit+head, width-head))
	case first+size <= limit:
	case first+n >= size && first+n <= limit:
		first -= size - n
	default:
		half := 8*(size/2) - bit%8
		v := l.aluC(opShl, l.bitsAt(p, limit, bit, half), uint64(width-half))
		return l.alu(opOr, v, l.bitsAt(p, limit, bit+half, width-half))
	}
	v := l.load(p.ptr, p.off+first, size)
	if size > 1 {
		v = l.swap(v, size)
	}
	return l.mask(l.aluC(opShr, v, uint64(8*(first+size)-bit-width)), width)
}

// putBits writes the low width bits of a number, at most 64, to memory in the order of the wire.
func (l *lowerer) putBits(p spot, bit, width int, v *value) {
	for end := bit + width; width > 0; {
		n := min(width, end%8)
		if end%8 == 0 {
			n = 8 * min(8, width/8)
		}
		if n == 0 { // less than a byte, at the end of one
			n = width
		}
		if end%8 != 0 || n%8 != 0 || n == 0 {
			l.putPart(p.at((end-1)/8), 8*((end+7)/8)-end, n, v)
		} else {
			n = 8 * chunk(n/8)
			l.store(p.ptr, p.off+end/8-n/8, n/8, l.swapped(v, n/8))
		}
		v = l.aluC(opShr, v, uint64(min(n, 63)))
		end, width = end-n, width-n
	}
}

// putPart writes n bits of one byte, the lowest of them at shift.
func (l *lowerer) putPart(p spot, shift, n int, v *value) {
	old := l.aluC(opAnd, l.load(p.ptr, p.off, 1), ^(lowMask(n) << shift))
	l.store(p.ptr, p.off, 1, l.alu(opOr, old, l.aluC(opShl, l.mask(v, n), uint64(shift))))
}

// swapped is swap, also of one byte.
func (l *lowerer) swapped(v *value, size int) *value {
	if size == 1 {
		return v
	}
	return l.swap(v, size)
}

// copyBytes copies memory; both places are at a multiple of 8 bytes where size is.
func (l *lowerer) copyBytes(to, from spot, size int) {
	for at := 0; at < size; {
		n := chunk(size - at)
		l.store(to.ptr, to.off+at, n, l.load(from.ptr, from.off+at, n))
		at += n
	}
}

// clearHome writes zeros from one spot of the home to another, both multiples of 8.
func (l *lowerer) clearHome(from, to int) {
	for at := from; at < to; at += 8 {
		l.setWord(at, 8, l.konst(0))
	}
}

// where runs do only if the comparison holds, and goes on in either case.
func (l *lowerer) where(c cond, x, y *value, do func()) {
	if known, ok := decide(c, x, y); ok {
		if known {
			do()
		}
		return
	}
	some, done := l.f.newBlock(""), l.f.newBlock("")
	l.branch(c, x, y, some, done)
	l.cur = some
	do()
	if l.cur != nil {
		l.jump(done)
	}
	l.cur = done
}
