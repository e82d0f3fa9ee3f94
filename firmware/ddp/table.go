package ddp

import (
	"encoding/binary"
	"fmt"
)

// tableShape describes a table that sections hold pieces of.
type tableShape struct {
	entry   int  // bytes of an entry
	limit   int  // entries that the hardware has
	running bool // entries count on from 0 through all sections; else each section says its first index
}

// readTable reads all pieces of a table and returns its entries by index; entries that no section has are zero.
func readTable[T any](s *Segment, t SectionType, shape tableShape, decode func(entry []byte) T) ([]T, error) {
	var table []T
	next := 0
	for _, sec := range s.sections(t) {
		if len(sec.Data) < 4 {
			return nil, sec.short("header")
		}
		n, first := int(binary.LittleEndian.Uint16(sec.Data)), int(binary.LittleEndian.Uint16(sec.Data[2:]))
		if 4+n*shape.entry > len(sec.Data) {
			return nil, sec.short(fmt.Sprintf("%d entries of %d bytes", n, shape.entry))
		}
		if shape.running {
			first = next
		}
		if first+n > shape.limit {
			return nil, &FormatError{Offset: sec.Offset, Section: sec.Type.String() + ": header",
				Err: fmt.Errorf("entries %d to %d, the hardware has %d", first, first+n-1, shape.limit)}
		}
		next = first + n
		if next > len(table) {
			table = append(table, make([]T, next-len(table))...)
		}
		for i := range n {
			table[first+i] = decode(sec.Data[4+i*shape.entry:][:shape.entry])
		}
	}
	return table, nil
}
