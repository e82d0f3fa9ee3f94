package hw_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/hw"
)

// openProgram imports one of testdata's programs, with its P4Info or without, and returns its JSON too.
func openProgram(t testing.TB, name string, info bool) (*pipeline.Program, []byte) {
	t.Helper()
	read := func(file string) []byte {
		data, err := os.ReadFile(filepath.Join("../../testdata/p4", file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	data := read(name + ".json")
	var p4info []byte
	if info {
		p4info = read(name + ".p4info.txtpb")
	}
	p, err := bmv2.Open(data, p4info)
	if err != nil {
		t.Fatal(err)
	}
	return p, data
}

// fakeDevlink answers from memory. It advertises a program as a driver would.
type fakeDevlink struct {
	headers   devlink.DpipeHeaders
	tables    []devlink.DpipeTable
	resources []devlink.Resource
	region    []byte
	direct    bool // the region can be read without a snapshot
	snapshots map[uint32]bool
	fail      error
}

var handle = devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"}

// advertise describes a program in dpipe's terms, with room for entries per table.
func advertise(p *pipeline.Program, data []byte, room uint64) *fakeDevlink {
	f := &fakeDevlink{direct: true, snapshots: map[uint32]bool{}}
	for _, h := range p.Headers {
		d := devlink.DpipeHeader{Name: h.Name, ID: uint32(h.Index)}
		for _, field := range h.Type.Fields {
			d.Fields = append(d.Fields, devlink.DpipeField{Name: field.Name, ID: uint32(field.Index), BitWidth: uint32(field.Width)})
		}
		d.Fields = append(d.Fields, devlink.DpipeField{Name: "$valid$", ID: 9999, BitWidth: 1})
		f.headers = append(f.headers, d)
	}
	for _, t := range p.Tables {
		if t.Hidden {
			continue
		}
		id, used := uint64(t.Index+1), uint64(1)
		d := devlink.DpipeTable{Name: t.Name, Size: uint64(t.Size), ResourceID: &id, ResourceUnits: 2}
		for _, k := range t.Keys {
			switch x := k.Expr.(type) {
			case *pipeline.FieldRef:
				d.Matches = append(d.Matches, match(x.Header.Index, x.Field.Index))
			case *pipeline.ValidRef:
				d.Matches = append(d.Matches, match(x.Header.Index, 9999))
			}
		}
		f.tables = append(f.tables, d)
		f.resources = append(f.resources, devlink.Resource{Name: t.Name, ID: id, Size: room * 2, Occ: &used})
	}
	enc, _ := zstd.NewWriter(nil)
	f.region = enc.EncodeAll(data, nil)
	return f
}

func match(header, field int) devlink.DpipeMatch {
	return devlink.DpipeMatch{DpipeFieldRef: devlink.DpipeFieldRef{HeaderID: uint32(header), FieldID: uint32(field)}}
}

func (f *fakeDevlink) DpipeHeaders(context.Context, devlink.Handle) (devlink.DpipeHeaders, error) {
	return f.headers, f.fail
}

func (f *fakeDevlink) DpipeTables(context.Context, devlink.Handle) ([]devlink.DpipeTable, error) {
	return f.tables, f.fail
}

func (f *fakeDevlink) Resources(context.Context, devlink.Handle) ([]devlink.Resource, error) {
	return f.resources, f.fail
}

func (f *fakeDevlink) Region(_ context.Context, h devlink.Handle, name string) (devlink.Region, error) {
	if f.region == nil || name != hw.RegionName {
		return devlink.Region{}, &devlink.OpError{Op: "get region", Device: h, Errno: syscall.Errno(22)}
	}
	return devlink.Region{Handle: h, Name: name, Size: uint64(len(f.region))}, nil
}

func (f *fakeDevlink) ReadRegion(_ context.Context, h devlink.Handle, r devlink.RegionRead) ([]byte, error) {
	if r.Snapshot == nil && !f.direct || r.Snapshot != nil && !f.snapshots[*r.Snapshot] {
		return nil, &devlink.OpError{Op: "read region", Device: h, Errno: syscall.Errno(22)}
	}
	return f.region, nil
}

func (f *fakeDevlink) NewSnapshot(context.Context, devlink.Handle, string, *uint32) (uint32, error) {
	f.snapshots[7] = true
	return 7, nil
}

func (f *fakeDevlink) DelSnapshot(_ context.Context, _ devlink.Handle, _ string, id uint32) error {
	delete(f.snapshots, id)
	return nil
}

func readModel(t *testing.T, f *fakeDevlink) *hw.Model {
	t.Helper()
	m, err := hw.ReadModel(context.Background(), f, handle)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelOfEveryProgram(t *testing.T) {
	files, err := filepath.Glob("../../testdata/p4/*.json")
	features, err2 := filepath.Glob("../../testdata/p4/features/*.json")
	if err != nil || err2 != nil || len(files) == 0 || len(features) == 0 {
		t.Fatalf("programs: %v %v", files, features)
	}
	for _, file := range append(files, features...) {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.ToSlash(file), "../../testdata/p4/"), ".json")
		t.Run(name, func(t *testing.T) {
			program, data := openProgram(t, name, true)
			m := readModel(t, advertise(program, data, 100))
			if diff := m.Compare(program); len(diff) != 0 {
				t.Errorf("differences: %q", diff)
			}
			for _, table := range program.Tables {
				if c := m.Capability(table); c.Holds == table.Hidden || c.Holds && c.Size > 100 {
					t.Errorf("table %s: %+v", table.Name, c)
				}
			}
		})
	}
}

func TestModelTables(t *testing.T) {
	program, data := openProgram(t, "l3router", true)
	f := advertise(program, data, 50)
	f.direct = false
	m := readModel(t, f)
	if len(f.snapshots) != 0 {
		t.Errorf("snapshots left behind: %v", f.snapshots)
	}
	if m.Program == nil || string(m.Region) != string(f.region) {
		t.Fatal("the region was not read")
	}
	for _, table := range m.Tables {
		if table.Name != "router_ingress.ipv4_lpm" {
			continue
		}
		want := hw.Key{Header: "ipv4", Field: "dst_addr", Width: 32, Kind: pipeline.MatchLPM, Match: "lpm"}
		if len(table.Keys) != 1 || table.Keys[0] != want {
			t.Errorf("keys %+v, want %+v", table.Keys, want)
		}
		if table.Size != 50 || table.Room == nil || *table.Room != 49 || table.Resource != "/router_ingress.ipv4_lpm" {
			t.Errorf("table %+v", table)
		}
		return
	}
	t.Error("table is missing")
}

func TestModelWithoutRegion(t *testing.T) {
	program, data := openProgram(t, "l3router", true)
	f := advertise(program, data, 50)
	f.region = nil
	m := readModel(t, f)
	if diff := m.Compare(program); len(diff) != 0 {
		t.Errorf("differences: %q", diff)
	}
	station, err := program.TableByName("my_station")
	if err != nil {
		t.Fatal(err)
	}
	lpm, err := program.TableByName("ipv4_lpm")
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Capability(station); !c.Holds {
		t.Errorf("exact table: %+v", c)
	}
	if c := m.Capability(lpm); c.Holds || c.Why == "" {
		t.Errorf("lpm table that only dpipe describes: %+v", c)
	}
}

func TestModelDifferences(t *testing.T) {
	tests := []struct {
		name   string
		change func(*fakeDevlink)
		want   string
	}{
		{"extra table", func(f *fakeDevlink) { f.tables = append(f.tables, devlink.DpipeTable{Name: "nowhere", Size: 1}) },
			"nowhere"},
		{"other field", func(f *fakeDevlink) { f.tables[1].Matches[0].FieldID++ }, "dpipe matches"},
		{"other width", func(f *fakeDevlink) {
			for i := range f.headers {
				for j := range f.headers[i].Fields {
					f.headers[i].Fields[j].BitWidth++
				}
			}
		}, "dpipe matches"},
		{"field not described", func(f *fakeDevlink) { f.headers = nil }, "?.?"},
		{"field missing", func(f *fakeDevlink) { f.tables[0].Matches = f.tables[0].Matches[1:] }, "matches 1 fields"},
		{"damaged region", func(f *fakeDevlink) { f.region[len(f.region)/2] ^= 1 }, "cannot be read"},
		{"region is not zstd", func(f *fakeDevlink) { f.region = []byte("{}") }, "cannot be read"},
		{"another program", func(f *fakeDevlink) {
			_, data := openProgram(t, "l2switch", false)
			enc, _ := zstd.NewWriter(nil)
			f.region = enc.EncodeAll(data, nil)
		}, "not in the program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			program, data := openProgram(t, "l3router", true)
			f := advertise(program, data, 50)
			tt.change(f)
			if diff := readModel(t, f).Compare(program); !strings.Contains(strings.Join(diff, "\n"), tt.want) {
				t.Errorf("differences %q, want one with %q", diff, tt.want)
			}
		})
	}
	other, data := openProgram(t, "l2switch", true)
	program, _ := openProgram(t, "l3router", true)
	if diff := readModel(t, advertise(other, data, 50)).Compare(program); len(diff) == 0 {
		t.Error("a device that runs l2switch passes for l3router")
	}
}

func TestModelErrors(t *testing.T) {
	f := &fakeDevlink{fail: errors.ErrUnsupported}
	m, err := hw.ReadModel(context.Background(), f, handle)
	if err != nil || len(m.Tables) != 0 {
		t.Errorf("a device without anything: %v, %v", m, err)
	}
	f.fail = devlink.ErrDeviceGone
	if _, err := hw.ReadModel(context.Background(), f, handle); !errors.Is(err, devlink.ErrDeviceGone) {
		t.Errorf("a device that is gone: %v", err)
	}
	f.fail = fs.ErrPermission
	if _, err := hw.ReadModel(context.Background(), f, handle); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("no permission: %v", err)
	}
	bomb, _ := zstd.NewWriter(nil)
	program, data := openProgram(t, "l3router", true)
	f = advertise(program, data, 1)
	f.region = bomb.EncodeAll(make([]byte, 65<<20), nil)
	if m := readModel(t, f); len(m.Differences) != 1 || m.Program != nil {
		t.Errorf("a region that blows up: %q", m.Differences)
	}
}
