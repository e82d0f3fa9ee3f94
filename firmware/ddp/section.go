package ddp

import (
	"encoding/binary"
	"fmt"
)

// Buffer is the unit in which the driver hands a segment to the device: 4096 bytes with sections in them.
type Buffer struct {
	Offset   int64 // in the file
	DataEnd  int   // bytes of the buffer that are used
	Sections []Section
}

// Section is a piece of one table.
type Section struct {
	Type   SectionType
	Offset int64 // in the file
	Data   []byte
}

// Bounds of a buffer's header (Linux 6.12, ice_ddp.h).
const (
	minSections = 1
	maxSections = 511
	minDataEnd  = 12
)

func readBuffers(c *cursor, where string, s *Segment) {
	n := c.count(where+": buffer count", bufferSize)
	for i := range n {
		off := c.base + int64(c.off)
		data := c.bytes(where+": buffer", bufferSize)
		if data == nil {
			return
		}
		b, err := readBuffer(data, off, fmt.Sprintf("%s buffer %d", where, i))
		if err != nil {
			c.err = err
			return
		}
		s.Buffers = append(s.Buffers, *b)
	}
}

func readBuffer(data []byte, off int64, where string) (*Buffer, error) {
	c := &cursor{data: data, base: off}
	n, end := int(c.uint16(where+": section count")), int(c.uint16(where+": data end"))
	if n < minSections || n > maxSections {
		c.fail(off, where+": section count", fmt.Errorf("%d, want %d to %d", n, minSections, maxSections))
	}
	if end < minDataEnd || end > bufferSize {
		c.fail(off+2, where+": data end", fmt.Errorf("%d, want %d to %d", end, minDataEnd, bufferSize))
	}
	b := &Buffer{Offset: off, DataEnd: end}
	head := 4 + 8*n
	for i := range n {
		at := off + int64(c.off)
		entry := c.bytes(where+": section table", 8)
		if entry == nil {
			return nil, c.err
		}
		t := SectionType(binary.LittleEndian.Uint32(entry))
		from, size := int(binary.LittleEndian.Uint16(entry[4:])), int(binary.LittleEndian.Uint16(entry[6:]))
		if from < head || size < 1 || from+size > end {
			return nil, &FormatError{Offset: at, Section: fmt.Sprintf("%s section %d (%s)", where, i, t),
				Err: fmt.Errorf("%d bytes from %d on do not lie between %d and %d", size, from, head, end)}
		}
		b.Sections = append(b.Sections, Section{Type: t, Offset: off + int64(from), Data: data[from : from+size]})
	}
	return b, c.err
}

// sections returns all sections of a type, in the order of the segment.
func (s *Segment) sections(t SectionType) []*Section {
	var list []*Section
	for i := range s.Buffers {
		for j := range s.Buffers[i].Sections {
			if sec := &s.Buffers[i].Sections[j]; sec.Type == t {
				list = append(list, sec)
			}
		}
	}
	return list
}

// section returns the first section of a type; nil without one.
func (s *Segment) section(t SectionType) *Section {
	if list := s.sections(t); len(list) > 0 {
		return list[0]
	}
	return nil
}
