package bpfgen

import "math/bits"

// liveness says which values are needed where.
type liveness struct {
	index map[*value]int
	vals  []*value
	out   map[*block]set // at the end of a block, edge arguments not among them
}

// kept reports whether a value needs a register at all.
func kept(v *value) bool { return v != nil && !v.remat() && v.op != opStore }

// newLiveness computes what is live at the end of every block.
func newLiveness(f *fn) *liveness {
	lv := &liveness{index: make(map[*value]int), out: make(map[*block]set)}
	number := func(v *value) {
		if kept(v) {
			if _, ok := lv.index[v]; !ok {
				lv.index[v] = len(lv.vals)
				lv.vals = append(lv.vals, v)
			}
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
	in := make(map[*block]set)
	for _, b := range f.blocks {
		lv.out[b], in[b] = newSet(len(lv.vals)), newSet(len(lv.vals))
	}
	order := rpo(f)
	for changed := true; changed; {
		changed = false
		for i := len(order) - 1; i >= 0; i-- {
			b := order[i]
			out := lv.out[b]
			for _, e := range b.term.edges() {
				out.join(in[e.to], nil)
			}
			live := append(set(nil), out...)
			lv.backwards(b, live, nil)
			if in[b].join(live, nil) {
				changed = true
			}
		}
	}
	return lv
}

// backwards walks a block from its end, keeping live up to date; at is called behind every operation with what
// is live there, the operation's own result included. live ends as what is live at the block's start.
func (lv *liveness) backwards(b *block, live set, at func(v *value, live set)) {
	use := func(v *value) {
		if kept(v) {
			live.add(lv.index[v])
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
			live.remove(lv.index[v])
		}
		for _, a := range v.args {
			use(a)
		}
	}
	for _, p := range b.params {
		live.remove(lv.index[p])
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
