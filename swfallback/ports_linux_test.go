package swfallback

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestAttachChecksPortNumbers attaches to numbers that mean something else to the program, or nothing.
func TestAttachChecksPortNumbers(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	place, ns := testPlace(t), bpftest.NewNetNS(t)
	ns.Veth(t, "p1")
	ns.Veth(t, "p2")
	moved := bpfgen.Options{HostPort: 100, CPUPort: 101, DropPort: 102}
	for _, c := range []struct {
		port    uint32
		options bpfgen.Options
		reason  string // "": it is attached
	}{
		{0, bpfgen.Options{}, ""},
		{508, bpfgen.Options{}, ""},
		{509, bpfgen.Options{}, "host's port"},
		{510, bpfgen.Options{}, ""}, // the CPU port may be an interface
		{511, bpfgen.Options{}, "drop port"},
		{512, bpfgen.Options{}, "9 bits: 0 to 511"},
		{1<<32 - 1, bpfgen.Options{}, "9 bits: 0 to 511"},
		{100, moved, "host's port"},
		{102, moved, "drop port"},
		{509, moved, ""},
		{511, moved, ""},
	} {
		t.Run(fmt.Sprintf("%d host %d", c.port, c.options.HostPort), func(t *testing.T) {
			config := Config{
				Name: "test", Source: small(source(t, "l3router")), Place: place, Options: c.options,
				Ports: map[uint32]string{7: "p1", c.port: "p2"},
			}
			var f *Fallback
			var err error
			ns.Do(t, func() { f, err = Attach(t.Context(), config) })
			if c.reason == "" {
				if err == nil {
					err = f.Detach()
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d: ", c.port)) || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("got %v, want port %d and %q", err, c.port, c.reason)
			}
			ns.Do(t, func() { checkUnattached(t, "p1") })
			if left, err := os.ReadDir(place.root()); err != nil && !os.IsNotExist(err) || len(left) != 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}
