package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// writer cancels a context when a text has been written.
type writer struct {
	b      bytes.Buffer
	text   string
	cancel context.CancelFunc
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.b.Write(p)
	if w.text != "" && strings.Contains(w.b.String(), w.text) {
		w.cancel()
	}
	return n, err
}

// gone checks that a run took its folder, its pins and its network devices with it.
func gone(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	pins := fmt.Sprintf("/sys/fs/bpf/p4dev/demo-%d", os.Getpid())
	if _, err := os.Stat(pins); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %s, %v", pins, err)
	}
}

// TestRun: no packet is lost or changed while routes are divided between device and eBPF, while a package of another
// source is loaded, and after it.
func TestRun(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	t.Setenv("TMPDIR", t.TempDir())
	var out writer
	r, err := Run(t.Context(), Options{Out: &out})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.b.String())
	}
	gone(t)
	if !r.OK() || len(r.Phases) != 3 || r.Gate != "mismatch" {
		t.Fatalf("sent %d, lost %d, wrong %d in %d phases, gate %s\n%s", r.Sent, r.Lost, r.Wrong, len(r.Phases), r.Gate, out.b.String())
	}
	if first := r.Phases[0]; first.HW != hardwareRoutes*perRoute || first.HW+first.SW != first.Sent {
		t.Errorf("with an open gate hw %d and ebpf %d of %d packets, room for %d routes of %d packets each",
			first.HW, first.SW, first.Sent, hardwareRoutes, perRoute)
	}
	if last := r.Phases[2]; last.HW != 0 || last.SW != last.Sent || last.Gate.Open() {
		t.Errorf("with a shut gate hw %d and ebpf %d of %d packets", last.HW, last.SW, last.Sent)
	}
	if r.Phases[1].Sent == 0 {
		t.Error("no packets during the load")
	}
	for _, text := range []string{"parse_ipv4", "router_ingress.ipv4_lpm", "gate      verified", "gate      mismatch", "hand over"} {
		if !strings.Contains(out.b.String(), text) {
			t.Errorf("nothing is said of %q:\n%s", text, out.b.String())
		}
	}
}

// TestCancel: at whatever moment a run ends, it takes everything with it, and says that it did not finish.
func TestCancel(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	for _, text := range []string{"packed", "Flashing", "attached", "inserted", "a load is in progress"} {
		t.Run(text, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := writer{text: text, cancel: cancel}
			if _, err := Run(ctx, Options{Out: &out}); err == nil {
				t.Error("a run that was cancelled is no error")
			}
			if strings.Contains(out.b.String(), "the device runs another program") {
				t.Errorf("went on after %q:\n%s", text, out.b.String())
			}
			gone(t)
		})
	}
}

// TestTrafficCounts: the checker sees what is lost, changed, or comes twice.
func TestTrafficCounts(t *testing.T) {
	const route = 3
	f := newTraffic(nil, nil)
	for seq := range uint32(4) {
		f.want[seq] = pending{route, routes[route].expect(seq)}
		f.next = seq + 1
	}
	f.got[route].Sent = 4
	f.check(routes[route].expect(0))
	f.check(routes[route].expect(0)) // again
	changed := routes[route].expect(1)
	changed[len(changed)-1] ^= 1
	f.check(changed)
	f.check(routes[route].expect(2))
	f.check([]byte("not ours"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // waits for nothing
	var sum Tally
	for _, tally := range f.collect(ctx) {
		sum.add(tally)
	}
	if want := (Tally{Sent: 4, Lost: 1, Wrong: 2}); sum != want {
		t.Errorf("got %+v, want %+v", sum, want)
	}
}
