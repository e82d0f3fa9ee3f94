package swfallback

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// known is a frame that hits the first entry of smac in l2switch, and aged that entry with a time-out.
func aged(t *testing.T, f *Fallback, after time.Duration) (known []byte, e *pipeline.Entry) {
	t.Helper()
	insert(t, f, "port_vlan 1 0 => set_pvid 10", "smac 10 02:00:00:00:00:05 1 => NoAction")
	e = entry(t, f, "smac 10 02:00:00:00:00:06 1 => NoAction")
	e.IdleTimeout = after
	must(t, f.Insert(e))
	return unhex(t, "020000000002020000000006"+"0800cafef00d"), e
}

// TestSweep: an entry is reported when it has been idle for its time-out, then by every other sweep, until it is hit.
func TestSweep(t *testing.T) { bothForms(t, testSweep) }

func testSweep(t *testing.T, form bpfgen.Form) {
	const after = 250 * time.Millisecond
	f := testRuns(t, small(source(t, "l2switch")), form)
	frame, e := aged(t, f, after)
	other := entry(t, f, "dmac 10 02:00:00:00:00:02 => forward 2")
	other.IdleTimeout = time.Hour
	must(t, f.Insert(other))
	sweep := func(want ...*pipeline.Entry) {
		t.Helper()
		got := found[[]*pipeline.Entry](t, "idle entries")(f.Sweep())
		if len(got) != len(want) || len(got) > 0 && pipeline.FormatEntry(got[0]) != pipeline.FormatEntry(want[0]) {
			t.Errorf("idle: %v, want %v", got, want)
		}
	}
	sweep()
	time.Sleep(2 * after)
	sweep(e)
	sweep()
	sweep(e)
	send(t, f, frame...)
	sweep()
	time.Sleep(2 * after)
	sweep(e)
	must(t, f.Modify(e)) // counts as a hit
	sweep()
	sweep()
	time.Sleep(2 * after)
	must(t, f.Delete(e))
	sweep()
}

// TestIdleTimeouts: the first report comes within a second of the time-out, the next one two seconds later.
func TestIdleTimeouts(t *testing.T) {
	f := testRuns(t, small(source(t, "l2switch")), bpfgen.FormAuto)
	_, e := aged(t, f, 100*time.Millisecond)
	enough := errors.New("enough")
	start := time.Now()
	var at []time.Duration
	err := f.IdleTimeouts(t.Context(), func(idle []*pipeline.Entry) error {
		at = append(at, time.Since(start).Round(time.Second))
		if len(idle) != 1 || pipeline.EntryKey(idle[0]) != pipeline.EntryKey(e) {
			t.Errorf("idle: %v", idle)
		}
		if len(at) == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	same(t, "reports after", at, []time.Duration{time.Second, 3 * time.Second})
}

func TestIdleTimeoutsEnd(t *testing.T) {
	f := testRuns(t, small(source(t, "l2switch")), bpfgen.FormAuto)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.IdleTimeouts(cancelled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	must(t, f.Close())
	if err := f.IdleTimeouts(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	none := testRuns(t, small(source(t, "l3router")), bpfgen.FormAuto)
	if err := none.IdleTimeouts(t.Context(), nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("program without: %v", err)
	}
}
