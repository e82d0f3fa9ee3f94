package bench

import (
	"slices"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestRows measures some rows once: every program loads, takes the path that is meant, and ends.
func TestRows(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	report, err := Run(t.Context(), Config{Rows: []string{"router4", "router6", "switch", "encap", "decap", "forward", "interp"}, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if row.Skipped == "" && (len(row.Points) == 0 || row.Points[0].Ours.Median == 0) {
			t.Errorf("row %s: nothing measured", row.Name)
		}
	}
}

func TestRoutes(t *testing.T) {
	list := routes(1000, shares4(), route{address: [16]byte{10}, length: 8}, spread4)
	if len(list) != 1000 || list[0].length != 8 {
		t.Fatalf("%d routes, the first one /%d", len(list), list[0].length)
	}
	random := newRandom(1)
	for _, r := range list {
		a := r.within(random)
		clearFrom(&a, r.length)
		if a != r.address {
			t.Fatalf("%v is not within %v", a, r)
		}
	}
}

func TestRules(t *testing.T) {
	for _, wild := range []bool{false, true} {
		masks, any := make(map[flow]bool), 0
		for _, r := range rules(1024, 192, wild) {
			masks[r.mask] = true
			if r.value != r.value.and(r.mask) {
				t.Fatalf("rule %+v has bits outside its mask", r)
			}
			if r.mask.src == 0 || r.mask.dst == 0 {
				any++
			}
		}
		if len(masks) != 192 {
			t.Errorf("%d masks, want 192", len(masks))
		}
		if wild != (any > 0) {
			t.Errorf("wild %v: %d rules without one of the addresses", wild, any)
		}
	}
	if !slices.Contains(Names(), "ternary") {
		t.Error("no row for ternary tables")
	}
}
