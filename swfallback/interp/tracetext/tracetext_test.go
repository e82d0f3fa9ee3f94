package tracetext_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/interp/tracetext"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

// configured makes an interpreter with the configuration of a packet test, and returns the test.
func configured(t *testing.T, name string) (*interp.Switch, *stf.Test) {
	t.Helper()
	cases, err := stf.Find(filepath.Join(stftest.Root(t), "testdata", "p4", name+".stf"))
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	p, err := stftest.LoadProgram(cases[0].Program)
	if err != nil {
		t.Fatal(err)
	}
	sw, err := interp.New(p, interp.Options{Now: func() time.Time { return time.Unix(1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	test, err := cases[0].Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stf.Run(t.Context(), test.Configuration(), testbed.InterpreterEngine(t.Context(), sw)); err != nil {
		t.Fatal(err)
	}
	return sw, test
}

// packets returns the packets of a test.
func packets(test *stf.Test) (list []*stf.Packet) {
	for _, s := range test.Statements {
		if p, ok := s.(*stf.Packet); ok {
			list = append(list, p)
		}
	}
	return list
}

// TestText compares texts with testdata/NAME.txt; P4DEV_UPDATE=1 writes them.
func TestText(t *testing.T) {
	for _, tt := range []struct {
		name   string
		packet int
	}{
		{"features/replicate", 0}, {"features/replicate", 9}, // multicast and clones
		{"features/again", 3}, // resubmit and recirculate
		{"features/unions", 4}, {"features/selector_cli", 2},
		{"features/varbit", 1}, {"mpls_edge", 1}, {"vxlan_gateway", 0}, {"vxlan_gateway", 12},
	} {
		name := fmt.Sprintf("%s-%d", filepath.Base(tt.name), tt.packet)
		t.Run(name, func(t *testing.T) {
			sw, test := configured(t, tt.name)
			p := packets(test)[tt.packet]
			trace, err := tracetext.Record(sw, p.Port, p.Data)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := trace.Text(&got); err != nil {
				t.Fatal(err)
			}
			compare(t, filepath.Join("testdata", name+".txt"), got.Bytes())
		})
	}
}

func compare(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("P4DEV_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("text differs from %s (P4DEV_UPDATE=1 writes it), -want +got:\n%s", path, diff)
	}
}

// TestAllPackets: every packet of the project's own tests has a trace that tells all that comes out, in hexadecimal,
// and that JSON can carry.
func TestAllPackets(t *testing.T) {
	for _, c := range stftest.Own(t) {
		name := strings.TrimPrefix(c.Name, "p4/")
		t.Run(name, func(t *testing.T) {
			sw, test := configured(t, name)
			for _, p := range packets(test) {
				trace, err := tracetext.Record(sw, p.Port, p.Data)
				if err != nil {
					t.Fatal(err)
				}
				check(t, trace, p.Data)
			}
		})
	}
}

func check(t *testing.T, trace *tracetext.Trace, packet []byte) {
	t.Helper()
	sent := 0
	for _, s := range trace.Steps {
		if s.Event == "outcome" && s.Result == "sent" {
			if sent < len(trace.Out) && *s.Port != trace.Out[sent].Port {
				t.Errorf("sent to port %d, came out of %d", *s.Port, trace.Out[sent].Port)
			}
			sent++
		}
	}
	if sent != len(trace.Out) {
		t.Errorf("%d sent, %d came out", sent, len(trace.Out))
	}
	var text bytes.Buffer
	if err := trace.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, part := range append([]string{hex.EncodeToString(packet)}, outputs(trace)...) {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %s in\n%s", part, &text)
		}
	}
	data, err := json.Marshal(trace)
	if err != nil {
		t.Fatal(err)
	}
	var again tracetext.Trace
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trace, &again); diff != "" {
		t.Errorf("JSON and back (-want +got):\n%s", diff)
	}
}

func outputs(trace *tracetext.Trace) (list []string) {
	for _, o := range trace.Out {
		list = append(list, o.Packet)
	}
	return list
}
