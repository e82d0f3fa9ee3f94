package bpfgen

import (
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestLinesOfManyCPUs: what packets remember takes at most so much memory, however many CPUs there may be.
func TestLinesOfManyCPUs(t *testing.T) {
	p, err := stftest.LoadProgram(filepath.Join(stftest.Root(t), "testdata", "p4", "l3router.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, cpus := range []int{1, 2, 48, 1024, 8192} {
		o, err := Compile(p, Options{Arena: true, CPUs: cpus})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"router_ingress.ipv4_lpm", "router_ingress.ipv6_lpm"} {
			table, err := p.TableByName(name)
			if err != nil {
				t.Fatal(err)
			}
			a := o.Tables[table.Index].Arena
			if size := a.LinesEnd - a.Lines; size == 0 || size > mostLines || size%uint64(cpus) != 0 || cpus == 2 && a.lineSets != mostSets {
				t.Errorf("%d CPUs, %s: %d bytes, %d sets", cpus, name, size, 1<<a.lineSets)
			}
		}
	}
}
