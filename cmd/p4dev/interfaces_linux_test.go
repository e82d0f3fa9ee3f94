package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestFallbackOnInterfaces runs plain BMv2 JSON on interfaces that belong to no device, and replaces it under
// traffic.
func TestFallbackOnInterfaces(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l2switch", "l3router")
	ns := bpftest.NewNetNS(t)
	l := &lab{place: p}
	var ports [2]*bpftest.Port
	for i := range ports {
		ports[i] = ns.Veth(t, fmt.Sprint("veth", i+1))
	}
	l.ports = [2]endpoint{ports[0], ports[1]}
	ns.Do(t, func() {
		p.do(exitFailed, "fallback", "attach", "--name", "router", "--ports", "1=veth1,2=nowhere", "l3router.json")
		p.do(exitMissing, "fallback", "show", "router") // nothing of it is left
		p.do(exitDone, "fallback", "attach", "--name", "router", "--ports", "1=veth1,2=veth2", "l3router.json")
		l.addRoutes("router", "10.1.0.0/16")
		l.forward(10, "10.1.0.1")
		p.do(exitDone, "table", "show", "router", "ipv4_lpm")
		p.says(p.quiet("fallback", "specialise", "router"), "router: specialised for router_ingress.my_station, ")
		p.do(exitNothing, "fallback", "specialise", "router")
		l.forward(10, "10.1.0.1") // in another program, by the same counters
		p.do(exitDone, "table", "show", "router", "ipv4_lpm")
		p.do(exitDone, "fallback", "show", "router")
		p.quiet("table", "set", "router", "ipv4_lpm", "10.1.0.0/16", "set_nexthop", "7")
		if out := p.look("fallback", "show", "router"); strings.Contains(out, "specialised") {
			t.Errorf("after a change: %s", out)
		}
		keeper := p.goRun("fallback", "specialise", "router", "--keep", "--every", "50ms")
		keeper.await("router_ingress.nexthop")
		f := l.send("10.1.0.1")
		p.look("pack", "l3router.p4", "--version", "3.0.0", "-o", "next.p4fw")
		p.says(p.quiet("fallback", "replace", "router", "next.p4fw"), "router: l3router.p4", "source sha256:")
		time.Sleep(100 * time.Millisecond)
		p.says(p.quiet("fallback", "show", "router"), "forwarded") // by the new program
		if n := f.stop(); n < 20 {
			t.Errorf("only %d packets were under way", n)
		}
		p.do(exitMissing, "fallback", "replace", "router", "nothing.p4fw")
		p.do(exitMissing, "fallback", "replace", "switch", "l2switch.json")
		p.do(exitDone, "fallback", "replace", "router", "l2switch.json") // other tables: their entries go
		keeper.await("bridge_ingress.dmac")
		if r := keeper.end(true); r.code != exitDone || r.err != "" {
			t.Errorf("interrupted: %s", r.transcript())
		}
		p.do(exitDone, "fallback", "detach", "router")
	})
	p.golden("interfaces")
	plain := frame16(0x88b5)
	if err := ports[0].Send(plain); err != nil {
		t.Fatal(err)
	}
	if got, err := ports[0].Host(time.Second); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("after detach the host gets %x, %v, want %x", got, err, plain)
	}
	if got, err := ports[1].Recv(20 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after detach something is forwarded: %x, %v", got, err)
	}
}

// TestFlood: a switch floods to the ports of a group that is set on the command line, and counts.
func TestFlood(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l2switch")
	ns := bpftest.NewNetNS(t)
	var ports [3]*bpftest.Port
	for i := range ports {
		ports[i] = ns.Veth(t, fmt.Sprint("veth", i+1))
	}
	ns.Do(t, func() {
		p.look("fallback", "attach", "--name", "bridge", "--ports", "1=veth1,2=veth2,3=veth3", "l2switch.json")
		p.do(exitFailed, "fallback", "group", "bridge", "100")
		p.do(exitFailed, "fallback", "group", "bridge", "0", "1")
		p.do(exitFailed, "fallback", "group", "bridge", "100", "1:x")
		p.do(exitDone, "fallback", "group", "bridge", "100", "1", "2", "3:7")
		for i := range ports {
			p.do(exitDone, "table", "add", "bridge", "port_vlan", fmt.Sprint(i+1), "0", "set_pvid", "10")
		}
		p.do(exitDone, "table", "add", "bridge", "vlan_flood", "10", "flood", "100")
		frame := slices.Concat([]byte{2, 0, 0, 0, 0, 9}, []byte{2, 0, 0, 0, 0, 1}, []byte{0x88, 0xb5}, make([]byte, 46))
		p.must(ports[0].Send(frame))
		for _, i := range []int{1, 2} {
			if got, err := ports[i].Recv(time.Second); err != nil || !bytes.Equal(got, frame) {
				t.Errorf("port %d gets %x, %v, want %x", i+1, got, err, frame)
			}
		}
		if got, err := ports[0].Recv(20 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the frame comes back: %x, %v", got, err)
		}
		p.do(exitDone, "fallback", "counter", "bridge", "ingress_port_counter")
		p.do(exitDone, "-j", "fallback", "counter", "bridge", "ingress_port_counter", "2")
		p.do(exitFailed, "fallback", "counter", "bridge", "ingress_port_counter", "70000")
		p.do(exitDone, "fallback", "group", "bridge", "100", "--delete")
		p.do(exitDone, "-j", "fallback", "group", "bridge")
		p.do(exitDone, "fallback", "detach", "bridge")
	})
	p.golden("flood")
}

// frame16 is a frame with nothing but an Ethernet type.
func frame16(etherType uint16) []byte {
	return append(slices.Concat(routerMAC[0], senderMAC), append([]byte{byte(etherType >> 8), byte(etherType)}, make([]byte, 46)...)...)
}

// TestNamespaceFlag: --netns works in another network namespace, and the pins are the same.
func TestNamespaceFlag(t *testing.T) {
	needSandbox(t)
	p := newPlace(t, "l2switch")
	ns := bpftest.NewNetNS(t)
	ns.Veth(t, "veth1")
	ns.Do(t, func() {
		p.must(os.MkdirAll("/run/netns", 0o755))
		p.must(os.WriteFile("/run/netns/elsewhere", nil, 0o644))
		p.must(unix.Mount(fmt.Sprintf("/proc/%d/task/%d/ns/net", os.Getpid(), unix.Gettid()), "/run/netns/elsewhere", "", unix.MS_BIND, ""))
	})
	t.Cleanup(func() {
		p.must(errors.Join(unix.Unmount("/run/netns/elsewhere", unix.MNT_DETACH), os.Remove("/run/netns/elsewhere")))
	})
	if r := p.start("--netns", "elsewhere", "fallback", "attach", "--name", "switch", "--ports", "1=veth1", "l2switch.json").end(false); r.code != exitDone {
		t.Fatal(r.transcript())
	}
	p.look("fallback", "show", "switch")
	p.look("fallback", "detach", "switch")
	if r := p.start("--netns", "nowhere", "list").end(false); r.code == exitDone {
		t.Fatal(r.transcript())
	}
	runtime.KeepAlive(ns)
}
