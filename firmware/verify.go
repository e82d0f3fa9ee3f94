package firmware

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pldm"
)

// Verify reads all of the package and reports everything that is wrong with it: digests, bytes outside of
// the components, a pipeline that does not import, P4Info that does not fit it or names another architecture,
// records and images that do not go together. It says nothing about who made the package. The error, if any,
// joins *FormatErrors.
func (p *Package) Verify() error {
	var errs []error
	for _, e := range p.Manifest.Components {
		sum, err := digest(p.component(e.ID).Data)
		if err == nil && sum != e.SHA256 {
			err = fmt.Errorf("%w: computed %s", ErrDigest, sum)
		}
		if err != nil {
			errs = append(errs, p.componentError(e.ID, err))
		}
	}
	errs = append(errs, p.verifyGaps(), p.verifyRecords())
	if !p.Opaque() && errors.Join(errs...) == nil {
		errs = append(errs, p.verifyProgram())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("firmware: verify package %s: %w", p.Manifest.Name, err)
	}
	return nil
}

// verifyGaps finds bytes that belong to nothing: each image begins at the first multiple of pldm.Align behind
// what is before it, with zero bytes between them, and behind the last there is nothing. A package that was just
// built has no file to look at.
func (p *Package) verifyGaps() error {
	if p.raw == nil {
		return nil
	}
	end := int64(p.file.HeaderSize)
	for i := range p.file.Components {
		c := &p.file.Components[i]
		if err := p.verifyGap(end, c); err != nil {
			return err
		}
		end = c.Offset + c.Data.Size()
	}
	if end != p.file.Size {
		return &FormatError{Offset: end, Section: "end of file", Err: fmt.Errorf("%d bytes too many", p.file.Size-end)}
	}
	return nil
}

// verifyGap looks at the bytes from end to component c.
func (p *Package) verifyGap(end int64, c *pldm.Component) error {
	section := fmt.Sprintf("component %d: image", c.Identifier)
	if want := (end + pldm.Align - 1) / pldm.Align * pldm.Align; c.Offset != want {
		return &FormatError{Offset: c.Offset, Section: section, Err: fmt.Errorf("must be at byte %d", want)}
	}
	gap := make([]byte, c.Offset-end)
	if n, err := p.raw.ReadAt(gap, end); n < len(gap) {
		return &FormatError{Offset: end, Section: section, Err: err}
	}
	if i := slices.IndexFunc(gap, func(b byte) bool { return b != 0 }); i >= 0 {
		return &FormatError{Offset: end + int64(i), Section: section, Err: errors.New("padding before it is not zero")}
	}
	return nil
}

// verifyRecords finds records that do not take manifest, pipeline and P4Info, and images that none takes.
func (p *Package) verifyRecords() error {
	taken := map[int]bool{}
	for i := range p.file.Records {
		for n, c := range p.file.Components {
			in := slices.Contains(p.file.Records[i].Components, n)
			taken[n] = taken[n] || in
			if !in && c.Identifier < idFirstImage {
				return &FormatError{Section: fmt.Sprintf("record %d", i), Err: fmt.Errorf("does not take component %d", c.Identifier)}
			}
		}
	}
	for n, c := range p.file.Components {
		if c.Identifier >= idFirstImage && !taken[n] {
			return &FormatError{Offset: c.Offset, Section: fmt.Sprintf("component %d", c.Identifier), Err: errors.New("no record takes it")}
		}
	}
	return nil
}

// verifyProgram imports the pipeline and compares architectures.
func (p *Package) verifyProgram() error {
	if _, err := p.Program(); err != nil {
		return err
	}
	data, err := p.P4Info()
	if err != nil || data == nil {
		return err
	}
	info, err := bmv2.ReadP4Info(data)
	if err != nil {
		return p.componentError(idP4Info, err)
	}
	if arch := info.GetPkgInfo().GetArch(); arch != "" && arch != p.Manifest.Arch {
		return p.componentError(idP4Info, fmt.Errorf("architecture %q, the manifest says %q", arch, p.Manifest.Arch))
	}
	return nil
}

var _ io.WriterTo = (*Package)(nil)
