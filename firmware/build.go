package firmware

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pldm"
)

// BuildOptions are the parts of a package.
type BuildOptions struct {
	Name    string // 1 to 64 letters, digits, '.', '_' and '-'
	Version string // as ParseVersion reads it
	Arch    string // P4 architecture; empty: what P4Info says

	// Source are the files of the P4 program; SourceTag of them goes into the manifest. Where the source is
	// not at hand, SourceTag states the tag.
	Source    []SourceFile
	SourceTag string

	Pipeline []byte // BMv2 JSON; nil makes an opaque package
	P4Info   []byte // protobuf, as text or binary; may be nil
	Images   []Image
	Devices  []DeviceRecord // which devices take which images, the most particular first

	LowestVersion string // see Manifest
	MinP4dev      string
	Expect        Expect
	Created       time.Time // zero: the manifest does not say; fractions of a second are cut off
	// Released is the release date in the container. Zero means 1 January 1970, so that it does not differ
	// from build to build; see SourceDate.
	Released time.Time
}

// Image is what one family of devices loads.
type Image struct {
	Name   string // 1 to 64 letters, digits, '.', '_' and '-'; not "pipeline" or "p4info"
	Family string // the devices it is for, in such letters; may be empty
	Data   *io.SectionReader
}

// Bytes returns a reader of data for an Image.
func Bytes(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}

// SourceDate returns the time of the environment variable SOURCE_DATE_EPOCH (seconds since 1970, as
// reproducible-builds.org specifies it), or the zero time where getenv has none. Pass os.Getenv.
func SourceDate(getenv func(string) string) (time.Time, error) {
	text := getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 40)
	if err != nil {
		return time.Time{}, fmt.Errorf("firmware: read SOURCE_DATE_EPOCH %.80q: %w", text, err)
	}
	return time.Unix(int64(seconds), 0).UTC(), nil
}

// Build makes a package and checks it: the pipeline must be one that p4dev can import, and P4Info must fit it.
// The same options make a package of the same bytes. Images are read once, for their digest, and again by
// WriteTo; their readers must stay usable until then.
func Build(o BuildOptions) (*Package, error) {
	p, err := build(&o)
	if err != nil {
		return nil, fmt.Errorf("firmware: build package %s: %w", o.Name, err)
	}
	return p, nil
}

func build(o *BuildOptions) (*Package, error) {
	b := builder{manifest: Manifest{
		Arch: o.Arch, Created: o.Created.UTC().Truncate(time.Second), Expect: o.Expect, Format: ManifestFormat,
		LowestVersion: o.LowestVersion, MinP4dev: o.MinP4dev, Name: o.Name, Source: o.SourceTag, Version: o.Version,
		Components: []ManifestEntry{},
	}}
	if len(o.Pipeline) == 0 && len(o.Images) == 0 {
		return nil, errors.New("neither a pipeline nor an image")
	}
	if err := b.setSource(o); err != nil {
		return nil, err
	}
	if err := b.addProgram(o); err != nil {
		return nil, err
	}
	for i := range o.Images {
		if err := b.addImage(i, &o.Images[i]); err != nil {
			return nil, fmt.Errorf("image %q: %w", o.Images[i].Name, err)
		}
	}
	if err := b.manifest.validate(); err != nil {
		return nil, err
	}
	file, err := b.file(o)
	if err != nil {
		return nil, err
	}
	return fromFile(file, DefaultLimits())
}

// builder collects the components behind the manifest.
type builder struct {
	manifest   Manifest
	components []pldm.Component
}

func (b *builder) setSource(o *BuildOptions) error {
	if len(o.Source) == 0 {
		return nil
	}
	tag, err := SourceTag(o.Source...)
	if err != nil {
		return err
	}
	if o.SourceTag != "" && !SameSource(tag, o.SourceTag) {
		return fmt.Errorf("source tag %s stated, the source's is %s", o.SourceTag, tag)
	}
	b.manifest.Source = tag
	return nil
}

