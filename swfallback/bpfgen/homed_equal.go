package bpfgen

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// equality evaluates ==h, !=h, ==u and !=u, 0 or 1; nil for other operations.
func (l *lowerer) equality(st *state, e *pipeline.Binary, env *actionEnv) *value {
	switch e.Op {
	case pipeline.OpEqHeader:
		return l.sameHeader(st, e.X, e.Y, env)
	case pipeline.OpNeHeader:
		return l.aluC(opXor, l.sameHeader(st, e.X, e.Y, env), 1)
	case pipeline.OpEqUnion:
		return l.sameUnion(st, e.X, e.Y, env)
	case pipeline.OpNeUnion:
		return l.aluC(opXor, l.sameUnion(st, e.X, e.Y, env), 1)
	}
	return nil
}

// sameHeader compares two headers, 0 or 1. One past the end of a stack is invalid.
func (l *lowerer) sameHeader(st *state, x, y pipeline.Expr, env *actionEnv) *value {
	out, done := l.f.newValue(opParam), l.f.newBlock("")
	out.bits, done.params = 1, []*value{out}
	// Behind a jump the code goes on for the case that there is no such header; never, where it is known.
	result := func(v *value) {
		l.jump(done, v)
		l.cur = l.f.newBlock("")
	}
	l.withHeader(st, x, env, func(a held) {
		l.withHeader(st.clone(), y, env.fork(), func(b held) { result(l.equalHeaders(a, b)) })
		result(l.aluC(opXor, l.isValid(a), 1))
	})
	l.jump(done, l.aluC(opXor, l.validExpr(st.clone(), y, env.fork()), 1))
	l.cur = done
	return out
}

// sameUnion compares two unions, 0 or 1: member by member. One past the end of a stack equals no other.
func (l *lowerer) sameUnion(st *state, x, y pipeline.Expr, env *actionEnv) *value {
	n, a := l.unionPlace(st, x, env)
	_, b := l.unionPlace(st, y, env)
	v := l.aluC(opXor, l.alu(opXor, a, b), 1)
	for m := range n {
		v = l.alu(opAnd, v, l.sameHeader(st, &pipeline.UnionAccess{Union: x, Member: m}, &pipeline.UnionAccess{Union: y, Member: m}, env))
	}
	return v
}

// unionPlace returns how many members a union has, and whether there is such a one, 0 or 1.
func (l *lowerer) unionPlace(st *state, e pipeline.Expr, env *actionEnv) (members int, there *value) {
	switch e := e.(type) {
	case *pipeline.UnionRef:
		return len(e.Union.Header), l.konst(1)
	case *pipeline.UnionStackElem:
		if ref, ok := e.Stack.(*pipeline.UnionStackRef); ok {
			size := &pipeline.Const{Value: big.NewInt(int64(len(ref.Stack.Union)))}
			below := &pipeline.Binary{Op: pipeline.OpLt, X: e.Index, Y: size}
			least := &pipeline.Binary{Op: pipeline.OpGe, X: e.Index, Y: &pipeline.Const{Value: new(big.Int)}}
			return len(ref.Stack.Union[0].Header), l.alu(opAnd, l.truth(st, below, env), l.truth(st, least, env))
		}
	}
	l.unsupported("computed union")
	return 0, l.konst(0)
}

// equalHeaders compares two headers, 0 or 1: both invalid, or both valid with equal fields.
func (l *lowerer) equalHeaders(a, b held) *value {
	va, vb := l.isValid(a), l.isValid(b)
	diff := l.konst(0)
	n := (a.t.Width + 7) / 8
	for at := 0; at < n; {
		k := chunk(n - at)
		diff = l.alu(opOr, diff, l.alu(opXor, l.load(a.fields.ptr, a.fields.off+at, k), l.load(b.fields.ptr, b.fields.off+at, k)))
		at += k
	}
	if a.t.Var != nil {
		diff = l.alu(opOr, diff, l.varDiffers(a, b))
	}
	differ := l.alu(opAnd, va, l.set(condNe, diff, l.konst(0))) // matters where both are valid
	return l.aluC(opXor, l.alu(opOr, l.alu(opXor, va, vb), differ), 1)
}

// varDiffers is 0 where two varbit fields have the same length and bytes.
func (l *lowerer) varDiffers(a, b held) *value {
	na, nb := l.load(a.varLen.ptr, a.varLen.off, 4), l.load(b.varLen.ptr, b.varLen.off, 4)
	diff := l.alu(opXor, na, nb)
	for at := range varBytes(a.t) {
		in := l.alu(opSub, l.konst(0), l.set(condGt, na, l.konst(uint64(at))))
		d := l.alu(opXor, l.load(a.varAt.ptr, a.varAt.off+at, 1), l.load(b.varAt.ptr, b.varAt.off+at, 1))
		diff = l.alu(opOr, diff, l.alu(opAnd, d, in))
	}
	return diff
}
