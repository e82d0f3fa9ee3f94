package firmware

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ManifestFormat is the version of the manifest's schema. It is closed: a manifest with other members is
// another format.
const ManifestFormat = 1

// Manifest says what a package holds. As a component it is canonical JSON (RFC 8785): one line without
// white space, members sorted, so that a manifest has one form only. All strings are ASCII.
type Manifest struct {
	Arch       string          `json:"arch"`
	Components []ManifestEntry `json:"components"`
	Created    time.Time       `json:"created,omitzero"` // UTC, whole seconds; zero: not stated
	Expect     Expect          `json:"expect"`
	Format     int             `json:"format"`
	// LowestVersion is the bar that the package sets: a device that has run it is not taken back to an older
	// version of the program than this. Empty: no bar.
	LowestVersion string `json:"lowest_version,omitempty"`
	MinP4dev      string `json:"min_p4dev,omitempty"` // the oldest p4dev that may load it; empty: any
	Name          string `json:"name"`
	Source        string `json:"source,omitempty"` // source tag; empty only in opaque packages
	Version       string `json:"version"`
}

// ManifestEntry describes a component other than the manifest, in the order of the package's component table.
type ManifestEntry struct {
	Encoding string `json:"encoding,omitempty"` // "zstd" for the pipeline, else empty
	Family   string `json:"family,omitempty"`   // of an image: the devices it is for, in words
	ID       uint16 `json:"id"`                 // component identifier in the component table
	Name     string `json:"name"`               // "pipeline", "p4info", or the image's name
	SHA256   string `json:"sha256"`             // of the component as stored, in hexadecimal
	Size     int64  `json:"size"`               // bytes as stored
}

// Expect says what loading the package does to a device. Neither: traffic stops for the load, no reset.
type Expect struct {
	Hitless    bool `json:"hitless,omitempty"`     // the device goes on forwarding while it loads
	NeedsReset bool `json:"needs_reset,omitempty"` // the program runs only after the device was reset
}

// encode returns the canonical form.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decodeManifest reads the canonical form and no other.
func decodeManifest(data []byte) (*Manifest, error) {
	var head struct{ Format int }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if head.Format != ManifestFormat {
		return nil, fmt.Errorf("%w: manifest format %d, only %d is read", errors.ErrUnsupported, head.Format, ManifestFormat)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if canonical, err := m.encode(); err != nil || !bytes.Equal(canonical, data) {
		return nil, errors.New("not in canonical form")
	}
	return &m, m.validate()
}

// validate finds every member whose value has no place there.
func (m *Manifest) validate() error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !validName(m.Name) {
		report("name %.80q: want 1 to 64 letters, digits, '.', '_' and '-', the first a letter or digit", m.Name)
	}
	if m.Arch != "" && !validName(m.Arch) {
		report("arch %.80q", m.Arch)
	}
	version, err := ParseVersion(m.Version)
	if err != nil {
		report("version %.80q: %w", m.Version, ErrVersion)
	}
	if lowest, lowErr := ParseVersion(m.LowestVersion); m.LowestVersion != "" && lowErr != nil {
		report("lowest_version %.80q: %w", m.LowestVersion, ErrVersion)
	} else if m.LowestVersion != "" && err == nil && version.Compare(lowest) < 0 {
		report("version %s is older than lowest_version %s", m.Version, m.LowestVersion)
	}
	if _, err := ParseVersion(m.MinP4dev); m.MinP4dev != "" && err != nil {
		report("min_p4dev %.80q: %w", m.MinP4dev, ErrVersion)
	}
	if _, _, err := ParseSourceTag(m.Source); m.Source != "" && err != nil {
		report("source: %w", err)
	}
	if m.Expect.Hitless && m.Expect.NeedsReset {
		report("expect: both hitless and needs_reset")
	}
	if !m.Created.Equal(m.Created.Truncate(time.Second).UTC()) || m.Created.Location() != time.UTC {
		report("created: want whole seconds in UTC")
	}
	errs = append(errs, m.validateEntries()...)
	return errors.Join(errs...)
}

func (m *Manifest) validateEntries() []error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := map[string]bool{}
	last := uint16(idManifest)
	for _, e := range m.Components {
		if e.ID <= last {
			report("component %d behind component %d", e.ID, last)
		}
		last = e.ID
		if !validName(e.Name) || names[e.Name] {
			report("component %d: name %.80q, or there are two of it", e.ID, e.Name)
		}
		names[e.Name] = true
		if want, fixed := fixedNames(e.ID); fixed && e.Name != want || !fixed && e.ID < idFirstImage {
			report("component %d: name %q does not go with the identifier", e.ID, e.Name)
		}
		if image := e.ID >= idFirstImage; e.Family != "" && (!image || !validName(e.Family)) {
			report("component %d: family %.80q", e.ID, e.Family)
		}
		if zstd := e.ID == idPipeline; zstd != (e.Encoding == encodingZstd) || !zstd && e.Encoding != "" {
			report("component %d: encoding %.80q", e.ID, e.Encoding)
		}
		if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != 32 || hex.EncodeToString(sum) != e.SHA256 {
			report("component %d: sha256 %.80q", e.ID, e.SHA256)
		}
	}
	if _, ok := m.entry(idPipeline); ok && m.Source == "" {
		report("source: none, beside a pipeline")
	}
	return errs
}

// entry returns the description of a component.
func (m *Manifest) entry(id uint16) (ManifestEntry, bool) {
	for _, e := range m.Components {
		if e.ID == id {
			return e, true
		}
	}
	return ManifestEntry{}, false
}

// Component identifiers in the component table.
const (
	idManifest   = 1
	idPipeline   = 2
	idP4Info     = 3
	idFirstImage = 16 // images count up from here
)

const encodingZstd = "zstd"

// fixedNames returns the name of a component that every package calls the same.
func fixedNames(id uint16) (name string, ok bool) {
	switch id {
	case idPipeline:
		return "pipeline", true
	case idP4Info:
		return "p4info", true
	}
	return "", false
}

// validName reports whether s has 1 to 64 letters, digits, dots, underscores and hyphens of ASCII, the first
// a letter or digit. Such a name is safe in a path, in JSON and on a terminal.
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}
