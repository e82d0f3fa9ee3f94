package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// body runs a list of primitives from the i-th on.
func (l *lowerer) body(st *state, body []pipeline.Primitive, i int, env *actionEnv, then func(*state)) {
	if l.home != nil {
		r := &bodyRun{body: body, env: env, then: l.join(then), at: make(map[int]func(*state))}
		l.bodyHomed(st, r, i, false)
		return
	}
	for i < len(body) {
		if l.cur == nil || l.err != nil {
			return
		}
		q := &body[i]
		l.src = &q.Source
		switch q.Op {
		case pipeline.OpJump:
			to, ok := constOf(q.Args[0])
			if !ok || to <= i {
				l.unsupported("jump backwards")
				return
			}
			i = to
			continue
		case pipeline.OpJumpIfZero:
			to, ok := constOf(q.Args[1])
			if !ok || to <= i {
				l.unsupported("jump backwards")
				return
			}
			l.testAny(st, q.Args[0], env,
				func(st *state) { l.body(st, body, i+1, env.fork(), then) },
				func(st *state) { l.body(st, body, to, env.fork(), then) })
			return
		case pipeline.OpAssert, pipeline.OpAssume:
			l.assert(st, q, env, func(st *state) { l.body(st, body, i+1, env.fork(), then) })
			return
		case pipeline.OpExit:
			l.exitBlock(st, env)
			return
		}
		l.primitive(st, q, env)
		i++
	}
	then(st)
}

// exitBlock leaves the control that an action runs in.
func (l *lowerer) exitBlock(st *state, env *actionEnv) {
	end := l.ingressEnd
	if env != nil && env.point.egress {
		end = l.egressEnd
	}
	l.goTo(end, st)
}

// fork returns the environment for one of two ways: what one way loads, the other does not have.
func (env *actionEnv) fork() *actionEnv {
	if env == nil {
		return nil
	}
	c := *env
	c.cache = append([]num(nil), env.cache...)
	return &c
}

// testAny goes one of two ways on a boolean or a number.
func (l *lowerer) testAny(st *state, e pipeline.Expr, env *actionEnv, yes, no func(*state)) {
	switch e.(type) {
	case *pipeline.FieldRef, *pipeline.Param, *pipeline.Const, *pipeline.ValidRef:
		n, _ := l.exact(st, e, env)
		l.split(st, condNe, l.orAll(n), l.konst(0), yes, no)
	default:
		l.test(st, e, env, yes, no)
	}
}

// primitive runs one primitive that does not change the flow of control.
func (l *lowerer) primitive(st *state, q *pipeline.Primitive, env *actionEnv) {
	if l.home != nil && l.primitiveHomed(st, q, env) {
		return
	}
	switch q.Op {
	case pipeline.OpAssign, pipeline.OpSet, pipeline.OpModifyField:
		l.assign(st, q.Args[0], q.Args[1], env)
	case pipeline.OpMarkToDrop, pipeline.OpDrop:
		l.setStd(st, "egress_spec", l.konst(uint64(l.opts.DropPort)))
		l.setStd(st, "mcast_grp", l.konst(0))
	case pipeline.OpAddHeader, pipeline.OpAddHeaderFast, pipeline.OpRemoveHeader:
		l.setValidity(st, q)
	case pipeline.OpCopyHeader, pipeline.OpAssignHeader:
		l.copyHeader(st, q)
	case pipeline.OpCount:
		l.countOp(st, q, env)
	case pipeline.OpRegisterRead:
		l.registerRead(st, q, env)
	case pipeline.OpRegisterWrite:
		l.registerWrite(st, q, env)
	case pipeline.OpExecuteMeter:
		l.executeMeter(st, q, env)
	case pipeline.OpDigest:
		l.digestOp(st, q)
	case pipeline.OpRandom:
		l.random(st, q, env)
	case pipeline.OpHash:
		l.hashOp(st, q, env)
	case pipeline.OpNoOp, pipeline.OpLogMsg:
	default:
		if e := arithmeticOf(q); e != nil {
			l.assign(st, q.Args[0], e, env)
			return
		}
		l.unsupported("primitive " + string(q.Op))
	}
}

