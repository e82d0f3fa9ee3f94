package swfallback

import (
	"github.com/google/go-cmp/cmp"

	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// bothForms runs a test on programs compiled in both forms.
func bothForms(t *testing.T, test func(*testing.T, bpfgen.Form)) {
	for _, form := range []bpfgen.Form{bpfgen.FormAuto, bpfgen.FormGeneral} {
		t.Run(form.String(), func(t *testing.T) { test(t, form) })
	}
}

// testRuns attaches a program that takes packets of any length from test runs.
func testRuns(t testing.TB, s Source, form bpfgen.Form) *Fallback {
	t.Helper()
	f, err := Attach(t.Context(), Config{Name: "test", Source: s, Place: testPlace(t),
		Options: bpfgen.Options{Form: form, Verdict: true, Prefix: ethernetHeader}})
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// send runs one packet and returns what comes out; nil: nothing.
func send(t testing.TB, f *Fallback, packet ...byte) []byte {
	t.Helper()
	v, err := f.Process(t.Context(), 1, packet)
	if err != nil {
		t.Fatal(err)
	}
	if v.Fate != bpfgen.FateForwarded {
		return nil
	}
	return v.Frame
}

// unlocked runs packets that come in on port 1 without the lock that Process and those who write hold.
func unlocked(t testing.TB, f *Fallback) func(packet ...byte) ([]byte, error) {
	t.Helper()
	must(t, f.gen.writePortOf(map[uint32]int{1: loopback}))
	return func(packet ...byte) ([]byte, error) {
		frame := append(make([]byte, ethernetHeader), packet...)
		result, err := f.gen.dp.TestRun(t.Context(), bpfrun.TestRun{Frame: frame})
		if err != nil || len(result.Frame) < ethernetHeader {
			return nil, err
		}
		return result.Frame[ethernetHeader:], nil
	}
}

// found is what a lookup by name found.
func found[T any](t testing.TB, name string) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
}

// call makes a call of an action of a table.
func call(t testing.TB, table *pipeline.Table, action string, args ...string) *pipeline.ActionCall {
	t.Helper()
	for _, a := range table.Actions {
		if a.Name != action {
			continue
		}
		c := &pipeline.ActionCall{Action: a}
		for i, p := range a.Params {
			c.Args = append(c.Args, found[[]byte](t, p.Name)(pipeline.ParseArg(p, args[i])))
		}
		return c
	}
	t.Fatalf("no action %s", action)
	return nil
}

// same fails the test where two values differ.
func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
