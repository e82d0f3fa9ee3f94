package hw

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// RegionName is the name of the region that holds the pipeline.
const RegionName = "p4-pipeline"

// What is read of a region at most, in bytes, as it is and decompressed.
const (
	maxRegion   = 64 << 20
	maxPipeline = 64 << 20
)

// Devlink is what ReadModel needs of a devlink.Client.
type Devlink interface {
	DpipeHeaders(context.Context, devlink.Handle) (devlink.DpipeHeaders, error)
	DpipeTables(context.Context, devlink.Handle) ([]devlink.DpipeTable, error)
	Resources(context.Context, devlink.Handle) ([]devlink.Resource, error)
	Region(context.Context, devlink.Handle, string) (devlink.Region, error)
	ReadRegion(context.Context, devlink.Handle, devlink.RegionRead) ([]byte, error)
	NewSnapshot(context.Context, devlink.Handle, string, *uint32) (uint32, error)
	DelSnapshot(context.Context, devlink.Handle, string, uint32) error
}

var _ Devlink = (*devlink.Client)(nil)

// Model is what a device says of its program.
type Model struct {
	Device devlink.Handle `json:"device"`
	// Tables are those of dpipe, in the driver's order.
	Tables []Table `json:"tables"`
	// Program is the region's, without P4Info: it has no ids, and optional keys are ternary. Nil where the
	// device has no such region.
	Program *pipeline.Program `json:"-"`
	// Region is the region as the device gave it, nil where there is none.
	Region []byte `json:"-"`
	// Differences says where dpipe and the region disagree, or why the region cannot be read. They shut the
	// gate.
	Differences []string `json:"differences,omitempty"`
}

// Table is one table of a device.
type Table struct {
	Name string `json:"name"`
	Keys []Key  `json:"keys"`
	// Size is the most entries, 0 for none.
	Size uint64 `json:"size"`
	// Room is how many more entries fit, by the table's resource; nil where the device does not count.
	Room     *uint64 `json:"room,omitempty"`
	Counters bool    `json:"counters"`
	// Resource is the path of the resource that the table draws from, "" for none.
	Resource string `json:"resource,omitempty"`
	// Why says why the table takes no entries; "": it does.
	Why string `json:"why,omitempty"`
}

// Key is one component of a table's key.
type Key struct {
	Header string             `json:"header"` // instance
	Field  string             `json:"field"`
	Width  int                `json:"width"` // bits
	Kind   pipeline.MatchKind `json:"-"`     // exact unless the region says otherwise
	Match  string             `json:"match"` // Kind in words
}

// String returns "HEADER.FIELD:WIDTH".
func (k Key) String() string { return fmt.Sprintf("%s.%s:%d", k.Header, k.Field, k.Width) }

// ReadModel reads a device's advertisement. Parts that its driver does not have are left out: a device without
// any has an empty model. An error is one of devlink.
func ReadModel(ctx context.Context, c Devlink, h devlink.Handle) (*Model, error) {
	m := &Model{Device: h}
	headers, err := c.DpipeHeaders(ctx, h)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("hw: read model of %s: %w", h, err)
	}
	tables, err := c.DpipeTables(ctx, h)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("hw: read model of %s: %w", h, err)
	}
	resources, err := c.Resources(ctx, h)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("hw: read model of %s: %w", h, err)
	}
	for _, t := range tables {
		m.Tables = append(m.Tables, newTable(headers, resources, &t))
	}
	if m.Region, err = readRegion(ctx, c, h); err != nil {
		return nil, fmt.Errorf("hw: read model of %s: %w", h, err)
	}
	m.importRegion()
	return m, nil
}

// absent reports whether a driver does not have what was asked for.
func absent(err error) bool {
	return (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrNotExist)) && !errors.Is(err, devlink.ErrDeviceGone)
}

