package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/firmware/pldm"
)

// Package is a p4dev package. It is immutable, and may be used by several goroutines as far as the reader it
// was opened from may be.
type Package struct {
	Manifest Manifest
	Devices  []DeviceRecord // in order; the first that fits a device counts
	Images   []Image        // in order

	file   *pldm.Package
	raw    *io.SectionReader // the file's bytes; nil in a package that was just built
	limits Limits
	closer io.Closer
}

// Limits bound what is read into memory, in bytes.
type Limits struct {
	Pipeline int64 // the BMv2 JSON, decompressed
	P4Info   int64
}

// DefaultLimits returns 64 MiB for the pipeline and 16 MiB for P4Info.
func DefaultLimits() Limits { return Limits{Pipeline: 64 << 20, P4Info: 16 << 20} }

// maxManifest bounds the manifest: 255 components need less than 100 KiB.
const maxManifest = 1 << 20

// Open reads header and manifest of the package in the first size bytes of r, which must stay usable as long as
// the package is. It does not look into the other components; Verify does. What is wrong is a *FormatError;
// a PLDM package of another kind is ErrNotPackage.
func Open(r io.ReaderAt, size int64) (*Package, error) {
	return OpenLimited(r, size, DefaultLimits())
}

// OpenLimited is Open with other limits.
func OpenLimited(r io.ReaderAt, size int64, limits Limits) (*Package, error) {
	file, err := pldm.Read(r, size)
	if err != nil {
		return nil, fmt.Errorf("firmware: open package: %w", err)
	}
	p, err := fromFile(file, limits)
	if err != nil {
		return nil, fmt.Errorf("firmware: open package: %w", err)
	}
	p.raw = io.NewSectionReader(r, 0, size)
	return p, nil
}

