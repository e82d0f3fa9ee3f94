package bpfgen

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// extent bounds the exact value of an expression: its bits, and whether it may be negative.
type extent struct {
	bits int
	neg  bool
}

// unbounded stands for a number of any size.
const unbounded = 1 << 20

// extentOf bounds an expression.
func (l *lowerer) extentOf(e pipeline.Expr, env *actionEnv) extent {
	switch e := e.(type) {
	case *pipeline.Const:
		return extent{e.Value.BitLen(), e.Value.Sign() < 0}
	case *pipeline.FieldRef:
		return extent{e.Field.Width, e.Field.Signed}
	case *pipeline.Param:
		if env != nil && e.Index < len(env.widths) {
			return extent{env.widths[e.Index], false}
		}
	case *pipeline.Lookahead:
		return extent{e.Width, false}
	case *pipeline.ValidRef, *pipeline.Bool:
		return extent{1, false}
	case *pipeline.Cond:
		return either(l.extentOf(e.Then, env), l.extentOf(e.Else, env))
	case *pipeline.Unary:
		return l.extentUnary(e, env)
	case *pipeline.Binary:
		return l.extentBinary(e, env)
	}
	return extent{unbounded, true}
}

func either(a, b extent) extent { return extent{max(a.bits, b.bits), a.neg || b.neg} }

func (l *lowerer) extentUnary(e *pipeline.Unary, env *actionEnv) extent {
	switch e.Op {
	case pipeline.OpComplement, pipeline.OpNegate:
		return extent{l.extentOf(e.X, env).bits + 1, true}
	case pipeline.OpLastStackIndex, pipeline.OpStackSize:
		return extent{32, false}
	}
	return extent{1, false}
}

func (l *lowerer) extentBinary(e *pipeline.Binary, env *actionEnv) extent {
	a, b := l.extentOf(e.X, env), l.extentOf(e.Y, env)
	both := either(a, b)
	k, isConst := constOf(e.Y)
	switch e.Op {
	case pipeline.OpAdd:
		return extent{both.bits + 1, both.neg}
	case pipeline.OpSub:
		return extent{both.bits + 1, true}
	case pipeline.OpMul:
		return extent{a.bits + b.bits, both.neg}
	case pipeline.OpDiv:
		return extent{a.bits, both.neg}
	case pipeline.OpMod:
		return extent{b.bits, both.neg}
	case pipeline.OpBitOr, pipeline.OpBitXor:
		return both
	case pipeline.OpBitAnd:
		switch {
		case !a.neg && !b.neg:
			return extent{min(a.bits, b.bits), false}
		case !a.neg:
			return a
		case !b.neg:
			return b
		}
		return both
	case pipeline.OpShl:
		if isConst {
			return extent{a.bits + k, a.neg}
		}
		return extent{unbounded, a.neg}
	case pipeline.OpShr:
		if isConst {
			return extent{max(0, a.bits-k), a.neg}
		}
		return a
	case pipeline.OpTwoComplement, pipeline.OpSatSigned:
		return extent{k, true}
	case pipeline.OpSatUnsigned:
		return extent{k, false}
	}
	return extent{1, false}
}

// constOf returns a constant that fits an int.
func constOf(e pipeline.Expr) (int, bool) {
	c, ok := e.(*pipeline.Const)
	if !ok || !c.Value.IsInt64() || c.Value.Sign() < 0 || c.Value.Int64() > unbounded {
		return 0, false
	}
	return int(c.Value.Int64()), true
}

// exact computes an expression without losing a bit: non-negative ones to as many limbs as they take, others
// that fit 64 bits in two's complement. signed says which.
func (l *lowerer) exact(st *state, e pipeline.Expr, env *actionEnv) (n num, signed bool) {
	x := l.extentOf(e, env)
	if x.bits > 1024 || x.neg && x.bits > 64 {
		l.unsupported(fmt.Sprintf("number of more than %d bits", min(x.bits, 1024)))
		return l.zero(), false
	}
	if x.neg {
		return l.eval(st, e, 64, env), true
	}
	return l.eval(st, e, max(1, x.bits), env), false
}

// evalBinary computes an operation to width bits.
func (l *lowerer) evalBinary(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	switch e.Op {
	case pipeline.OpAdd, pipeline.OpSub, pipeline.OpMul, pipeline.OpBitAnd, pipeline.OpBitOr, pipeline.OpBitXor:
		return l.evalModular(st, e, width, env)
	case pipeline.OpShl:
		return l.evalShl(st, e, width, env)
	case pipeline.OpShr:
		return l.evalShr(st, e, width, env)
	case pipeline.OpDiv, pipeline.OpMod:
		x, xs := l.exact(st, e.X, env)
		y, ys := l.exact(st, e.Y, env)
		if len(x) > 1 || len(y) > 1 || xs || ys {
			l.unsupported("division of more than 64 bits or of signed numbers")
			return l.fit(x, width)
		}
		o := opDiv
		if e.Op == pipeline.OpMod {
			o = opMod
		}
		return l.fit(num{l.alu(o, x[0], y[0])}, width)
	case pipeline.OpTwoComplement:
		if w, ok := constOf(e.Y); ok {
			v := l.eval(st, e.X, w, env)
			if width <= w {
				return l.fit(v, width)
			}
			return l.extend(v, w, width)
		}
	case pipeline.OpSatUnsigned, pipeline.OpSatSigned:
		return l.evalSaturate(st, e, width, env)
	}
	return l.fit(num{l.truth(st, e, env)}, width)
}

