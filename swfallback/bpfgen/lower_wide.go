package bpfgen

import "math/big"

// Numbers of several limbs.

// grow brings a number to a width: cut off, or extended by its sign, which is 0 for unsigned ones. A signed
// number fills its limbs.
func (l *lowerer) grow(n num, signed bool, width int) num {
	if !signed || limbs(width) <= len(n) {
		return l.fit(n, width)
	}
	fill := l.signOf(n)
	out := append(num(nil), n...)
	for len(out) < limbs(width) {
		out = append(out, fill)
	}
	return l.fit(out, width)
}

// signOf returns all ones for a negative number, else 0.
func (l *lowerer) signOf(n num) *value { return l.aluC(opSar, n[len(n)-1], 63) }

// extend reads the low from bits of a number as a signed one, to bits wide.
func (l *lowerer) extend(n num, from, to int) num {
	top := (from - 1) / 64
	up := uint64(63 - (from-1)%64)
	out := append(num(nil), n[:top]...)
	out = append(out, l.aluC(opSar, l.aluC(opShl, n[top], up), up))
	return l.grow(out, true, to)
}

// addNum adds or subtracts two numbers of as many limbs; out is the carry or borrow.
func (l *lowerer) addNum(o op, x, y num) (sum num, out *value) {
	sum = make(num, len(x))
	for i := range x {
		sum[i], out = l.addCarry(o, x[i], y[i], out)
	}
	return sum, out
}

// addCarry adds or subtracts one limb; carry is nil, 0 or 1. It does not branch: the carry out is the majority of
// the top bits of x, y and the complement of the sum, the borrow that of the complement of x, y and the difference.
func (l *lowerer) addCarry(o op, x, y, carry *value) (sum, out *value) {
	sum = l.alu(o, x, y)
	if carry != nil {
		sum = l.alu(o, sum, carry)
	}
	not := func(v *value) *value { return l.aluC(opXor, v, ^uint64(0)) }
	a, b, c := x, y, not(sum)
	if o == opSub {
		a, b, c = y, sum, not(x)
	}
	return sum, l.aluC(opShr, l.alu(opOr, l.alu(opAnd, a, b), l.alu(opAnd, l.alu(opOr, a, b), c)), 63)
}

func (l *lowerer) negate(n num) num {
	zero := make(num, len(n))
	for i := range zero {
		zero[i] = l.konst(0)
	}
	out, _ := l.addNum(opSub, zero, n)
	return out
}

// negateIf negates a number where all is all ones, and leaves it where all is 0.
func (l *lowerer) negateIf(all *value, n num) num {
	flipped, masks := make(num, len(n)), make(num, len(n))
	for i := range n {
		flipped[i], masks[i] = l.alu(opXor, n[i], all), all
	}
	out, _ := l.addNum(opSub, flipped, masks)
	return out
}

// chooseNum returns yes where t is 1, no where it is 0.
func (l *lowerer) chooseNum(t *value, yes, no num) num {
	out := make(num, len(yes))
	for i := range out {
		out[i] = l.choose(t, yes[i], no[i])
	}
	return out
}

// less returns 1 where x < y; both have as many limbs.
func (l *lowerer) less(x, y num, signed bool) *value {
	top := len(x) - 1
	if top == 0 {
		c := condLt
		if signed {
			c = condSLt
		}
		return l.set(c, x[0], y[0])
	}
	if signed {
		x, y = append(num(nil), x...), append(num(nil), y...)
		x[top], y[top] = l.aluC(opXor, x[top], 1<<63), l.aluC(opXor, y[top], 1<<63)
	}
	_, borrow := l.addNum(opSub, x, y)
	return borrow
}

// multiply returns the low limbs of a product, from products of halves of limbs: eBPF has no wider ones.
func (l *lowerer) multiply(x, y num) num {
	n := 2 * len(x)
	half := func(v num, i int) *value { return l.cut(v, 32*i, 32) }
	sums := make(num, n+1) // by half: what is to be added there
	for i := range sums {
		sums[i] = l.konst(0)
	}
	out := make(num, len(x))
	for k := range n {
		for i := range k + 1 {
			p := l.alu(opMul, half(x, i), half(y, k-i))
			sums[k] = l.alu(opAdd, sums[k], l.mask(p, 32))
			if k+1 < n {
				sums[k+1] = l.alu(opAdd, sums[k+1], l.aluC(opShr, p, 32))
			}
		}
		sums[k+1] = l.alu(opAdd, sums[k+1], l.aluC(opShr, sums[k], 32))
		if k%2 == 0 {
			out[k/2] = l.mask(sums[k], 32)
		} else {
			out[k/2] = l.alu(opOr, out[k/2], l.aluC(opShl, sums[k], 32))
		}
	}
	return out
}

// shiftUp shifts to the left by a constant.
func (l *lowerer) shiftUp(x num, k, width int) num {
	out := make(num, limbs(width))
	for i := range out {
		out[i] = l.cut(x, 64*i-k, min(64, width-64*i))
	}
	return out
}

// shiftDown shifts to the right by a constant; zeros come in.
func (l *lowerer) shiftDown(x num, k, width int) num {
	out := make(num, limbs(width))
	for i := range out {
		out[i] = l.cut(x, 64*i+k, min(64, width-64*i))
	}
	return out
}

