package pldm

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// Read takes the header of the package in the first size bytes of r apart. The components' Data are windows
// on r, which must stay usable as long as they are. What is wrong with the package is reported as a
// *FormatError; revisions above 1 wrap errors.ErrUnsupported.
//
// Read refuses whatever the kernel's reader refuses, and beyond that: bitmaps shorter than the component table,
// records that do not begin with a vendor's identifier, and components that overlap. More than 255 components
// can be read here but not by the kernel.
func Read(r io.ReaderAt, size int64) (*Package, error) {
	p, err := read(r, size)
	if err != nil {
		return nil, fmt.Errorf("pldm: read package: %w", err)
	}
	return p, nil
}

func read(r io.ReaderAt, size int64) (*Package, error) {
	header, err := readHeader(r, size)
	if err != nil {
		return nil, err
	}
	c := &cursor{data: header[:len(header)-checksumSize], off: headerSizeOffset + 2}
	p := &Package{HeaderSize: len(header), Size: size}
	p.Checksum = binary.LittleEndian.Uint32(header[len(header)-checksumSize:])
	p.header(c)
	records := int(c.uint8("device records: count"))
	for i := 0; i < records && c.err == nil; i++ {
		p.record(c, i)
	}
	components := int(c.uint16("component table: count"))
	if c.err == nil && len(p.Records) > 0 && components > p.BitmapBits {
		c.fail(bitmapOffset, "package header: component bitmap length",
			fmt.Errorf("%d bits for %d components", p.BitmapBits, components))
	}
	for i := 0; i < components && c.err == nil; i++ {
		p.component(c, i, r)
	}
	if c.err == nil && c.off != len(c.data) {
		c.fail(c.off, "header checksum", fmt.Errorf("expected at byte %d, by the header size", len(c.data)))
	}
	if c.err != nil {
		return nil, c.err
	}
	p.trimBitmaps()
	return p, p.checkOverlap()
}

// readHeader returns the bytes of the header, checksum included, and verifies identifier, revision and
// checksum.
func readHeader(r io.ReaderAt, size int64) ([]byte, error) {
	fixed := make([]byte, fixedHeaderSize)
	if err := readAt(r, size, fixed, "package header"); err != nil {
		return nil, err
	}
	if err := checkIdentifier(fixed); err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint16(fixed[headerSizeOffset:]))
	if n < minHeaderSize {
		return nil, &FormatError{headerSizeOffset, "package header: header size",
			fmt.Errorf("%d bytes, least is %d", n, minHeaderSize)}
	}
	header := make([]byte, n)
	if err := readAt(r, size, header, "package header: header size"); err != nil {
		return nil, err
	}
	want := binary.LittleEndian.Uint32(header[n-checksumSize:])
	if got := crc32.ChecksumIEEE(header[:n-checksumSize]); got != want {
		return nil, &FormatError{int64(n - checksumSize), "header checksum",
			fmt.Errorf("%w: stored 0x%08x, computed 0x%08x", ErrChecksum, want, got)}
	}
	return header, nil
}

func checkIdentifier(fixed []byte) error {
	got := int(fixed[revisionOffset])
	switch string(fixed[:len(identifier1)]) {
	case identifier1:
		if got == revision {
			return nil
		}
	case identifier2, identifier3, identifier4:
	default:
		return &FormatError{0, "package header: identifier", ErrNotPLDM}
	}
	return &FormatError{revisionOffset, "package header: revision",
		fmt.Errorf("%w: revision %d of the header format, only %d is read", errors.ErrUnsupported, got, revision)}
}

// readAt fills b from the start of the file.
func readAt(r io.ReaderAt, size int64, b []byte, section string) error {
	if int64(len(b)) > size {
		return &FormatError{size, section,
			fmt.Errorf("%w: %d bytes needed, the file has %d", io.ErrUnexpectedEOF, len(b), size)}
	}
	n, err := r.ReadAt(b, 0)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &FormatError{int64(n), section, err}
}

func (p *Package) header(c *cursor) {
	p.Released = timestamp(c.bytes("package header: release date", timestampSize))
	p.BitmapBits = int(c.uint16("package header: component bitmap length"))
	if c.err == nil && p.BitmapBits%8 != 0 {
		c.fail(bitmapOffset, "package header: component bitmap length",
			fmt.Errorf("%d bits, must be a multiple of 8", p.BitmapBits))
	}
	var s String
	s.Type = StringType(c.uint8("package header: version string type"))
	n := int(c.uint8("package header: version string length"))
	s.Data = string(c.bytes("package header: version string", n))
	p.Version = s
}

