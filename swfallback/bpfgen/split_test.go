package bpfgen

import (
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestSplit cuts a program that is too large for one: every part keeps to the kernel's limits, and each point of the
// program is in one part of a hook.
func TestSplit(t *testing.T) {
	p, err := stftest.LoadProgram(filepath.Join(stftest.Corpus(t), "large", "switch_20160512.json"))
	if err != nil {
		t.Fatal(err)
	}
	const budget = 4000
	o, err := Compile(p, Options{MaxPart: budget})
	if err != nil {
		t.Fatal(err)
	}
	parts, seen := 0, make(map[string]string)
	for _, s := range o.Summary().Programs {
		if s.StackBytes > maxStack || s.Instructions > nearJumps {
			t.Errorf("%s: %d bytes of stack, %d instructions", s.Name, s.StackBytes, s.Instructions)
		}
		if maps := mapsOf(o, s.Name); maps > 64 {
			t.Errorf("%s uses %d maps", s.Name, maps)
		}
		if len(s.Name) < 4 || s.Name[:4] != ProgramXDP+"_" {
			continue
		}
		parts++
		for _, point := range s.Points {
			if other, twice := seen[point]; twice && point != "state start" {
				t.Errorf("%s is in %s and in %s", point, other, s.Name)
			}
			seen[point] = s.Name
		}
	}
	if parts < 3 {
		t.Errorf("%d parts of at most %d instructions", parts, budget)
	}
}

// mapsOf counts the maps that a program uses.
func mapsOf(o *Object, program string) int {
	names := make(map[string]bool)
	for _, ins := range o.Spec.Programs[program].Instructions {
		if ins.IsLoadFromMap() {
			names[ins.Reference()] = true
		}
	}
	return len(names)
}
