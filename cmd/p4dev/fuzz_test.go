package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestFuzz: the engines agree on some packets, the report says how many, and the cases of a seed are the same again.
func TestFuzz(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l3router", "vxlan_gateway")
	args := []string{"fuzz", "--seed", "5", "--count", "4", "--packets", "40", "l3router.json", "vxlan_gateway.json"}
	r := p.do(exitDone, append([]string{"-j"}, args...)...)
	var report fuzzReport
	p.must(json.Unmarshal([]byte(r.out), &report))
	if report.Seed != 5 || report.Found+report.Failed+report.Skipped != 0 || len(report.Programs) != 2 {
		t.Errorf("%+v", report)
	}
	for _, v := range report.Programs {
		if v.Result != "ok" || v.Cases != 2 || v.Packets == 0 || v.Packets > 80 {
			t.Errorf("%+v", v)
		}
	}
	p.says(r, "p4dev: seed 5\n")
	again := p.do(exitDone, args...)
	if !strings.Contains(again.out, "2 programs") || !strings.Contains(again.out, "0 differences, 0 failed, 0 skipped") {
		t.Error(again.transcript())
	}
	ports := p.do(exitDone, "-j", "fuzz", "--ports", "--seed", "5", "--count", "1", "--packets", "20", "l3router.json")
	p.must(json.Unmarshal([]byte(ports.out), &report))
	if report.Packets == 0 || report.Found+report.Failed != 0 {
		t.Error(ports.transcript())
	}
}

// TestFuzzRefuses: what is not there and what is no program.
func TestFuzzRefuses(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l3router")
	p.do(exitMissing, "fuzz", "nothing.json")
	p.do(exitFailed, "fuzz")
	p.write("broken.json", []byte("{"))
	p.do(exitFailed, "fuzz", "broken.json")
}

// TestTraceInKernel: the trace of the kernel's program is that of the interpreter, but for checksums that are compared.
func TestTraceInKernel(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l3router")
	p.takeTests("l3router.stf")
	args := []string{"trace", "l3router.json", "--entries", "l3router.stf", "--port", "1", "--packet", routed}
	want := p.do(exitDone, args...).out
	got := p.do(exitDone, append(args, "--engine", "bpf")...).out
	var lines []string
	for line := range strings.Lines(want) {
		if !strings.Contains(line, " is right: ") {
			lines = append(lines, line)
		}
	}
	if want = strings.Join(lines, ""); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	p.do(exitFailed, append(args, "--engine", "jit")...)
}
