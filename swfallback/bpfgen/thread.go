package bpfgen

import "slices"

// passThread joins blocks that follow each other, and skips empty ones and branches that the way into them decides.
func passThread(f *fn) error {
	markSpread(f)
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			for n := 0; n < len(f.blocks); n++ {
				next, ok := f.skip(e)
				if !ok || len(next.args) > 0 && b.term.kind == termBranch {
					break
				}
				*e = next
			}
		}
		t := &b.term
		if t.kind == termBranch && t.to[0].to == t.to[1].to && len(t.to[0].args) == 0 {
			*t = term{kind: termJump, to: [2]edge{t.to[0]}, src: t.src}
		}
	}
	prune(f)
	var sub substitution
	n := preds(f)
	gone := newSet(len(f.blocks))
	for _, b := range f.blocks {
		for !gone.has(b.id) && b.term.kind == termJump {
			e := b.term.to[0]
			if n[e.to.id] != 1 || e.to == b || e.to == f.blocks[0] {
				break
			}
			for i, p := range e.to.params {
				sub.put(p, e.args[i])
			}
			b.ops = append(b.ops, e.to.ops...)
			b.term = e.to.term
			if b.note == "" {
				b.note = e.to.note
			}
			gone.add(e.to.id)
		}
	}
	sub.apply(f)
	prune(f)
	return nil
}

// skip returns where a way leads in the end when it leads to a block that does nothing, or nothing but decide what is
// known on this way. Parameters of such a block may be what only its own end uses; see markSpread.
func (f *fn) skip(e *edge) (edge, bool) {
	to := e.to
	if len(to.ops) > 0 || slices.ContainsFunc(to.params, func(p *value) bool { return p.seen == f.visits }) {
		return edge{}, false
	}
	given := func(v *value) *value {
		if i := slices.Index(to.params, v); i >= 0 {
			return e.args[i]
		}
		return v
	}
	var next *edge
	switch t := &to.term; t.kind {
	case termJump:
		next = &t.to[0]
	case termBranch:
		yes, known := decide(t.cond, given(t.a), given(t.b))
		if !known {
			return edge{}, false
		}
		next = &t.to[1-b2u(yes)]
	default:
		return edge{}, false
	}
	if next.to == to {
		return edge{}, false
	}
	args := f.list(next.args)
	for i := range args {
		args[i] = given(args[i])
	}
	return edge{to: next.to, args: args}, true
}

// markSpread marks, with the present visit, the parameters that are used elsewhere than at the end of their block.
func markSpread(f *fn) {
	f.visits++
	for i, b := range f.blocks {
		b.id = i
		for _, p := range b.params {
			p.num = i
		}
	}
	mark := func(b *block, v *value) {
		if v != nil && v.op == opParam && (b == nil || v.num != b.id) {
			v.seen = f.visits
		}
	}
	for _, b := range f.blocks {
		for _, v := range b.ops {
			for _, a := range v.args {
				mark(nil, a)
			}
		}
		mark(b, b.term.a)
		mark(b, b.term.b)
		for _, e := range b.term.edges() {
			for _, a := range e.args {
				mark(b, a)
			}
		}
	}
}
