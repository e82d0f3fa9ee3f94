package bpfgen

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A digester computes a hash or checksum step by step.
type digester interface {
	// fields takes fields and constants, of whole bytes when anything follows.
	fields(in []span)
	// memory takes n bytes at an address, at most scratchBytes; there is room for 4 more.
	memory(at, n *value)
	// carry lists what is known so far; resume goes on from there.
	carry() []*value
	resume(vals []*value)
	result() *value
}

// newDigester returns the digester of BMv2's name; nil where there is none.
func (l *lowerer) newDigester(algo string) digester {
	switch algo {
	case "csum16", "cksum16":
		return &onesSum{l: l, sum: l.konst(0), odd: l.konst(0)}
	case "xor16":
		return &xorSum{l: l, size: 2, sum: l.konst(0), at: l.konst(0)}
	case "xor32":
		return &xorSum{l: l, size: 4, sum: l.konst(0), at: l.konst(0)}
	case "identity":
		return &firstBytes{l: l, val: l.konst(0), at: l.konst(0)}
	case "xxh64":
		return &xxSum{l: l}
	}
	if k, ok := crcKinds[algo]; ok {
		return &crcSum{l: l, kind: k, table: l.crcTable(algo, k), sum: l.konst(k.init)}
	}
	return nil
}

// hashOp computes base + hash % modulus in 64 bits; a modulus of 0 counts as 1.
func (l *lowerer) hashOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	calc, ok := q.Args[2].(*pipeline.CalculationRef)
	if !ok {
		l.unsupported("hash that is computed")
		return
	}
	h := l.hash(st, calc.Calculation)
	base, mod := l.eval(st, q.Args[1], 64, env)[0], l.eval(st, q.Args[3], 64, env)[0]
	if x := l.extentOf(q.Args[3], env); x.neg() || x.lo.Sign() == 0 || x.bits() > 64 {
		mod = l.alu(opOr, mod, l.set(condEq, mod, l.konst(0)))
	}
	v := num{l.alu(opAdd, base, l.alu(opMod, h, mod))}
	switch dst := q.Args[0].(type) {
	case *pipeline.FieldRef:
		l.write(st, dst, l.fit(v, dst.Field.Width))
		return
	case *pipeline.Access:
		if l.home != nil {
			l.assignAccess(st, dst, l.fit(v, dst.Field.Width), env)
			return
		}
	}
	l.unsupported("hash into something else than a field")
}

// hash computes a calculation.
func (l *lowerer) hash(st *state, c *pipeline.Calculation) *value {
	switch c.Algo {
	case "random":
		return l.randomHash(st)
	case "round_robin":
		return l.roundRobin(c)
	case "toeplitz":
		return l.konst(0) // BMv2's key is zero until a controller sets another
	}
	if l.newDigester(c.Algo) == nil {
		l.unsupported("hash algorithm " + c.Algo)
		return l.konst(0)
	}
	may := l.optional(st, c.Input)
	if len(may) > maxOptional {
		l.limit("headers of a calculation that may be invalid", len(may), maxOptional)
		return l.konst(0)
	}
	absent := newSet(len(l.prog.Headers))
	if len(may) == 0 {
		return l.digestOf(st, c, absent)
	}
	sum, done := l.f.newValue(opParam), l.f.newBlock("")
	done.params, sum.bits = []*value{sum}, 0
	l.eachWay(st, may, absent, func(st *state, absent set) {
		v := l.digestOf(st, c, absent)
		sum.bits = max(sum.bits, v.bits)
		l.jump(done, v)
	})
	st.dropLoaded(l.index)
	l.cur = done
	return sum
}

// digestOf computes a calculation for a packet that has all headers but those absent.
func (l *lowerer) digestOf(st *state, c *pipeline.Calculation, absent set) *value {
	d := l.newDigester(c.Algo)
	runs := l.runs(st, c.Input, absent)
	for i, r := range runs {
		if i+1 < len(runs) && spanBits(r.spans)%8 != 0 {
			l.unsupported("calculation over a varbit field within a byte")
		}
		d.fields(r.spans)
		if r.varbit != nil {
			l.digestVar(st, d, *r.varbit)
		}
	}
	if hasPayload(c.Input) {
		l.digestPayload(st, d)
	}
	return d.result()
}

