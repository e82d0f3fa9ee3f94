package bpfgen

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// scratchBytes is how much of a packet is read at a time.
const scratchBytes = 512

// scratchMap is a PERCPU_ARRAY with one value for what does not fit on the stack: scratchBytes, and 8 more so that
// a partial word may be filled up with zeros.
const scratchMap = "scratch"

// scratch returns the address of the scratch memory.
func (l *lowerer) scratch(st *state) *value {
	if l.obj.Spec.Maps[scratchMap] == nil {
		l.obj.addMap(scratchMap, ebpf.PerCPUArray, 4, scratchBytes+8, 1, 0)
	}
	st.dropLoaded(l.index)
	return l.onlyValue(scratchMap)
}

// loop runs do again and again, with values that it carries from round to round, until do jumps out. do gets the
// block to leave for, whose parameters are the values as they then are, and ends with the block's next round. The
// values start out unknown to the verifier, or it would follow the loop step by step.
func (l *lowerer) loop(note string, carry []*value, do func(vals []*value, leave func(c cond, x, y *value)) []*value) []*value {
	head, body, done := l.f.newBlock(note), l.f.newBlock(""), l.f.newBlock("")
	vals := make([]*value, len(carry))
	for i := range vals {
		vals[i] = l.f.newValue(opParam)
	}
	head.params = vals
	l.jump(head, l.hide(carry)...)
	l.cur = head
	l.branch(condSpent, l.konst(0), l.konst(0), done, body)
	l.cur = body
	next := do(vals, func(c cond, x, y *value) {
		on := l.f.newBlock("")
		l.branch(c, x, y, done, on)
		l.cur = on
	})
	l.jump(head, next...)
	l.cur = done
	return vals
}

// hide returns numbers of which the verifier does not know the value.
func (l *lowerer) hide(vals []*value) []*value {
	zero := l.load(l.mapValue(l.obj.hiddenZero()), 0, 8)
	out := make([]*value, len(vals))
	for i, v := range vals {
		out[i] = l.alu(opXor, v, zero)
	}
	return out
}

// each runs do for words of size bytes at an address, from the offset i on as long as there is a whole one before n,
// which is at most scratchBytes. It returns the offset behind the last one.
func (l *lowerer) each(size int, at, i, n *value, d digester, do func(w *value)) *value {
	vals := l.loop("memory", append(d.carry(), i), func(vals []*value, leave func(cond, *value, *value)) []*value {
		i := vals[len(vals)-1]
		d.resume(vals[:len(vals)-1])
		next := l.aluC(opAdd, i, uint64(size))
		leave(condGt, next, n)
		do(l.load(l.alu(opAdd, at, l.guard(i, scratchBytes-1)), 0, size))
		return append(d.carry(), next)
	})
	d.resume(vals[:len(vals)-1])
	return vals[len(vals)-1]
}

// parsed returns how many bytes of the packet the parser has extracted or skipped.
func (l *lowerer) parsed(st *state) *value {
	if l.home != nil {
		return l.pass(passCursor)
	}
	n := 0
	for _, h := range st.layout {
		n += l.size(h)
	}
	return l.konst(uint64(n))
}

// payloadBytes returns how many bytes are behind the parsed headers, or how many of them will leave.
func (l *lowerer) payloadBytes(st *state) *value {
	if l.home == nil {
		return l.alu(opSub, l.packetBytes(st), l.parsed(st))
	}
	n := l.alu(opSub, l.word(homeReceived, 4), l.parsed(st))
	if !l.truncates() {
		return n
	}
	most := l.word(homeTruncate, 4) // one more, or 0
	most = l.alu(opSub, most, l.konst(1))
	return l.choose(l.set(condLt, most, n), most, n)
}

// digestPayload takes what is behind the parsed headers, scratchBytes at a time.
func (l *lowerer) digestPayload(st *state, d digester) {
	from, left := l.parsed(st), l.payloadBytes(st)
	buf := l.scratch(st)
	n := len(d.carry())
	vals := l.loop("payload", append(d.carry(), from, left), func(vals []*value, leave func(cond, *value, *value)) []*value {
		d.resume(vals[:n])
		leave(condLt, vals[n+1], l.konst(scratchBytes))
		l.orFail(st, condNe, l.loadPacket(vals[n], spot{ptr: buf}, l.konst(scratchBytes)), l.konst(0))
		d.memory(buf, l.konst(scratchBytes))
		return append(d.carry(), l.aluC(opAdd, vals[n], scratchBytes), l.aluC(opSub, vals[n+1], scratchBytes))
	})
	l.digestSome(d, vals[:n], vals[n+1], func(size *value) *value {
		l.orFail(st, condNe, l.loadPacket(vals[n], spot{ptr: buf}, size), l.konst(0))
		return buf
	})
}

// digestVar takes the bytes of a varbit field.
func (l *lowerer) digestVar(st *state, d digester, h held) {
	size := l.load(h.varLen.ptr, h.varLen.off, 4)
	buf := l.scratch(st)
	l.digestSome(d, d.carry(), size, func(size *value) *value {
		l.call(asm.FnProbeReadKernel, buf, size, l.address(h.varAt))
		return buf
	})
}

// digestSome goes on with n bytes that fill brings to memory, unless there are none; they are at most scratchBytes.
func (l *lowerer) digestSome(d digester, carry []*value, n *value, fill func(size *value) *value) {
	some, none, done := l.f.newBlock("some bytes"), l.f.newBlock(""), l.f.newBlock("")
	for range carry {
		done.params = append(done.params, l.f.newValue(opParam))
	}
	l.branch(condEq, n, l.konst(0), none, some)
	l.cur = none
	l.jump(done, carry...)
	l.cur = some
	d.resume(carry)
	// 1 to scratchBytes, as the verifier sees it.
	size := l.aluC(opAdd, l.guard(l.aluC(opSub, n, 1), scratchBytes-1), 1)
	size.bits = bitLen(scratchBytes)
	d.memory(fill(size), size)
	l.jump(done, d.carry()...)
	l.cur = done
	d.resume(done.params)
}

