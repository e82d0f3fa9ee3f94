package bpfgen

import (
	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A crcKind is a cyclic redundancy check that works from the low bit up, as BMv2's do under their names.
type crcKind struct {
	bits int
	poly uint32 // reflected
	init uint32 // and what the result is changed by, in the end
}

// crcKinds are the checks that are translated, by BMv2's name.
var crcKinds = map[string]crcKind{
	"crc16": {16, 0xa001, 0}, "crc16_custom": {16, 0xa001, 0},
	"crc32": {32, 0xedb88320, 0xffffffff}, "crc32_custom": {32, 0xedb88320, 0xffffffff},
}

// table returns the remainders of all bytes, as the value of a map.
func (k crcKind) table() []byte {
	var out []byte
	for i := range uint32(256) {
		c := i
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ k.poly
			} else {
				c >>= 1
			}
		}
		if k.bits == 16 {
			out = le.AppendUint16(out, uint16(c))
		} else {
			out = le.AppendUint32(out, c)
		}
	}
	return out
}

// crcTable names the ARRAY map with the remainders for an algorithm, and adds it when it is first needed.
func (o *Object) crcTable(algo string) string {
	name := "table_" + algo
	if o.Spec.Maps[name] == nil {
		data := crcKinds[algo].table()
		m := o.addMap(name, ebpf.Array, 4, len(data), 1, flagReadOnly)
		m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: data}}
	}
	return name
}

// flagReadOnly is BPF_F_RDONLY_PROG of linux/bpf.h: programs do not write to the map.
const flagReadOnly = 1 << 7

// hashOp computes base + hash % modulus.
func (l *lowerer) hashOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	dst, isField := q.Args[0].(*pipeline.FieldRef)
	calc, isCalc := q.Args[2].(*pipeline.CalculationRef)
	if !isField || !isCalc || dst.Field.Width > 64 {
		l.unsupported("hash into something else than a field of at most 64 bits")
		return
	}
	h := l.hash(st, calc.Calculation)
	base, signed := l.exact(st, q.Args[1], env)
	mod, signedMod := l.exact(st, q.Args[3], env)
	if h == nil || signed || signedMod || len(base) > 1 || len(mod) > 1 {
		l.unsupported("hash with a modulus of more than 64 bits")
		return
	}
	v := l.alu(opAdd, base[0], l.alu(opMod, h, mod[0]))
	l.write(st, dst, num{l.mask(v, dst.Field.Width)})
}

// hash computes a calculation; nil where it is not translated.
func (l *lowerer) hash(st *state, c *pipeline.Calculation) *value {
	for _, in := range c.Input {
		ref, isField := in.(*pipeline.FieldRef)
		_, isConst := in.(*pipeline.Const)
		if !isField && !isConst || isField && (ref.Field.Var || ref.Field.Width > 1024) {
			l.unsupported("hash over a varbit, a header or the payload")
			return nil
		}
	}
	switch c.Algo {
	case "csum16", "cksum16":
		v, _ := l.csum(st, c.Input)
		return v
	case "xor16":
		v := l.konst(0)
		l.inputBits(st, c.Input, 16, func(w *value) { v = l.alu(opXor, v, w) })
		return v
	case "identity":
		v, left := l.konst(0), 8
		l.inputBits(st, c.Input, 8, func(b *value) {
			if left--; left >= 0 {
				v = l.alu(opOr, l.aluC(opShl, v, 8), b)
			}
		})
		return v
	}
	if k, ok := crcKinds[c.Algo]; ok {
		return l.crc(st, c, k)
	}
	l.unsupported("hash algorithm " + c.Algo)
	return nil
}

// inputBits cuts the input into numbers of n bits, zeros behind the last, one at a time.
func (l *lowerer) inputBits(st *state, input []pipeline.Expr, n int, do func(*value)) {
	word, got := l.konst(0), 0
	for _, s := range l.spans(st, input) {
		for s.width > 0 {
			v, k := l.takeBits(st, &s, n-got)
			got += k
			word = l.alu(opOr, word, l.aluC(opShl, v, uint64(n-got)))
			if got == n {
				do(word)
				word, got = l.konst(0), 0
			}
		}
	}
	if got > 0 {
		do(word)
	}
}

// crc computes a cyclic redundancy check byte by byte.
func (l *lowerer) crc(st *state, c *pipeline.Calculation, k crcKind) *value {
	table := l.builder.add(&value{id: l.nextID(), op: opMove, args: []*value{l.mapValue(l.obj.crcTable(c.Algo))}, bits: 64, ptr: true})
	size, shift := k.bits/8, uint64(1)
	if size == 4 {
		shift = 2
	}
	sum := l.konst(uint64(k.init))
	l.inputBits(st, c.Input, 8, func(b *value) {
		at := l.aluC(opShl, l.mask(l.alu(opXor, sum, b), 8), shift)
		entry := l.load(l.alu(opAdd, table, at), 0, size)
		sum = l.alu(opXor, l.aluC(opShr, sum, 8), entry)
	})
	return l.aluC(opXor, sum, uint64(k.init))
}

// nextID numbers a value.
func (l *lowerer) nextID() int {
	l.f.nextID++
	return l.f.nextID - 1
}
