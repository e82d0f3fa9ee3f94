package bpfgen

// A pass rewrites a program in place.
type pass struct {
	name string
	run  func(*fn) error
}

// passes lists the passes behind lowering, in order.
func passes() []pass {
	return []pass{
		{"params", passParams},
		{"fold", passFold},
		{"sink", passSink},
		{"fold again", passFold},
		{"thread", passThread},
		{"share", passShare},
		{"dead", passDead},
		{"order", passOrder},
		{"legal", passLegal},
		{"registers", passRegisters},
		{"stack", passStack},
	}
}

// substitution replaces values by others.
type substitution map[*value]*value

// of returns what a value has been replaced by, in the end.
func (s substitution) of(v *value) *value {
	for {
		w, ok := s[v]
		if !ok || w == v {
			return v
		}
		v = w
	}
}

// apply replaces the operands of a whole program.
func (s substitution) apply(f *fn) {
	if len(s) == 0 {
		return
	}
	for _, b := range f.blocks {
		for _, v := range b.ops {
			for i, a := range v.args {
				v.args[i] = s.of(a)
			}
		}
		s.applyTerm(&b.term)
	}
}

func (s substitution) applyTerm(t *term) {
	if t.a != nil {
		t.a = s.of(t.a)
	}
	if t.b != nil {
		t.b = s.of(t.b)
	}
	for _, e := range t.edges() {
		for i, a := range e.args {
			e.args[i] = s.of(a)
		}
	}
}

// passParams removes parameters of blocks that have the same value on every way in.
func passParams(f *fn) error {
	sub := make(substitution)
	for changed := true; changed; {
		changed = false
		incoming := make(map[*value]*value)
		many := make(map[*value]bool)
		for _, b := range f.blocks {
			for _, e := range b.term.edges() {
				for i, p := range e.to.params {
					a := sub.of(e.args[i])
					if a == p {
						continue
					}
					if old, ok := incoming[p]; ok && old != a {
						many[p] = true
					}
					incoming[p] = a
				}
			}
		}
		for _, b := range f.blocks {
			for _, p := range b.params {
				if a, ok := incoming[p]; ok && !many[p] && sub[p] == nil && sub.of(a) != p {
					sub[p] = a
					changed = true
				}
			}
		}
	}
	dropParams(f, func(p *value) bool { return sub[p] != nil })
	sub.apply(f)
	return nil
}

// dropParams removes parameters with the values they are given.
func dropParams(f *fn, drop func(*value) bool) {
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			var args []*value
			for i, p := range e.to.params {
				if !drop(p) {
					args = append(args, e.args[i])
				}
			}
			e.args = args
		}
	}
	for _, b := range f.blocks {
		var params []*value
		for _, p := range b.params {
			if !drop(p) {
				params = append(params, p)
			}
		}
		b.params = params
	}
}

// passFold simplifies every operation and branch once more, with what is now known.
func passFold(f *fn) error {
	sub := make(substitution)
	for _, b := range rpo(f) {
		ops := b.ops
		b.ops = nil
		bu := &builder{f: f, cur: b}
		for _, v := range ops {
			for i, a := range v.args {
				v.args[i] = sub.of(a)
			}
			bu.src = v.src
			if w := refold(bu, v); w != v {
				sub[v] = w
			}
		}
		sub.applyTerm(&b.term)
		t := &b.term
		if t.kind == termBranch {
			if yes, ok := decide(t.cond, t.a, t.b); ok {
				to := t.to[1]
				if yes {
					to = t.to[0]
				}
				*t = term{kind: termJump, to: [2]edge{to}, src: t.src}
			}
		}
	}
	sub.apply(f)
	prune(f)
	return nil
}

// refold appends an operation again, simplified.
func refold(bu *builder, v *value) *value {
	switch {
	case v.guard:
	case v.op >= opAdd && v.op <= opSar:
		if w := bu.simplify(v.op, v.args[0], v.args[1]); w != nil {
			return w
		}
		v.bits = min(v.bits, resultBits(v.op, v.args[0], v.args[1]))
	case v.op == opSwap:
		if w := bu.simplifySwap(v.args[0], v.size); w != nil {
			return w
		}
	case v.op == opSet:
		if known, ok := decide(v.cond, v.args[0], v.args[1]); ok {
			return bu.konst(b2u(known))
		}
	}
	bu.cur.ops = append(bu.cur.ops, v)
	return v
}

