package main

import (
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestState: what a program keeps beside its tables is shown and set on the command line.
func TestState(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "features/selector", "features/state", "features/value_set")
	ns := bpftest.NewNetNS(t)
	for _, name := range []string{"veth1", "veth2", "veth3"} {
		ns.Veth(t, name)
	}
	ns.Do(t, func() {
		p.look("fallback", "attach", "--name", "state", "--ports", "1=veth1", "features/state.json")
		p.do(exitDone, "fallback", "register", "state", "blocks", "2", "0x0123456789abcdeffedcba9876543210")
		p.do(exitDone, "-j", "fallback", "register", "state", "blocks")
		p.do(exitFailed, "fallback", "register", "state", "bytes", "0", "256")
		p.do(exitFailed, "fallback", "register", "state", "bytes", "4")
		p.do(exitDone, "fallback", "counter", "state", "by_index", "7", "3", "180")
		p.do(exitFailed, "fallback", "counter", "state", "by_index", "7", "3")
		p.do(exitDone, "fallback", "counter", "state", "by_index")
		p.do(exitDone, "fallback", "detach", "state")

		p.look("fallback", "attach", "--name", "select", "--ports", "1=veth2", "features/selector.json")
		p.do(exitDone, "fallback", "member", "select", "paths", "1", "set_group", "0xa1")
		p.do(exitDone, "fallback", "member", "select", "paths", "2", "drop")
		p.do(exitDone, "fallback", "member-group", "select", "paths", "7", "1", "2", "2")
		p.do(exitMissing, "fallback", "member-group", "select", "paths", "7", "3")
		p.do(exitDone, "fallback", "member-group", "select", "paths", "8", "--empty")
		p.do(exitDone, "table", "add", "select", "grouped", "3", "group", "7")
		p.do(exitDone, "table", "add", "select", "grouped", "4", "member", "1")
		p.do(exitDone, "table", "show", "select", "grouped")
		p.do(exitFailed, "fallback", "member-group", "select", "paths", "7", "--delete")
		p.do(exitFailed, "fallback", "member", "select", "paths", "2", "--delete")
		p.do(exitDone, "-j", "fallback", "member-group", "select", "paths", "8", "--delete")
		p.do(exitDone, "fallback", "meter", "select", "shapers", "3")
		p.do(exitDone, "fallback", "meter", "select", "shapers", "3", "--committed", "1e6:2000", "--peak", "2e6:4000")
		p.do(exitDone, "table", "add", "select", "policed", "5", "police")
		p.do(exitDone, "-j", "fallback", "meter", "select", "policer", "5", "--committed", "0.5:1", "--peak", "10:20")
		p.do(exitMissing, "fallback", "meter", "select", "policer", "6", "--delete")
		p.do(exitFailed, "fallback", "meter", "select", "shapers", "3", "--committed", "1e6:2000")
		p.do(exitDone, "fallback", "meter", "select", "shapers", "3", "--delete")
		p.do(exitDone, "fallback", "detach", "select")

		p.look("fallback", "attach", "--name", "parser", "--ports", "1=veth3", "features/value_set.json")
		p.do(exitDone, "fallback", "value-set", "parser", "services", "6,443", "17,1000..1999", "0x40&&&0xf0,9")
		p.do(exitFailed, "fallback", "value-set", "parser", "services", "6")
		p.do(exitDone, "-j", "fallback", "value-set", "parser", "services")
		p.do(exitDone, "fallback", "value-set", "parser", "services", "--clear")
		p.do(exitDone, "fallback", "detach", "parser")
	})
	p.golden("state")
}
