package bpfgen

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// An extent bounds the exact value of an expression: lo <= value <= hi. The zero extent bounds nothing.
type extent struct{ lo, hi *big.Int }

const (
	// maxField is how wide a field may be that is assigned to.
	maxField = 2048
	// maxBits is how wide an exact value may be that an operation needs whole.
	maxBits = 4160
	// unbounded is more bits than any value is computed to.
	unbounded = 1 << 16
)

// between returns an extent; bounds that are too large are none.
func between(lo, hi *big.Int) extent {
	if lo.BitLen() > unbounded || hi.BitLen() > unbounded {
		return extent{}
	}
	return extent{lo, hi}
}

// unsignedExtent and signedExtent are what n bits hold; n is at most unbounded.
func unsignedExtent(n int) extent { return extent{new(big.Int), ones(n)} }

func signedExtent(n int) extent {
	if n < 1 {
		return extent{new(big.Int), new(big.Int)}
	}
	hi := ones(n - 1)
	return extent{new(big.Int).Not(hi), hi}
}

// ones returns 2^n - 1.
func ones(n int) *big.Int {
	v := new(big.Int).Lsh(big.NewInt(1), uint(n))
	return v.Sub(v, big.NewInt(1))
}

func (x extent) known() bool { return x.lo != nil }

// neg reports whether the value may be negative.
func (x extent) neg() bool { return x.lo == nil || x.lo.Sign() < 0 }

// bits returns how many bits hold the value: in two's complement where it may be negative. At least 1.
func (x extent) bits() int {
	switch {
	case !x.known():
		return unbounded
	case x.neg():
		return 1 + max(x.hi.BitLen(), new(big.Int).Not(x.lo).BitLen())
	}
	return max(1, x.hi.BitLen())
}

// signedBits returns how many bits hold the value in two's complement.
func (x extent) signedBits() int {
	if x.neg() {
		return x.bits()
	}
	return x.bits() + 1
}

// either bounds a value that is one of two.
func either(a, b extent) extent {
	if !a.known() || !b.known() {
		return extent{}
	}
	return extent{smaller(a.lo, b.lo), larger(a.hi, b.hi)}
}

// within bounds what a clamp to b makes of a.
func (x extent) within(b extent) extent {
	if !x.known() {
		return b
	}
	return extent{smaller(larger(x.lo, b.lo), b.hi), larger(smaller(x.hi, b.hi), b.lo)}
}

// fits reports whether every value of x is one of b.
func (x extent) fits(b extent) bool {
	return x.known() && x.lo.Cmp(b.lo) >= 0 && x.hi.Cmp(b.hi) <= 0
}

