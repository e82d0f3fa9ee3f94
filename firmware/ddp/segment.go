package ddp

import (
	"encoding/binary"
	"fmt"
)

// SegmentType says what a segment holds.
type SegmentType uint32

// The types of segments (Linux 6.12, ice_ddp.h; Notes from the packages themselves).
const (
	SegmentMetadata  SegmentType = 0x01
	SegmentNotes     SegmentType = 0x02
	SegmentE810      SegmentType = 0x10
	SegmentE830      SegmentType = 0x17
	SegmentRuntime   SegmentType = 0x20
	SegmentSignature SegmentType = 0x1001
)

// String returns the type's name, or its number.
func (t SegmentType) String() string {
	switch t {
	case SegmentMetadata:
		return "metadata"
	case SegmentNotes:
		return "notes"
	case SegmentE810:
		return "e810"
	case SegmentE830:
		return "e830"
	case SegmentRuntime:
		return "runtime"
	case SegmentSignature:
		return "signature"
	}
	return fmt.Sprintf("%#x", uint32(t))
}

// Configuration reports whether segments of the type hold the tables of a device family.
func (t SegmentType) Configuration() bool { return t == SegmentE810 || t == SegmentE830 }

// Segment is a part of a package.
type Segment struct {
	Index  int
	Offset int64 // of its header in the file
	Type   SegmentType
	Format Version // of the segment
	Size   int64   // bytes, with its header
	Name   string  // "ICE Configuration Data"

	Metadata  *Metadata  // of SegmentMetadata
	Notes     []byte     // of SegmentNotes: its bytes
	Signature *Signature // of SegmentSignature
	Devices   []Device   // of configurations; none: every device of the family
	NVM       []Version  // of configurations: versions of device memory it is for
	Buffers   []Buffer   // of configurations, signatures, and the runtime segment
}

// Metadata is the package as a whole.
type Metadata struct {
	Name    string // "ICE OS Default Package"
	Version Version
}

// Signature is what the header of a signature segment says. Its buffers hold the signature and digests.
type Signature struct {
	Segment     SegmentType // the type of the segment that is signed
	Algorithm   uint32      // see AlgorithmName
	Signed      int         // index of the segment that is signed
	FirstBuffer int         // first of its buffers that is signed
	BufferCount int         // 0: none
}

// AlgorithmName names the kind of signature, or returns its number (Linux 6.12, ice_ddp.h).
func (s *Signature) AlgorithmName() string {
	switch s.Algorithm {
	case 1:
		return "rsa2k"
	case 2:
		return "rsa3k"
	case 3:
		return "rsa3k-secure-boot"
	case 5:
		return "rsa3k-e825"
	}
	return fmt.Sprint(s.Algorithm)
}

// Device is a device that a configuration is for.
type Device struct {
	Vendor, Device       uint16
	SubVendor, SubDevice uint16 // 0 fits any
}

// String returns "8086:1592" or "8086:1592-8086:0002".
func (d Device) String() string {
	if d.SubVendor == 0 && d.SubDevice == 0 {
		return fmt.Sprintf("%04x:%04x", d.Vendor, d.Device)
	}
	return fmt.Sprintf("%04x:%04x-%04x:%04x", d.Vendor, d.Device, d.SubVendor, d.SubDevice)
}

const (
	segmentHeader    = 44 // type, format version, size, name
	nameSize         = 32
	bufferSize       = 4096
	signatureReserve = 44
	runtimeReserve   = 8
)

func readSegment(data []byte, off, index int) (*Segment, error) {
	where := fmt.Sprintf("segment %d", index)
	c := &cursor{data: data[off:], base: int64(off)}
	s := &Segment{Index: index, Offset: int64(off)}
	s.Type = SegmentType(c.uint32(where + ": type"))
	s.Format = c.version(where + ": format version")
	size := c.uint32(where + ": size")
	s.Size = int64(size)
	s.Name = c.text(where+": name", nameSize)
	if c.err == nil && (size < segmentHeader || int64(size) > int64(len(data)-off)) {
		c.fail(int64(off)+8, where+": size", fmt.Errorf("%d bytes, %d are there", size, len(data)-off))
	}
	if c.err != nil {
		return nil, c.err
	}
	c.data = c.data[:size]
	where += " (" + s.Type.String() + ")"
	switch {
	case s.Type == SegmentMetadata:
		readMetadata(c, where, s)
	case s.Type == SegmentNotes:
		s.Notes = c.bytes(where, int(size)-segmentHeader)
	case s.Type == SegmentSignature:
		readSignature(c, where, s)
	case s.Type == SegmentRuntime:
		c.bytes(where+": reserved", runtimeReserve)
		readBuffers(c, where, s)
	case s.Type.Configuration():
		readDevices(c, where, s)
		readBuffers(c, where, s)
	}
	return s, c.err
}

func readMetadata(c *cursor, where string, s *Segment) {
	m := &Metadata{Version: c.version(where + ": package version")}
	c.uint32(where + ": reserved")
	m.Name = c.text(where+": package name", nameSize)
	s.Metadata = m
}

func readSignature(c *cursor, where string, s *Segment) {
	s.Signature = &Signature{
		Segment:     SegmentType(c.uint32(where + ": signed segment's type")),
		Algorithm:   c.uint32(where + ": algorithm"),
		Signed:      int(c.uint32(where + ": signed segment")),
		FirstBuffer: int(c.uint32(where + ": first signed buffer")),
		BufferCount: int(c.uint32(where + ": number of signed buffers")),
	}
	c.bytes(where+": reserved", signatureReserve)
	readBuffers(c, where, s)
}

func readDevices(c *cursor, where string, s *Segment) {
	for range c.count(where+": device count", 8) {
		b := c.bytes(where+": device", 8)
		if b == nil {
			return
		}
		s.Devices = append(s.Devices, Device{
			Device: binary.LittleEndian.Uint16(b), Vendor: binary.LittleEndian.Uint16(b[2:]),
			SubDevice: binary.LittleEndian.Uint16(b[4:]), SubVendor: binary.LittleEndian.Uint16(b[6:]),
		})
	}
	for range c.count(where+": NVM count", 4) {
		s.NVM = append(s.NVM, c.version(where+": NVM version"))
	}
}
