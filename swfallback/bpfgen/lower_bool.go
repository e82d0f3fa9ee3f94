package bpfgen

import (
	"fmt"

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
		case pipeline.OpDataToBool:
			n, _ := l.exact(st, e.X, env)
			return l.set(condNe, l.orAll(n), l.konst(0))
		case pipeline.OpBoolToData:
			return l.truth(st, e.X, env)
		case pipeline.OpValid:
			if h := headerOf(e.X); h != nil {
				return l.validBit(st, h)
			}
		}
	case *pipeline.Binary:
		return l.truthBinary(st, e, env)
	case *pipeline.Cond:
		return l.choose(l.truth(st, e.If, env), l.truth(st, e.Then, env), l.truth(st, e.Else, env))
	}
	l.unsupported(fmt.Sprintf("condition %T", e))
	return l.konst(0)
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
	c, ok := comparison(e.Op)
	if !ok {
		l.unsupported("condition with " + string(e.Op))
		return l.konst(0)
	}
	return l.compare(st, c, e, env)
}

// compare compares two numbers of any width.
func (l *lowerer) compare(st *state, c cond, e *pipeline.Binary, env *actionEnv) *value {
	x, xs := l.exact(st, e.X, env)
	y, ys := l.exact(st, e.Y, env)
	if xs || ys {
		if len(x) > 1 || len(y) > 1 || !xs && x[0].bits > 63 || !ys && y[0].bits > 63 {
			l.unsupported("comparison of wide signed numbers")
		}
		return l.set(signedCond(c), x[0], y[0])
	}
	n := max(len(x), len(y))
	if n == 1 {
		return l.set(c, x[0], y[0])
	}
	x, y = l.fit(x, 64*n), l.fit(y, 64*n)
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
	var borrow *value
	for i := range x {
		_, borrow = l.addCarry(opSub, x[i], y[i], borrow)
	}
	if c == condGe || c == condLe {
		return l.aluC(opXor, borrow, 1)
	}
	return borrow
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
		l.test(st, e.X, env, func(st *state) { l.test(st, e.Y, env, yes, no) }, no)
		return true
	case pipeline.OpOr:
		l.test(st, e.X, env, yes, func(st *state) { l.test(st, e.Y, env, yes, no) })
		return true
	}
	c, ok := comparison(e.Op)
	if !ok {
		return false
	}
	a, b := l.extentOf(e.X, env), l.extentOf(e.Y, env)
	if a.neg || b.neg || a.bits > 64 || b.bits > 64 {
		return false
	}
	x, _ := l.exact(st, e.X, env)
	y, _ := l.exact(st, e.Y, env)
	l.split(st, c, x[0], y[0], yes, no)
	return true
}