// newTable takes a dpipe table with its fields and its resource.
func newTable(headers devlink.DpipeHeaders, resources []devlink.Resource, d *devlink.DpipeTable) Table {
	t := Table{Name: d.Name, Size: d.Size, Counters: d.CountersEnabled}
	for _, match := range d.Matches {
		k := Key{Header: "?", Field: "?", Kind: pipeline.MatchExact, Match: pipeline.MatchExact.String()}
		if header, field := headers.Find(match.DpipeFieldRef); field != nil {
			k.Header, k.Field, k.Width = header.Name, field.Name, int(field.BitWidth)
		}
		t.Keys = append(t.Keys, k)
	}
	if d.ResourceID != nil {
		t.setResource(resources, *d.ResourceID, max(d.ResourceUnits, 1))
	}
	if t.Size == 0 {
		t.Why = "the device has no room for entries of this table"
	}
	return t
}

// setResource bounds the table by its resource, of which an entry takes some units.
func (t *Table) setResource(resources []devlink.Resource, id, units uint64) {
	r, path := devlink.FindResource(resources, id)
	if r == nil {
		return
	}
	t.Resource = path
	t.Size = min(t.Size, r.Size/units)
	if r.Occ != nil {
		left := (r.Size - min(*r.Occ, r.Size)) / units
		t.Room = &left
	}
}

// readRegion returns the region's bytes, nil where the device has none. Kernels and drivers that cannot read a
// region directly are asked for a snapshot, which is removed again.
func readRegion(ctx context.Context, c Devlink, h devlink.Handle) ([]byte, error) {
	r, err := c.Region(ctx, h, RegionName)
	if err != nil {
		if absent(err) || isInvalid(err) {
			return nil, nil
		}
		return nil, err
	}
	if r.Size > maxRegion {
		return nil, fmt.Errorf("region %s has %d bytes, at most %d are read", RegionName, r.Size, maxRegion)
	}
	data, err := c.ReadRegion(ctx, h, devlink.RegionRead{Region: RegionName})
	if err == nil || !absent(err) && !isInvalid(err) {
		return data, err
	}
	id, err := c.NewSnapshot(ctx, h, RegionName, nil)
	if err != nil {
		return nil, err
	}
	data, err = c.ReadRegion(ctx, h, devlink.RegionRead{Region: RegionName, Snapshot: &id})
	return data, errors.Join(err, c.DelSnapshot(context.WithoutCancel(ctx), h, RegionName, id))
}

// isInvalid reports the answer EINVAL, which kernels give to attributes and regions that they do not know.
func isInvalid(err error) bool {
	var op *devlink.OpError
	const einval = 22
	return errors.As(err, &op) && op.Errno == einval
}

// importRegion reads the program in the region and compares it with dpipe.
func (m *Model) importRegion() {
	if len(m.Region) == 0 {
		return
	}
	data, err := decompress(m.Region)
	if err == nil {
		m.Program, err = bmv2.Import(data)
	}
	if err != nil {
		m.Differences = append(m.Differences, fmt.Sprintf("region %s cannot be read: %v", RegionName, err))
		return
	}
	m.Differences = append(m.Differences, compareTables(m.Tables, m.Program)...)
	m.setKinds()
}

// decompress returns at most maxPipeline bytes.
func decompress(data []byte) ([]byte, error) {
	d, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPipeline),
		zstd.WithDecoderMaxWindow(8<<20))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	defer d.Close()
	out, err := io.ReadAll(io.LimitReader(d, maxPipeline+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("decompress: %w", err)
	case len(out) > maxPipeline:
		return nil, fmt.Errorf("decompress: more than %d bytes", maxPipeline)
	}
	return out, nil
}

// setKinds takes over the match kinds of the region's tables.
func (m *Model) setKinds() {
	for i := range m.Tables {
		t := programTable(m.Program, m.Tables[i].Name)
		if t == nil || len(t.Keys) != len(m.Tables[i].Keys) {
			continue
		}
		for j, k := range t.Keys {
			m.Tables[i].Keys[j].Kind, m.Tables[i].Keys[j].Match = k.Kind, k.Kind.String()
		}
	}
}
