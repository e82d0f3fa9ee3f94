package main

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/offload/simnic"
)

// faultLab is a NIC that forwards on two routes, one of them in the device, with a package of another source at
// hand. Its packets go on while a test does its worst.
func faultLab(t *testing.T, limits simnic.Limits) *lab {
	t.Helper()
	limits.Entries = map[string]int{"router_ingress.ipv4_lpm": 1}
	l := newLab(t, limits)
	l.pack("first.p4fw", "1.0.0")
	l.write("l3router.p4", append(l.read("l3router.p4"), "// another source\n"...))
	l.pack("second.p4fw", "1.1.0")
	return l
}

var twoRoutes = []string{"10.1.0.1", "10.2.0.1"}

// attach attaches the fallback and makes it a router with two routes, without a word in the transcript.
func (l *lab) attach(pkg string) {
	l.t.Helper()
	l.quiet("fallback", "attach", "--package", pkg, dev)
	l.t.Cleanup(func() { l.quiet("fallback", "detach", dev) })
	a := newApp(nil, &buffer{}, &buffer{})
	a.log = slog.New(slog.DiscardHandler)
	root := a.rootCommand() // whose flags are a's
	l.must(root.ParseFlags(l.flags))
	s, err := a.openSession(l.t.Context(), dev)
	l.must(err)
	for _, words := range l.routes("10.1.0.0/16", "10.2.0.0/16") {
		e, err := parseEntry(s.fallback.Program(), words, entryFlags{})
		l.must(err)
		l.must(s.manager.Insert(e))
	}
	l.must(s.close())
}

// hardware checks that the device forwards the packets of one of the two routes.
func (l *lab) hardware() {
	l.t.Helper()
	before := l.counts()
	l.forward(10, twoRoutes...)
	n := uint64(0)
	for prefix, now := range l.counts() {
		n += now[0] - before[prefix][0]
	}
	if n != 10 {
		l.t.Errorf("the device forwarded %d of 20 packets, want 10", n)
	}
}

// runs checks what the device runs.
func (l *lab) runs(version string) {
	l.t.Helper()
	if info := l.look("show", dev, "info"); !strings.Contains(info, "running fw.app         "+version+"\n") {
		l.t.Errorf("the device does not run %s:\n%s", version, info)
	}
}

// TestFlashFailsHalfWay: the device refuses the second half of an image. It keeps its program and gets its entries
// back; no packet is lost; the next flash works.
func TestFlashFailsHalfWay(t *testing.T) {
	l := faultLab(t, simnic.Limits{})
	l.look("flash", dev, "first.p4fw")
	l.attach("first.p4fw")
	remove := l.kernel.Inject(sim.Fault{Kind: sim.FlashFailure, Percent: 50, Message: "flash cell failed"})
	f := l.send(twoRoutes...)
	l.do(exitFailed, "flash", dev, "second.p4fw")
	f.stop()
	l.runs("1.0.0")
	l.hardware()
	remove()
	f = l.send(twoRoutes...)
	l.do(exitDone, "flash", dev, "second.p4fw")
	f.stop()
	l.runs("1.1.0")
	l.hardware()
	l.do(exitDone, "history")
	l.golden("halfway")
}

// TestFirstFlashFails: a device that never ran a program has none afterwards either, and can be told so.
func TestFirstFlashFails(t *testing.T) {
	l := faultLab(t, simnic.Limits{Faults: simnic.Faults{FailsAt: 40}})
	l.do(exitFailed, "flash", dev, "first.p4fw")
	l.do(exitDone, "list")
	l.golden("firstfails")
}

// TestDeviceVanishes: the device goes away in the middle. eBPF carries all packets that reach the host, the commands
// say that the device is gone, and detach works without it.
func TestDeviceVanishes(t *testing.T) {
	l := faultLab(t, simnic.Limits{})
	l.look("flash", dev, "first.p4fw")
	l.attach("first.p4fw")
	l.kernel.Inject(sim.Fault{Kind: sim.Vanish, Percent: 50, Nth: 1, Cmd: 58}) // DEVLINK_CMD_FLASH_UPDATE
	f := l.send(twoRoutes...)
	l.do(exitMissing, "flash", dev, "second.p4fw")
	l.do(exitDone, "list")
	l.do(exitMissing, "flash", dev, "second.p4fw")
	l.do(exitDone, "table", "add", dev, "ipv4_lpm", "10.3.0.0/16", "set_nexthop", "7")
	f.stop()
	l.forward(10, "10.1.0.1", "10.2.0.1", "10.3.0.1")
	l.says(l.quiet("table", "show", dev, "ipv4_lpm"), "there is no hardware", "software only")
	l.golden("vanishes")
}

// TestOtherSource: a device that reports another source than it was given is not trusted with entries.
func TestOtherSource(t *testing.T) {
	l := faultLab(t, simnic.Limits{Faults: simnic.Faults{Source: "sha256:" + strings.Repeat("5", 64)}})
	l.do(exitFailed, "flash", "--wait", "100ms", dev, "first.p4fw")
	l.attach("first.p4fw")
	l.do(exitDone, "table", "list", dev)
	l.software(twoRoutes...)
	f := l.send(twoRoutes...)
	l.do(exitFailed, "flash", "--wait", "100ms", dev, "second.p4fw")
	f.stop()
	l.software(twoRoutes...)
	l.golden("othersource")
}

// TestDamagedAdvertisement: a region or a dpipe table that is not the package's shuts the gate, and names itself.
func TestDamagedAdvertisement(t *testing.T) {
	for file, faults := range map[string]simnic.Faults{"otherregion": {BadRegion: true}, "othertable": {BadTables: true}} {
		t.Run(file, func(t *testing.T) {
			l := faultLab(t, simnic.Limits{Faults: faults})
			l.do(exitFailed, "flash", dev, "first.p4fw")
			if r := l.quiet("show", dev); !strings.Contains(r.err, "contradicts itself") {
				t.Errorf("nothing is said of the contradiction: %s", r.err)
			}
			l.attach("first.p4fw")
			l.do(exitDone, "table", "list", dev)
			l.software(twoRoutes...)
			l.golden(file)
		})
	}
}

// TestAgentDown: where the device's agent does not answer, entries stay in software, and the commands say so; when
// it is back, the entries go where they belong.
func TestAgentDown(t *testing.T) {
	l := faultLab(t, simnic.Limits{})
	l.look("flash", dev, "first.p4fw")
	l.flags = append(l.flags, "--device-agent", "unix:run/nobody.sock")
	l.attach("first.p4fw")
	l.do(exitDone, "table", "list", dev)
	l.do(exitDone, "table", "show", dev, "ipv4_lpm")
	l.software(twoRoutes...)
	l.flags = l.flags[:len(l.flags)-2]
	l.do(exitDone, "table", "reconcile", dev)
	l.hardware()
	l.flags = append(l.flags, "--device-agent", "unix:run/nobody.sock")
	l.do(exitFailed, "table", "delete", dev, "ipv4_lpm", "10.1.0.0/16") // the device would go on routing by it
	f := l.send(twoRoutes...)
	l.do(exitDone, "flash", dev, "second.p4fw") // the device starts anew without entries: software has them all
	f.stop()
	l.runs("1.1.0")
	l.do(exitDone, "table", "list", dev)
	l.forward(10, twoRoutes...)
	l.golden("agent")
}