// onesSum is the complement of the ones' complement sum of 16-bit words (RFC 1071). It adds words as they stand in
// memory: byte order does not matter to the sum.
type onesSum struct {
	l        *lowerer
	sum, odd *value // odd: whether the bytes so far are odd in number
}

func (o *onesSum) fields(in []span) {
	n := spanBits(in)
	o.add(o.l.addWords(in), o.l.konst(uint64((n+7)/8)))
}

// add adds the sum of n bytes.
func (o *onesSum) add(sum, n *value) {
	l := o.l
	if !(o.odd.isConst() && o.odd.imm == 0) {
		even := l.fold(sum)
		sum = l.choose(o.odd, l.swap(even, 2), even)
	}
	o.sum, o.odd = l.alu(opAdd, o.sum, sum), l.aluC(opAnd, l.alu(opXor, o.odd, n), 1)
}

func (o *onesSum) memory(at, n *value) {
	l := o.l
	zero := l.konst(0)
	size := n
	if !n.isConst() || n.imm%4 != 0 {
		l.store(l.alu(opAdd, at, n), 0, 4, zero)
		size = l.aluC(opAnd, l.aluC(opAdd, n, 3), ^uint64(3)&lowMask(16))
	}
	o.add(l.mask(l.call(asm.FnCsumDiff, zero, zero, at, size, zero), 32), n)
}

func (o *onesSum) carry() []*value { return []*value{o.sum, o.odd} }
func (o *onesSum) resume(vals []*value) {
	o.sum, o.odd = vals[0], o.l.mask(vals[1], 1)
}

func (o *onesSum) result() *value {
	return o.l.swap(o.l.aluC(opXor, o.l.fold(o.sum), 0xffff), 2)
}

// The primes of XXH64 (xxHash specification, "XXH64 algorithm description").
const (
	xxPrime1 uint64 = 0x9e3779b185ebca87
	xxPrime2 uint64 = 0xc2b2ae3d27d4eb4f
	xxPrime3 uint64 = 0x165667b19e3779f9
	xxPrime4 uint64 = 0x85ebca77c2b2ae63
	xxPrime5 uint64 = 0x27d4eb2f165667c5
)

// xxSum is XXH64 with seed 0, of listed fields alone.
type xxSum struct {
	l   *lowerer
	sum *value
}

func (x *xxSum) rotate(v *value, n int) *value {
	return x.l.alu(opOr, x.l.aluC(opShl, v, uint64(n)), x.l.aluC(opShr, v, uint64(64-n)))
}

func (x *xxSum) round(acc, lane *value) *value {
	l := x.l
	return l.aluC(opMul, x.rotate(l.alu(opAdd, acc, l.aluC(opMul, lane, xxPrime2)), 31), xxPrime1)
}

func (x *xxSum) fields(in []span) {
	l := x.l
	size := (spanBits(in) + 7) / 8
	take := func(n int) *value {
		var w *value
		w, in = l.takeMemory(in, n)
		return w
	}
	left := size
	h := l.konst(xxPrime5)
	if size >= 32 {
		h = x.stripes(size/32, func() *value { return take(8) })
		left %= 32
	}
	h = l.aluC(opAdd, h, uint64(size))
	for ; left >= 8; left -= 8 {
		h = l.alu(opXor, h, x.round(l.konst(0), take(8)))
		h = l.aluC(opAdd, l.aluC(opMul, x.rotate(h, 27), xxPrime1), xxPrime4)
	}
	if left >= 4 {
		h = l.alu(opXor, h, l.aluC(opMul, take(4), xxPrime1))
		h = l.aluC(opAdd, l.aluC(opMul, x.rotate(h, 23), xxPrime2), xxPrime3)
		left -= 4
	}
	for ; left > 0; left-- {
		h = l.alu(opXor, h, l.aluC(opMul, take(1), xxPrime5))
		h = l.aluC(opMul, x.rotate(h, 11), xxPrime1)
	}
	h = l.aluC(opMul, l.alu(opXor, h, l.aluC(opShr, h, 33)), xxPrime2)
	h = l.aluC(opMul, l.alu(opXor, h, l.aluC(opShr, h, 29)), xxPrime3)
	x.sum = l.alu(opXor, h, l.aluC(opShr, h, 32))
}

// stripes takes n times 32 bytes.
func (x *xxSum) stripes(n int, take func() *value) *value {
	l := x.l
	p1, p2 := xxPrime1, xxPrime2 // variables: constants must not overflow
	acc := []*value{l.konst(p1 + p2), l.konst(p2), l.konst(0), l.konst(-p1)}
	for range n {
		for i := range acc {
			acc[i] = x.round(acc[i], take())
		}
	}
	h := l.konst(0)
	for i, by := range []int{1, 7, 12, 18} {
		h = l.alu(opAdd, h, x.rotate(acc[i], by))
	}
	for _, a := range acc {
		h = l.alu(opXor, h, x.round(l.konst(0), a))
		h = l.aluC(opAdd, l.aluC(opMul, h, xxPrime1), xxPrime4)
	}
	return h
}

func (x *xxSum) memory(_, _ *value) { x.l.unsupported("xxh64 over a payload or a varbit") }
func (x *xxSum) carry() []*value    { return nil }
func (x *xxSum) resume([]*value)    {}
func (x *xxSum) result() *value     { return x.sum }