// arithmeticOf returns the expression of which one of P4_14's arithmetic primitives gives its destination the value;
// nil for other primitives.
func arithmeticOf(q *pipeline.Primitive) pipeline.Expr {
	three := map[pipeline.Op]pipeline.BinaryOp{pipeline.OpAddTo: pipeline.OpAdd, pipeline.OpSubtract: pipeline.OpSub,
		pipeline.OpXor: pipeline.OpBitXor, pipeline.OpOrTo: pipeline.OpBitOr, pipeline.OpAndTo: pipeline.OpBitAnd,
		pipeline.OpShiftLeft: pipeline.OpShl, pipeline.OpShiftRight: pipeline.OpShr}
	two := map[pipeline.Op]pipeline.BinaryOp{pipeline.OpAddToField: pipeline.OpAdd, pipeline.OpSubtractFrom: pipeline.OpSub}
	if o, ok := three[q.Op]; ok && len(q.Args) == 3 {
		return &pipeline.Binary{Op: o, X: q.Args[1], Y: q.Args[2]}
	}
	if o, ok := two[q.Op]; ok && len(q.Args) == 2 {
		return &pipeline.Binary{Op: o, X: q.Args[0], Y: q.Args[1]}
	}
	return nil
}

// assign gives a field or a header's validity a value.
func (l *lowerer) assign(st *state, dst, src pipeline.Expr, env *actionEnv) {
	ref, ok := dst.(*pipeline.FieldRef)
	if !ok {
		if l.home == nil || !l.assignComputed(st, dst, src, env) {
			l.unsupported("assignment to something else than a field")
		}
		return
	}
	if ref.Field.Var {
		l.unsupported("assignment to varbit field " + ref.Field.Name)
		return
	}
	if ref.Field.Width > maxField {
		l.limit("bits of field "+ref.Field.Name, ref.Field.Width, maxField)
		return
	}
	v := l.eval(st, src, ref.Field.Width, env)
	l.write(st, ref, v)
}

// write gives a field a value. Fields of headers that are not valid do not keep one: reading it is refused.
func (l *lowerer) write(st *state, ref *pipeline.FieldRef, v num) {
	if l.home != nil {
		l.writeHome(st, l.id(ref), v)
		return
	}
	if !ref.Header.Metadata && st.h[ref.Header.Index].valid == invalid {
		st.h[ref.Header.Index].stale = true
		return
	}
	st.setField(l.id(ref), v, !ref.Header.Metadata)
}

// setValidity makes a header valid, with all fields 0 if it was not, or invalid.
func (l *lowerer) setValidity(st *state, q *pipeline.Primitive) {
	h := headerOf(q.Args[0])
	if h == nil || h.Union != nil {
		l.unsupported("validity of a computed header or a union's")
		return
	}
	hs := &st.h[h.Index]
	if q.Op == pipeline.OpRemoveHeader {
		l.invalidate(st, h.Index)
		return
	}
	switch hs.valid {
	case unknown:
		l.unsupported("header " + h.Name + " that may be valid made valid")
	case invalid:
		if h.Type.Var != nil || h.Type.Width%8 != 0 {
			l.unsupported("header " + h.Name + " with a varbit or of a fraction of a byte")
			return
		}
		*hs = hdrState{valid: valid, at: -1}
		for i, f := range h.Type.Fields {
			st.setField(l.base[h.Index]+i, l.fit(l.zero(), f.Width), true)
		}
	}
}

// invalidate makes a header invalid. What its fields were is not kept: they are read only where the packet's home is.
func (l *lowerer) invalidate(st *state, h int) {
	l.clearFields(st, h)
	st.h[h] = hdrState{at: -1, stale: st.h[h].stale || st.h[h].valid != invalid}
}

