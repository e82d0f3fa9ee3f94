package interp

import (
	"encoding/binary"
	"math/big"
)

// Fields lie in memory as they lie in the packet: a bit string, the most significant bit of byte 0 first
// (P4_16, "Header types": fields follow each other without padding). Buffers that loadBits and storeBits
// work on reach bitSlack bytes beyond the last field.
const bitSlack = 8

// loadBits reads width bits, at most 64, from bit off.
func loadBits(b []byte, off, width int) uint64 {
	i, skip := off>>3, off&7
	x := binary.BigEndian.Uint64(b[i:]) << skip
	if skip+width > 64 {
		x |= uint64(b[i+8]) >> (8 - skip)
	}
	return x >> (64 - width)
}

// storeBits writes the low width bits of x, at most 64, to bit off.
func storeBits(b []byte, off, width int, x uint64) {
	i, skip := off>>3, off&7
	if over := skip + width - 64; over > 0 {
		keep := byte(0xff) >> over
		b[i+8] = b[i+8]&keep | byte(x)<<(8-over)
		x, width = x>>over, width-over
	}
	shift := 64 - skip - width
	mask := (^uint64(0) >> (64 - width)) << shift
	word := binary.BigEndian.Uint64(b[i:])
	binary.BigEndian.PutUint64(b[i:], word&^mask|x<<shift&mask)
}

// copyBits copies n bits. The buffers need no slack and must not overlap.
func copyBits(dst []byte, dstOff int, src []byte, srcOff, n int) {
	if dstOff&7 == 0 && srcOff&7 == 0 {
		whole := n >> 3
		copy(dst[dstOff>>3:], src[srcOff>>3:srcOff>>3+whole])
		dstOff, srcOff, n = dstOff+whole<<3, srcOff+whole<<3, n-whole<<3
	}
	for ; n > 0; n-- {
		bit := src[srcOff>>3] >> (7 - srcOff&7) & 1
		place := 7 - dstOff&7
		dst[dstOff>>3] = dst[dstOff>>3]&^(1<<place) | bit<<place
		dstOff, srcOff = dstOff+1, srcOff+1
	}
}

// loadWide reads width bits from bit off as an unsigned number.
func loadWide(b []byte, off, width int) value {
	if width <= 64 {
		return unsigned(loadBits(b, off, width))
	}
	n := (width + 7) / 8
	buf := make([]byte, n)
	copyBits(buf, n*8-width, b, off, width)
	return wide(new(big.Int).SetBytes(buf))
}

// storeWide writes the low width bits of v to bit off.
func storeWide(b []byte, off, width int, v value) {
	if width <= 64 {
		storeBits(b, off, width, v.uint64())
		return
	}
	buf := v.bytes(width)
	copyBits(b, off, buf, len(buf)*8-width, width)
}

// appendBits appends width bits of src from bit off, right-aligned in (width+7)/8 bytes. src has slack where
// width is at most 64.
func appendBits(dst, src []byte, off, width int) []byte {
	n := (width + 7) / 8
	if width > 64 {
		start := len(dst)
		for range n {
			dst = append(dst, 0)
		}
		copyBits(dst[start:], n*8-width, src, off, width)
		return dst
	}
	x, end := loadBits(src, off, width), len(dst)+n
	return binary.BigEndian.AppendUint64(dst, x<<(64-8*n))[:end]
}

// bitString is a growing string of bits; buf is padded with zero bits to whole bytes.
type bitString struct {
	buf []byte
	n   int // bits
}

func (s *bitString) reset() { s.buf, s.n = s.buf[:0], 0 }

func (s *bitString) append(src []byte, off, width int) {
	if s.n&7 == 0 && off&7 == 0 && width&7 == 0 {
		s.buf = append(s.buf, src[off>>3:(off+width)>>3]...)
		s.n += width
		return
	}
	for len(s.buf) < (s.n+width+7)/8 {
		s.buf = append(s.buf, 0)
	}
	copyBits(s.buf, s.n, src, off, width)
	s.n += width
}
