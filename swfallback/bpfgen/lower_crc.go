package bpfgen

import (
	"math/bits"

	"github.com/cilium/ebpf"
)

// A crcKind is a cyclic redundancy check: its bits, the polynomial without the leading one, what is exclusive-ored
// in front and behind. Reflected ones take bits from the low end, in and out.
type crcKind struct {
	bits            int
	poly, init, out uint64
	reflected       bool
}

// crcKinds are BMv2's checks by name, the custom ones as they are before a controller changes them.
var crcKinds = map[string]crcKind{
	"crc16":        {16, 0x8005, 0, 0, true},
	"crc16_custom": {16, 0x8005, 0, 0, true},
	"crc32":        {32, 0x04c11db7, 0xffffffff, 0xffffffff, true},
	"crc32_custom": {32, 0x04c11db7, 0xffffffff, 0xffffffff, true},
	"crcCCITT":     {16, 0x1021, 0xffff, 0, false},
	"crc8_custom":  {8, 0x07, 0, 0, false},
	"crc64_custom": {64, 0x1b, 0, 0, true},
}

// crcSlices is how many bytes a reflected check takes at once, each with a table of its own.
const crcSlices = 8

// size returns the bytes of a remainder.
func (k crcKind) size() int { return k.bits / 8 }

// remainders returns the remainders of all bytes.
func (k crcKind) remainders() [256]uint64 {
	var out [256]uint64
	for i := range out {
		r := uint64(i)
		if k.reflected {
			poly := bits.Reverse64(k.poly) >> (64 - k.bits)
			for range 8 {
				r = r>>1 ^ poly*(r&1)
			}
		} else {
			r <<= 56
			for range 8 {
				r = r<<1 ^ k.poly<<(64-k.bits)*(r>>63)
			}
			r >>= 64 - k.bits
		}
		out[i] = r
	}
	return out
}

// table returns the value of a map: the remainders of all bytes, then those of the bytes with one, two and more zero
// bytes behind.
func (k crcKind) table() []byte {
	var out []byte
	first := k.remainders()
	now := first
	for range crcSlices {
		for i, r := range now {
			for j := range k.size() {
				out = append(out, byte(r>>(8*j)))
			}
			now[i] = r>>8 ^ first[byte(r)]
		}
		if !k.reflected {
			break
		}
	}
	return out
}

// crcTable returns the address of the remainders, and adds the ARRAY map with them when it is first needed.
func (l *lowerer) crcTable(algo string, k crcKind) *value {
	name := "table_" + algo
	if l.obj.Spec.Maps[name] == nil {
		data := k.table()
		m := l.obj.addMap(name, ebpf.Array, 4, len(data), 1, flagReadOnly)
		m.Contents = []ebpf.MapKV{{Key: uint32(0), Value: data}}
	}
	return l.inRegister(l.mapValue(name))
}

// flagReadOnly is BPF_F_RDONLY_PROG of linux/bpf.h: programs do not write to the map.
const flagReadOnly = 1 << 7

// crcSum computes a cyclic redundancy check by tables.
type crcSum struct {
	l          *lowerer
	kind       crcKind
	table, sum *value
}

func (c *crcSum) fields(in []span) {
	for len(in) > 0 {
		n := 1
		for c.kind.reflected && n < crcSlices && spanBits(in) >= 16*n {
			n *= 2
		}
		var w *value
		w, in = c.l.takeMemory(in, n)
		c.word(w, n)
	}
}

// word takes n bytes as they stand in memory.
func (c *crcSum) word(w *value, n int) {
	l, k := c.l, c.kind
	if n == 1 && !k.reflected {
		top := l.aluC(opShr, c.sum, uint64(k.bits-8))
		rest := l.mask(l.aluC(opShl, c.sum, 8), k.bits)
		c.sum = l.alu(opXor, rest, c.entry(l.alu(opXor, top, w), 0, 0))
		return
	}
	x := l.alu(opXor, c.sum, w)
	c.sum = l.shiftDown(num{c.sum}, 8*n, 64)[0]
	for j := range n {
		c.sum = l.alu(opXor, c.sum, c.entry(x, j, n-1-j))
	}
}

// entry loads the remainder of the j-th byte of a word out of a table.
func (c *crcSum) entry(x *value, j, table int) *value {
	l := c.l
	size := c.kind.size()
	up := bits.TrailingZeros(uint(size))
	at := l.guard(l.cut(num{x}, 8*j-up, 64), 0xff<<up)
	return l.load(l.alu(opAdd, c.table, at), 256*size*table, size)
}

func (c *crcSum) memory(at, n *value) {
	i := c.l.konst(0)
	if c.kind.reflected {
		i = c.l.each(crcSlices, at, i, n, c, func(w *value) { c.word(w, crcSlices) })
	}
	if !n.isConst() || n.imm%crcSlices != 0 || !c.kind.reflected {
		c.l.each(1, at, i, n, c, func(b *value) { c.word(b, 1) })
	}
}

func (c *crcSum) carry() []*value      { return []*value{c.sum} }
func (c *crcSum) resume(vals []*value) { c.sum = c.l.mask(vals[0], c.kind.bits) }
func (c *crcSum) result() *value       { return c.l.aluC(opXor, c.sum, c.kind.out) }
