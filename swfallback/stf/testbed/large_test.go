package testbed

import (
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestLarge forwards packets on ports with programs of the size of a product, on both engines: entries and packets are
// made from the program, and what comes out must be the same.
func TestLarge(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	ports := []uint32{1, 2, 3, 4}
	files, err := filepath.Glob(filepath.Join(stftest.Corpus(t), "large", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			r, err := NewRivals(t.Context(), sourceOf(t, file), Kernel, ports)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			const enough, most = 20, 30 // packets, cases
			g := fuzz.New(r.Program(), fuzz.Options{Seed: 1, Ports: ports, Strict: true, Packets: 200})
			forwarded := 0
			for n := uint64(0); forwarded < enough && n < most; n++ {
				_, round, err := r.settle(t.Context(), g.Case(n), Variant{}, func(command string, reason error) { g.Without(command) })
				if err != nil {
					t.Fatal(err)
				}
				if round.Difference != nil {
					t.Fatalf("case %d: %s: %s", n, round.Difference.Kind, round.Difference.Text)
				}
				for _, out := range round.Expected {
					forwarded += len(out)
				}
			}
			if forwarded < enough {
				t.Errorf("%d packets were forwarded in %d cases, want %d", forwarded, most, enough)
			}
		})
	}
}
