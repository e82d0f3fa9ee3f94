package bpfgen

// passShare computes no number twice on a way: pure operations with the same operands are done once, where the
// first of them dominates the others.
func passShare(f *fn) error {
	dom := dominators(f)
	children := make(map[*block][]*block)
	for _, b := range f.blocks[1:] {
		if d := dom[b]; d != nil {
			children[d] = append(children[d], b)
		}
	}
	s := &sharer{sub: make(substitution), known: make(map[opKey]*value)}
	s.visit(f.blocks[0], children)
	s.sub.apply(f)
	return nil
}

// opKey is what makes two operations the same.
type opKey struct {
	op   op
	a, b *value
	size int
	cond cond
}

type sharer struct {
	sub   substitution
	known map[opKey]*value
}

// visit shares within a block and what it dominates; what it adds is forgotten behind it. Nothing is shared
// across a call: keeping a number there costs as much as computing it again.
func (s *sharer) visit(b *block, children map[*block][]*block) {
	outer := s.known
	var added []opKey // to outer
	called := false
	var ops []*value
	for _, v := range b.ops {
		for i, a := range v.args {
			v.args[i] = s.sub.of(a)
		}
		if v.op == opCall {
			s.known, called = make(map[opKey]*value), true
		}
		if v.op.pure() && v.op != opMove {
			k := opKey{op: v.op, a: v.args[0], size: v.size, cond: v.cond}
			if len(v.args) > 1 {
				k.b = v.args[1]
			}
			if old, ok := s.known[k]; ok {
				s.sub[v] = old
				continue
			}
			if s.known[k] = v; !called {
				added = append(added, k)
			}
		}
		ops = append(ops, v)
	}
	b.ops = ops
	s.sub.applyTerm(&b.term)
	for _, c := range children[b] {
		s.visit(c, children)
	}
	s.known = outer
	for _, k := range added {
		delete(outer, k)
	}
}

// dominators returns the immediate dominator of every block but the first (Cooper, Harvey and Kennedy, A Simple,
// Fast Dominance Algorithm). Blocks must be in reverse post-order.
func dominators(f *fn) map[*block]*block {
	num := make(map[*block]int)
	in := make(map[*block][]*block)
	for i, b := range f.blocks {
		num[b] = i
		for _, e := range b.term.edges() {
			in[e.to] = append(in[e.to], b)
		}
	}
	dom := map[*block]*block{f.blocks[0]: f.blocks[0]}
	meet := func(a, b *block) *block {
		for a != b {
			for num[a] > num[b] {
				a = dom[a]
			}
			for num[b] > num[a] {
				b = dom[b]
			}
		}
		return a
	}
	for changed := true; changed; {
		changed = false
		for _, b := range f.blocks[1:] {
			var d *block
			for _, p := range in[b] {
				if dom[p] == nil {
					continue
				}
				if d == nil {
					d = p
				} else {
					d = meet(d, p)
				}
			}
			if d != nil && dom[b] != d {
				dom[b] = d
				changed = true
			}
		}
	}
	return dom
}