// addProgram adds pipeline and P4Info.
func (b *builder) addProgram(o *BuildOptions) error {
	if len(o.Pipeline) == 0 {
		if len(o.P4Info) != 0 {
			return errors.New("P4Info without a pipeline")
		}
		return nil
	}
	if _, err := bmv2.Open(o.Pipeline, o.P4Info); err != nil {
		return err
	}
	packed, err := compressZstd(o.Pipeline)
	if err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	b.add(ManifestEntry{ID: idPipeline, Name: "pipeline", Encoding: encodingZstd}, pldm.ClassApplication, packed)
	if len(o.P4Info) == 0 {
		return nil
	}
	info, err := bmv2.ReadP4Info(o.P4Info)
	if err != nil {
		return err
	}
	if arch := info.GetPkgInfo().GetArch(); b.manifest.Arch == "" {
		b.manifest.Arch = arch
	} else if arch != "" && arch != b.manifest.Arch {
		return fmt.Errorf("architecture %s, P4Info says %s", b.manifest.Arch, arch)
	}
	binary, err := proto.MarshalOptions{Deterministic: true}.Marshal(info)
	if err != nil {
		return fmt.Errorf("P4Info: %w", err)
	}
	b.add(ManifestEntry{ID: idP4Info, Name: "p4info"}, pldm.ClassConfiguration, binary)
	return nil
}

// add appends a component whose bytes are at hand.
func (b *builder) add(e ManifestEntry, class pldm.Classification, data []byte) {
	sum := sha256.Sum256(data)
	e.SHA256 = hex.EncodeToString(sum[:])
	b.append(e, class, Bytes(data))
}

func (b *builder) addImage(index int, img *Image) error {
	if img.Data == nil {
		return errors.New("no data")
	}
	if index > pldm.MaxComponents {
		return fmt.Errorf("more than %d images", pldm.MaxComponents)
	}
	sum, err := digest(img.Data)
	if err != nil {
		return err
	}
	id := uint16(idFirstImage + index)
	b.append(ManifestEntry{ID: id, Name: img.Name, Family: img.Family, SHA256: sum}, pldm.ClassFirmware, img.Data)
	return nil
}

func (b *builder) append(e ManifestEntry, class pldm.Classification, data *io.SectionReader) {
	e.Size = data.Size()
	b.manifest.Components = append(b.manifest.Components, e)
	b.components = append(b.components, pldm.Component{Classification: class, Identifier: e.ID, Data: data})
}

// digest returns the SHA-256 of all of r in hexadecimal, whatever position r has.
func digest(r *io.SectionReader) (string, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size()))
	if err == nil && n != r.Size() {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", fmt.Errorf("compute SHA-256: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// file puts the container together: the manifest first, then the components.
func (b *builder) file(o *BuildOptions) (*pldm.Package, error) {
	data, err := b.manifest.encode()
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	manifest := pldm.Component{Classification: pldm.ClassOther, Identifier: idManifest, Data: Bytes(data)}
	f := &pldm.Package{
		Version:    pldm.Text(b.manifest.Name + " " + b.manifest.Version),
		Released:   o.Released,
		Components: append([]pldm.Component{manifest}, b.components...),
	}
	for i := range f.Components {
		c := &f.Components[i]
		c.Stamp, c.Version, c.Activation = pldm.NoStamp, pldm.Text(b.manifest.Version), b.activation()
	}
	for i := range o.Devices {
		rec, err := b.record(&o.Devices[i])
		if err != nil {
			return nil, fmt.Errorf("device record %d: %w", i, err)
		}
		f.Records = append(f.Records, rec)
	}
	return f, b.checkTaken(f)
}

func (b *builder) activation() uint16 {
	if b.manifest.Expect.NeedsReset {
		return pldm.ActivationMediumSpecific
	}
	return pldm.ActivationSelfContained
}

// record makes the record of a device: it takes everything but the images of others.
func (b *builder) record(dev *DeviceRecord) (pldm.Record, error) {
	rec := pldm.Record{Version: pldm.Text(b.manifest.Version), Descriptors: dev.descriptors(), Components: []int{0}}
	found := 0
	for i, e := range b.manifest.Components {
		wanted := slices.Contains(dev.Images, e.Name)
		if e.ID < idFirstImage || wanted {
			rec.Components = append(rec.Components, i+1)
		}
		if e.ID >= idFirstImage && wanted {
			found++
		}
	}
	if found != len(dev.Images) {
		return rec, fmt.Errorf("images %q: not all in the package, or one twice", dev.Images)
	}
	return rec, dev.validate()
}

// checkTaken reports images that no device takes.
func (b *builder) checkTaken(f *pldm.Package) error {
	for i, e := range b.manifest.Components {
		taken := slices.ContainsFunc(f.Records, func(r pldm.Record) bool { return slices.Contains(r.Components, i+1) })
		if e.ID >= idFirstImage && !taken {
			return fmt.Errorf("image %q: no device record takes it", e.Name)
		}
	}
	return nil
}
