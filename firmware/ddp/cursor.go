package ddp

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// cursor reads fields of a part of the file in order. It remembers the first error; from then on every field is
// zero.
type cursor struct {
	data []byte // the part
	base int64  // where it begins in the file
	off  int    // of the next field in data
	err  error  // nil or a *FormatError
}

func (c *cursor) fail(off int64, section string, err error) {
	if c.err == nil {
		c.err = &FormatError{Offset: off, Section: section, Err: err}
	}
}

// bytes returns the next n bytes, aliasing the file; nil after an error.
func (c *cursor) bytes(section string, n int) []byte {
	if c.err == nil && (n < 0 || n > len(c.data)-c.off) {
		c.fail(c.base+int64(c.off), section, fmt.Errorf("%w: %d bytes needed, %d there", io.ErrUnexpectedEOF, n, len(c.data)-c.off))
	}
	if c.err != nil {
		return nil
	}
	c.off += n
	return c.data[c.off-n : c.off]
}

func (c *cursor) uint16(section string) uint16 {
	if b := c.bytes(section, 2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32(section string) uint32 {
	if b := c.bytes(section, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// count reads a number of elements of a size in bytes, and checks that they can be there.
func (c *cursor) count(section string, size int) int {
	at := c.base + int64(c.off)
	n := c.uint32(section)
	if left := len(c.data) - c.off; c.err == nil && int64(n) > int64(left/size) {
		c.fail(at, section, fmt.Errorf("%w: %d of %d bytes each in %d bytes", io.ErrUnexpectedEOF, n, size, left))
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

func (c *cursor) version(section string) Version {
	var v Version
	copy(v[:], c.bytes(section, len(v)))
	return v
}

// text reads a string of n bytes that a zero byte ends, or the field.
func (c *cursor) text(section string, n int) string { return zeroEnded(c.bytes(section, n)) }

func zeroEnded(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// bits returns width bits of data from bit start on. Bit i is bit i%8 of byte i/8, the first one the least
// significant of the result; width is at most 64. What lies beyond data is zero.
func bits(data []byte, start, width int) uint64 {
	var v uint64
	for i := 0; i < width; {
		at, shift := (start+i)/8, (start+i)%8
		n := min(8-shift, width-i)
		if at < len(data) {
			v |= uint64(data[at]>>shift&(1<<n-1)) << i
		}
		i += n
	}
	return v
}
