package main

import (
	"encoding/json"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bench"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestBenchDecode measures once what p4dev and the devlink command need for the same dumps. The row itself checks that
// both show all of them.
func TestBenchDecode(t *testing.T) {
	bpftest.Require(t, "root")
	needProgram(t, "devlink")
	needProgram(t, "clang")
	t.Setenv(asCommand, "1") // of the processes that it starts
	p := newPlace(t)
	p.flags = nil
	var report bench.Report
	p.must(json.Unmarshal([]byte(p.do(exitDone, "-j", "bench", "--row", "decode", "--rounds", "1").out), &report))
	if len(report.Rows) != 1 || report.Rows[0].Skipped != "" {
		t.Fatalf("got %+v", report.Rows)
	}
	for _, point := range report.Rows[0].Points {
		if point.Ours.Median == 0 || point.Yard != nil && point.Yard.Median == 0 {
			t.Errorf("%s: nothing measured: %+v", point.Label, point)
		}
	}
}
