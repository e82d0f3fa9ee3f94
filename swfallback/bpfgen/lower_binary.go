package bpfgen

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// exact computes an expression without losing a bit, in as few limbs as always hold it. signed says that the
// number is in two's complement, extended to all of its limbs; else it is unsigned.
func (l *lowerer) exact(st *state, e pipeline.Expr, env *actionEnv) (n num, signed bool) {
	x := l.extentOf(e, env)
	if x.bits() > maxBits {
		l.limit("bits of a number in an expression", x.bits(), maxBits)
		return l.zero(), false
	}
	if x.neg() {
		return l.eval(st, e, 64*limbs(x.bits()), env), true
	}
	return l.eval(st, e, x.bits(), env), false
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
		return l.evalDivision(st, e, width, env)
	case pipeline.OpTwoComplement:
		return l.evalTwoComplement(st, e, width, env)
	case pipeline.OpSatUnsigned, pipeline.OpSatSigned:
		return l.evalSaturate(st, e, width, env)
	}
	return l.fit(num{l.truth(st, e, env)}, width)
}

// evalTwoComplement reads the low bits of a number as a signed one.
func (l *lowerer) evalTwoComplement(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	w, ok := constOf(e.Y)
	switch {
	case !ok || w < 1:
		l.unsupported("cast to a computed number of bits")
		return l.fit(l.zero(), width)
	case width <= w || l.extentOf(e.X, env).fits(signedExtent(w)):
		return l.eval(st, e.X, width, env)
	}
	return l.extend(l.eval(st, e.X, w, env), w, width)
}

// modularOps are the operations of which the low bits of the result depend on low bits only.
var modularOps = map[pipeline.BinaryOp]op{pipeline.OpAdd: opAdd, pipeline.OpSub: opSub, pipeline.OpMul: opMul,
	pipeline.OpBitAnd: opAnd, pipeline.OpBitOr: opOr, pipeline.OpBitXor: opXor}

// evalModular computes one of modularOps.
func (l *lowerer) evalModular(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	need := width
	if x := l.extentOf(e, env); e.Op == pipeline.OpBitAnd && !x.neg() {
		need = min(need, x.bits())
	}
	x, y := l.eval(st, e.X, need, env), l.eval(st, e.Y, need, env)
	o := modularOps[e.Op]
	var out num
	switch {
	case len(x) > 1 && o == opMul:
		out = l.multiply(x, y)
	case len(x) > 1 && (o == opAdd || o == opSub):
		out, _ = l.addNum(o, x, y)
	default:
		for i := range x {
			out = append(out, l.alu(o, x[i], y[i]))
		}
	}
	return l.fit(l.fit(out, need), width)
}

func (l *lowerer) evalShl(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	x := l.eval(st, e.X, width, env)
	if c, ok := e.Y.(*pipeline.Const); ok {
		return l.shiftUp(x, shiftCount(c.Value), width)
	}
	if len(x) == 1 {
		by := l.amount(st, e.Y, 64, env)
		return num{l.mask(l.shift(opShl, x[0], by.count), width)}
	}
	return l.fit(l.shiftUpBy(x, l.amount(st, e.Y, 64*len(x), env)), width)
}

// shiftCount returns by how much a constant shifts; what is out of range leaves nothing.
func shiftCount(c *big.Int) int {
	if c.Sign() < 0 || c.BitLen() > 17 {
		return maxShift
	}
	return min(int(c.Int64()), maxShift)
}

func (l *lowerer) evalShr(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	x, signed := l.exact(st, e.X, env)
	if c, ok := e.Y.(*pipeline.Const); ok {
		k := shiftCount(c.Value)
		if signed {
			k = min(k, 64*len(x)-1)
			if len(x) == 1 && width <= 64 {
				return num{l.mask(l.aluC(opSar, x[0], uint64(k)), width)}
			}
			x = l.grow(x, true, 64*limbs(k+width))
		}
		return l.shiftDown(x, k, width)
	}
	switch {
	case len(x) > 1 || width > 64:
		return l.fit(l.shiftDownBy(x, signed, l.amount(st, e.Y, 64*len(x), env), limbs(width)), width)
	case signed:
		return num{l.mask(l.alu(opSar, x[0], l.amount(st, e.Y, 63, env).count), width)}
	}
	return num{l.mask(l.shift(opShr, x[0], l.amount(st, e.Y, 64, env).count), width)}
}

