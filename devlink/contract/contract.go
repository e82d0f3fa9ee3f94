package contract

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink"
)

// An Expectation says what the endpoint has and what may be done to it. Lists of names are compared as sets; a nil
// list is not compared, and the kind may then be unsupported as well. Whatever changes the device asks for a yes.
type Expectation struct {
	// Device is the device that is looked at. It is required.
	Device devlink.Handle
	// Driver, where it is not empty, is compared.
	Driver string
	// Versions, where it is not nil, is compared whole.
	Versions *devlink.Versions

	Ports     []string // network interface names
	Headers   []string
	Tables    []string
	Resources []string // top level
	Regions   []string
	Params    []string
	Reporters []string
	Traps     []string

	// Entries is how many entries a dpipe table has.
	Entries map[string]int
	// Contents is what a region holds when it is read directly.
	Contents map[string][]byte

	// Snapshots names a region of which a snapshot may be taken and deleted; empty: none.
	Snapshots string
	// Counters names a dpipe table whose counters may be switched; empty: none.
	Counters string
	// Flash, where it is not nil, may be done.
	Flash *Flash
	// Reload, where it is not nil, may be done.
	Reload *devlink.ReloadRequest

	// Timeout bounds every step; 0: 30 seconds.
	Timeout time.Duration
}

// A Flash is a flash update that may be done, and what has to come of it.
type Flash struct {
	Request devlink.FlashRequest
	// Statuses is the least number of progress reports.
	Statuses int
	// After, where it is not nil, is compared with the versions after the update.
	After *devlink.Versions
}

// A suite is one run.
type suite struct {
	c    *devlink.Client
	dial func(ctx context.Context) (*devlink.Client, error)
	want Expectation
}

// Run runs the suite as subtests of t. Dial is called several times; the clients are closed before Run returns.
func Run(t *testing.T, dial func(ctx context.Context) (*devlink.Client, error), want Expectation) {
	t.Helper()
	if want.Device.IsZero() {
		t.Fatal("contract: the expectation names no device")
	}
	if want.Timeout == 0 {
		want.Timeout = 30 * time.Second
	}
	c, err := dial(t.Context())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer c.Close()
	s := &suite{c: c, dial: dial, want: want}
	for _, step := range []struct {
		name string
		run  func(*testing.T, context.Context)
	}{
		{"devices", s.devices}, {"info", s.info}, {"ports", s.ports}, {"dpipe", s.dpipe}, {"resources", s.resources},
		{"regions", s.regions}, {"contents", s.contents}, {"params", s.params}, {"health", s.health}, {"traps", s.traps},
		{"refusals", s.refusals}, {"absent device", s.absent}, {"context", s.cancelled}, {"concurrency", s.concurrency},
		{"close", s.closed}, {"snapshots", s.snapshots}, {"counters", s.counters}, {"flash", s.flash},
		{"flash refused", s.flashRefused}, {"reload", s.reload},
	} {
		t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), want.Timeout)
			defer cancel()
			step.run(t, ctx)
		})
	}
}

// listed checks the names of a list. It returns false where the list is not there, which is fine if none is expected.
func listed(t *testing.T, err error, want, got []string) bool {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) && len(want) == 0 {
		t.Logf("not supported: %v", err)
		return false
	}
	if err != nil {
		t.Error(err)
		return false
	}
	if want == nil {
		return true
	}
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	if !slices.Equal(want, got) {
		t.Errorf("got %q, want %q", got, want)
	}
	return true
}

// names maps a list to the names of its elements.
func names[T any](list []T, name func(T) string) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, name(v))
	}
	return out
}

// absent asks for a device that is not there.
func (s *suite) absent(t *testing.T, ctx context.Context) {
	none := devlink.Handle{Bus: s.want.Device.Bus, Dev: "no-such-device"}
	if none == s.want.Device {
		t.Skip("the device has the name of one that is not there")
	}
	_, deviceErr := s.c.Device(ctx, none)
	_, infoErr := s.c.Info(ctx, none)
	_, tablesErr := s.c.DpipeTables(ctx, none)
	_, regionErr := s.c.ReadRegion(ctx, none, devlink.RegionRead{Region: "r"})
	for what, err := range map[string]error{
		"device": deviceErr, "info": infoErr, "tables": tablesErr, "region": regionErr,
		"flash": s.c.Flash(ctx, none, devlink.FlashRequest{File: "f"}, func(devlink.FlashStatus) {}),
	} {
		if !errors.Is(err, devlink.ErrDeviceGone) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want ErrDeviceGone", what, err)
		}
		var op *devlink.OpError
		if !errors.As(err, &op) || op.Device != none {
			t.Errorf("%s: got %#v, want an OpError about %v", what, err, none)
		}
	}
}

// cancelled calls with a context that has ended, and again with one that has not.
func (s *suite) cancelled(t *testing.T, ctx context.Context) {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.c.Devices(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := s.c.Devices(ctx); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	m, err := s.c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	for _, err := range m.Events(short) { // other tests' notifications may come
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("monitor: got %v, want context.DeadlineExceeded", err)
		}
	}
}

// concurrency makes calls from several goroutines.
func (s *suite) concurrency(t *testing.T, ctx context.Context) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if d, err := s.c.Device(ctx, s.want.Device); err != nil || d.Handle != s.want.Device {
					t.Errorf("got %v, %v", d, err)
				}
				if _, err := s.c.Ports(ctx, s.want.Device); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// closed closes a client while a call waits.
func (s *suite) closed(t *testing.T, ctx context.Context) {
	c, err := s.dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := m.Next(ctx); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-done; err == nil || ctx.Err() != nil {
		t.Errorf("monitor of a closed client: got %v", err)
	}
	if _, err := c.Devices(ctx); !errors.Is(err, devlink.ErrClosed) {
		t.Errorf("call on a closed client: got %v, want ErrClosed", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}
