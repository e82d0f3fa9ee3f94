package testbed

import (
	"bytes"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/interp/tracetext"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestTraceKernel: what the kernel's program says it did is what the interpreter says, but for the checksums that are
// compared.
func TestTraceKernel(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	t.Setenv("TMPDIR", t.TempDir())
	for _, name := range []string{"l3router", "l3router_cli", "vxlan_gateway", "mpls_edge", "features/again", "features/flow",
		"features/keys", "features/unions", "features/state", "features/value_set"} {
		c := ownCase(t, name)
		test, err := c.Load()
		if err != nil {
			t.Fatal(err)
		}
		packets := packetsOf(test)
		for _, i := range []int{0, len(packets) / 2} {
			left, right := traceBoth(t, c, test, packets[i])
			if left != right {
				t.Errorf("%s, packet %d:\ninterp:\n%s\nbpf:\n%s", name, i, left, right)
			}
		}
	}
}

// TestTraceCopies: copies are told where they are made, and then on their way.
func TestTraceCopies(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	c := ownCase(t, "features/replicate")
	test, err := stf.Read("copies", []byte("mirroring_add 1 2\nmc_mgrp_create 7\nmc_node_create 3 4 5\nmc_node_associate 7 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for packet, want := range map[string][]string{
		"0301000000000000cafe": {"cloned by session 1 to port 2", "unicast to port 1", "out of port 2:", "out of port 1:"},
		"0501000000000000cafe": {"unicast to port 1", "cloned by session 1 to port 2", "out of port 2:", "out of port 1:"},
		"0207000000000000cafe": {"multicast to group 7", "replicated to port 4", "replicated to port 5", "out of port 4:", "out of port 5:"},
	} {
		sent, err := stf.Read("packet", []byte("packet 9 "+packet))
		if err != nil {
			t.Fatal(err)
		}
		trace, err := TraceKernel(t.Context(), sourceOf(t, c.Program), []*stf.Test{test}, 9, packetsOf(sent)[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		text := textOf(t, trace)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", packet, w, text)
			}
		}
	}
}

func ownCase(t *testing.T, name string) stf.Case {
	t.Helper()
	cases, err := stf.Find(strings.TrimSuffix(ownProgram(t, name), ".json") + ".stf")
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	return cases[0]
}

func packetsOf(test *stf.Test) []*stf.Packet {
	var out []*stf.Packet
	for _, s := range test.Statements {
		if p, ok := s.(*stf.Packet); ok {
			out = append(out, p)
		}
	}
	return out
}

// traceBoth traces a packet on both engines, without what the kernel's side does not tell.
func traceBoth(t *testing.T, c stf.Case, test *stf.Test, packet *stf.Packet) (left, right string) {
	t.Helper()
	p, err := stftest.LoadProgram(c.Program)
	if err != nil {
		t.Fatal(err)
	}
	sw, err := interp.New(p, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stf.Run(t.Context(), test.Configuration(), InterpreterEngine(t.Context(), sw)); err != nil {
		t.Fatal(err)
	}
	one, err := tracetext.Record(sw, packet.Port, packet.Data)
	if err != nil {
		t.Fatal(err)
	}
	other, err := TraceKernel(t.Context(), sourceOf(t, c.Program), []*stf.Test{test}, packet.Port, packet.Data)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(textOf(t, one)) {
		if !strings.Contains(line, " is right: ") && !strings.Contains(line, " is wrong: ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), textOf(t, other)
}

func textOf(t *testing.T, trace *tracetext.Trace) string {
	t.Helper()
	var b bytes.Buffer
	if err := trace.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
