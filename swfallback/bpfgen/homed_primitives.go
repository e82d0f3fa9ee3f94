package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// bodyRun is a list of primitives on its way through general form.
type bodyRun struct {
	body []pipeline.Primitive
	env  *actionEnv
	then func(*state)
	at   map[int]func(*state) // where jumps go
}

// target returns the code from a primitive on, which all jumps there share.
func (l *lowerer) target(r *bodyRun, i int) func(*state) {
	if r.at[i] == nil {
		r.at[i] = l.join(func(st *state) {
			env := r.env.fresh()
			l.bodyHomed(st, &bodyRun{r.body, env, r.then, r.at}, i, true)
		})
	}
	return r.at[i]
}

// fresh is the environment without what has been loaded.
func (env *actionEnv) fresh() *actionEnv {
	c := env.fork()
	if c != nil {
		clear(c.cache)
	}
	return c
}

// bodyHomed runs primitives from the i-th on. Where a jump goes, the code is shared with the jump; entered says that
// this is that code.
func (l *lowerer) bodyHomed(st *state, r *bodyRun, i int, entered bool) {
	for ; i < len(r.body); i++ {
		if l.cur == nil || l.err != nil {
			return
		}
		if !entered && isTarget(r.body, i) {
			l.target(r, i)(st)
			return
		}
		entered = false
		q := &r.body[i]
		l.src = &q.Source
		switch q.Op {
		case pipeline.OpJump:
			l.jumpTo(st, r, i, q.Args[0])
			return
		case pipeline.OpJumpIfZero:
			l.testAny(st, q.Args[0], r.env,
				func(st *state) { l.bodyHomed(st, &bodyRun{r.body, r.env.fork(), r.then, r.at}, i+1, false) },
				func(st *state) { l.jumpTo(st, r, i, q.Args[1]) })
			return
		case pipeline.OpAssert, pipeline.OpAssume:
			l.orDrop(st, q, r.env)
			continue
		case pipeline.OpExit:
			l.exitBlock(st, r.env)
			return
		}
		l.primitive(st, q, r.env)
	}
	r.then(st)
}

// jumpTo jumps from the i-th primitive to another; backwards as long as the kernel's budget for loops lasts.
func (l *lowerer) jumpTo(st *state, r *bodyRun, i int, index pipeline.Expr) {
	to, ok := constOf(index)
	switch {
	case l.cur == nil:
	case !ok:
		l.unsupported("jump to a computed place")
	case to >= len(r.body):
		r.then(st)
	case to <= i:
		on, spent := l.f.newBlock(""), l.f.newBlock("loop without end")
		spent.cold = true
		l.branch(condSpent, l.konst(0), l.konst(0), spent, on)
		l.cur = spent
		l.finish(st, FateFailed, l.konst(0))
		l.cur = on
		l.target(r, to)(st)
	default:
		l.target(r, to)(st)
	}
}

// isTarget reports whether a jump goes to the i-th primitive.
func isTarget(body []pipeline.Primitive, i int) bool {
	for j := range body {
		q := &body[j]
		var to int
		ok := false
		switch q.Op {
		case pipeline.OpJump:
			to, ok = constOf(q.Args[0])
		case pipeline.OpJumpIfZero:
			to, ok = constOf(q.Args[1])
		}
		if ok && to == i {
			return true
		}
	}
	return false
}

// primitiveHomed runs the primitives that general form does in its own way; it reports false for others.
func (l *lowerer) primitiveHomed(st *state, q *pipeline.Primitive, env *actionEnv) bool {
	switch q.Op {
	case pipeline.OpAddHeader, pipeline.OpAddHeaderFast, pipeline.OpRemoveHeader, pipeline.OpCopyHeader,
		pipeline.OpAssignHeader, pipeline.OpAssignUnion, pipeline.OpAssignStack, pipeline.OpAssignUnionStack,
		pipeline.OpPush, pipeline.OpPop:
		l.headerOp(st, q, env)
	case pipeline.OpDigest, pipeline.OpResubmit, pipeline.OpRecirculate, pipeline.OpCloneIngress,
		pipeline.OpCloneEgress, pipeline.OpTruncate:
		l.requestOp(st, q, env)
	case pipeline.OpAssignVar:
		l.assignVar(st, q)
	default:
		return false
	}
	return true
}

// assignVar copies a varbit field, its length included.
func (l *lowerer) assignVar(st *state, q *pipeline.Primitive) {
	dst, ok := q.Args[0].(*pipeline.FieldRef)
	src, ok2 := q.Args[1].(*pipeline.FieldRef)
	if !ok || !ok2 || !dst.Field.Var || !src.Field.Var {
		l.unsupported("assignment of a varbit field to something else")
		return
	}
	to, from := l.hold(dst.Header), l.hold(src.Header)
	l.copyBytes(to.varLen, from.varLen, 4)
	l.copyBytes(to.varAt, from.varAt, min(varBytes(to.t), varBytes(from.t)))
	l.forget(st)
}

// parseOpHomed runs one operation of a parser state.
func (l *lowerer) parseOpHomed(st *state, q *pipeline.Primitive) {
	switch q.Op {
	case pipeline.OpExtract, pipeline.OpExtractVar:
		l.extractHomed(st, q)
	case pipeline.OpAdvance, pipeline.OpShift:
		l.advanceHomed(st, q)
	case pipeline.OpAssert, pipeline.OpAssume:
		l.orDrop(st, q, nil)
	case pipeline.OpVerify:
		on := l.f.newBlock("")
		l.test(st, q.Args[0], nil, func(*state) { l.jump(on) }, func(st *state) {
			l.parseError(st, l.eval(st, q.Args[1], 32, nil)[0])
		})
		l.cur = on
		l.forget(st)
	default:
		l.primitive(st, q, nil)
	}
}

// assignComputed gives a field of a computed header, the last element of a stack or a validity bit a value; it reports
// false for other destinations.
func (l *lowerer) assignComputed(st *state, dst, src pipeline.Expr, env *actionEnv) bool {
	switch dst := dst.(type) {
	case *pipeline.Access:
		l.assignAccess(st, dst, l.eval(st, src, dst.Field.Width, env), env)
	case *pipeline.StackFieldRef:
		v := l.eval(st, src, dst.Field.Width, env)
		elems := dst.Stack.Header
		last := l.aluC(opSub, l.word(l.home.next[dst.Stack.Index], 4), 1)
		l.where(condLt, last, l.konst(uint64(len(elems))), func() {
			l.writeField(l.elementOf(elems, last).fields, dst.Field, false, v)
		})
		l.forget(st)
	default:
		return false
	}
	return true
}

// orDrop ends the packet where an assertion does not hold.
func (l *lowerer) orDrop(st *state, q *pipeline.Primitive, env *actionEnv) {
	on, bad := l.f.newBlock(""), l.f.newBlock("assertion failed")
	bad.cold = true
	l.branch(condNe, l.holds(st, q.Args[0], env), l.konst(0), on, bad)
	l.cur = bad
	l.finish(st, FateDropped, l.konst(0))
	l.cur = on
}