// rpo lists the blocks that can be reached, in reverse post-order: a block comes before those it leads to,
// loops aside.
func rpo(f *fn) []*block { return f.appendOrder(make([]*block, 0, len(f.blocks))) }

// walking is a block on the way of appendOrder, with the number of ways out of it that have been gone.
type walking struct {
	b    *block
	next int
}

// appendOrder is rpo; it appends to an empty list.
func (f *fn) appendOrder(post []*block) []*block {
	f.visits++
	stack := append(f.walk[:0], walking{b: f.blocks[0]})
	f.blocks[0].visit = f.visits
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		edges := top.b.term.edges()
		if top.next == len(edges) {
			post = append(post, top.b)
			stack = stack[:len(stack)-1]
			continue
		}
		// The second way is visited first, so that the first one comes right behind the block.
		to := edges[len(edges)-1-top.next].to
		top.next++
		if to.visit != f.visits {
			to.visit = f.visits
			stack = append(stack, walking{b: to})
		}
	}
	f.walk = stack
	for i, j := 0, len(post)-1; i < j; i, j = i+1, j-1 {
		post[i], post[j] = post[j], post[i]
	}
	return post
}

// prune removes blocks that cannot be reached and numbers the others.
func prune(f *fn) {
	f.blocks = rpo(f)
	for i, b := range f.blocks {
		b.id = i
	}
}

// preds counts the ways into every block.
func preds(f *fn) map[*block]int {
	n := make(map[*block]int)
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			n[e.to]++
		}
	}
	return n
}

// passThread joins blocks that follow each other and skips empty ones.
func passThread(f *fn) error {
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			for n := 0; n < len(f.blocks); n++ {
				to := e.to
				if len(to.ops) > 0 || len(to.params) > 0 || to.term.kind != termJump || to.term.to[0].to == to {
					break
				}
				next := to.term.to[0]
				if len(next.args) > 0 && b.term.kind == termBranch {
					break
				}
				e.to, e.args = next.to, append([]*value(nil), next.args...)
			}
		}
		t := &b.term
		if t.kind == termBranch && t.to[0].to == t.to[1].to && len(t.to[0].args) == 0 {
			*t = term{kind: termJump, to: [2]edge{t.to[0]}, src: t.src}
		}
	}
	prune(f)
	sub := make(substitution)
	n := preds(f)
	gone := make(map[*block]bool)
	for _, b := range f.blocks {
		for !gone[b] && b.term.kind == termJump {
			e := b.term.to[0]
			if n[e.to] != 1 || e.to == b || e.to == f.blocks[0] {
				break
			}
			for i, p := range e.to.params {
				sub[p] = e.args[i]
			}
			b.ops = append(b.ops, e.to.ops...)
			b.term = e.to.term
			if b.note == "" {
				b.note = e.to.note
			}
			gone[e.to] = true
		}
	}
	sub.apply(f)
	prune(f)
	return nil
}

// passDead removes operations and parameters that nothing depends on.
func passDead(f *fn) error {
	live := make(map[*value]bool)
	var work []*value
	mark := func(v *value) {
		if v != nil && !live[v] {
			live[v] = true
			work = append(work, v)
		}
	}
	incoming := make(map[*value][]*value)
	for _, b := range f.blocks {
		for _, v := range b.ops {
			if v.op == opStore || v.op == opCall || v.op == opFetchAdd {
				mark(v)
			}
		}
		mark(b.term.a)
		mark(b.term.b)
		for _, e := range b.term.edges() {
			for i, p := range e.to.params {
				incoming[p] = append(incoming[p], e.args[i])
			}
		}
	}
	for len(work) > 0 {
		v := work[len(work)-1]
		work = work[:len(work)-1]
		for _, a := range v.args {
			mark(a)
		}
		for _, a := range incoming[v] {
			mark(a)
		}
	}
	dropParams(f, func(p *value) bool { return !live[p] })
	for _, b := range f.blocks {
		var ops []*value
		for _, v := range b.ops {
			if live[v] {
				ops = append(ops, v)
			}
		}
		b.ops = ops
	}
	return nil
}

// passOrder lays the blocks out: in reverse post-order, seldom reached ones last.
func passOrder(f *fn) error {
	if err := passThread(f); err != nil {
		return err
	}
	var hot, cold []*block
	for _, b := range rpo(f) {
		if b.cold {
			cold = append(cold, b)
		} else {
			hot = append(hot, b)
		}
	}
	f.blocks = append(hot, cold...)
	for i, b := range f.blocks {
		b.id = i
	}
	return nil
}
