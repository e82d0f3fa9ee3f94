package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// name is what the fallback of the simulated NIC is called.
const name = "pci-0000-01-00-0"

// counts are who forwarded the packets along each route: device and eBPF.
func (l *lab) counts() map[string][2]uint64 {
	l.t.Helper()
	var v struct {
		Table map[string][]struct {
			Match  map[string]string
			HW, SW struct{ Packets uint64 }
		}
	}
	if err := json.Unmarshal([]byte(l.look("-j", "table", "show", name, "ipv4_lpm")), &v); err != nil {
		l.t.Fatal(err)
	}
	result := make(map[string][2]uint64)
	for _, e := range v.Table["router_ingress.ipv4_lpm"] {
		result[e.Match["hdr.ipv4.dst_addr"]] = [2]uint64{e.HW.Packets, e.SW.Packets}
	}
	return result
}

// TestOffload is the main job: a program in the device with room for two routes, the same in eBPF, entries in both,
// and packets that do not notice.
func TestOffload(t *testing.T) {
	l, sim := simLab(t, `{"entries": {"router_ingress.ipv4_lpm": 2}}`)
	l.pack(folder+"/p4sim.p4fw", "1.0.0")
	l.do(exitMissing, "fallback", "attach", "pci/0000:09:00.0")
	l.do(exitFailed, "fallback", "attach", dev) // no program yet
	l.look("flash", dev)
	l.do(exitDone, "fallback", "attach", dev)
	l.do(exitFailed, "fallback", "attach", dev) // is attached
	l.do(exitDone, "fallback", "show")
	l.addRoutes(dev, "10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16")
	l.do(exitFailed, "table", "add", dev, "ipv4_lpm", "10.3.0.0/16", "set_nexthop", "7")
	l.do(exitFailed, "table", "add", dev, "ipv4_lpm", "10.4.0.1/16", "set_nexthop", "7")
	l.do(exitMissing, "table", "delete", dev, "ipv4_lpm", "10.9.0.0/16")
	l.forward(10, "10.1.0.1", "10.2.0.1", "10.3.0.1")
	l.do(exitDone, "table", "list", dev)
	l.do(exitDone, "-j", "table", "show", dev, "ipv4_lpm")
	l.do(exitDone, "show", dev, "tables")
	l.do(exitDone, "table", "delete", dev, "ipv4_lpm", "10.1.0.0/16") // makes room for the third
	l.forward(10, "10.2.0.1", "10.3.0.1")
	l.do(exitDone, "table", "set", dev, "ipv4_lpm", "10.3.0.0/16", "drop")
	l.do(exitDone, "table", "set", dev, "ipv4_lpm", "--default", "set_nexthop", "7")
	l.forward(10, "10.2.0.1", "10.7.0.1")
	l.do(exitDone, "table", "show", dev)
	l.do(exitDone, "table", "flush", dev, "ipv4_lpm")
	l.do(exitNothing, "table", "flush", dev, "ipv4_lpm")
	l.forward(10, "10.2.0.1", "10.3.0.1", "10.7.0.1")
	l.do(exitDone, "fallback", "detach", dev)
	l.do(exitMissing, "fallback", "detach", dev)
	l.golden("offload")
	if r := sim.end(true); r.code != exitDone || r.err != "" {
		t.Errorf("the NIC's end: %s", r.transcript())
	}
}

// TestNoRoom: a device without ternary memory routes all the same: its table of ternary keys has no entries, so it is
// complete with its default action alone, until an entry comes that the device has no room for.
func TestNoRoom(t *testing.T) {
	l, sim := simLab(t, `{"kinds": {"default": ["exact", "lpm"]}, "entries": {"router_ingress.ipv4_lmp": 1}}`)
	l.pack(folder+"/p4sim.p4fw", "1.0.0")
	l.look("flash", dev)
	l.look("fallback", "attach", dev)
	for _, words := range l.routes("10.1.0.0/16") {
		l.look(append([]string{"table", "add", dev}, words...)...)
	}
	l.do(exitDone, "table", "list", dev)
	l.forward(10, "10.1.0.1")
	if n := l.counts()["10.1.0.0/16"]; n != [2]uint64{10, 0} {
		t.Errorf("device and eBPF forwarded %v packets, want all 10 in the device", n)
	}
	l.do(exitDone, "table", "add", dev, "acl", "protocol=6", "drop", "--priority", "1")
	l.do(exitDone, "table", "list", dev)
	l.forward(10, "10.1.0.1")
	if n := l.counts()["10.1.0.0/16"]; n[0] != 10 || n[1] != 10 {
		t.Errorf("device and eBPF forwarded %v packets, want 10 more in eBPF", n)
	}
	l.do(exitDone, "table", "delete", dev, "acl", "protocol=6", "--priority", "1")
	l.forward(10, "10.1.0.1")
	if n := l.counts()["10.1.0.0/16"]; n[0] != 20 {
		t.Errorf("device and eBPF forwarded %v packets, want 10 more in the device", n)
	}
	l.look("fallback", "detach", dev)
	l.golden("noroom")
	if r := sim.end(true); r.code != exitDone || !strings.Contains(r.err, "table router_ingress.ipv4_lmp") {
		t.Errorf("the misspelt table is not reported: %s", r.transcript())
	}
}

// TestFlashUnderTraffic: a package of the same program, one of another, back again: no packet is lost, the device has
// its entries at the end.
func TestFlashUnderTraffic(t *testing.T) {
	l, _ := simLab(t, `{"entries": {"router_ingress.ipv4_lpm": 1},
		"flash": {"milliseconds": 200, "activate_milliseconds": 50, "reload": true}}`)
	l.pack("first.p4fw", "1.0.0")
	source := l.read("l3router.p4")
	l.write("l3router.p4", append(source, "// another source\n"...))
	l.pack("second.p4fw", "1.1.0")
	l.look("flash", "--allow-reset", dev, "first.p4fw")
	l.attach("first.p4fw")
	f := l.send(twoRoutes...)
	l.do(exitDone, "flash", "--allow-reset", dev, "second.p4fw")
	l.do(exitDone, "flash", "--keep-fallback", "--allow-reset", "--allow-downgrade", dev, "first.p4fw")
	if n := f.stop(); n < 300 {
		t.Errorf("only %d packets were under way", n)
	}
	l.software(twoRoutes...)
	l.do(exitDone, "flash", "--allow-reset", "--allow-same-version", dev, "first.p4fw")
	l.hardware()
	l.golden("traffic")
}

// software sends packets along all routes and checks that eBPF forwards each of them.
func (l *lab) software(addrs ...string) {
	l.t.Helper()
	before := l.counts()
	l.forward(10, addrs...)
	now := l.counts()
	for prefix, n := range now {
		if n[0] != before[prefix][0] || n[1] != before[prefix][1]+10 {
			l.t.Errorf("%s: device and eBPF had %v packets, after 10 they have %v", prefix, before[prefix], n)
		}
	}
	if len(now) == 0 {
		l.t.Error("no routes")
	}
}
