package ddp_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

func compare(t *testing.T, a, b []byte) []string {
	t.Helper()
	pa, errA := ddp.Read(a)
	pb, errB := ddp.Read(b)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	list, err := ddp.Compare(pa, pb)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, d := range list {
		lines = append(lines, fmt.Sprintf("%s %s %s: %q %q", strings.Join(d.Segments, "+"), d.Kind, d.Name, d.A, d.B))
	}
	return lines
}

func TestCompare(t *testing.T) {
	small := ddptest.Small()
	if d := compare(t, small, small); d != nil {
		t.Errorf("a package differs from itself: %v", d)
	}
	// Without TCP: no profile for it, no packet type, no edges.
	var less []ddptest.Section
	for _, s := range ddptest.Sections() {
		if s.Type != 76 && !(s.Type == 50 && s.Data[2] == 100) && !(s.Type == 55 && s.Data[4] == 3) {
			less = append(less, s)
		}
	}
	got := compare(t, small, ddptest.Package(ddptest.Config(less...)))
	want := []string{
		` package name: "Small Test Package" ""`, ` package version: "1.2.3.4" ""`,
		` segment metadata: "yes" ""`, ` segment notes: "yes" ""`, ` segment signature: "yes" ""`,
		`e810 node TCP: "yes" ""`, `e810 ptype 26 MAC_IPV4_TCP: "yes" ""`, `e810 ptype 43 MAC_IPV4_TUN_PAY: "yes" ""`,
		`e810 edge IPV4 0x0006: "-> TCP" ""`, `e810 edge MAC MAC_IPV4 0x0006: "-> TCP" ""`, `e810 edge TCP: "-> done" ""`,
	}
	sections := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return len(s) > 12 && s[:12] == "e810 section" })
	if diff := cmp.Diff(want, sections); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(got) != len(want)+3 {
		t.Errorf("%d sections differ, want 3", len(got)-len(want))
	}
	signed := slices.Clone(small)
	signed[len(signed)-1] ^= 1 // behind all data
	if d := compare(t, small, signed); len(d) != 1 {
		t.Errorf("unused bytes: %v", d)
	}
}

// TestCompareReal: what Intel says of its packages: comms is the default with tunnels of networks added.
func TestCompareReal(t *testing.T) {
	packages := ddptest.Packages(t)
	read := func(name string) []byte {
		data, err := os.ReadFile(packages[name])
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	got := compare(t, read("ice"), read("ice_comms"))
	for _, want := range []string{
		` package name: "ICE OS Default Package" "ICE COMMS Package"`,
		`e810+e830 protocol ESP: "" "yes"`, `e810+e830 protocol PPPOE: "" "yes"`, `e810+e830 node GTPU: "" "yes"`,
		`e810+e830 ptype 329 MAC_IPV4_GTPU: "" "yes"`, `e810+e830 ptype 360 MAC_IPV4_L2TPV3: "" "yes"`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not there: %s", want)
		}
	}
	for _, line := range got {
		if strings.Contains(line, " protocol ") && !strings.HasSuffix(line, `"yes"`) {
			t.Errorf("the default has what comms lacks: %s", line)
		}
	}
}
