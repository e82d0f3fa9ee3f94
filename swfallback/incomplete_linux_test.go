package swfallback

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestOpenTellsIncompleteFromAbsent takes single pins away from a target that replicates, and so has every kind of pin.
func TestOpenTellsIncompleteFromAbsent(t *testing.T) {
	fab := newFabric(t, source(t, "l2switch"), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
	dir := fab.place.dir("test")
	var pins []string
	for _, pattern := range []string{"pipeline/programs/*", "pipeline/maps/*", "links/xdp_*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) < 2 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		pins = append(pins, found...)
	}
	pins = append(pins, fab.place.pipeline("test"), filepath.Join(fab.place.pipeline("test"), "maps"), fab.place.links("test"))
	for _, pin := range pins {
		aside := filepath.Join(fab.place.BPF, "aside")
		if err := os.Rename(pin, aside); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), "test", At(fab.place))
		if !errors.Is(err, ErrIncomplete) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without %s: %v, want ErrIncomplete", pin, err)
		}
		if err := os.Rename(aside, pin); err != nil {
			t.Fatal(err)
		}
	}
	reopen(t, fab.Fallback) // with all of them
	if _, err := Open(t.Context(), "absent", At(fab.place)); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrIncomplete) {
		t.Errorf("open what is not there: %v", err)
	}
}

// TestRemoveTakesAwayTheHalfAttached leaves what processes leave that are killed at different points of Attach.
func TestRemoveTakesAwayTheHalfAttached(t *testing.T) {
	for name, lost := range map[string][]string{
		"between the links of two ports":      {"links/xdp_2", "links/tc_2"},
		"between the two links of a port":     {"links/xdp_1", "links/xdp_2", "links/tc_2"},
		"between the pipeline and the links":  {"links"},
		"between the maps":                    {"pipeline/maps/" + mapSource, "links"},
		"between the programs and the maps":   {"pipeline/maps", "links"},
		"before anything of it was pinned":    {"pipeline/programs", "pipeline/maps", "links"},
		"before even the folders were inside": {"pipeline", "links"},
	} {
		t.Run(name, func(t *testing.T) {
			fab := newFabric(t, source(t, "l2switch"), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2)
			status, err := fab.Show()
			if err != nil {
				t.Fatal(err)
			}
			for _, pin := range lost {
				if err := os.RemoveAll(filepath.Join(fab.place.dir("test"), pin)); err != nil {
					t.Fatal(err)
				}
			}
			fab.Close() // what is not pinned ends with the process
			if _, err := Open(t.Context(), "test", At(fab.place)); !errors.Is(err, ErrIncomplete) {
				t.Errorf("open: %v, want ErrIncomplete", err)
			}
			if _, err := Attach(t.Context(), Config{Name: "test", Source: source(t, "l2switch"), Place: fab.place}); !errors.Is(err, ErrBusy) {
				t.Errorf("attach: %v, want ErrBusy", err)
			}
			if err := Remove(t.Context(), "test", fab.place); err != nil {
				t.Fatal(err)
			}
			checkGone(t, fab, status)
		})
	}
}
