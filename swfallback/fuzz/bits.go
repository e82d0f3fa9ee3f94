package fuzz

import "math/big"

// bits is a packet under construction: bits in network order, some of which are pinned to what they are.
type bits struct {
	data   []byte
	pinned []byte // the same size; ones where a bit must stay
}

// grow makes the packet at least n bits long, filling up with next.
func (b *bits) grow(n int, next func() byte) {
	for len(b.data)*8 < n {
		b.data, b.pinned = append(b.data, next()), append(b.pinned, 0)
	}
}

// has reports whether the packet has the bits.
func (b *bits) has(at, width int) bool { return at >= 0 && at+width <= 8*len(b.data) }

// get returns width bits.
func (b *bits) get(at, width int) *big.Int { return getBits(b.data, at, width) }

// put writes the low width bits of v, but for those that are pinned, and reports whether it could write all.
func (b *bits) put(at, width int, v *big.Int, pin bool) bool {
	all := true
	for i := range width {
		at, want := at+i, byte(v.Bit(width-1-i))
		byteAt, mask := at/8, byte(0x80)>>(at%8)
		have := b.data[byteAt]&mask != 0
		switch {
		case have == (want == 1):
		case b.pinned[byteAt]&mask != 0:
			all = false
		default:
			b.data[byteAt] ^= mask
		}
		if pin {
			b.pinned[byteAt] |= mask
		}
	}
	return all
}

// unpin lets the bits change again.
func (b *bits) unpin(at, width int) {
	for i := at; i < at+width; i++ {
		b.pinned[i/8] &^= 0x80 >> (i % 8)
	}
}

func getBits(data []byte, at, width int) *big.Int {
	from, to := at/8, (at+width+7)/8
	v := new(big.Int).SetBytes(data[from:to])
	v.Rsh(v, uint(8*to-at-width))
	return v.And(v, ones(width))
}

// ones returns the number of width one bits.
func ones(width int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(width))
	return n.Sub(n, big.NewInt(1))
}