// An amount is the count of a shift and what it is at most.
type amount struct {
	count *value
	most  int
}

// amount computes the count of a shift; most counts as everything, and so do larger and negative counts.
func (l *lowerer) amount(st *state, e pipeline.Expr, most int, env *actionEnv) amount {
	y, _ := l.exact(st, e, env)
	x := l.extentOf(e, env)
	if !x.neg() && x.hi.Cmp(big.NewInt(int64(most))) <= 0 {
		return amount{y[0], int(x.hi.Int64())}
	}
	if len(y) == 1 && most == 64 {
		return amount{y[0], most} // shift looks at counts of 64 and more itself
	}
	small := l.set(condLt, y[0], l.konst(uint64(most)))
	if len(y) > 1 {
		small = l.alu(opAnd, small, l.set(condEq, l.orAll(y[1:]), l.konst(0)))
	}
	return amount{l.choose(small, y[0], l.konst(uint64(most))), most}
}

// shift shifts by a variable; a count of 64 or more leaves nothing.
func (l *lowerer) shift(o op, x, count *value) *value {
	v := l.alu(o, x, l.aluC(opAnd, count, 63))
	if count.bits <= 6 {
		return v
	}
	return l.alu(opAnd, v, l.alu(opSub, l.konst(0), l.set(condLt, count, l.konst(64))))
}

// choose returns yes where t is 1, no where it is 0.
func (l *lowerer) choose(t, yes, no *value) *value {
	if t.isConst() {
		if t.imm != 0 {
			return yes
		}
		return no
	}
	all := l.alu(opSub, l.konst(0), t)
	return l.alu(opXor, l.alu(opAnd, l.alu(opXor, yes, no), all), no)
}

// evalSaturate brings a number into the range of a width, its ends standing for what is beyond them.
func (l *lowerer) evalSaturate(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	w, ok := constOf(e.Y)
	if !ok || w < 1 || w > maxBits {
		l.unsupported("saturation to a computed number of bits")
		return l.fit(l.zero(), width)
	}
	target := signedExtent(w)
	if e.Op == pipeline.OpSatUnsigned {
		target = unsignedExtent(w)
	}
	x := l.extentOf(e.X, env)
	if x.fits(target) {
		return l.eval(st, e.X, width, env)
	}
	v, signed := l.exact(st, e.X, env)
	if !signed && l.cur != nil && target.hi.BitLen() > 64*len(v) { // not reached: x would fit
		return l.fit(v, width)
	}
	end := func(c *big.Int) num { return l.constNum(c, 64*len(v)) }
	if x.hi.Cmp(target.hi) > 0 {
		v = l.chooseNum(l.less(end(target.hi), v, signed), end(target.hi), v)
	}
	if x.lo.Cmp(target.lo) < 0 {
		v = l.chooseNum(l.less(v, end(target.lo), signed), end(target.lo), v)
	}
	return l.grow(v, signed, width)
}

// evalDivision divides, rounding towards zero; by zero it gives 0 and the dividend.
func (l *lowerer) evalDivision(st *state, e *pipeline.Binary, width int, env *actionEnv) num {
	x, xs := l.exact(st, e.X, env)
	y, ys := l.exact(st, e.Y, env)
	signed := xs || ys
	n := max(len(x), len(y))
	if signed {
		n = limbs(max(l.extentOf(e.X, env).signedBits(), l.extentOf(e.Y, env).signedBits()) + 1)
	}
	if n > maxDivision {
		l.limit("bits of a division", 64*n, 64*maxDivision)
		return l.fit(l.zero(), width)
	}
	x, y = l.grow(x, xs, 64*n), l.grow(y, ys, 64*n)
	if !signed {
		q, r := l.divide(x, y)
		if e.Op == pipeline.OpMod {
			q = r
		}
		return l.fit(q, width)
	}
	sx, sy := l.signOf(x), l.signOf(y)
	q, r := l.divide(l.negateIf(sx, x), l.negateIf(sy, y))
	if e.Op == pipeline.OpMod {
		return l.grow(l.negateIf(sx, r), true, width)
	}
	return l.grow(l.negateIf(l.alu(opXor, sx, sy), q), true, width)
}
