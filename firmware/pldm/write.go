package pldm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
)

// Align is where Write puts component images: at multiples of this many bytes, with zero bytes between them.
const Align = 16

// MaxComponents is how many components Write accepts: the kernel's reader counts them in eight bits.
const MaxComponents = 255

// Write streams p to w and returns how many bytes it wrote. The same package gives the same bytes. Images are
// read from the start of each component's Data, whatever position it has, in the order of p.Components.
func Write(w io.Writer, p *Package) (int64, error) {
	header, offsets, err := layout(p)
	if err != nil {
		return 0, fmt.Errorf("pldm: write package: %w", err)
	}
	out := &counter{w: w}
	if _, err := out.Write(header); err != nil {
		return out.n, fmt.Errorf("pldm: write package: header: %w", err)
	}
	for i := range p.Components {
		if err := writeImage(out, offsets[i], p.Components[i].Data); err != nil {
			return out.n, fmt.Errorf("pldm: write package: component %d: %w", i, err)
		}
	}
	return out.n, nil
}

// Size returns how many bytes Write will write.
func Size(p *Package) (int64, error) {
	header, offsets, err := layout(p)
	if err != nil {
		return 0, fmt.Errorf("pldm: lay out package: %w", err)
	}
	if n := len(offsets); n > 0 {
		return offsets[n-1] + p.Components[n-1].Data.Size(), nil
	}
	return int64(len(header)), nil
}

func writeImage(out *counter, offset int64, data *io.SectionReader) error {
	if _, err := out.Write(make([]byte, offset-out.n)); err != nil {
		return err
	}
	n, err := io.Copy(out, io.NewSectionReader(data, 0, data.Size()))
	if err == nil && n != data.Size() {
		err = fmt.Errorf("%w: %d of %d bytes", io.ErrUnexpectedEOF, n, data.Size())
	}
	return err
}

// counter counts what passes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// layout returns the header's bytes and the offset of each component.
func layout(p *Package) ([]byte, []int64, error) {
	if err := check(p); err != nil {
		return nil, nil, err
	}
	bitmap := (len(p.Components) + 7) / 8
	b := []byte(identifier1)
	b = append(b, revision, 0, 0) // the header size is filled in below
	b = appendTimestamp(b, p.Released)
	b = binary.LittleEndian.AppendUint16(b, uint16(bitmap*8))
	b = append(b, byte(p.Version.Type), byte(len(p.Version.Data)))
	b = append(b, p.Version.Data...)
	b = append(b, byte(len(p.Records)))
	for i := range p.Records {
		b = appendRecord(b, &p.Records[i], bitmap)
	}
	size := len(b) + 2 + checksumSize
	for i := range p.Components {
		size += fixedComponentSize + len(p.Components[i].Version.Data)
	}
	if size > math.MaxUint16 {
		return nil, nil, fmt.Errorf("header of %d bytes, at most %d fit", size, math.MaxUint16)
	}
	offsets, err := place(p, int64(size))
	if err != nil {
		return nil, nil, err
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(p.Components)))
	for i := range p.Components {
		b = appendComponent(b, &p.Components[i], offsets[i])
	}
	binary.LittleEndian.PutUint16(b[headerSizeOffset:], uint16(size))
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), offsets, nil
}

// place gives every component its offset, the first at or behind end.
func place(p *Package, end int64) ([]int64, error) {
	offsets := make([]int64, len(p.Components))
	for i := range p.Components {
		end = (end + Align - 1) / Align * Align
		offsets[i] = end
		size := p.Components[i].Data.Size()
		if end > math.MaxUint32 || size > math.MaxUint32 {
			return nil, fmt.Errorf("component %d: %d bytes at offset %d, beyond 32 bits", i, size, end)
		}
		end += size
	}
	return offsets, nil
}

func appendRecord(b []byte, rec *Record, bitmap int) []byte {
	start := len(b)
	b = append(b, 0, 0, byte(len(rec.Descriptors))) // the record's length is filled in below
	b = binary.LittleEndian.AppendUint32(b, rec.UpdateFlags)
	b = append(b, byte(rec.Version.Type), byte(len(rec.Version.Data)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(rec.PackageData)))
	bits := make([]byte, bitmap)
	for _, n := range rec.Components {
		bits[n/8] |= 1 << (n % 8)
	}
	b = append(b, bits...)
	b = append(b, rec.Version.Data...)
	for _, d := range rec.Descriptors {
		b = binary.LittleEndian.AppendUint16(b, uint16(d.Type))
		b = binary.LittleEndian.AppendUint16(b, uint16(len(d.Data)))
		b = append(b, d.Data...)
	}
	b = append(b, rec.PackageData...)
	binary.LittleEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

func appendComponent(b []byte, c *Component, offset int64) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(c.Classification))
	b = binary.LittleEndian.AppendUint16(b, c.Identifier)
	b = binary.LittleEndian.AppendUint32(b, c.Stamp)
	b = binary.LittleEndian.AppendUint16(b, c.Options)
	b = binary.LittleEndian.AppendUint16(b, c.Activation)
	b = binary.LittleEndian.AppendUint32(b, uint32(offset))
	b = binary.LittleEndian.AppendUint32(b, uint32(c.Data.Size()))
	b = append(b, byte(c.Version.Type), byte(len(c.Version.Data)))
	return append(b, c.Version.Data...)
}

// check finds everything in p that has no place in the format.
func check(p *Package) error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(p.Version.Data) > math.MaxUint8 {
		report("version string of %d bytes, at most %d fit", len(p.Version.Data), math.MaxUint8)
	}
	if year := p.Released.Year(); !p.Released.IsZero() && (year < 1970 || year > math.MaxUint16) {
		report("release date in the year %d", year)
	}
	if len(p.Records) > math.MaxUint8 {
		report("%d records, at most %d fit", len(p.Records), math.MaxUint8)
	}
	if len(p.Components) > MaxComponents {
		report("%d components, at most %d fit", len(p.Components), MaxComponents)
	}
	for i := range p.Records {
		for _, err := range checkRecord(&p.Records[i], len(p.Components)) {
			report("record %d: %w", i, err)
		}
	}
	for i, c := range p.Components {
		if len(c.Version.Data) > math.MaxUint8 {
			report("component %d: version string of %d bytes, at most %d fit", i, len(c.Version.Data), math.MaxUint8)
		}
		if c.Data == nil {
			report("component %d: no image", i)
		}
	}
	return errors.Join(errs...)
}

func checkRecord(rec *Record, components int) []error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(rec.Version.Data) > math.MaxUint8 {
		report("version string of %d bytes, at most %d fit", len(rec.Version.Data), math.MaxUint8)
	}
	if len(rec.PackageData) > math.MaxUint16 {
		report("package data of %d bytes, at most %d fit", len(rec.PackageData), math.MaxUint16)
	}
	if n := len(rec.Descriptors); n > math.MaxUint8 {
		report("%d descriptors, at most %d fit", n, math.MaxUint8)
	}
	for i, d := range rec.Descriptors {
		if i == 0 && !d.Type.Initial() {
			report("%v cannot be a record's first descriptor", d.Type)
		}
		if want := d.Type.Size(); want >= 0 && len(d.Data) != want || len(d.Data) > math.MaxUint16 {
			report("descriptor %d: %d bytes for %v", i, len(d.Data), d.Type)
		}
	}
	if i := slices.IndexFunc(rec.Components, func(n int) bool { return n < 0 || n >= components }); i >= 0 {
		report("component %d of %d", rec.Components[i], components)
	}
	return errs
}
