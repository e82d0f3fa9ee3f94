package contract

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/p4dev/p4dev/devlink"
)

// devices lists the devices and gets the one.
func (s *suite) devices(t *testing.T, ctx context.Context) {
	list, err := s.c.Devices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(d devlink.Device) bool { return d.Handle == s.want.Device })
	if i < 0 {
		t.Fatalf("%v is not among %v", s.want.Device, list)
	}
	one, err := s.c.Device(ctx, s.want.Device)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, list[i]) {
		t.Errorf("got %+v, listed as %+v", one, list[i])
	}
}

// info asks for identity and versions.
func (s *suite) info(t *testing.T, ctx context.Context) {
	info, err := s.c.Info(ctx, s.want.Device)
	if errors.Is(err, errors.ErrUnsupported) && s.want.Driver == "" && s.want.Versions == nil {
		t.Skipf("not supported: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if info.Handle != s.want.Device {
		t.Errorf("got info of %v", info.Handle)
	}
	if s.want.Driver != "" && info.Driver != s.want.Driver {
		t.Errorf("got driver %q, want %q", info.Driver, s.want.Driver)
	}
	if s.want.Versions != nil && !reflect.DeepEqual(info.Versions, *s.want.Versions) {
		t.Errorf("got versions %v, want %v", info.Versions, *s.want.Versions)
	}
	all, err := s.c.Infos(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(i devlink.Info) bool { return reflect.DeepEqual(i, info) }) {
		t.Errorf("%+v is not among %+v", info, all)
	}
}

// ports lists the ports and gets each.
func (s *suite) ports(t *testing.T, ctx context.Context) {
	list, err := s.c.Ports(ctx, s.want.Device)
	if !listed(t, err, s.want.Ports, names(list, func(p devlink.Port) string { return p.NetDev })) {
		return
	}
	all, err := s.c.Ports(ctx, devlink.Handle{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		one, err := s.c.Port(ctx, s.want.Device, p.Index)
		if err != nil || !reflect.DeepEqual(one, p) {
			t.Errorf("got %+v, %v, listed as %+v", one, err, p)
		}
		if !slices.ContainsFunc(all, func(q devlink.Port) bool { return reflect.DeepEqual(p, q) }) {
			t.Errorf("port %v is not among those of all devices", p)
		}
	}
	if _, err := s.c.Port(ctx, s.want.Device, 1<<30); !errors.Is(err, devlink.ErrDeviceGone) {
		t.Errorf("a port that is not there: got %v, want ErrDeviceGone", err)
	}
}

// dpipe reads the pipeline: every reference of every table and entry has to be described.
func (s *suite) dpipe(t *testing.T, ctx context.Context) {
	headers, err := s.c.DpipeHeaders(ctx, s.want.Device)
	if !listed(t, err, s.want.Headers, names(headers, func(h devlink.DpipeHeader) string { return h.Name })) {
		return
	}
	tables, err := s.c.DpipeTables(ctx, s.want.Device)
	if !listed(t, err, s.want.Tables, names(tables, func(t devlink.DpipeTable) string { return t.Name })) {
		return
	}
	for _, table := range tables {
		var refs []devlink.DpipeFieldRef
		for _, m := range table.Matches {
			refs = append(refs, m.DpipeFieldRef)
		}
		for _, a := range table.Actions {
			refs = append(refs, a.DpipeFieldRef)
		}
		resolves(t, headers, table.Name, refs)
		one, err := s.c.DpipeTable(ctx, s.want.Device, table.Name)
		if err != nil || !reflect.DeepEqual(one, table) {
			t.Errorf("got %+v, %v, listed as %+v", one, err, table)
		}
		s.entries(t, ctx, headers, table)
	}
}

// entries reads the entries of one table, to the end and once more not to the end.
func (s *suite) entries(t *testing.T, ctx context.Context, headers devlink.DpipeHeaders, table devlink.DpipeTable) {
	want, expected := s.want.Entries[table.Name]
	n := 0
	seen := make(map[uint64]bool)
	for e, err := range s.c.DpipeEntries(ctx, s.want.Device, table.Name) {
		if err != nil {
			if expected {
				t.Errorf("table %s: %v", table.Name, err)
			}
			return // not every table can list its entries
		}
		n++
		if seen[e.Index] {
			t.Errorf("table %s: two entries have index %d", table.Name, e.Index)
		}
		seen[e.Index] = true
		if e.HasCounter && !table.CountersEnabled {
			t.Errorf("table %s: entry %d has a counter, counters are off", table.Name, e.Index)
		}
		var refs []devlink.DpipeFieldRef
		for _, v := range slices.Concat(e.Match, e.Action) {
			refs = append(refs, v.Field)
			if v.Mask != nil && len(v.Mask) != len(v.Value) {
				t.Errorf("table %s: entry %d has a value of %d bytes and a mask of %d",
					table.Name, e.Index, len(v.Value), len(v.Mask))
			}
		}
		resolves(t, headers, table.Name, refs)
	}
	if expected && n != want {
		t.Errorf("table %s: got %d entries, want %d", table.Name, n, want)
	}
	for _, err := range s.c.DpipeEntries(ctx, s.want.Device, table.Name) {
		if err != nil {
			t.Errorf("table %s: %v", table.Name, err)
		}
		break
	}
}

// resolves checks that references are described.
func resolves(t *testing.T, headers devlink.DpipeHeaders, table string, refs []devlink.DpipeFieldRef) {
	t.Helper()
	for _, ref := range refs {
		if _, f := headers.Find(ref); f == nil {
			t.Errorf("table %s: no header has the field %+v", table, ref)
		}
	}
}

// resources lists the resources; every table's resource has to be among them.
func (s *suite) resources(t *testing.T, ctx context.Context) {
	list, err := s.c.Resources(ctx, s.want.Device)
	if !listed(t, err, s.want.Resources, names(list, func(r devlink.Resource) string { return r.Name })) {
		return
	}
	tables, err := s.c.DpipeTables(ctx, s.want.Device)
	if err != nil {
		return
	}
	for _, table := range tables {
		if table.ResourceID == nil {
			continue
		}
		if r, _ := devlink.FindResource(list, *table.ResourceID); r == nil {
			t.Errorf("table %s draws from resource %d, which is not there", table.Name, *table.ResourceID)
		}
	}
}

// regions lists the regions and gets each.
func (s *suite) regions(t *testing.T, ctx context.Context) {
	list, err := s.c.Regions(ctx, s.want.Device)
	if !listed(t, err, s.want.Regions, names(list, func(r devlink.Region) string { return r.Name })) {
		return
	}
	for _, r := range list {
		if r.Port != nil {
			continue
		}
		one, err := s.c.Region(ctx, s.want.Device, r.Name)
		if err != nil || !reflect.DeepEqual(one, r) {
			t.Errorf("got %+v, %v, listed as %+v", one, err, r)
		}
	}
}

// contents reads regions directly, whole and in parts.
func (s *suite) contents(t *testing.T, ctx context.Context) {
	for name, want := range s.want.Contents {
		s.readParts(t, ctx, devlink.RegionRead{Region: name}, want)
	}
}

// readParts reads a region whole, in parts that do and do not fall on the kernel's pieces of 256 bytes, and beyond
// the end.
func (s *suite) readParts(t *testing.T, ctx context.Context, r devlink.RegionRead, want []byte) {
	size := uint64(len(want))
	for _, part := range [][2]uint64{{0, 0}, {0, size}, {0, 1}, {1, size - 1}, {255, 2}, {256, 256}, {size - 1, 1}, {size / 2, 0}} {
		r.Offset, r.Length = part[0], part[1]
		end := r.Offset + r.Length
		if r.Length == 0 {
			end = size
		}
		if r.Offset >= size || end > size {
			continue
		}
		got, err := s.c.ReadRegion(ctx, s.want.Device, r)
		if err != nil || !bytes.Equal(got, want[r.Offset:end]) {
			t.Errorf("%s from %d, %d bytes: got %d bytes, %v", r.Region, part[0], part[1], len(got), err)
		}
	}
	r.Offset, r.Length = size-1, 10
	got, err := s.c.ReadRegion(ctx, s.want.Device, r)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got, want[size-1:]) {
		t.Errorf("%s over the end: got %x, %v, want the last byte and io.ErrUnexpectedEOF", r.Region, got, err)
	}
	var copied bytes.Buffer
	r.Offset, r.Length = 0, 0
	n, err := s.c.CopyRegion(ctx, &copied, s.want.Device, r)
	if err != nil || n != int64(size) || !bytes.Equal(copied.Bytes(), want) {
		t.Errorf("%s copied: got %d bytes, %v", r.Region, n, err)
	}
}

// params lists the parameters and gets each.
func (s *suite) params(t *testing.T, ctx context.Context) {
	list, err := s.c.Params(ctx, s.want.Device)
	if !listed(t, err, s.want.Params, names(list, func(p devlink.Param) string { return p.Name })) {
		return
	}
	for _, p := range list {
		one, err := s.c.Param(ctx, s.want.Device, p.Name)
		if err != nil || !reflect.DeepEqual(one, p) {
			t.Errorf("got %+v, %v, listed as %+v", one, err, p)
		}
	}
}

// health lists the reporters, gets each and has it diagnose.
func (s *suite) health(t *testing.T, ctx context.Context) {
	list, err := s.c.Reporters(ctx, s.want.Device)
	if !listed(t, err, s.want.Reporters, names(list, func(r devlink.Reporter) string { return r.Name })) {
		return
	}
	for _, r := range list {
		if r.Port != nil {
			continue
		}
		one, err := s.c.Reporter(ctx, s.want.Device, r.Name)
		if err != nil || !reflect.DeepEqual(one, r) {
			t.Errorf("got %+v, %v, listed as %+v", one, err, r)
		}
		v, err := s.c.Diagnose(ctx, s.want.Device, r.Name)
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if _, ok := v.(devlink.Message); err != nil || !ok {
			t.Errorf("reporter %s: got diagnosis %v, %v, want a Message", r.Name, v, err)
		}
	}
}

// traps lists the traps with their groups and policers: every group has to be there.
func (s *suite) traps(t *testing.T, ctx context.Context) {
	list, err := s.c.Traps(ctx, s.want.Device)
	if !listed(t, err, s.want.Traps, names(list, func(t devlink.Trap) string { return t.Name })) {
		return
	}
	groups, err := s.c.TrapGroups(ctx, s.want.Device)
	if !listed(t, err, nil, nil) {
		return
	}
	for _, trap := range list {
		if !slices.ContainsFunc(groups, func(g devlink.TrapGroup) bool { return g.Name == trap.Group }) {
			t.Errorf("trap %s is in group %s, which is not there", trap.Name, trap.Group)
		}
	}
	_, err = s.c.TrapPolicers(ctx, s.want.Device)
	listed(t, err, nil, nil)
}

// refusals asks for things that the device does not have: every answer has to be an OpError about it.
func (s *suite) refusals(t *testing.T, ctx context.Context) {
	const none = "no-such-thing"
	d := s.want.Device
	_, regionErr := s.c.Region(ctx, d, none)
	_, readErr := s.c.ReadRegion(ctx, d, devlink.RegionRead{Region: none})
	_, snapshotErr := s.c.NewSnapshot(ctx, d, none, nil)
	_, paramErr := s.c.Param(ctx, d, none)
	_, reporterErr := s.c.Reporter(ctx, d, none)
	_, diagnoseErr := s.c.Diagnose(ctx, d, none)
	var entriesErr error
	for _, entriesErr = range s.c.DpipeEntries(ctx, d, none) {
	}
	for what, err := range map[string]error{
		"region": regionErr, "read": readErr, "snapshot": snapshotErr, "parameter": paramErr, "reporter": reporterErr,
		"diagnosis": diagnoseErr, "entries": entriesErr,
		"counters":  s.c.SetDpipeCounters(ctx, d, none, true),
		"resource":  s.c.SetResource(ctx, d, 1<<60, 1),
		"set param": s.c.SetParam(ctx, d, none, devlink.CModeRuntime, true),
		"set trap":  s.c.SetTrap(ctx, d, none, devlink.TrapActionDrop),
		"recover":   s.c.Recover(ctx, d, none),
	} {
		var op *devlink.OpError
		if !errors.As(err, &op) || op.Device != d || op.Errno == 0 {
			t.Errorf("%s: got %v, want an OpError about %v", what, err, d)
		}
	}
}
