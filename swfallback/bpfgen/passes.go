package bpfgen

import "slices"

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
		{"bypass", passBypass},
	}
}

// dropParams removes parameters with the values they are given.
func dropParams(f *fn, drop func(*value) bool) {
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			if !slices.ContainsFunc(e.to.params, drop) {
				continue
			}
			args := f.lists.take(len(e.args))[:0]
			for i, p := range e.to.params {
				if !drop(p) {
					args = append(args, e.args[i])
				}
			}
			e.args = args
		}
	}
	for _, b := range f.blocks {
		b.params = slices.DeleteFunc(b.params, drop)
	}
}

// passFold simplifies every operation and branch once more, with what is now known.
func passFold(f *fn) error {
	var sub substitution
	var built []*value
	for _, b := range rpo(f) {
		ops := b.ops
		b.ops = built[:0]
		bu := &builder{f: f, cur: b}
		for _, v := range ops {
			for i, a := range v.args {
				v.args[i] = sub.of(a)
			}
			bu.src = v.src
			if w := refold(bu, v); w != v {
				sub.put(v, w)
			}
		}
		built = b.ops
		b.ops = append(ops[:0], built...)
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

// preds counts the ways into every block, by its number.
func preds(f *fn) []int {
	n := make([]int, len(f.blocks))
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			n[e.to.id]++
		}
	}
	return n
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
