package bpfgen

import "math"

// passLegal puts what an instruction cannot take as an immediate operand into a value of its own.
func passLegal(f *fn) error {
	var before []*value
	for _, b := range f.blocks {
		before = append(before[:0], b.ops...)
		b.ops = b.ops[:0]
		for _, v := range before {
			for i := range v.args {
				if !operandFits(v, i) {
					v.args[i] = moveTo(f, b, v.args[i], v)
				}
			}
			b.ops = append(b.ops, v)
		}
		t := &b.term
		if t.kind != termBranch || t.cond == condSpent {
			continue
		}
		if t.a.remat() {
			t.a = moveTo(f, b, t.a, nil)
		}
		if t.b.remat() && !(t.b.isConst() && fitsImm(t.b.imm)) {
			t.b = moveTo(f, b, t.b, nil)
		}
	}
	return nil
}

// moveTo appends a copy of a constant or address in a register.
func moveTo(f *fn, b *block, v, user *value) *value {
	m := f.newValue(opMove, v)
	m.bits, m.ptr = v.bits, v.ptr
	if user != nil {
		m.src = user.src
	}
	b.ops = append(b.ops, m)
	return m
}

// fitsImm reports whether a constant is one of the signed 32-bit immediates.
func fitsImm(c uint64) bool {
	return int64(c) >= math.MinInt32 && int64(c) <= math.MaxInt32
}

// operandFits reports whether an operation can have its i-th operand as it is.
func operandFits(v *value, i int) bool {
	a := v.args[i]
	if !a.remat() {
		return true
	}
	switch v.op {
	case opCall, opMove, opCast:
		return true
	case opLoad:
		return a.op == opFrame
	case opStore:
		if i == 0 {
			return a.op == opFrame
		}
		return a.isConst() && (v.size < 8 || fitsImm(a.imm))
	case opSwap, opSet:
		return i == 1 && a.isConst() && fitsImm(a.imm)
	}
	if i == 0 {
		return a.isConst() // copied into the result first
	}
	return a.isConst() && (fitsImm(a.imm) || v.op == opAnd && isLowMask(a.imm))
}
