package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// sourceOf reads a program and the P4Info beside it.
func sourceOf(t testing.TB, path string) swfallback.Source {
	t.Helper()
	var s swfallback.Source
	var err error
	if s.JSON, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if s.P4Info, err = os.ReadFile(strings.TrimSuffix(path, ".json") + ".p4info.txtpb"); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return s
}

func ownProgram(t testing.TB, name string) string {
	return filepath.Join(stftest.Root(t), "testdata", "p4", name+".json")
}

// wrong is a wire with a fault.
type wrong struct {
	stf.Wire
	fault func([]stf.Received) []stf.Received
}

func (w wrong) Collect(ctx context.Context) ([]stf.Received, error) {
	out, err := w.Wire.Collect(ctx)
	return w.fault(out), err
}

// faulty are two interpreters, the second of which has a fault.
func faulty(t *testing.T, name string, fault func([]stf.Received) []stf.Received) *Rivals {
	t.Helper()
	p, err := sourceOf(t, ownProgram(t, name)).Program()
	if err != nil {
		t.Fatal(err)
	}
	r := &Rivals{program: p}
	r.open = func(ctx context.Context, _ Variant) (*side, func() error, error) {
		s, err := r.interpreter(ctx, 0)
		if err != nil {
			return nil, nil, err
		}
		inner := s.engine.Wire.(withDigests)
		s.engine.Wire = withDigests{wrong{inner.Wire, fault}, inner.digests}
		return s, func() error { return nil }, nil
	}
	return r
}

// TestFound: a fault is found and made small, and the test that is written passes on the engine that is right and
// not on the other.
func TestFound(t *testing.T) {
	fault := func(out []stf.Received) []stf.Received {
		return slices.DeleteFunc(out, func(o stf.Received) bool { return o.Port == 2 && len(o.Packet) > 20 })
	}
	r := faulty(t, "l3router", fault)
	found, p, err := r.Run(t.Context(), Hunt{Options: fuzz.Options{Seed: 1}, Count: 200})
	if err != nil || found == nil {
		t.Fatalf("%v, nothing found in %d packets", err, p.Packets)
	}
	if d := found.Difference; d.Kind != "packets" || len(found.Case.Packets) != 1 {
		t.Errorf("%s with %d packets:\n%s", d.Kind, len(found.Case.Packets), found.Test)
	}
	if n := len(found.Case.Config); n > 4 {
		t.Errorf("%d lines of configuration:\n%s", n, found.Test)
	}
	test, err := stf.Read("found", []byte(found.Test))
	if err != nil {
		t.Fatal(err)
	}
	right, err := r.interpreter(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if result, err := stf.Run(t.Context(), test, right.engine); err != nil || !result.OK() {
		t.Errorf("fails where it is right: %v %v", err, result.Err())
	}
	other, _, err := r.open(t.Context(), Variant{})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := stf.Run(t.Context(), test, other.engine); err != nil || result.OK() {
		t.Errorf("passes in spite of the fault: %v", err)
	}
}

// TestNothingFound: an engine does not differ from itself, whatever the program depends on.
func TestNothingFound(t *testing.T) {
	same := func(out []stf.Received) []stf.Received { return out }
	for _, name := range []string{"mpls_edge", "features/state", "features/replicate", "features/selector", "features/value_set"} {
		found, p, err := faulty(t, name, same).Run(t.Context(), Hunt{Options: fuzz.Options{Seed: 1, Packets: 50}, Count: 10})
		if err != nil || found != nil || p.Cases != 10 || p.Packets < 300 {
			t.Errorf("%s: %v, %+v after %+v", name, err, found, p)
		}
	}
}

// FuzzEngines runs cases of the project's programs on both engines.
func FuzzEngines(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join(stftest.Root(f), "testdata", "p4", "*.json"))
	if err != nil || len(paths) == 0 {
		f.Fatal(err, paths)
	}
	features, _ := filepath.Glob(filepath.Join(stftest.Root(f), "testdata", "p4", "features", "*.json"))
	paths = append(paths, features...)
	for i := range paths {
		f.Add(uint8(i), uint64(0))
	}
	f.Fuzz(func(t *testing.T, program uint8, seed uint64) {
		bpftest.Require(t, "root", "bpf")
		path := paths[int(program)%len(paths)]
		r, err := NewRivals(t.Context(), sourceOf(t, path), TestRuns, nil)
		if err != nil && Unsupported(err) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		found, _, err := r.Run(t.Context(), Hunt{Options: fuzz.Options{Seed: seed, Packets: 100}, Count: 1})
		switch {
		case err != nil && Unsupported(err):
			t.Skip(err)
		case err != nil:
			t.Fatal(err)
		case found != nil:
			t.Errorf("%s: %s", path, found.Test)
		}
	})
}

// TestFoundBefore plays what was found before on every engine. The folders of testdata/fuzz are those of the programs:
// "p4" of testdata, "conformance" of the corpus.
func TestFoundBefore(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	folder := filepath.Join(stftest.Root(t), "testdata", "fuzz")
	cases, err := stf.Find(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		name, err := filepath.Rel(folder, filepath.FromSlash(c.Name))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.ToSlash(name), func(t *testing.T) {
			dir, file := filepath.Split(name)
			base := filepath.Join(stftest.Root(t), "testdata")
			if strings.HasPrefix(dir, "conformance") {
				base = filepath.Dir(stftest.Corpus(t))
			}
			if c.Program = programNamed(filepath.Join(base, dir), file); c.Program == "" {
				t.Fatal("no program of that name")
			}
			playEverywhere(t, c)
		})
	}
}

// playEverywhere plays a case on both engines, eBPF in both of its forms.
func playEverywhere(t *testing.T, c stf.Case) {
	for _, on := range []struct {
		engine  Engine
		variant Variant
	}{{Interpreter, Variant{}}, {Kernel, Variant{}}, {Kernel, Variant{Form: bpfgen.FormGeneral}}, {Kernel, Variant{PlainMaps: true}}} {
		t.Run(fmt.Sprintf("%s %s", on.engine, on.variant), func(t *testing.T) {
			if on.engine != Interpreter {
				bpftest.Require(t, "root", "bpf", "netns")
			}
			bed := Bed{Variant: on.variant, Open: func(path string) (swfallback.Source, error) { return sourceOf(t, path), nil }}
			if o := bed.Run(t.Context(), c, on.engine); o.State != Passed {
				t.Errorf("%s: %v %v", o.State, o.Err, o.Failures)
			}
		})
	}
}

// programNamed finds the program that a test is named after; "": there is none.
func programNamed(dir, name string) string {
	for name != "" {
		path := filepath.Join(dir, name+".json")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		name = name[:max(strings.LastIndexByte(name, '_'), 0)]
	}
	return ""
}

// TestHuntEnds: a hunt ends with its time and with its context.
func TestHuntEnds(t *testing.T) {
	same := func(out []stf.Received) []stf.Received { return out }
	r := faulty(t, "l3router", same)
	if found, _, err := r.Run(t.Context(), Hunt{Options: fuzz.Options{Packets: 5}, Time: 50 * time.Millisecond}); found != nil || err != nil {
		t.Error(found, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := r.Run(ctx, Hunt{Options: fuzz.Options{Packets: 5}}); err == nil {
		t.Error("a hunt goes on although its context has ended")
	}
}
