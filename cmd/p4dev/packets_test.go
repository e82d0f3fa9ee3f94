package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/testdata/p4"
)

// takeTests copies packet tests of testdata/p4.
func (p *place) takeTests(names ...string) {
	p.t.Helper()
	for _, name := range names {
		data, err := p4.FS.ReadFile(name)
		p.must(err)
		p.write(name, data)
	}
}

func TestTest(t *testing.T) {
	p := newPlace(t, "l3router")
	p.takeTests("l3router.stf", "l3router.cli", "l3router_cli.stf")
	good := string(p.read("l3router.stf"))
	p.write("packed/l3router.stf", []byte(good))
	p.pack("packed/l3router.p4fw", "1.0.0")
	p.do(exitDone, "test", "--engine", "interp", ".")
	p.do(exitDone, "test", "--engine", "interp", "l3router.json")
	p.do(exitDone, "test", "--engine", "interp", "packed/l3router.p4fw", "l3router.cli", "l3router_cli.stf")

	// Every way to fail: a wrong byte, a packet that does not come, one too many, a table that is not there, no
	// program, no test.
	p.write("wrong/l3router.json", p.read("l3router.json"))
	p.write("wrong/l3router_byte.stf", []byte(strings.Replace(good, "0200000000b2", "0200000000b3", 1)))
	p.write("wrong/l3router_missing.stf", []byte("packet 1 020000000001020000000000aa0800\nexpect 2 0200\nexpect 3\n"))
	p.write("wrong/l3router_more.stf", []byte(regexp.MustCompile(`(?m)^expect 2 .*$`).ReplaceAllString(good, "")))
	p.write("wrong/l3router_table.stf", []byte("add nothing hdr.ipv4.dst_addr:1 drop()\n"))
	p.write("wrong/l3router_syntax.stf", []byte("packet 1 0x\n"))
	p.write("wrong/l3router_empty.stf", []byte("# nothing\n"))
	p.write("wrong/orphan.stf", []byte("packet 1 00\n"))
	p.do(exitFailed, "test", "--engine", "interp", "wrong")
	_, rest, _ := strings.Cut(good, "\nexpect")
	first := strings.Replace(good[:len(good)-len(rest)+strings.IndexByte(rest, '\n')], "0200000000b2", "0200000000b3", 1)
	p.write("first.stf", []byte(first))
	p.do(exitFailed, "-j", "test", "--engine", "interp", "l3router.json", "first.stf")
	p.do(exitFailed, "test")
	p.do(exitFailed, "test", "--engine", "bmv2", ".")
	p.do(exitFailed, "test", "--engine", "interp", "--fast", ".")
	p.do(exitFailed, "test", "--engine", "interp", "l3router.p4")
	p.do(exitFailed, "test", "--engine", "interp", "l3router.cli")
	p.do(exitMissing, "test", "--engine", "interp", "nothing")
	p.do(exitMissing, "test", "--engine", "interp", "root")
	p.golden("test")
}

// summary is the last line of "test".
var summary = regexp.MustCompile(`(?m)^(\d+) passed, (\d+) failed, (\d+) skipped\n\z`)

// counts reads the last line: passed, failed, skipped.
func (p *place) counts(r result) (n [3]int) {
	p.t.Helper()
	m := summary.FindStringSubmatch(r.out)
	if m == nil {
		p.t.Fatalf("no summary at the end:\n%s", r.transcript())
	}
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return n
}

// ownTests is how many packet tests testdata/p4 has.
func ownTests(t *testing.T) int {
	t.Helper()
	n := 0
	err := fs.WalkDir(p4.FS, ".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".stf" {
			n++
		}
		return err
	})
	if err != nil || n == 0 {
		t.Fatalf("%d packet tests: %v", n, err)
	}
	return n
}

func TestOwnPacketTests(t *testing.T) {
	p := newPlace(t)
	r := p.do(exitDone, "test", "--engine", "interp", filepath.Join(p.home, "../../testdata/p4"))
	if got, want := p.counts(r), [3]int{ownTests(t)}; got != want {
		t.Errorf("passed, failed, skipped: %v, want %v\n%s", got, want, r.transcript())
	}
}

