package fuzz_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// programs are the project's own.
func programs(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.json", "features/*.json"} {
		found, err := filepath.Glob(filepath.Join(stftest.Root(t), "testdata", "p4", pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	if len(out) == 0 {
		t.Fatal("no programs")
	}
	return out
}

func load(t testing.TB, path string) *pipeline.Program {
	t.Helper()
	p, err := stftest.LoadProgram(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSameSeed: the same seed makes the same cases, whatever was made before, and another one makes others.
func TestSameSeed(t *testing.T) {
	for _, path := range programs(t) {
		first := fuzz.New(load(t, path), fuzz.Options{Seed: 1, Packets: 20})
		second := fuzz.New(load(t, path), fuzz.Options{Seed: 1, Packets: 20})
		for range 3 {
			second.Case(99)
		}
		for n := range uint64(3) {
			a, b := first.Case(n), second.Case(n)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("%s, case %d (-first +second):\n%s", path, n, diff)
			}
			if other := fuzz.New(load(t, path), fuzz.Options{Seed: 2, Packets: 20}).Case(n); cmp.Equal(a, other) {
				t.Errorf("%s: seeds 1 and 2 make the same case %d", path, n)
			}
		}
	}
}

// seen is what packets have reached.
type seen map[string]bool

func (s seen) Trace(e interp.Event) {
	switch e := e.(type) {
	case interp.ParserState:
		s["state "+e.State.Name] = true
	case interp.Lookup:
		s[fmt.Sprintf("table %s %t", e.Table.Name, e.Hit)] = true
		if e.Call != nil {
			s["table "+e.Table.Name+" "+e.Call.Action.Name] = true
		}
	case interp.Branch:
		s[fmt.Sprintf("if %s %t", e.Conditional.Name, e.Holds)] = true
	}
}

// goals is what packets of a program could reach.
func goals(p *pipeline.Program) []string {
	var out []string
	for _, s := range p.Parsers[0].States {
		out = append(out, "state "+s.Name)
	}
	for _, c := range p.Controls {
		for _, n := range c.Conditionals {
			out = append(out, fmt.Sprintf("if %s true", n.Name), fmt.Sprintf("if %s false", n.Name))
		}
	}
	for _, t := range p.Tables {
		if len(t.Keys) > 0 {
			out = append(out, "table "+t.Name+" true", "table "+t.Name+" false")
		}
		for _, a := range t.Actions {
			out = append(out, "table "+t.Name+" "+a.Name)
		}
	}
	return out
}

// run plays cases on the interpreter.
func run(t *testing.T, path string, cases int) (goal []string, reached seen, refused int) {
	t.Helper()
	p := load(t, path)
	g := fuzz.New(p, fuzz.Options{Seed: 1, Packets: 300})
	reached = seen{}
	for n := range uint64(cases) {
		sw, err := interp.New(p, interp.Options{MaxPasses: 64, Trace: reached})
		if err != nil {
			t.Fatal(err)
		}
		c := g.Case(n)
		test, err := c.Test("case")
		if err != nil {
			t.Fatalf("%s, case %d: %v", path, n, err)
		}
		player := stf.NewPlayer(stf.Engine{Program: p, Target: sw})
		for _, s := range test.Configuration().Statements {
			if player.Play(t.Context(), s) != nil {
				refused++
			}
		}
		for _, packet := range c.Packets {
			_, _ = sw.Process(packet.Port, packet.Data) // what never ends has an error
		}
	}
	return goals(p), reached, refused
}

// TestReach: cases reach nearly everything that a program has.
func TestReach(t *testing.T) {
	for _, path := range programs(t) {
		goal, reached, refused := run(t, path, 40)
		var missing []string
		for _, g := range goal {
			if !reached[g] && !slices.Contains(missing, g) {
				missing = append(missing, g)
			}
		}
		t.Logf("%s: %d of %d, %d lines refused; not: %q", filepath.Base(path), len(goal)-len(missing), len(goal), refused, missing)
	}
}
