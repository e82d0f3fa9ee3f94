package bpfgen

import "math/bits"

// simplify returns a value that equals the operation, or nil where there is none simpler. It may append
// operations.
func (b *builder) simplify(o op, x, y *value) *value {
	if x.isConst() && y.isConst() {
		return b.konst(evaluate(o, x.imm, y.imm))
	}
	if x.isConst() && (o == opAdd || o == opMul || o == opAnd || o == opOr || o == opXor) {
		return b.alu(o, y, x)
	}
	if x == y {
		switch o {
		case opSub, opXor:
			return b.konst(0)
		case opAnd, opOr:
			return x
		}
	}
	if !y.isConst() {
		return nil
	}
	c := y.imm
	if c == 0 && (o == opAdd || o == opSub || o == opOr || o == opXor || o == opShl || o == opShr) {
		return x
	}
	switch o {
	case opAdd:
		return b.simplifyAdd(x, c)
	case opAnd:
		return b.simplifyAnd(x, c)
	case opMul, opDiv, opMod:
		return b.simplifyMul(o, x, c)
	case opShl:
		return b.simplifyShl(x, int(c))
	case opShr:
		return b.simplifyShr(x, int(c))
	}
	return nil
}

// evaluate computes an operation on constants.
func evaluate(o op, x, y uint64) uint64 {
	switch o {
	case opAdd:
		return x + y
	case opSub:
		return x - y
	case opMul:
		return x * y
	case opDiv:
		if y == 0 {
			return 0
		}
		return x / y
	case opMod:
		if y == 0 {
			return x
		}
		return x % y
	case opAnd:
		return x & y
	case opOr:
		return x | y
	case opXor:
		return x ^ y
	case opShl:
		return x << (y & 63)
	case opShr:
		return x >> (y & 63)
	}
	return uint64(int64(x) >> (y & 63))
}

func (b *builder) simplifyAdd(x *value, c uint64) *value {
	if x.op == opAdd && x.args[1].isConst() {
		return b.aluC(opAdd, x.args[0], x.args[1].imm+c)
	}
	return nil
}

func (b *builder) simplifyMul(o op, x *value, c uint64) *value {
	power := bits.OnesCount64(c) == 1
	shift := uint64(bits.TrailingZeros64(c))
	switch {
	case o == opMod && c == 0:
		return x
	case c == 0:
		return b.konst(0)
	case o == opMul && power:
		return b.aluC(opShl, x, shift)
	case o == opDiv && power:
		return b.aluC(opShr, x, shift)
	case o == opMod && power:
		return b.aluC(opAnd, x, c-1)
	case o == opMod && c > 0 && lowMask(x.bits) < c:
		return x
	}
	return nil
}

func (b *builder) simplifyAnd(x *value, c uint64) *value {
	all := lowMask(x.bits)
	switch {
	case c&all == 0:
		return b.konst(0)
	case c&all == all:
		return x
	case x.op == opAnd && x.args[1].isConst():
		return b.aluC(opAnd, x.args[0], x.args[1].imm&c)
	case x.op == opAdd && x.args[1].isConst() && isLowMask(c) && x.args[1].imm&^c != 0:
		return b.aluC(opAnd, b.aluC(opAdd, x.args[0], x.args[1].imm&c), c)
	}
	return nil
}

func isLowMask(c uint64) bool { return c&(c+1) == 0 }

func (b *builder) simplifyShl(x *value, n int) *value {
	if n >= 64 {
		return b.konst(0)
	}
	switch {
	case x.op == opShl && x.args[1].isConst():
		return b.aluC(opShl, x.args[0], x.args[1].imm+uint64(n))
	case x.op == opAnd && x.args[1].isConst() && x.args[1].imm<<n == lowMask(min(64, x.args[0].bits))<<n:
		return b.aluC(opShl, x.args[0], uint64(n))
	case x.op == opShr && x.args[1].isConst() && int(x.args[1].imm) == n:
		return b.aluC(opAnd, x.args[0], ^uint64(0)<<n)
	}
	return nil
}

func (b *builder) simplifyShr(x *value, n int) *value {
	if n >= x.bits {
		return b.konst(0)
	}
	switch {
	case x.op == opShr && x.args[1].isConst():
		return b.aluC(opShr, x.args[0], x.args[1].imm+uint64(n))
	case x.op == opShl && x.args[1].isConst() && int(x.args[1].imm) == n && x.args[0].bits+n <= 64:
		return x.args[0]
	case x.op == opAnd && x.args[1].isConst() && x.args[1].imm>>n == lowMask(max(0, x.args[0].bits-n)):
		return b.aluC(opShr, x.args[0], uint64(n))
	}
	return nil
}

// simplifySwap pushes a byte swap towards an earlier one, so that both go.
func (b *builder) simplifySwap(x *value, size int) *value {
	if x.isConst() {
		return b.konst(bits.ReverseBytes64(x.imm << (64 - 8*size)))
	}
	if size == 1 {
		return b.mask(x, 8)
	}
	m := lowMask(8 * size)
	switch {
	case x.op == opSwap && x.size == size:
		return b.mask(x.args[0], 8*size)
	case x.op == opSwap && x.size < size:
		return b.aluC(opShl, b.mask(x.args[0], 8*x.size), uint64(8*(size-x.size)))
	case x.op == opAnd && x.args[1].isConst() && x.args[1].imm&m == m:
		return b.swap(x.args[0], size)
	case x.op == opAnd && x.args[1].isConst() && x.args[0].op == opSwap && x.args[0].size == size:
		return b.aluC(opAnd, x.args[0].args[0], bits.ReverseBytes64((x.args[1].imm&m)<<(64-8*size)))
	}
	return b.simplifySwapShift(x, size)
}

// simplifySwapShift handles swap(shift(swap(y))) for shifts by whole bytes: it is one shift the other way.
func (b *builder) simplifySwapShift(x *value, size int) *value {
	if (x.op != opShr && x.op != opShl) || !x.args[1].isConst() || x.args[1].imm%8 != 0 {
		return nil
	}
	in, n := x.args[0], int(x.args[1].imm)
	if in.op != opSwap {
		return nil
	}
	y := in.args[0]
	if x.op == opShr {
		// Byte i of in is byte in.size-1-i of y; of x, byte i is in's i+n/8; of the result, byte size-1-i.
		up := 8*(in.size-size) - n
		if up >= 0 {
			return b.mask(b.aluC(opShr, y, uint64(up)), 8*size)
		}
		return b.mask(b.aluC(opShl, b.mask(y, 8*in.size), uint64(-up)), 8*size)
	}
	if 8*in.size+n != 8*size {
		return nil
	}
	return b.mask(y, 8*in.size)
}
