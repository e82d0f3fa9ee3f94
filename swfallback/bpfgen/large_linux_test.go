package bpfgen

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestLarge loads the programs that are too large for one eBPF program.
func TestLarge(t *testing.T) {
	requireBPF(t)
	files, _ := filepath.Glob("../../../shared/conformance/large/*.json")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			p, err := stftest.LoadProgram(file)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			o, err := Compile(p, Options{Verdict: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("compiled in %v", time.Since(start))
			for _, s := range o.Summary().Programs {
				t.Logf("%+v", s)
			}
			start = time.Now()
			load(t, o)
			t.Logf("loaded in %v", time.Since(start))
		})
	}
}