// OpenFile is Open of a file, which Close closes.
func OpenFile(path string) (*Package, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("firmware: open package: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	var p *Package
	if err == nil {
		p, err = Open(f, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p.closer = f
	return p, nil
}

// Close closes the file of a package that OpenFile opened; for others it does nothing.
func (p *Package) Close() error {
	if p.closer == nil {
		return nil
	}
	return p.closer.Close()
}

// fromFile reads manifest and records of a container.
func fromFile(file *pldm.Package, limits Limits) (*Package, error) {
	if len(file.Components) == 0 || file.Components[0].Identifier != idManifest {
		return nil, ErrNotPackage
	}
	first := &file.Components[0]
	data, err := readLimited(io.NewSectionReader(first.Data, 0, first.Data.Size()), maxManifest)
	if err != nil {
		return nil, &FormatError{Offset: first.Offset, Section: "manifest", Err: err}
	}
	if !bytes.HasPrefix(data, []byte("{")) {
		return nil, ErrNotPackage
	}
	manifest, err := decodeManifest(data)
	if err != nil {
		return nil, &FormatError{Offset: first.Offset, Section: "manifest", Err: err}
	}
	p := &Package{Manifest: *manifest, file: file, limits: limits}
	if err := p.setImages(); err != nil {
		return nil, err
	}
	return p, p.setDevices()
}

// setImages checks that the manifest describes the component table.
func (p *Package) setImages() error {
	rest := p.file.Components[1:]
	if len(rest) != len(p.Manifest.Components) {
		return p.manifestError(fmt.Errorf("%d components, the component table has %d", len(p.Manifest.Components), len(rest)))
	}
	for i, e := range p.Manifest.Components {
		c := &rest[i]
		if c.Identifier != e.ID || c.Data.Size() != e.Size {
			return p.manifestError(fmt.Errorf("component %d of %d bytes, in the component table %d of %d",
				e.ID, e.Size, c.Identifier, c.Data.Size()))
		}
		if e.ID >= idFirstImage {
			p.Images = append(p.Images, Image{Name: e.Name, Family: e.Family, Data: c.Data})
		}
	}
	return nil
}

func (p *Package) manifestError(err error) error {
	return &FormatError{Offset: p.file.Components[0].Offset, Section: "manifest", Err: err}
}

// setDevices reads the device records.
func (p *Package) setDevices() error {
	for i := range p.file.Records {
		rec := &p.file.Records[i]
		var dev DeviceRecord
		for _, n := range rec.Components {
			if n > 0 && p.Manifest.Components[n-1].ID >= idFirstImage {
				dev.Images = append(dev.Images, p.Manifest.Components[n-1].Name)
			}
		}
		if err := dev.setDescriptors(rec.Descriptors); err != nil {
			return &FormatError{Section: fmt.Sprintf("record %d", i), Err: err}
		}
		p.Devices = append(p.Devices, dev)
	}
	return nil
}

// Container returns the PLDM package that p lies in. It is not to be changed.
func (p *Package) Container() *pldm.Package { return p.file }

// Opaque reports whether the package holds images but no pipeline: nobody can see what it does.
func (p *Package) Opaque() bool {
	_, ok := p.Manifest.entry(idPipeline)
	return !ok
}

// Component returns a component as it is stored: "manifest", "pipeline" (compressed; what a device shows as its
// devlink region p4-pipeline), "p4info", or an image by its name. It does not check the digest. The error wraps
// os.ErrNotExist where there is none of that name.
func (p *Package) Component(name string) (*io.SectionReader, error) {
	if name == "manifest" {
		return window(p.file.Components[0].Data), nil
	}
	for i, e := range p.Manifest.Components {
		if e.Name == name {
			return window(p.file.Components[i+1].Data), nil
		}
	}
	return nil, fmt.Errorf("firmware: find component %q: %w", name, os.ErrNotExist)
}

// window returns a reader of r's bytes with a position of its own.
func window(r *io.SectionReader) *io.SectionReader { return io.NewSectionReader(r, 0, r.Size()) }

// Pipeline returns the pipeline as BMv2 JSON, decompressed. The error wraps ErrOpaque where there is none.
func (p *Package) Pipeline() ([]byte, error) {
	stored, err := p.read(idPipeline, p.limits.Pipeline)
	if err != nil {
		return nil, fmt.Errorf("firmware: read pipeline: %w", err)
	}
	if stored == nil {
		return nil, fmt.Errorf("firmware: read pipeline: %w", ErrOpaque)
	}
	data, err := decompressZstd(bytes.NewReader(stored), p.limits.Pipeline)
	if err != nil {
		return nil, fmt.Errorf("firmware: read pipeline: %w", p.componentError(idPipeline, err))
	}
	return data, nil
}

// P4Info returns P4Info as binary protobuf (p4.config.v1.P4Info), nil where the package has none.
func (p *Package) P4Info() ([]byte, error) {
	data, err := p.read(idP4Info, p.limits.P4Info)
	if err != nil {
		return nil, fmt.Errorf("firmware: read P4Info: %w", err)
	}
	return data, nil
}

// Program returns the program of the package, a new one with each call. The error wraps ErrOpaque where the package
// has no pipeline.
func (p *Package) Program() (*pipeline.Program, error) {
	data, err := p.Pipeline()
	if err != nil {
		return nil, err
	}
	info, err := p.P4Info()
	if err != nil {
		return nil, err
	}
	prog, err := bmv2.Open(data, info)
	if err != nil {
		return nil, fmt.Errorf("firmware: read program: %w", p.componentError(idPipeline, err))
	}
	return prog, nil
}

// read returns the bytes of a component and compares its digest; nil where the package has none.
func (p *Package) read(id uint16, limit int64) ([]byte, error) {
	e, ok := p.Manifest.entry(id)
	if !ok {
		return nil, nil
	}
	if e.Size > limit {
		return nil, p.componentError(id, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, e.Size, limit))
	}
	data := make([]byte, e.Size)
	if _, err := p.component(id).Data.ReadAt(data, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, p.componentError(id, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, p.componentError(id, ErrDigest)
	}
	return data, nil
}

// component returns the component with the identifier; there must be one.
func (p *Package) component(id uint16) *pldm.Component {
	for i := range p.file.Components {
		if p.file.Components[i].Identifier == id {
			return &p.file.Components[i]
		}
	}
	return &pldm.Component{Data: Bytes(nil)}
}

func (p *Package) componentError(id uint16, err error) error {
	e, _ := p.Manifest.entry(id)
	return &FormatError{Offset: p.component(id).Offset, Section: fmt.Sprintf("component %d (%s)", id, e.Name), Err: err}
}

// WriteTo writes the package and returns how many bytes it wrote: of an opened package those that it was read
// from.
func (p *Package) WriteTo(w io.Writer) (int64, error) {
	n, err := p.writeTo(w)
	if err != nil {
		return n, fmt.Errorf("firmware: write package %s: %w", p.Manifest.Name, err)
	}
	return n, nil
}

func (p *Package) writeTo(w io.Writer) (int64, error) {
	if p.raw == nil {
		return pldm.Write(w, p.file)
	}
	n, err := io.Copy(w, window(p.raw))
	if err == nil && n != p.raw.Size() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// SHA256 returns the digest of the package's file, the bytes that WriteTo writes, in hexadecimal.
func (p *Package) SHA256() (string, error) {
	h := sha256.New()
	if _, err := p.WriteTo(h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
