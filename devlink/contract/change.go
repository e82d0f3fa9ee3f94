package contract

import (
	"context"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"testing"

	"github.com/p4dev/p4dev/devlink"
)

// snapshots takes a snapshot, reads it and deletes it, while a monitor looks on.
func (s *suite) snapshots(t *testing.T, ctx context.Context) {
	region := s.want.Snapshots
	if region == "" {
		t.Skip("not allowed by the expectation")
	}
	m, err := s.c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	id, err := s.c.NewSnapshot(ctx, s.want.Device, region, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.awaitSnapshot(t, ctx, m, region, id, false)
	r, err := s.c.Region(ctx, s.want.Device, region)
	if err != nil || !slices.Contains(r.Snapshots, id) {
		t.Errorf("got %+v, %v, want snapshot %d in it", r, err, id)
	}
	data, err := s.c.ReadRegion(ctx, s.want.Device, devlink.RegionRead{Region: region, Snapshot: &id})
	if err != nil || uint64(len(data)) != r.Size {
		t.Errorf("got %d bytes, %v, want %d", len(data), err, r.Size)
	} else {
		s.readParts(t, ctx, devlink.RegionRead{Region: region, Snapshot: &id}, data)
	}
	if _, err := s.c.NewSnapshot(ctx, s.want.Device, region, &id); err == nil {
		t.Errorf("a second snapshot %d was taken", id)
	}
	if err := s.c.DelSnapshot(ctx, s.want.Device, region, id); err != nil {
		t.Fatal(err)
	}
	s.awaitSnapshot(t, ctx, m, region, id, true)
	if r, err := s.c.Region(ctx, s.want.Device, region); err != nil || slices.Contains(r.Snapshots, id) {
		t.Errorf("got %+v, %v, want no snapshot %d in it", r, err, id)
	}
	if err := s.c.DelSnapshot(ctx, s.want.Device, region, id); err == nil {
		t.Errorf("snapshot %d was deleted twice", id)
	}
}

// awaitSnapshot reads notifications until one is about the snapshot.
func (s *suite) awaitSnapshot(t *testing.T, ctx context.Context, m *devlink.Monitor, region string, id uint32, deleted bool) {
	t.Helper()
	for ev, err := range m.Events(ctx) {
		if err != nil {
			t.Fatalf("no notification about snapshot %d: %v", id, err)
		}
		if ev.Device == s.want.Device && ev.Region != nil && ev.Region.Name == region && ev.Deleted == deleted &&
			slices.Equal(ev.Region.Snapshots, []uint32{id}) {
			return
		}
	}
}

// counters switches the counters of a table over and back.
func (s *suite) counters(t *testing.T, ctx context.Context) {
	name := s.want.Counters
	if name == "" {
		t.Skip("not allowed by the expectation")
	}
	before, err := s.c.DpipeTable(ctx, s.want.Device, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range []bool{!before.CountersEnabled, before.CountersEnabled} {
		if err := s.c.SetDpipeCounters(ctx, s.want.Device, name, on); err != nil {
			t.Fatal(err)
		}
		if after, err := s.c.DpipeTable(ctx, s.want.Device, name); err != nil || after.CountersEnabled != on {
			t.Errorf("got %+v, %v, want counters to be %v", after, err, on)
		}
	}
}

// flash updates the device, with its progress seen by the caller and by a monitor.
func (s *suite) flash(t *testing.T, ctx context.Context) {
	f := s.want.Flash
	if f == nil {
		t.Skip("not allowed by the expectation")
	}
	m, err := s.c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var statuses []devlink.FlashStatus
	err = s.c.Flash(ctx, s.want.Device, f.Request, func(st devlink.FlashStatus) { statuses = append(statuses, st) })
	if err != nil {
		t.Fatal(err)
	}
	if len(statuses) < f.Statuses {
		t.Errorf("got %d progress reports, want %d: %+v", len(statuses), f.Statuses, statuses)
	}
	for _, st := range statuses {
		if st.Total != 0 && st.Done > st.Total {
			t.Errorf("progress beyond the end: %+v", st)
		}
	}
	if seen := s.flashEvents(t, ctx, m); !reflect.DeepEqual(seen, statuses) {
		t.Errorf("the monitor saw %+v, the caller %+v", seen, statuses)
	}
	info, err := s.c.Info(ctx, s.want.Device)
	if f.After != nil && (err != nil || !reflect.DeepEqual(info.Versions, *f.After)) {
		t.Errorf("got versions %v, %v, want %v", info.Versions, err, *f.After)
	}
}

// flashEvents collects the notifications of one update.
func (s *suite) flashEvents(t *testing.T, ctx context.Context, m *devlink.Monitor) []devlink.FlashStatus {
	var seen []devlink.FlashStatus
	for ev, err := range m.Events(ctx) {
		if err != nil {
			t.Errorf("the monitor saw no end of the update: %v", err)
			break
		}
		if ev.Device != s.want.Device {
			continue
		}
		if ev.Command == devlink.CmdFlashUpdateStatus {
			seen = append(seen, *ev.Flash)
		}
		if ev.Command == devlink.CmdFlashUpdateEnd {
			break
		}
	}
	return seen
}

// flashRefused asks for a file that is not there.
func (s *suite) flashRefused(t *testing.T, ctx context.Context) {
	if s.want.Flash == nil {
		t.Skip("not allowed by the expectation")
	}
	r := devlink.FlashRequest{File: "p4dev/no-such-file"}
	err := s.c.Flash(ctx, s.want.Device, r, func(devlink.FlashStatus) {})
	var op *devlink.OpError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &op) || op.Message == "" {
		t.Errorf("a file that is not there: got %v, want fs.ErrNotExist with the kernel's words", err)
	}
}

// reload reloads the device. The device is there afterwards and has counted it.
func (s *suite) reload(t *testing.T, ctx context.Context) {
	r := s.want.Reload
	if r == nil {
		t.Skip("not allowed by the expectation")
	}
	before, err := s.c.Device(ctx, s.want.Device)
	if err != nil {
		t.Fatal(err)
	}
	performed, err := s.c.Reload(ctx, s.want.Device, *r)
	if err != nil {
		t.Fatal(err)
	}
	if r.Action != devlink.ReloadDefault && !slices.Contains(performed, r.Action) {
		t.Errorf("performed %v, want %v among them", performed, r.Action)
	}
	after, err := s.c.Device(ctx, s.want.Device)
	if err != nil || after.ReloadFailed {
		t.Fatalf("got %+v, %v", after, err)
	}
	limit := devlink.ReloadUnlimited
	if len(r.Limits) > 0 {
		limit = r.Limits[0]
	}
	for _, action := range performed {
		if was, is := before.Reload[action][limit], after.Reload[action][limit]; is != was+1 {
			t.Errorf("%v reloads with limit %v: counted %d before and %d after", action, limit, was, is)
		}
	}
}
