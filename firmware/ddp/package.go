package ddp

import (
	"encoding/binary"
	"fmt"
)

// Version is a version as packages write it: major, minor, update, draft.
type Version [4]uint8

// String returns "1.3.41.0".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d.%d", v[0], v[1], v[2], v[3]) }

// MarshalText makes String the form in JSON.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Package is a DDP package. It aliases the bytes it was read from and is immutable.
type Package struct {
	Format   Version // of the container: 1.0.0.0
	Size     int64   // bytes
	Segments []Segment

	data []byte
}

// packageHeader is the least size of a package header, with one segment, in bytes.
const packageHeader = 12

// maxSegments bounds the segment table, so that damage in it is told before anything is believed.
const maxSegments = 256

// Detect reports whether data begins as a DDP package does: format version 1.0.0.0, and a segment table whose
// first segment lies behind it. It needs the first 12 bytes.
func Detect(data []byte) bool {
	if len(data) < packageHeader || [4]byte(data) != [4]byte{1, 0, 0, 0} {
		return false
	}
	n, first := binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[8:])
	return n >= 1 && n <= maxSegments && first >= 8+4*n
}

// Read takes a package apart down to its sections. What is wrong is a *FormatError; bytes that are no package at
// all wrap ErrNotDDP.
func Read(data []byte) (*Package, error) {
	p, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("ddp: read package: %w", err)
	}
	return p, nil
}

func read(data []byte) (*Package, error) {
	c := &cursor{data: data}
	p := &Package{Format: c.version("package header: format version"), Size: int64(len(data)), data: data}
	if c.err == nil && !Detect(data) {
		c.fail(0, "package header", ErrNotDDP)
	}
	n := c.count("package header: segment count", 4)
	end := int64(8 + 4*n)
	for i := range n {
		at := c.off
		where := fmt.Sprintf("segment table: entry %d", i)
		off := c.uint32(where)
		if c.err == nil && (int64(off) < end || int64(off) > int64(len(data))) {
			c.fail(int64(at), where, fmt.Errorf("offset %d, want %d to %d, behind what comes before", off, end, len(data)))
		}
		if c.err != nil {
			return nil, c.err
		}
		s, err := readSegment(data, int(off), i)
		if err != nil {
			return nil, err
		}
		p.Segments = append(p.Segments, *s)
		end = s.Offset + s.Size
	}
	return p, c.err
}

// Metadata returns the package's name and version, of its global metadata segment; nil without one.
func (p *Package) Metadata() *Metadata {
	for i := range p.Segments {
		if m := p.Segments[i].Metadata; m != nil {
			return m
		}
	}
	return nil
}

// Segment returns the first segment of a type; nil without one.
func (p *Package) Segment(t SegmentType) *Segment {
	for i := range p.Segments {
		if p.Segments[i].Type == t {
			return &p.Segments[i]
		}
	}
	return nil
}

// Configurations returns the segments that hold tables for a device family, in the order of the file.
func (p *Package) Configurations() []*Segment {
	var list []*Segment
	for i := range p.Segments {
		if p.Segments[i].Type.Configuration() {
			list = append(list, &p.Segments[i])
		}
	}
	return list
}
