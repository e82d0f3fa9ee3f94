package testbed_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

// bed reads BMv2 JSON with the P4Info beside it.
func bed() *testbed.Bed {
	return &testbed.Bed{Open: func(path string) (s swfallback.Source, err error) {
		if s.JSON, err = os.ReadFile(path); err != nil {
			return s, err
		}
		s.P4Info, err = os.ReadFile(strings.TrimSuffix(path, ".json") + ".p4info.txtpb")
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return s, err
	}}
}

// own returns the case of testdata/p4 of a name.
func own(t *testing.T, name string) stf.Case {
	t.Helper()
	cases, err := stf.Find(filepath.Join(stftest.Root(t), "testdata", "p4", name+".stf"))
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	return cases[0]
}

// TestReplicas: in egress of a replica the multicast group is still to be seen.
func TestReplicas(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	t.Setenv("TMPDIR", t.TempDir())
	cases, err := stf.Find(filepath.Join(stftest.Corpus(t), "v1model", "ipv6-switch-ml-bmv2.stf"))
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	if o := bed().Run(t.Context(), cases[0], testbed.Kernel); o.State != testbed.Passed {
		t.Errorf("%s: %v %v", o.State, o.Err, o.Failures)
	}
}

// with returns a case of l3router with another test.
func with(t *testing.T, text string) stf.Case {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.stf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return stf.Case{Name: "t", Program: own(t, "l3router").Program, Files: []string{path}}
}

func TestInterpreter(t *testing.T) {
	if err := testbed.Available(testbed.Interpreter); err != nil {
		t.Fatal(err)
	}
	missing := own(t, "l3router")
	missing.Program = ""
	unread := own(t, "l3router")
	unread.Program = "none.json"
	for name, tt := range map[string]struct {
		c     stf.Case
		state testbed.State
		err   error // nil: none
	}{
		"right":      {own(t, "l3router"), testbed.Passed, nil},
		"wrong":      {with(t, "packet 1 020000000001020000000000aa0800\nexpect 1 ff"), testbed.Failed, nil},
		"no packet":  {with(t, "wait"), testbed.Skipped, errAny},
		"no program": {missing, testbed.Failed, stf.ErrNoProgram},
		"unreadable": {unread, testbed.Failed, fs.ErrNotExist},
		"syntax":     {with(t, "hello"), testbed.Failed, errAny},
		"no table":   {with(t, "setdefault none a()\npacket 1 00"), testbed.Failed, errAny},
	} {
		o := bed().Run(t.Context(), tt.c, testbed.Interpreter)
		if o.State != tt.state || (o.Err == nil) != (tt.err == nil) || tt.err != errAny && !errors.Is(o.Err, tt.err) {
			t.Errorf("%s: %s, %v; want %s, %v", name, o.State, o.Err, tt.state, tt.err)
		}
		if (o.Reason() == "") != (o.Err == nil) {
			t.Errorf("%s: reason %q", name, o.Reason())
		}
		if (len(o.Failures) > 0) != (name == "wrong") {
			t.Errorf("%s: failures %v", name, o.Failures)
		}
	}
}

// errAny stands for any error.
var errAny = errors.New("any")

// TestPorts: tests run over veth pairs, those that need it over taps (frames that end within a VLAN tag, packets
// shorter than an Ethernet header), and nothing is left.
func TestPorts(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	t.Setenv("TMPDIR", t.TempDir())
	for name, ports := range map[string]string{"l3router": "veth", "l3router_cli": "veth", "l2switch": "tap",
		"features/flow": "tap"} {
		o := bed().Run(t.Context(), own(t, name), testbed.Kernel)
		if o.State != testbed.Passed || o.Ports != ports || o.Sent == 0 || o.Received == 0 {
			t.Errorf("%s: %s over %q, %d sent, %d received: %v %v", name, o.State, o.Ports, o.Sent, o.Received, o.Err, o.Failures)
		}
	}
	short := with(t, "packet 1 0200000000010200000000aa81000007\nexpect 1\n")
	if o := bed().Run(t.Context(), short, testbed.Kernel); o.Ports != "tap" || o.State != testbed.Failed || len(o.Failures) != 1 {
		t.Errorf("frame that ends within its tag: %s over %q: %v %v", o.State, o.Ports, o.Err, o.Failures)
	}
	checkEmpty(t)
}

// TestKernelSkips: what the kernel's engines cannot do is skipped with a reason that names the place.
func TestKernelSkips(t *testing.T) {
	bpftest.Require(t, "root", "bpf", "netns")
	t.Setenv("TMPDIR", t.TempDir())
	for _, tt := range []struct {
		c      stf.Case
		e      testbed.Engine
		reason string
	}{
		{own(t, "l2switch"), testbed.TestRuns, "replicate"},
		{with(t, "packet 509 020000000001020000000000aa0800"), testbed.Kernel, "no interface can stand for it"},
	} {
		o := bed().Run(t.Context(), tt.c, tt.e)
		if o.State != testbed.Skipped || !strings.Contains(o.Reason(), tt.reason) {
			t.Errorf("%s on %s: %s, reason %q, want one with %q", tt.c.Name, tt.e, o.State, o.Reason(), tt.reason)
		}
	}
	checkEmpty(t)
}

func TestTestRuns(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	if o := bed().Run(t.Context(), own(t, "l3router"), testbed.TestRuns); o.State != testbed.Passed || o.Ports != "" {
		t.Errorf("%s over %q: %v %v", o.State, o.Ports, o.Err, o.Failures)
	}
}

// TestInterrupted: a test whose context ends has failed with its cause, and leaves nothing.
func TestInterrupted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	why := errors.New("interrupted by the user")
	for _, e := range []testbed.Engine{testbed.Interpreter, testbed.Kernel} {
		if e == testbed.Kernel {
			bpftest.Require(t, "root", "bpf", "netns")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		if e == testbed.Kernel {
			time.AfterFunc(200*time.Millisecond, func() { cancel(why) })
		} else {
			cancel(why)
		}
		long := with(t, strings.Repeat("packet 1 020000000001020000000000aa0800\n", 3000)+"expect 1 ff")
		o := bed().Run(ctx, long, e)
		cancel(nil)
		if o.State != testbed.Failed || !errors.Is(o.Err, why) && !errors.Is(o.Err, context.Canceled) {
			t.Errorf("%s: %s, %v", e, o.State, o.Err)
		}
	}
	checkEmpty(t)
}

// checkEmpty fails the test where files are left.
func checkEmpty(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