func (p *Package) record(c *cursor, index int) {
	in := fmt.Sprintf("record %d", index)
	start := c.off
	length := int(c.uint16(in + ": length"))
	descriptors := int(c.uint8(in + ": descriptor count"))
	var rec Record
	rec.UpdateFlags = c.uint32(in + ": update flags")
	rec.Version.Type = StringType(c.uint8(in + ": version string type"))
	versionLength := int(c.uint8(in + ": version string length"))
	dataLength := int(c.uint16(in + ": package data length"))
	bitmap := c.bytes(in+": applicable components", p.BitmapBits/8)
	rec.Version.Data = string(c.bytes(in+": version string", versionLength))
	for i := 0; i < descriptors && c.err == nil; i++ {
		rec.Descriptors = append(rec.Descriptors, readDescriptor(c, fmt.Sprintf("%s descriptor %d", in, i), i == 0))
	}
	rec.PackageData = c.clone(in+": package data", dataLength)
	if c.err == nil && c.off-start != length {
		c.fail(start, in+": length", fmt.Errorf("%d bytes, its parts have %d", length, c.off-start))
	}
	for i := range bitmap {
		for bit := range 8 {
			if bitmap[i]>>bit&1 == 1 {
				rec.Components = append(rec.Components, i*8+bit)
			}
		}
	}
	p.Records = append(p.Records, rec)
}

func readDescriptor(c *cursor, in string, initial bool) Descriptor {
	start := c.off
	d := Descriptor{Type: DescriptorType(c.uint16(in + ": type"))}
	if c.err == nil && initial && !d.Type.Initial() {
		c.fail(start, in+": type", fmt.Errorf("%v cannot be a record's first descriptor", d.Type))
	}
	n := int(c.uint16(in + ": length"))
	if want := d.Type.Size(); c.err == nil && want >= 0 && n != want {
		c.fail(start+2, in+": length", fmt.Errorf("%d bytes for %v, must be %d", n, d.Type, want))
	}
	d.Data = c.clone(in+": data", n)
	return d
}

func (p *Package) component(c *cursor, index int, r io.ReaderAt) {
	in := fmt.Sprintf("component %d", index)
	var comp Component
	comp.Classification = Classification(c.uint16(in + ": classification"))
	comp.Identifier = c.uint16(in + ": identifier")
	comp.Stamp = c.uint32(in + ": comparison stamp")
	comp.Options = c.uint16(in + ": options")
	comp.Activation = c.uint16(in + ": activation method")
	location := c.off
	comp.Offset = int64(c.uint32(in + ": location offset"))
	size := int64(c.uint32(in + ": size"))
	comp.Version.Type = StringType(c.uint8(in + ": version string type"))
	n := int(c.uint8(in + ": version string length"))
	comp.Version.Data = string(c.bytes(in+": version string", n))
	if c.err != nil {
		return
	}
	if comp.Offset < int64(p.HeaderSize) && size > 0 {
		c.fail(location, in+": location offset", fmt.Errorf("%w: byte %d is in the header, which ends at %d",
			ErrOverlap, comp.Offset, p.HeaderSize))
	}
	if comp.Offset+size > p.Size {
		c.fail(location, in+": location offset", fmt.Errorf("%w: bytes %d to %d, the file has %d",
			io.ErrUnexpectedEOF, comp.Offset, comp.Offset+size, p.Size))
	}
	comp.Data = io.NewSectionReader(r, comp.Offset, size)
	p.Components = append(p.Components, comp)
}

// trimBitmaps leaves out bits past the component table; they are padding.
func (p *Package) trimBitmaps() {
	for i := range p.Records {
		rec := &p.Records[i]
		rec.Components = slices.DeleteFunc(rec.Components, func(n int) bool { return n >= len(p.Components) })
	}
}

func (p *Package) checkOverlap() error {
	order := make([]int, 0, len(p.Components))
	for i := range p.Components {
		if p.Components[i].Data.Size() > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(p.Components[a].Offset, p.Components[b].Offset)
	})
	for i := 1; i < len(order); i++ {
		a, b := &p.Components[order[i-1]], &p.Components[order[i]]
		if end := a.Offset + a.Data.Size(); end > b.Offset {
			return &FormatError{b.Offset, fmt.Sprintf("component %d: image", order[i]),
				fmt.Errorf("%w: component %d ends at byte %d", ErrOverlap, order[i-1], end)}
		}
	}
	return nil
}
