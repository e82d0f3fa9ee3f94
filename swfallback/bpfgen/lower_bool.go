package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// comparison returns the comparison of an operator on numbers.
func comparison(o pipeline.BinaryOp) (cond, bool) {
	c, ok := map[pipeline.BinaryOp]cond{pipeline.OpEq: condEq, pipeline.OpNe: condNe, pipeline.OpLt: condLt,
		pipeline.OpLe: condLe, pipeline.OpGt: condGt, pipeline.OpGe: condGe}[o]
	return c, ok
}

// signedCond returns the signed form of a comparison.
func signedCond(c cond) cond {
	if c >= condLt && c <= condGe {
		return c + (condSLt - condLt)
	}
	return c
}

// truth computes a boolean as 0 or 1, without going two ways.
func (l *lowerer) truth(st *state, e pipeline.Expr, env *actionEnv) *value {
	switch e := e.(type) {
	case *pipeline.Bool:
		return l.konst(b2u(e.Value))
	case *pipeline.Unary:
		switch e.Op {
		case pipeline.OpNot:
			return l.aluC(opXor, l.truth(st, e.X, env), 1)
		case pipeline.OpDataToBool, pipeline.OpBoolToData:
			return l.truth(st, e.X, env)
		case pipeline.OpValid:
			if h := headerOf(e.X); h != nil {
				return l.validBit(st, h)
			}
			if l.home != nil {
				return l.validExpr(st, e.X, env)
			}
		case pipeline.OpValidUnion:
			if l.home != nil {
				return l.validExpr(st, e.X, env)
			}
		}
	case *pipeline.Binary:
		return l.truthBinary(st, e, env)
	case *pipeline.Cond:
		return l.choose(l.truth(st, e.If, env), l.truth(st, e.Then, env), l.truth(st, e.Else, env))
	}
	return l.notZero(st, e, env)
}

// notZero computes whether a number is not 0.
func (l *lowerer) notZero(st *state, e pipeline.Expr, env *actionEnv) *value {
	n, _ := l.exact(st, e, env)
	return l.set(condNe, l.orAll(n), l.konst(0))
}

func (l *lowerer) orAll(n num) *value {
	v := n[0]
	for _, x := range n[1:] {
		v = l.alu(opOr, v, x)
	}
	return v
}

func (l *lowerer) truthBinary(st *state, e *pipeline.Binary, env *actionEnv) *value {
	switch e.Op {
	case pipeline.OpAnd:
		return l.alu(opAnd, l.truth(st, e.X, env), l.truth(st, e.Y, env))
	case pipeline.OpOr:
		return l.alu(opOr, l.truth(st, e.X, env), l.truth(st, e.Y, env))
	case pipeline.OpEqBool:
		return l.set(condEq, l.truth(st, e.X, env), l.truth(st, e.Y, env))
	case pipeline.OpNeBool:
		return l.set(condNe, l.truth(st, e.X, env), l.truth(st, e.Y, env))
	}
	if l.home != nil {
		if v := l.equality(st, e, env); v != nil {
			return v
		}
	}
	if c, ok := comparison(e.Op); ok {
		return l.compare(st, c, e, env)
	}
	if isNumber(e.Op) {
		return l.notZero(st, e, env)
	}
	l.unsupported("condition with " + string(e.Op))
	return l.konst(0)
}

// isNumber reports whether the result of an operation is a number.
func isNumber(o pipeline.BinaryOp) bool {
	switch o {
	case pipeline.OpDiv, pipeline.OpMod, pipeline.OpShl, pipeline.OpShr, pipeline.OpTwoComplement,
		pipeline.OpSatUnsigned, pipeline.OpSatSigned:
		return true
	}
	_, ok := modularOps[o]
	return ok
}

// operands computes the operands of a comparison, in as many limbs.
func (l *lowerer) operands(st *state, e *pipeline.Binary, env *actionEnv) (x, y num, signed bool) {
	a, b := l.extentOf(e.X, env), l.extentOf(e.Y, env)
	x, xs := l.exact(st, e.X, env)
	y, ys := l.exact(st, e.Y, env)
	n := max(len(x), len(y))
	if xs != ys {
		n = limbs(max(a.signedBits(), b.signedBits()))
	}
	return l.grow(x, xs, 64*n), l.grow(y, ys, 64*n), xs || ys
}

// compare compares two numbers of any width.
func (l *lowerer) compare(st *state, c cond, e *pipeline.Binary, env *actionEnv) *value {
	x, y, signed := l.operands(st, e, env)
	if len(x) == 1 {
		if signed {
			c = signedCond(c)
		}
		return l.set(c, x[0], y[0])
	}
	switch c {
	case condEq, condNe:
		diff := l.konst(0)
		for i := range x {
			diff = l.alu(opOr, diff, l.alu(opXor, x[i], y[i]))
		}
		return l.set(c, diff, l.konst(0))
	case condGt, condLe: // by the other way round
		x, y = y, x
	}
	less := l.less(x, y, signed)
	if c == condGe || c == condLe {
		return l.aluC(opXor, less, 1)
	}
	return less
}

// test goes one of two ways.
func (l *lowerer) test(st *state, e pipeline.Expr, env *actionEnv, yes, no func(*state)) {
	if l.cur == nil {
		return
	}
	switch e := e.(type) {
	case *pipeline.Unary:
		if e.Op == pipeline.OpNot {
			l.test(st, e.X, env, no, yes)
			return
		}
		if e.Op == pipeline.OpDataToBool {
			n, _ := l.exact(st, e.X, env)
			l.split(st, condNe, l.orAll(n), l.konst(0), yes, no)
			return
		}
	case *pipeline.Binary:
		if l.testBinary(st, e, env, yes, no) {
			return
		}
	}
	l.split(st, condNe, l.truth(st, e, env), l.konst(0), yes, no)
}

// testBinary handles and, or and plain comparisons; it reports false for others.
func (l *lowerer) testBinary(st *state, e *pipeline.Binary, env *actionEnv, yes, no func(*state)) bool {
	switch e.Op {
	case pipeline.OpAnd:
		no = l.join(no)
		l.test(st, e.X, env, func(st *state) { l.test(st, e.Y, env, yes, no) }, no)
		return true
	case pipeline.OpOr:
		yes = l.join(yes)
		l.test(st, e.X, env, yes, func(st *state) { l.test(st, e.Y, env, yes, no) })
		return true
	}
	c, ok := comparison(e.Op)
	if !ok {
		return false
	}
	a, b := l.extentOf(e.X, env), l.extentOf(e.Y, env)
	if a.neg() || b.neg() || a.bits() > 64 || b.bits() > 64 {
		return false
	}
	x, _ := l.exact(st, e.X, env)
	y, _ := l.exact(st, e.Y, env)
	l.split(st, c, x[0], y[0], yes, no)
	return true
}