// evalModular computes operations of which the low bits depend on low bits only.
func (l *lowerer) evalModular(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	need := width
	if e.Op == pipeline.OpBitAnd {
		need = max(1, min(need, l.extentOf(e, env).bits))
	}
	x, y := l.eval(st, e.X, need, env), l.eval(st, e.Y, need, env)
	o := map[pipeline.BinaryOp]op{pipeline.OpAdd: opAdd, pipeline.OpSub: opSub, pipeline.OpMul: opMul,
		pipeline.OpBitAnd: opAnd, pipeline.OpBitOr: opOr, pipeline.OpBitXor: opXor}[e.Op]
	out := make(num, len(x))
	var carry *value
	for i := range out {
		w := min(64, need-64*i)
		switch {
		case len(x) == 1 || o == opAnd || o == opOr || o == opXor:
			out[i] = l.mask(l.alu(o, x[i], y[i]), w)
		case o == opMul:
			l.unsupported(fmt.Sprintf("multiplication of %d bits", need))
			return l.fit(x, width)
		default:
			out[i], carry = l.addCarry(o, x[i], y[i], carry)
			out[i] = l.mask(out[i], w)
		}
	}
	return l.fit(out, width)
}

// addCarry adds or subtracts one limb; carry is nil, 0 or 1.
func (l *lowerer) addCarry(o op, x, y, carry *value) (sum, out *value) {
	sum = l.alu(o, x, y)
	if o == opAdd {
		out = l.set(condLt, sum, x)
	} else {
		out = l.set(condLt, x, y)
	}
	if carry == nil {
		return sum, out
	}
	next := l.alu(o, sum, carry)
	var more *value
	if o == opAdd {
		more = l.set(condLt, next, sum)
	} else {
		more = l.set(condLt, sum, carry)
	}
	return next, l.alu(opOr, out, more)
}

func (l *lowerer) evalShl(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	x := l.eval(st, e.X, width, env)
	if k, ok := constOf(e.Y); ok {
		out := make(num, len(x))
		for i := range out {
			out[i] = l.cutUp(x, 64*i-k, min(64, width-64*i))
		}
		return out
	}
	y, ys := l.exact(st, e.Y, env)
	if len(x) > 1 || len(y) > 1 || ys {
		l.unsupported(fmt.Sprintf("shift of %d bits by a variable", width))
		return x
	}
	return num{l.mask(l.shift(opShl, x[0], y[0]), width)}
}

// cutUp is cut for a limb that may start below bit 0.
func (l *lowerer) cutUp(n num, lo, width int) *value {
	if lo <= -64 {
		return l.konst(0)
	}
	return l.cut(n, lo, width)
}

// shift shifts by a variable; a count of 64 or more leaves nothing.
func (l *lowerer) shift(o op, x, count *value) *value {
	v := l.alu(o, x, l.aluC(opAnd, count, 63))
	if count.bits <= 6 {
		return v
	}
	return l.alu(opAnd, v, l.alu(opSub, l.konst(0), l.set(condLt, count, l.konst(64))))
}

func (l *lowerer) evalShr(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	x, xs := l.exact(st, e.X, env)
	if k, ok := constOf(e.Y); ok && !xs {
		out := make(num, limbs(width))
		for i := range out {
			out[i] = l.cut(x, 64*i+k, min(64, width-64*i))
		}
		return out
	}
	y, ys := l.exact(st, e.Y, env)
	if len(x) > 1 || len(y) > 1 || ys || width > 64 {
		l.unsupported(fmt.Sprintf("shift of %d bits by a variable", width))
		return l.fit(x, width)
	}
	if xs {
		count := l.choose(l.set(condLt, y[0], l.konst(63)), y[0], l.konst(63))
		return num{l.mask(l.alu(opSar, x[0], count), width)}
	}
	return num{l.mask(l.shift(opShr, x[0], y[0]), width)}
}

// choose returns yes where t is 1, no where it is 0.
func (l *lowerer) choose(t, yes, no *value) *value {
	all := l.alu(opSub, l.konst(0), t)
	return l.alu(opXor, l.alu(opAnd, l.alu(opXor, yes, no), all), no)
}

// evalSaturate brings a number into the range of a width, its ends standing for what is beyond them.
func (l *lowerer) evalSaturate(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	w, ok := constOf(e.Y)
	x, _ := l.exact(st, e.X, env)
	ext := l.extentOf(e.X, env)
	if !ok || len(x) > 1 || w > 62 || ext.bits > 63 {
		l.unsupported("saturating arithmetic of more than 62 bits")
		return l.fit(l.zero(), width)
	}
	lo, hi := uint64(0), lowMask(w)
	if e.Op == pipeline.OpSatSigned {
		lo, hi = -(uint64(1) << (w - 1)), lowMask(w-1)
	}
	v := l.choose(l.set(condSGt, x[0], l.konst(hi)), l.konst(hi), x[0])
	v = l.choose(l.set(condSLt, v, l.konst(lo)), l.konst(lo), v)
	return l.fit(num{v}, width)
}
