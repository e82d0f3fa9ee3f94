package ddptest

import "encoding/binary"

// Section is a section of a buffer.
type Section struct {
	Type uint32
	Data []byte
}

// Put writes width bits of v at bit start: bit i of an entry is bit i%8 of byte i/8.
func Put(e []byte, start, width int, v uint64) {
	for i := range width {
		if v>>i&1 != 0 {
			e[(start+i)/8] |= 1 << ((start + i) % 8)
		}
	}
}

// Table makes a section of entries: their count, the first one's index, the entries.
func Table(t uint32, first int, entries ...[]byte) Section {
	data := binary.LittleEndian.AppendUint16(nil, uint16(len(entries)))
	data = binary.LittleEndian.AppendUint16(data, uint16(first))
	for _, e := range entries {
		data = append(data, e...)
	}
	return Section{t, data}
}

// Label is the name of a value.
type Label struct {
	Value uint16
	Name  string
}

// Labels makes a section of labels.
func Labels(t uint32, labels ...Label) Section {
	data := binary.LittleEndian.AppendUint16(nil, uint16(len(labels)))
	for _, l := range labels {
		data = binary.LittleEndian.AppendUint16(data, l.Value)
		data = append(data, padded(l.Name, 64)...)
	}
	return Section{t, data}
}

func padded(s string, n int) []byte {
	b := make([]byte, n)
	copy(b, s)
	return b
}

// Buffer makes the 4096 bytes that hold sections.
func Buffer(sections ...Section) []byte {
	b := make([]byte, 4096)
	at := 4 + 8*len(sections)
	binary.LittleEndian.PutUint16(b, uint16(len(sections)))
	for i, s := range sections {
		entry := b[4+8*i:]
		binary.LittleEndian.PutUint32(entry, s.Type)
		binary.LittleEndian.PutUint16(entry[4:], uint16(at))
		binary.LittleEndian.PutUint16(entry[6:], uint16(len(s.Data)))
		copy(b[at:], s.Data)
		at += (len(s.Data) + 3) &^ 3
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(at))
	return b
}

// Buffers makes a buffer table: as many sections in a buffer as fit, in order.
func Buffers(sections ...Section) []byte {
	var buffers []byte
	count, first, used := 0, 0, 4
	for i, s := range sections {
		size := 8 + (len(s.Data)+3)&^3
		if used+size > 4096 {
			buffers = append(buffers, Buffer(sections[first:i]...)...)
			count, first, used = count+1, i, 4
		}
		used += size
	}
	buffers = append(buffers, Buffer(sections[first:]...)...)
	return append(Uint32s(uint32(count+1)), buffers...)
}

// Segment makes a segment.
func Segment(t uint32, format [4]byte, name string, body ...[]byte) []byte {
	size := 44
	for _, b := range body {
		size += len(b)
	}
	s := binary.LittleEndian.AppendUint32(nil, t)
	s = append(s, format[:]...)
	s = binary.LittleEndian.AppendUint32(s, uint32(size))
	s = append(s, padded(name, 32)...)
	for _, b := range body {
		s = append(s, b...)
	}
	return s
}

// Package makes a package of segments.
func Package(segments ...[]byte) []byte {
	p := binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(len(segments)))
	at := 8 + 4*len(segments)
	for _, s := range segments {
		p = binary.LittleEndian.AppendUint32(p, uint32(at))
		at += len(s)
	}
	for _, s := range segments {
		p = append(p, s...)
	}
	return p
}

// Uint32s makes a run of 32-bit numbers.
func Uint32s(values ...uint32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}
