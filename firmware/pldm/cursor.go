package pldm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// cursor reads fields of the header in order. It remembers the first error; from then on every field is zero.
type cursor struct {
	data []byte // the header without its checksum
	off  int    // of the next field
	err  error  // nil or a *FormatError
}

func (c *cursor) fail(off int, section string, err error) {
	if c.err == nil {
		c.err = &FormatError{int64(off), section, err}
	}
}

// bytes returns the next n bytes, aliasing the header.
func (c *cursor) bytes(section string, n int) []byte {
	if c.err == nil && n > len(c.data)-c.off {
		c.fail(c.off, section, fmt.Errorf("%w: %d bytes needed, %d left in the header",
			io.ErrUnexpectedEOF, n, len(c.data)-c.off))
	}
	if c.err != nil {
		return make([]byte, n)
	}
	c.off += n
	return c.data[c.off-n : c.off]
}

// clone returns a copy of the next n bytes, nil where n is 0.
func (c *cursor) clone(section string, n int) []byte {
	if b := c.bytes(section, n); n > 0 {
		return bytes.Clone(b)
	}
	return nil
}

func (c *cursor) uint8(section string) uint8 { return c.bytes(section, 1)[0] }

func (c *cursor) uint16(section string) uint16 {
	return binary.LittleEndian.Uint16(c.bytes(section, 2))
}

func (c *cursor) uint32(section string) uint32 {
	return binary.LittleEndian.Uint32(c.bytes(section, 4))
}