// TestOwnPacketTestsInKernel: over real ports nothing is wrong, the programs of the demonstration run, and what does
// not run says why.
func TestOwnPacketTestsInKernel(t *testing.T) {
	needSandbox(t)
	p := newPlace(t)
	dir := filepath.Join(p.home, "../../testdata/p4")
	for _, mode := range []struct {
		flags []string
		ports string
		must  []string
	}{
		{nil, "veth", []string{"l3router", "l3router_cli", "l2switch"}},
		{[]string{"--fast"}, "", []string{"l3router", "l3router_cli"}},
	} {
		r := p.do(exitDone, append([]string{"-j", "test", "--engine", "bpf", dir}, mode.flags...)...)
		var report testReport
		p.must(json.Unmarshal([]byte(r.out), &report))
		if report.Failed != 0 || report.Passed+report.Skipped != ownTests(t) || len(report.Tests) != ownTests(t) {
			t.Errorf("%v: %d passed, %d failed, %d skipped of %d", mode.flags, report.Passed, report.Failed, report.Skipped, ownTests(t))
		}
		passed := map[string]testView{}
		for _, v := range report.Tests {
			switch {
			case v.Result == "ok":
				passed[filepath.Base(v.Name)] = v
			case v.Result != "skip" || v.Reason == "":
				t.Errorf("%v: %+v", mode.flags, v)
			default:
				t.Logf("%v: skipped %s: %s", mode.flags, filepath.Base(v.Name), v.Reason)
			}
		}
		for _, name := range mode.must {
			if v, ok := passed[name]; !ok || v.Sent == 0 || v.Received == 0 || mode.ports == "" && v.Ports != "" {
				t.Errorf("%v: %s: %+v", mode.flags, name, v)
			}
		}
		if v := passed["l3router"]; v.Ports != mode.ports {
			t.Errorf("%v: l3router ran on ports of kind %q, want %q", mode.flags, v.Ports, mode.ports)
		}
	}
	r := p.do(exitDone, "test", "--fast", filepath.Join(dir, "l3router.json"))
	if got := p.counts(r); got != [3]int{4} {
		t.Errorf("passed, failed, skipped: %v, want 4 on the two engines\n%s", got, r.transcript())
	}
	p.says(r, "p4dev: engines interp and bpf-fast\n")
}

// TestTestInterrupted: when the user interrupts, the command ends soon and says so; the sandbox looks at what it left.
func TestTestInterrupted(t *testing.T) {
	needSandbox(t)
	p := newPlace(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := p.runContext(ctx, "test", "--engine", "bpf", filepath.Join(p.home, "../../testdata/p4"))
	if r.code != exitFailed || !strings.Contains(r.err, "interrupted") || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%s", r.transcript())
	}
	all, err := filepath.Glob(filepath.Join(p.home, "../../testdata/p4/*.stf"))
	p.must(err)
	if n := strings.Count(r.out, "\nok "); n >= len(all) {
		t.Errorf("went on through %d tests\n%s", n, r.transcript())
	}
}

// routed is a UDP packet that l3router forwards with the entries of its packet test.
const routed = "0200000000010200000000aa0800 4500002000014000401125ca0a0000010a010101 045708ae000c0000 cafef00d"

func TestTrace(t *testing.T) {
	p := newPlace(t, "l3router")
	p.pack("l3router.p4fw", "1.0.0")
	p.takeTests("l3router.stf", "l3router.cli")
	p.do(exitDone, "trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", routed)
	p.do(exitDone, "trace", "l3router.json", "--entries", "l3router.cli", "--port", "1", "--packet", routed)
	p.do(exitDone, "trace", "l3router.p4fw", "--port", "1", "--packet", routed)
	// The checksum is wrong; the packet is too short.
	p.do(exitDone, "trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", strings.Replace(routed, "25ca", "25cb", 1))
	p.do(exitDone, "trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", routed[:41])
	p.do(exitDone, "-j", "trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", routed)
	p.do(exitFailed, "trace", "l3router.json", "--port", "1")
	p.do(exitFailed, "trace", "l3router.json", "--port", "1", "--packet", "0")
	p.do(exitFailed, "trace", "l3router.json", "--port", "one", "--packet", "00")
	p.write("other.stf", []byte("add nothing hdr.ipv4.dst_addr:1 drop()\n"))
	p.do(exitMissing, "trace", "l3router.json", "--entries", "other.stf", "--port", "1", "--packet", routed)
	p.do(exitMissing, "trace", "l3router.json", "--entries", "nothing.stf", "--port", "1", "--packet", routed)
	p.do(exitMissing, "trace", "nothing.json", "--port", "1", "--packet", routed)
	p.golden("trace")
}

// TestTraceAgrees: what comes out of a trace is what the packet test expects.
func TestTraceAgrees(t *testing.T) {
	p := newPlace(t, "l3router")
	p.takeTests("l3router.stf")
	r := p.do(exitDone, "-j", "trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", routed)
	var trace struct {
		Packet string
		Out    []struct {
			Port   uint32
			Packet string
		}
		Steps []map[string]any
	}
	p.must(json.Unmarshal([]byte(r.out), &trace))
	want := "expect 2 "
	for line := range strings.Lines(string(p.read("l3router.stf"))) {
		if rest, ok := strings.CutPrefix(line, want); ok {
			want = strings.TrimSuffix(strings.Join(strings.Fields(rest), ""), "$")
			break
		}
	}
	if len(trace.Out) != 1 || trace.Out[0].Port != 2 || trace.Out[0].Packet != want {
		t.Errorf("out: %+v, want %s out of port 2", trace.Out, want)
	}
	if _, err := hex.DecodeString(trace.Packet); err != nil || len(trace.Steps) < 10 {
		t.Errorf("packet %q, %d steps", trace.Packet, len(trace.Steps))
	}
}
