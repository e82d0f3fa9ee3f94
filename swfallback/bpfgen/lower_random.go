package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// random gives a field a number between two bounds, both included; with the low one above the high one it leaves the
// field alone, as BMv2 does. The bounds are numbers of 64 bits.
func (l *lowerer) random(st *state, q *pipeline.Primitive, env *actionEnv) {
	dst, ok := q.Args[0].(*pipeline.FieldRef)
	if !ok || dst.Field.Var {
		l.unsupported("random number into something else than a field")
		return
	}
	low, high := l.eval(st, q.Args[1], 64, env)[0], l.eval(st, q.Args[2], 64, env)[0]
	old := l.fit(l.read(st, l.id(dst)), dst.Field.Width)
	st.dropLoaded(l.index)
	r := l.call(asm.FnGetPrandomU32)
	r.bits = 32
	more := l.call(asm.FnGetPrandomU32)
	more.bits = 32
	r = l.alu(opOr, l.aluC(opShl, r, 32), more)
	// All 64 bits are as many numbers as 0 stands for; a number modulo 0 is itself in eBPF.
	if n := l.aluC(opAdd, l.alu(opSub, high, low), 1); !n.isConst() || n.imm != 0 {
		r = l.alu(opMod, r, n)
	}
	v := l.fit(num{l.alu(opAdd, low, r)}, dst.Field.Width)
	none := l.set(condGt, low, high)
	for i := range v {
		v[i] = l.choose(none, old[i], v[i])
	}
	l.write(st, dst, v)
}

// assert goes on where the condition of assert or assume holds, and ends the packet where it does not.
func (l *lowerer) assert(st *state, q *pipeline.Primitive, env *actionEnv, then func(*state)) {
	l.split(st, condNe, l.holds(st, q.Args[0], env), l.konst(0), then,
		func(st *state) { l.finish(st, FateDropped, l.konst(0)) })
}

// holds returns a condition as a number that is 0 where it does not hold.
func (l *lowerer) holds(st *state, e pipeline.Expr, env *actionEnv) *value {
	switch e.(type) {
	case *pipeline.FieldRef, *pipeline.Param, *pipeline.Const, *pipeline.ValidRef:
		n, _ := l.exact(st, e, env)
		return l.orAll(n)
	}
	return l.truth(st, e, env)
}
