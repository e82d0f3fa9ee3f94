package p4rt

import (
	"bytes"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// canonical returns the shortest big-endian byte string of the same value: no leading zero bytes, one zero
// byte for 0 ("Bytestrings"). The result aliases b.
func canonical(b []byte) []byte {
	short := bytes.TrimLeft(b, "\x00")
	if len(short) == 0 {
		return []byte{0}
	}
	return short
}

// widen returns the value of a byte string of any length as (width+7)/8 bytes, in a new slice. An empty string
// and a value of more than width bits are pipeline.ErrBadRange.
func widen(b []byte, width int) ([]byte, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("empty byte string: %w", pipeline.ErrBadRange)
	}
	short := bytes.TrimLeft(b, "\x00")
	size := byteLen(width)
	if len(short) > size || len(short) == size && size > 0 && short[0]&^topMask(width) != 0 {
		return nil, fmt.Errorf("value %#x does not fit %d bits: %w", short, width, pipeline.ErrBadRange)
	}
	wide := make([]byte, size)
	copy(wide[size-len(short):], short)
	return wide, nil
}

// byteLen returns the bytes that width bits take.
func byteLen(width int) int { return (width + 7) / 8 }

// topMask returns the bits of the first byte that a value of width bits may use.
func topMask(width int) byte {
	if rest := width % 8; rest != 0 {
		return 1<<rest - 1
	}
	return 0xff
}

// ones returns width one bits, big-endian in (width+7)/8 bytes.
func ones(width int) []byte {
	b := bytes.Repeat([]byte{0xff}, byteLen(width))
	if len(b) > 0 {
		b[0] = topMask(width)
	}
	return b
}

// prefixMask returns width bits of which the leading n are ones, big-endian in (width+7)/8 bytes.
func prefixMask(width, n int) []byte {
	b := make([]byte, byteLen(width))
	for bit := width - n; bit < width; bit++ {
		b[len(b)-1-bit/8] |= 1 << (bit % 8)
	}
	return b
}

// and returns a & b, which have the same length, in a new slice.
func and(a, b []byte) []byte {
	r := make([]byte, len(a))
	for i := range r {
		r[i] = a[i] & b[i]
	}
	return r
}

// isZero reports whether all bytes are 0.
func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
