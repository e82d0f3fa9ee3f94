package devlink

import (
	"encoding/binary"
	"fmt"
)

// A cursor walks netlink attributes without copying: what it returns aliases the datagram. It serves the replies that
// can hold a hundred thousand attributes, where netlink.AttributeDecoder would copy every level of nesting.
type cursor struct {
	rest []byte
	err  error // sticky
}

// next returns the next attribute's type, without its flag bits, and payload. It returns false at the end and at the
// first malformed attribute, which err then reports.
func (c *cursor) next() (typ uint16, data []byte, ok bool) {
	if len(c.rest) == 0 || c.err != nil {
		return 0, nil, false
	}
	if len(c.rest) < 4 {
		c.err = fmt.Errorf("%w: %d bytes where an attribute needs 4", ErrMalformed, len(c.rest))
		return 0, nil, false
	}
	size := int(binary.NativeEndian.Uint16(c.rest))
	typ = binary.NativeEndian.Uint16(c.rest[2:]) & 0x3fff
	if size < 4 || size > len(c.rest) {
		c.err = fmt.Errorf("%w: attribute %d says %d bytes, %d are there", ErrMalformed, typ, size, len(c.rest))
		return 0, nil, false
	}
	data = c.rest[4:size:size]
	c.rest = c.rest[min(align4(size), len(c.rest)):]
	return typ, data, true
}

// sized reports whether data has n bytes, and records an error if not.
func (c *cursor) sized(typ uint16, data []byte, n int) bool {
	if len(data) == n {
		return true
	}
	if c.err == nil {
		c.err = fmt.Errorf("%w: attribute %d has %d bytes, not %d", ErrMalformed, typ, len(data), n)
	}
	return false
}

// u8 decodes data, 0 where it has another size.
func (c *cursor) u8(typ uint16, data []byte) uint8 {
	if !c.sized(typ, data, 1) {
		return 0
	}
	return data[0]
}

// u32 decodes data in host byte order, 0 where it has another size.
func (c *cursor) u32(typ uint16, data []byte) uint32 {
	if !c.sized(typ, data, 4) {
		return 0
	}
	return binary.NativeEndian.Uint32(data)
}

// u64 decodes data in host byte order, 0 where it has another size.
func (c *cursor) u64(typ uint16, data []byte) uint64 {
	if !c.sized(typ, data, 8) {
		return 0
	}
	return binary.NativeEndian.Uint64(data)
}

// fail records err unless an earlier one is recorded.
func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// isAbout reports whether the attributes start with the handle h, without allocating.
func isAbout(attrs []byte, h Handle) bool {
	c := cursor{rest: attrs}
	var bus, dev bool
	for !bus || !dev {
		typ, data, ok := c.next()
		if !ok {
			return false
		}
		switch typ {
		case attrBusName:
			bus = equalString(data, h.Bus)
		case attrDevName:
			dev = equalString(data, h.Dev)
		}
	}
	return true
}

// equalString compares a NUL-terminated string with s.
func equalString(data []byte, s string) bool {
	for i, b := range data {
		if b == 0 {
			data = data[:i]
			break
		}
	}
	return string(data) == s
}