// randomHash returns a number of 64 bits.
func (l *lowerer) randomHash(st *state) *value {
	word := func() *value { return l.mask(l.helperCall(st, asm.FnGetPrandomU32), 32) }
	hi := word()
	return l.alu(opOr, l.aluC(opShl, hi, 32), word())
}

// roundRobin counts the uses of a calculation, from 0 on.
func (l *lowerer) roundRobin(c *pipeline.Calculation) *value {
	name := fmt.Sprintf("turn%d", c.Index)
	if l.obj.Spec.Maps[name] == nil {
		l.obj.addMap(name, ebpf.Array, 4, 8, 1, 0)
	}
	v := l.builder.add(l.f.newValue(opFetchAdd, l.konst(1), l.inRegister(l.mapValue(name))))
	v.size = 8
	return v
}

// xorSum is the exclusive or of words of size bytes, the last with zeros behind.
type xorSum struct {
	l       *lowerer
	size    int
	sum, at *value // at: bytes taken
}

func (x *xorSum) fields(in []span) {
	size := x.size
	if !x.at.isConst() || x.at.imm%uint64(size) != 0 {
		size = 1
	}
	for len(in) > 0 {
		n := min(8*size, spanBits(in))
		var w *value
		w, in = x.l.takeUnit(in, 8*size)
		x.word(w, size, (n+7)/8)
	}
}

// word takes a word of size bytes, of which n count.
func (x *xorSum) word(w *value, size, n int) {
	l := x.l
	if size == 1 {
		up := l.aluC(opXor, l.aluC(opAnd, x.at, uint64(x.size-1)), uint64(x.size-1))
		w = l.alu(opShl, w, l.aluC(opShl, up, 3))
	}
	x.sum, x.at = l.mask(l.alu(opXor, x.sum, w), 8*x.size), l.aluC(opAdd, x.at, uint64(n))
}

func (x *xorSum) memory(at, n *value) {
	x.l.each(1, at, x.l.konst(0), n, x, func(b *value) { x.word(b, 1, 1) })
}

func (x *xorSum) carry() []*value      { return []*value{x.sum, x.at} }
func (x *xorSum) resume(vals []*value) { x.sum, x.at = x.l.mask(vals[0], 8*x.size), vals[1] }
func (x *xorSum) result() *value       { return x.sum }

// firstBytes is the first eight bytes as a number.
type firstBytes struct {
	l       *lowerer
	val, at *value
}

func (f *firstBytes) fields(in []span) {
	l := f.l
	for len(in) > 0 {
		if !f.at.isConst() {
			var b *value
			b, in = l.takeUnit(in, 8)
			f.next(b)
			continue
		}
		n := min(8-int(f.at.imm), (spanBits(in)+7)/8)
		if n <= 0 {
			return
		}
		var w *value
		w, in = l.takeUnit(in, 8*n)
		f.val = l.alu(opOr, l.cut(num{f.val}, -8*n, 64), w)
		f.at = l.aluC(opAdd, f.at, uint64(n))
	}
}

func (f *firstBytes) next(b *value) {
	l := f.l
	longer := l.alu(opOr, l.aluC(opShl, f.val, 8), b)
	f.val = l.choose(l.set(condLt, f.at, l.konst(8)), longer, f.val)
	f.at = l.aluC(opAdd, f.at, 1)
}

func (f *firstBytes) memory(at, n *value) {
	few := f.l.choose(f.l.set(condLt, n, f.l.konst(8)), n, f.l.konst(8))
	f.l.each(1, at, f.l.konst(0), few, f, f.next)
}

func (f *firstBytes) carry() []*value      { return []*value{f.val, f.at} }
func (f *firstBytes) resume(vals []*value) { f.val, f.at = vals[0], vals[1] }
func (f *firstBytes) result() *value       { return f.val }
