package bpfgen

import "slices"

// passShare computes no number twice on a way: pure operations with the same operands are done once, where the
// first of them dominates the others.
func passShare(f *fn) error {
	s := &sharer{dominated: dominated(f), known: make(map[opKey]sharedOp)}
	s.visit(f.blocks[0])
	s.sub.apply(f)
	return nil
}

// dominated lists for every block those that it is the immediate dominator of, by its number.
func dominated(f *fn) [][]*block {
	dom := dominators(f)
	n := make([]int, len(f.blocks))
	for _, b := range f.blocks[1:] {
		if d := dom[b.id]; d != nil {
			n[d.id]++
		}
	}
	list := emptyLists[*block](n)
	for _, b := range f.blocks[1:] {
		if d := dom[b.id]; d != nil {
			list[d.id] = append(list[d.id], b)
		}
	}
	return list
}

// opKey is what makes two operations the same.
type opKey struct {
	op   op
	a, b *value
	size int
	cond cond
}

// sharedOp is an operation that has been done.
type sharedOp struct {
	v     *value
	calls int // sharer.calls at that time
}

// forgotten is what was known before an operation came to be.
type forgotten struct {
	key opKey
	was sharedOp
}

type sharer struct {
	sub       substitution
	dominated [][]*block
	known     map[opKey]sharedOp
	undo      []forgotten
	calls     int // which call comes before, 0: none
	last      int // the call that was numbered last
}

// visit shares within a block and what it dominates; what it adds is forgotten behind it. Nothing is shared
// across a call: keeping a number there costs as much as computing it again.
func (s *sharer) visit(b *block) {
	before, calls := len(s.undo), s.calls
	ops := b.ops[:0]
	for _, v := range b.ops {
		for i, a := range v.args {
			v.args[i] = s.sub.of(a)
		}
		if v.op == opCall {
			s.last++
			s.calls = s.last
		}
		if v.op.pure() && v.op != opMove {
			k := opKey{op: v.op, a: v.args[0], size: v.size, cond: v.cond}
			if len(v.args) > 1 {
				k.b = v.args[1]
			}
			old := s.known[k]
			if old.v != nil && old.calls == s.calls {
				s.sub.put(v, old.v)
				continue
			}
			s.undo = append(s.undo, forgotten{k, old})
			s.known[k] = sharedOp{v, s.calls}
		}
		ops = append(ops, v)
	}
	b.ops = ops
	s.sub.applyTerm(&b.term)
	for _, c := range s.dominated[b.id] {
		s.visit(c)
	}
	s.calls = calls
	for _, u := range slices.Backward(s.undo[before:]) {
		if u.was.v == nil {
			delete(s.known, u.key)
		} else {
			s.known[u.key] = u.was
		}
	}
	s.undo = s.undo[:before]
}