func smaller(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

// extentOf bounds an expression.
func (l *lowerer) extentOf(e pipeline.Expr, env *actionEnv) extent {
	switch e := e.(type) {
	case *pipeline.Const:
		return between(e.Value, e.Value)
	case *pipeline.FieldRef:
		return fieldExtent(e.Field)
	case *pipeline.Param:
		if env != nil && e.Index < len(env.widths) {
			return unsignedExtent(env.widths[e.Index])
		}
	case *pipeline.StackFieldRef:
		return fieldExtent(e.Field)
	case *pipeline.UnionStackFieldRef:
		return fieldExtent(e.Field)
	case *pipeline.Access:
		return fieldExtent(e.Field)
	case *pipeline.Lookahead:
		return unsignedExtent(e.Width)
	case *pipeline.ValidRef, *pipeline.Bool:
		return unsignedExtent(1)
	case *pipeline.Cond:
		return either(l.extentOf(e.Then, env), l.extentOf(e.Else, env))
	case *pipeline.Unary:
		return l.extentUnary(e, env)
	case *pipeline.Binary:
		return l.extentBinary(e, env)
	}
	return extent{}
}

func fieldExtent(f *pipeline.Field) extent {
	if f.Signed {
		return signedExtent(f.Width)
	}
	return unsignedExtent(f.Width)
}

func (l *lowerer) extentUnary(e *pipeline.Unary, env *actionEnv) extent {
	switch e.Op {
	case pipeline.OpComplement:
		if x := l.extentOf(e.X, env); x.known() {
			return extent{new(big.Int).Not(x.hi), new(big.Int).Not(x.lo)}
		}
		return extent{}
	case pipeline.OpNegate:
		if x := l.extentOf(e.X, env); x.known() {
			return extent{new(big.Int).Neg(x.hi), new(big.Int).Neg(x.lo)}
		}
		return extent{}
	case pipeline.OpLastStackIndex, pipeline.OpStackSize:
		return signedExtent(32)
	}
	return unsignedExtent(1)
}

func (l *lowerer) extentBinary(e *pipeline.Binary, env *actionEnv) extent {
	a := l.extentOf(e.X, env)
	switch e.Op {
	case pipeline.OpTwoComplement, pipeline.OpSatUnsigned, pipeline.OpSatSigned:
		return extentCast(e, a)
	}
	b := l.extentOf(e.Y, env)
	switch e.Op {
	case pipeline.OpBitAnd:
		return extentAnd(a, b)
	case pipeline.OpShr, pipeline.OpMod, pipeline.OpDiv:
		return extentShrink(e.Op, a, b)
	case pipeline.OpAdd, pipeline.OpSub, pipeline.OpMul, pipeline.OpBitOr, pipeline.OpBitXor, pipeline.OpShl:
		if a.known() && b.known() {
			return extentGrow(e.Op, a, b)
		}
		return extent{}
	}
	return unsignedExtent(1)
}

// extentGrow bounds operations that make larger numbers.
func extentGrow(o pipeline.BinaryOp, a, b extent) extent {
	lo, hi := new(big.Int), new(big.Int)
	switch o {
	case pipeline.OpAdd:
		return between(lo.Add(a.lo, b.lo), hi.Add(a.hi, b.hi))
	case pipeline.OpSub:
		return between(lo.Sub(a.lo, b.hi), hi.Sub(a.hi, b.lo))
	case pipeline.OpMul:
		return extentMul(a, b)
	case pipeline.OpShl:
		n, ok := shiftBound(b)
		if !ok {
			return extent{}
		}
		return between(lo.Lsh(smaller(a.lo, lo), uint(n)), hi.Lsh(larger(a.hi, hi), uint(n)))
	}
	if a.neg() || b.neg() {
		return signedExtent(max(a.signedBits(), b.signedBits()))
	}
	return unsignedExtent(max(a.hi.BitLen(), b.hi.BitLen()))
}

// shiftBound returns the largest count of a left shift that leaves anything; ok is false when it is too large.
func shiftBound(b extent) (n int, ok bool) {
	switch {
	case !b.known() || b.hi.BitLen() > 17 || b.hi.Int64() >= maxShift && b.lo.Cmp(big.NewInt(maxShift)) < 0:
		return 0, false
	case b.hi.Sign() < 0 || b.hi.Int64() >= maxShift:
		return 0, true // the result is 0
	}
	return int(b.hi.Int64()), true
}

// maxShift is the count from which on a shift leaves nothing, whatever is shifted; the interpreter's.
const maxShift = 1 << 16

func extentMul(a, b extent) extent {
	var out extent
	for _, x := range []*big.Int{a.lo, a.hi} {
		for _, y := range []*big.Int{b.lo, b.hi} {
			p := new(big.Int).Mul(x, y)
			if out.lo == nil {
				out = extent{p, p}
			}
			out = either(out, extent{p, p})
		}
	}
	return between(out.lo, out.hi)
}

// extentShrink bounds operations of which the result is no larger than the left operand.
func extentShrink(o pipeline.BinaryOp, a, b extent) extent {
	if !a.known() {
		return extent{}
	}
	zero := new(big.Int)
	positive := b.known() && b.lo.Sign() > 0
	switch {
	case o == pipeline.OpShr:
		n := uint(0)
		if positive {
			n = uint(smaller(b.lo, big.NewInt(maxShift)).Int64())
		}
		lo, hi := new(big.Int).Rsh(a.lo, n), new(big.Int).Rsh(a.hi, n)
		return extent{smaller(lo, zero), larger(hi, big.NewInt(-1))}
	case o == pipeline.OpMod && positive:
		most := new(big.Int).Sub(b.hi, big.NewInt(1))
		least := new(big.Int).Neg(most)
		return extent{larger(smaller(a.lo, zero), least), smaller(larger(a.hi, zero), most)}
	}
	if o == pipeline.OpDiv && !a.neg() && positive {
		return extent{zero, new(big.Int).Quo(a.hi, b.lo)}
	}
	if a.neg() || o == pipeline.OpDiv && (!b.known() || b.neg()) {
		most := larger(a.hi, new(big.Int).Neg(a.lo))
		return extent{new(big.Int).Neg(most), most}
	}
	return extent{zero, a.hi}
}

func extentAnd(a, b extent) extent {
	switch an, bn := a.neg(), b.neg(); {
	case !an && !bn:
		return extent{new(big.Int), smaller(a.hi, b.hi)}
	case !an:
		return extent{new(big.Int), a.hi}
	case !bn:
		return extent{new(big.Int), b.hi}
	case a.known() && b.known():
		return signedExtent(max(a.bits(), b.bits()))
	}
	return extent{}
}

// extentCast bounds the operations whose right operand is a width.
func extentCast(e *pipeline.Binary, a extent) extent {
	w, ok := constOf(e.Y)
	if !ok || w >= maxShift {
		return extent{}
	}
	target := signedExtent(w)
	if e.Op == pipeline.OpSatUnsigned {
		target = unsignedExtent(w)
	}
	if e.Op == pipeline.OpTwoComplement {
		if a.fits(target) {
			return a
		}
		return target
	}
	return a.within(target)
}

// constOf returns a constant that fits an int.
func constOf(e pipeline.Expr) (int, bool) {
	c, ok := e.(*pipeline.Const)
	if !ok || !c.Value.IsInt64() || c.Value.Sign() < 0 || c.Value.Int64() > 1<<20 {
		return 0, false
	}
	return int(c.Value.Int64()), true
}