// copyHeader assigns one header to another, validity included.
func (l *lowerer) copyHeader(st *state, q *pipeline.Primitive) {
	dst, src := headerOf(q.Args[0]), headerOf(q.Args[1])
	if dst == nil || src == nil || dst.Type.Var != nil || dst.Union != nil || src.Union != nil || dst.Type.Width%8 != 0 {
		l.unsupported("copy of a computed header, a union's or one with a varbit")
		return
	}
	switch st.h[src.Index].valid {
	case unknown:
		l.unsupported("copy of header " + src.Name + " that may be valid")
	case invalid:
		l.invalidate(st, dst.Index)
	case valid:
		vals := make([]num, len(src.Type.Fields))
		for i := range vals {
			vals[i] = l.read(st, l.base[src.Index]+i)
		}
		if st.h[dst.Index].valid == invalid {
			st.h[dst.Index] = hdrState{valid: valid, at: -1}
		}
		for i, v := range vals {
			st.setField(l.base[dst.Index]+i, v, true)
		}
	}
}

// count adds one packet to an element of a counter map; its index is on the stack.
func (l *lowerer) count(st *state, mapName string, key *slot) {
	st.dropLoaded(l.index)
	l.withElement(mapName, key, func(c *value) { l.countAt(st, c) })
}

// countAt adds one packet to a counter of this CPU. No other program runs here meanwhile.
func (l *lowerer) countAt(st *state, c *value) {
	l.store(c, 0, 8, l.aluC(opAdd, l.load(c, 0, 8), 1))
	l.store(c, 8, 8, l.alu(opAdd, l.load(c, 8, 8), l.packetBytes(st)))
}

// countArena is count for a direct counter in the arena: by slot, or in a line where the entry is one. entry is nil
// where it is part of the program.
func (l *lowerer) countArena(st *state, a *ArenaTable, entry *value, slot func() *value) {
	st.dropLoaded(l.index)
	bySlot := func() *value {
		at := l.aluC(opMul, l.call(asm.FnGetSmpProcessorId), uint64(a.PerCPU))
		return l.aluC(opAdd, l.alu(opAdd, at, l.aluC(opShl, slot(), 4)), uint64(a.Counters))
	}
	if a.Lines == 0 || entry == nil {
		l.countAt(st, l.cast(bySlot()))
		return
	}
	count, place := l.f.newBlock("count"), entry.args[0]
	at := l.blockParam(count, 32)
	l.leave(condGe, place, l.konst(a.Lines), count, l.aluC(opSub, place, counterSize)) // lines lie behind all cells
	l.jump(count, l.mask(bySlot(), 32))
	l.cur = count
	l.countAt(st, l.cast(at))
}

// packetBytes returns the length of the packet as it came in.
func (l *lowerer) packetBytes(st *state) *value {
	if l.home != nil {
		return l.word(homeReceived, 4)
	}
	return l.alu(opSub, st.end, st.data)
}

// withElement looks an element up and runs do if it is there.
func (l *lowerer) withElement(mapName string, key *slot, do func(*value)) {
	p := l.lookup(mapName, l.frame(key, 0))
	some, done := l.f.newBlock(""), l.f.newBlock("")
	l.branch(condEq, p, l.konst(0), done, some)
	l.cur = some
	do(p)
	l.jump(done)
	l.cur = done
}

// stamp writes the time into an element of a hit map, at most once per tick of the coarse clock.
func (l *lowerer) stamp(st *state, mapName string, key *slot) {
	st.dropLoaded(l.index)
	p := l.lookup(mapName, l.frame(key, 0))
	some, late, done := l.f.newBlock(""), l.f.newBlock(""), l.f.newBlock("")
	l.branch(condEq, p, l.konst(0), done, some)
	l.cur = some
	now := l.call(asm.FnKtimeGetCoarseNs)
	l.branch(condEq, l.load(p, 0, 8), now, done, late)
	l.cur = late
	l.store(p, 0, 8, now)
	l.jump(done)
	l.cur = done
}

func (l *lowerer) countOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	ref, ok := q.Args[0].(*pipeline.CounterRef)
	if !ok {
		l.unsupported("counter that is computed")
		return
	}
	l.count(st, l.obj.Counters[ref.Counter].Map, l.element(st, q.Args[1], env))
}

// digestOp asks for a digest, which is sent at the end of ingress; the last one that is asked for wins.
func (l *lowerer) digestOp(st *state, q *pipeline.Primitive) {
	d := l.digest(q)
	if d == nil {
		l.unsupported("digest that is computed")
		return
	}
	st.digest = d.Index + 1
}
