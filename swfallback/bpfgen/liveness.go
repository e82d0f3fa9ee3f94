package bpfgen

import "math/bits"

// liveness says which values are needed where. Values carry their numbers in it; there is one at a time for a program.
type liveness struct {
	vals  []*value
	order []*block // reverse post-order

	words int // of a set
	room  set // by block: what is live at its end, edge arguments not among it, and what is live at its start
	live  set // at work
}

// out returns what is live at the end of a block.
func (lv *liveness) out(b *block) set { return lv.room[2*b.id*lv.words:][:lv.words:lv.words] }

// in returns what is live at the start of a block.
func (lv *liveness) in(b *block) set { return lv.room[(2*b.id+1)*lv.words:][:lv.words:lv.words] }

// atEnd returns a set to walk a block with, from what is live at its end. It is good until the next one.
func (lv *liveness) atEnd(b *block) set {
	lv.live = append(lv.live[:0], lv.out(b)...)
	return lv.live
}

// kept reports whether a value needs a register at all.
func kept(v *value) bool { return v != nil && !v.remat() && v.op != opStore }

// compute finds what is live at the end of every block. What it was before does not matter.
func (lv *liveness) compute(f *fn) {
	lv.number(f)
	lv.words = (len(lv.vals) + 63) / 64
	lv.room = lv.room.resized(2 * lv.words * len(f.blocks))
	lv.order = f.appendOrder(lv.order[:0])
	markLoops(lv.order)
	for again := true; again; {
		again = false
		for i := len(lv.order) - 1; i >= 0; i-- {
			b := lv.order[i]
			out := lv.out(b)
			for _, e := range b.term.edges() {
				out.join(lv.in(e.to), nil)
			}
			live := lv.atEnd(b)
			lv.backwards(b, live, nil)
			again = lv.in(b).join(live, nil) && b.loops || again
		}
	}
}

// number numbers the blocks, and the values that need registers.
func (lv *liveness) number(f *fn) {
	lv.vals = lv.vals[:0]
	number := func(v *value) {
		if kept(v) {
			v.num = len(lv.vals)
			lv.vals = append(lv.vals, v)
		}
	}
	number(f.ctx)
	for i, b := range f.blocks {
		b.id = i
		for _, p := range b.params {
			number(p)
		}
		for _, v := range b.ops {
			number(v)
		}
	}
}

// markLoops marks the blocks to which a way leads back. Without one, a single walk against the order finds everything.
func markLoops(order []*block) {
	for i, b := range order {
		b.place, b.loops = i, false
	}
	for _, b := range order {
		for _, e := range b.term.edges() {
			e.to.loops = e.to.loops || e.to.place <= b.place
		}
	}
}

// backwards walks a block from its end, keeping live up to date; at is called behind every operation with what
// is live there, the operation's own result included. live ends as what is live at the block's start.
func (lv *liveness) backwards(b *block, live set, at func(v *value, live set)) {
	use := func(v *value) {
		if kept(v) {
			live.add(v.num)
		}
	}
	use(b.term.a)
	use(b.term.b)
	for _, e := range b.term.edges() {
		for _, a := range e.args {
			use(a)
		}
	}
	for i := len(b.ops) - 1; i >= 0; i-- {
		v := b.ops[i]
		if at != nil {
			at(v, live)
		}
		if kept(v) {
			live.remove(v.num)
		}
		for _, a := range v.args {
			use(a)
		}
	}
	for _, p := range b.params {
		live.remove(p.num)
	}
}

func (s set) remove(i int) { s[i/64] &^= 1 << (i % 64) }

// each calls do for every element, in order.
func (s set) each(do func(int)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			do(64*w + bits.TrailingZeros64(word))
		}
	}
}

// resized returns an empty set of so many words, in the memory of s where there is enough.
func (s set) resized(words int) set {
	if cap(s) < words {
		return make(set, words+words/4)[:words]
	}
	s = s[:words]
	clear(s)
	return s
}

// count returns the number of elements.
func (s set) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}
