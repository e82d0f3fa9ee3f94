package swfallback

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

// The variables that turn the test binary into another process with the same target.
const (
	childBPF = "P4DEV_TEST_CHILD_BPF"
	childRun = "P4DEV_TEST_CHILD_RUN"
)

// TestAnotherProcess lets a process of its own open the target, read it and write to it, while it forwards and while
// this one has it open.
func TestAnotherProcess(t *testing.T) {
	if place := (Place{BPF: os.Getenv(childBPF), Run: os.Getenv(childRun)}); place.BPF != "" {
		workAsChild(t, place)
		return
	}
	f := attachProgram(t, "l3router")
	insert(t, f, routed[1], kinds["acl"].a)
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAnotherProcess$", "-test.v")
	child.Env = append(os.Environ(), childBPF+"="+f.place.BPF, childRun+"="+f.place.Run)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkEntries(t, f, "ipv4_lpm", routed[1], "ipv4_lpm 10.2.0.0/16 => drop")
	checkEntries(t, f, "acl", kinds["acl"].changed)
	insert(t, f, "ipv4_lpm 10.3.0.0/16 => drop")
}

func workAsChild(t *testing.T, place Place) {
	f, err := Open(t.Context(), "test", At(place))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	checkEntries(t, f, "ipv4_lpm", routed[1])
	insert(t, f, "ipv4_lpm 10.2.0.0/16 => drop")
	if err := f.Modify(entry(t, f, kinds["acl"].changed)); err != nil {
		t.Error(err)
	}
	if _, err := Attach(t.Context(), Config{Name: "test", Source: f.record.source(), Place: place}); !errors.Is(err, ErrBusy) {
		t.Errorf("attach again: %v", err)
	}
}
