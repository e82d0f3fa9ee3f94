package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A builder appends operations to a block, simplified as they come.
type builder struct {
	f   *fn
	cur *block
	src *pipeline.Source // nil: none
}

// add appends an operation as it is. Behind the end of the block, after an error, it is dropped.
func (b *builder) add(v *value) *value {
	v.src = b.src
	if b.cur != nil {
		b.cur.ops = append(b.cur.ops, v)
	}
	return v
}

// konst returns a constant.
func (b *builder) konst(c uint64) *value { return b.f.konst(c) }

// alu appends an operation on two numbers, or returns a value that is the same.
func (b *builder) alu(o op, x, y *value) *value {
	if v := b.simplify(o, x, y); v != nil {
		return v
	}
	v := b.f.newValue(o, x, y)
	v.bits = resultBits(o, x, y)
	v.ptr = x.ptr || y.ptr
	if o == opSub && x.ptr && y.ptr {
		v.ptr = false
	}
	if v.ptr && x.slot != nil {
		v.slot = x.slot
	}
	return b.add(v)
}

// guard masks a number although it has no other bits, for the verifier, which knows less than the compiler.
func (b *builder) guard(x *value, mask uint64) *value {
	if x.isConst() {
		return b.konst(x.imm & mask)
	}
	v := b.f.newValue(opAnd, x, b.konst(mask))
	v.bits, v.guard = min(x.bits, bitLen(mask)), true
	return b.add(v)
}

// aluC is alu with a constant.
func (b *builder) aluC(o op, x *value, c uint64) *value { return b.alu(o, x, b.konst(c)) }

// mask keeps the low n bits.
func (b *builder) mask(x *value, n int) *value {
	if x.bits <= n {
		return x
	}
	return b.aluC(opAnd, x, lowMask(n))
}

// swap reverses the low size bytes; those above become 0.
func (b *builder) swap(x *value, size int) *value {
	if v := b.simplifySwap(x, size); v != nil {
		return v
	}
	v := b.f.newValue(opSwap, x)
	v.size, v.bits = size, 8*size
	return b.add(v)
}

// set compares, with 0 or 1 for a result.
func (b *builder) set(c cond, x, y *value) *value {
	if known, ok := decide(c, x, y); ok {
		return b.konst(b2u(known))
	}
	v := b.f.newValue(opSet, x, y)
	v.cond, v.bits = c, 1
	return b.add(v)
}

// load reads memory.
func (b *builder) load(ptr *value, off, size int) *value {
	v := b.f.newValue(opLoad, ptr)
	v.imm, v.size, v.bits = uint64(off), size, 8*size
	return b.add(v)
}

// store writes memory. Bits of x above the size are ignored.
func (b *builder) store(ptr *value, off, size int, x *value) {
	for (x.op == opAnd && x.args[1].isConst() && x.args[1].imm&lowMask(8*size) == lowMask(8*size)) && !x.ptr {
		x = x.args[0]
	}
	if x.isConst() {
		x = b.konst(x.imm & lowMask(8*size))
	}
	v := b.f.newValue(opStore, ptr, x)
	v.imm, v.size = uint64(off), size
	b.add(v)
}

// cast makes an address in the arena of a number's low half.
func (b *builder) cast(x *value) *value {
	v := b.f.newValue(opCast, x)
	v.ptr = true
	return b.add(v)
}

// call calls a helper.
func (b *builder) call(fn asm.BuiltinFunc, args ...*value) *value {
	v := b.f.newValue(opCall, args...)
	v.helper = fn
	return b.add(v)
}

// frame returns the address of a place in a stack slot.
func (b *builder) frame(s *slot, off int) *value {
	v := b.f.newValue(opFrame)
	v.slot, v.imm, v.ptr = s, uint64(off), true
	return v
}

// mapRef returns a map as an argument.
func (b *builder) mapRef(name string) *value {
	v := b.f.newValue(opMap)
	v.name, v.ptr = name, true
	return v
}

// mapValue returns the address of an array map's only value.
func (b *builder) mapValue(name string) *value {
	v := b.f.newValue(opMapValue)
	v.name, v.ptr = name, true
	return v
}

// inRegister puts an address into a register, to compute others from it.
func (b *builder) inRegister(address *value) *value {
	v := b.add(b.f.newValue(opMove, address))
	v.ptr, v.slot = true, address.slot
	return v
}

// lookup calls bpf_map_lookup_elem; the result is an address or 0.
func (b *builder) lookup(mapName string, key *value) *value {
	v := b.call(asm.FnMapLookupElem, b.mapRef(mapName), key)
	v.ptr = true
	return v
}

// end ends the block.
func (b *builder) end(t term) {
	t.src = b.src
	if b.cur != nil {
		b.cur.term = t
	}
	b.cur = nil
}

// exit ends the program.
func (b *builder) exit(v *value) { b.end(term{kind: termExit, a: v}) }

// jump ends the block.
func (b *builder) jump(to *block, args ...*value) {
	b.end(term{kind: termJump, to: [2]edge{{to: to, args: b.f.list(args)}}})
}

// branch ends the block with a comparison; the blocks have no parameters.
func (b *builder) branch(c cond, x, y *value, yes, no *block) {
	if x.isConst() && !y.isConst() && c != condSpent {
		c, x, y = c.swapped(), y, x
	}
	b.end(term{kind: termBranch, cond: c, a: x, b: y, to: [2]edge{{to: yes}, {to: no}}})
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// resultBits bounds the result of an operation on numbers.
func resultBits(o op, x, y *value) int {
	n := 64
	switch o {
	case opAdd:
		n = max(x.bits, y.bits) + 1
	case opMul:
		n = x.bits + y.bits
	case opAnd:
		n = min(x.bits, y.bits)
	case opOr, opXor:
		n = max(x.bits, y.bits)
	case opDiv:
		n = x.bits
	case opMod:
		n = x.bits
		if y.isConst() && y.imm > 0 {
			n = min(n, bitLen(y.imm-1))
		}
	case opShl:
		if y.isConst() {
			n = x.bits + int(y.imm)
		}
	case opShr:
		n = x.bits
		if y.isConst() {
			n = max(0, x.bits-int(y.imm))
		}
	}
	return min(64, n)
}

// decide evaluates a comparison whose result is known from constants and widths.
func decide(c cond, x, y *value) (result, ok bool) {
	if c == condSpent {
		return false, false
	}
	if x.isConst() && y.isConst() {
		return c.holds(x.imm, y.imm), true
	}
	if x == y {
		return c.holds(0, 0), true
	}
	if x.isConst() {
		return decide(c.swapped(), y, x)
	}
	if !y.isConst() || x.ptr {
		return false, false
	}
	return decideRange(c, 0, lowMask(x.bits), y.imm)
}

// decideRange evaluates a comparison of a number from lo to hi with a constant, where all of them agree.
func decideRange(c cond, lo, hi, k uint64) (result, ok bool) {
	switch c {
	case condEq, condNe:
		if k < lo || k > hi {
			return c == condNe, true
		}
	case condLt, condLe, condGt, condGe:
		if a := c.holds(lo, k); a == c.holds(hi, k) {
			return a, true
		}
	}
	return false, false
}
