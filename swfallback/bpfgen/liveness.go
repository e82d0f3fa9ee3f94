package bpfgen

import "math/bits"

// liveness says which values are needed where. Values carry their numbers in it; there is one at a time for a program.
type liveness struct {
	vals []*value
	ends []set // by block: at its end, edge arguments not among them

	order []*block // reverse post-order
}

// out returns what is live at the end of a block.
func (lv *liveness) out(b *block) set { return lv.ends[b.id] }

// kept reports whether a value needs a register at all.
func kept(v *value) bool { return v != nil && !v.remat() && v.op != opStore }

// newLiveness computes what is live at the end of every block.
func newLiveness(f *fn) *liveness {
	lv := &liveness{}
	for i, b := range f.blocks {
		b.id = i
	}
	number := func(v *value) {
		if kept(v) {
			v.num = len(lv.vals)
			lv.vals = append(lv.vals, v)
		}
	}
	number(f.ctx)
	for _, b := range f.blocks {
		for _, p := range b.params {
			number(p)
		}
		for _, v := range b.ops {
			number(v)
		}
	}
	words := (len(lv.vals) + 63) / 64
	room := make(set, 2*words*len(f.blocks))
	in := make([]set, len(f.blocks))
	for range f.blocks {
		lv.ends, room = append(lv.ends, room[:words:words]), room[words:]
	}
	for i := range in {
		in[i], room = room[:words:words], room[words:]
	}
	live := make(set, words)
	lv.order = rpo(f)
	markLoops(lv.order)
	for again := true; again; {
		again = false
		for i := len(lv.order) - 1; i >= 0; i-- {
			b := lv.order[i]
			out := lv.out(b)
			for _, e := range b.term.edges() {
				out.join(in[e.to.id], nil)
			}
			copy(live, out)
			lv.backwards(b, live, nil)
			again = in[b.id].join(live, nil) && b.loops || again
		}
	}
	return lv
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

// each calls do for every element.
func (s set) each(do func(int)) {
	for w, word := range s {
		for i := 0; word != 0; i, word = i+1, word>>1 {
			if word&1 != 0 {
				do(64*w + i)
			}
		}
	}
}

// count returns the number of elements.
func (s set) count() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}
