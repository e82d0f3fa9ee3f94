package offload_test

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/offload"
)

func TestFileMarks(t *testing.T) {
	p := newTestProgram()
	marks := offload.FileMarks{Path: filepath.Join(t.TempDir(), "run", "marks.json")}
	if got, err := marks.Marked(p.exact); err != nil || len(got) != 0 {
		t.Fatalf("without a file: %v, %v", got, err)
	}
	want := map[string]bool{"\x00\xff\x80": true, "a": true}
	if err := marks.SetMarked(p.exact, want); err != nil {
		t.Fatal(err)
	}
	if err := marks.SetMarked(p.acl, map[string]bool{"b": true, "c": false}); err != nil {
		t.Fatal(err)
	}
	if got, err := marks.Marked(p.exact); err != nil || !maps.Equal(got, want) {
		t.Errorf("marks %v, %v; want %v", got, err, want)
	}
	if err := marks.SetMarked(p.exact, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := marks.Marked(p.exact); err != nil || len(got) != 0 {
		t.Errorf("after they are gone: %v, %v", got, err)
	}
	if got, err := marks.Marked(p.acl); err != nil || !maps.Equal(got, map[string]bool{"b": true}) {
		t.Errorf("the other table: %v, %v", got, err)
	}
}

// TestMarksOutliveTheProcess: a second manager, as the next command makes one, leaves a marked entry outside.
func TestMarksOutliveTheProcess(t *testing.T) {
	p := newTestProgram()
	sw, hw := &software{side: newSide(), forgetful: true}, newHardware(1)
	marks := offload.FileMarks{Path: filepath.Join(t.TempDir(), "marks.json")}
	manager := func() *offload.Manager {
		m, err := offload.NewManager(offload.Config{Program: p.Program, Software: sw, Hardware: hw, Gate: verified, Marks: marks})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	outside := exactEntry(p, 1, 1)
	outside.SkipHW = true
	if err := manager().Insert(outside); err != nil {
		t.Fatal(err)
	}
	if err := manager().Insert(exactEntry(p, 2, 1)); err != nil {
		t.Fatal(err)
	}
	if in, why := places(t, manager(), p.exact); in[0] || !in[1] || why[0] != "skip_hw" {
		t.Errorf("in hardware %v, why %q", in, why)
	}
	if err := manager().Delete(exactEntry(p, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := manager().Insert(exactEntry(p, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if in, _ := places(t, manager(), p.exact); !in[0] || !in[1] {
		t.Errorf("inserted again without skip_hw: %v", in)
	}
}