// shiftUpBy shifts to the left by a variable.
func (l *lowerer) shiftUpBy(x num, by amount) num {
	words, reach := l.fill(nil, l.konst(0), by, 1)
	words = append(words, x...)
	// The verifier lets nothing be subtracted from an address on the stack.
	at := l.alu(opSub, l.konst(uint64(8*reach)), l.wordOffset(by))
	base := l.alu(opAdd, l.spread(words), at)
	low := l.aluC(opAnd, by.count, 63)
	out := make(num, len(x))
	for i := range out {
		upper := l.alu(opShl, l.load(base, 8*i+8, 8), low)
		// By 64 less the count, in two steps as the count may be 0.
		lower := l.alu(opShr, l.aluC(opShr, l.load(base, 8*i, 8), 1), l.aluC(opXor, low, 63))
		out[i] = l.alu(opOr, upper, lower)
	}
	return out
}

// shiftDownBy shifts to the right by a variable, to m limbs.
func (l *lowerer) shiftDownBy(x num, signed bool, by amount, m int) num {
	fill := l.konst(0)
	if signed {
		fill = l.signOf(x)
	}
	words, _ := l.fill(x, fill, by, max(0, m-len(x))+1)
	base := l.alu(opAdd, l.spread(words), l.wordOffset(by))
	low := l.aluC(opAnd, by.count, 63)
	out := make(num, m)
	for i := range out {
		lower := l.alu(opShr, l.load(base, 8*i, 8), low)
		upper := l.alu(opShl, l.aluC(opShl, l.load(base, 8*i+8, 8), 1), l.aluC(opXor, low, 63))
		out[i] = l.alu(opOr, lower, upper)
	}
	return out
}

// fill appends as many words to x as wordOffset may skip, and more. reach is how many it may skip.
func (l *lowerer) fill(x num, word *value, by amount, more int) (words num, reach int) {
	reach = 1<<bitLen(uint64(by.most/64)) - 1
	words = append(words, x...)
	for range reach + more {
		words = append(words, word)
	}
	return words, reach
}

// wordOffset returns how many bytes of whole limbs an amount shifts, bounded for the verifier.
func (l *lowerer) wordOffset(by amount) *value {
	return l.aluC(opShl, l.guard(l.aluC(opShr, by.count, 6), lowMask(bitLen(uint64(by.most/64)))), 3)
}

// spread writes words to memory and returns the address.
func (l *lowerer) spread(words num) *value {
	s := l.f.newSlot(8 * len(words))
	for i, w := range words {
		l.store(l.frame(s, 0), 8*i, 8, w)
	}
	return l.inRegister(l.frame(s, 0))
}

// maxDivision is of how many limbs numbers may be that are divided.
const maxDivision = 8

// divide returns quotient and remainder of unsigned numbers of as many limbs; by zero they are 0 and x.
func (l *lowerer) divide(x, y num) (q, r num) {
	if len(x) == 1 {
		return num{l.alu(opDiv, x[0], y[0])}, num{l.alu(opMod, x[0], y[0])}
	}
	n := len(x)
	params := make(num, 2*n+1)
	for i := range params {
		params[i] = l.f.newValue(opParam)
	}
	head, body, done := l.f.newBlock("division"), l.f.newBlock(""), l.f.newBlock("")
	head.params = params
	// The verifier has to see nothing in the first round that does not hold in all of them.
	zero := l.load(l.mapValue(l.obj.hiddenZero()), 0, 8)
	start := append(append(num(nil), x...), l.constNum(new(big.Int), 64*n)...)
	for i := range start {
		start[i] = l.alu(opXor, start[i], zero)
	}
	l.jump(head, append(start, l.hiddenZero())...)
	l.cur = head
	q, r = params[:n], params[n:2*n]
	i := params[2*n]
	more := l.f.newBlock("")
	l.branch(condSpent, l.konst(0), l.konst(0), done, body)
	l.cur = body
	l.branch(condGe, i, l.konst(uint64(64*n)), done, more)
	l.cur = more
	nextQ, nextR := l.divideBit(q, r, y)
	l.jump(head, append(append(nextQ, nextR...), l.aluC(opAdd, i, 1))...)
	l.cur = done
	out := make(num, n)
	some := l.alu(opSub, l.konst(0), l.set(condNe, l.orAll(y), l.konst(0)))
	for i := range out {
		out[i] = l.alu(opAnd, q[i], some)
	}
	return out, r
}

// divideBit brings one bit of the dividend, which stands in the upper part of q, into the remainder, and one bit
// of the quotient into q.
func (l *lowerer) divideBit(q, r, y num) (nextQ, nextR num) {
	n := len(q)
	both := append(append(num(nil), q...), r...)
	out := l.aluC(opShr, both[2*n-1], 63)
	both = l.shiftUp(both, 1, 128*n)
	nextQ, nextR = both[:n:n], both[n:]
	rest, borrow := l.addNum(opSub, nextR, y)
	fits := l.alu(opOr, out, l.aluC(opXor, borrow, 1))
	nextQ[0] = l.alu(opOr, nextQ[0], fits)
	return nextQ, l.chooseNum(fits, rest, nextR)
}
