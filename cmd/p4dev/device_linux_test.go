package main

import (
	"os"
	"testing"
)

// TestDevice is what a user sees of a device from its first package on.
func TestDevice(t *testing.T) {
	l, _ := simLab(t, `{"entries": {"router_ingress.ipv4_lpm": 4, "default": 100}, "kinds": {"default": ["exact", "lpm"]}}`)
	l.pack("l3router.p4fw", "1.0.0")
	l.do(exitDone, "list")
	l.do(exitDone, "show", dev)
	l.do(exitDone, "flash", "--dry-run", dev, "l3router.p4fw")
	l.do(exitDone, "flash", dev, "l3router.p4fw")
	l.do(exitNothing, "flash", dev, "l3router.p4fw")
	l.do(exitDone, "list")
	l.do(exitDone, "-j", "list")
	l.do(exitDone, "show", dev)
	for _, s := range newApp(nil, nil, nil).sectionNames() {
		if s != "selftests" && s != "ddp" {
			l.do(exitDone, "show", dev, s)
		}
	}
	l.do(exitFailed, "show", dev, "selftests")
	l.do(exitMissing, "show", dev, "ddp")
	for _, s := range []string{"info", "ports", "tables", "regions", "health", "params"} {
		l.do(exitDone, "-j", "show", dev, s)
	}
	l.do(exitDone, "show", dev, "parser", "--graph", "mermaid")
	l.do(exitFailed, "show", dev, "weather")
	l.do(exitMissing, "show", "pci/0000:09:00.0")
	l.do(exitDone, "history")
	l.do(exitDone, "history", "pci/0000:09:00.0")
	l.golden("device")
	if left, err := os.ReadDir("root/lib/firmware/p4dev"); err != nil || len(left) > 0 {
		t.Errorf("left in the firmware folder: %v, %v", left, err)
	}
}

// TestWithoutDevices: a host that has no devlink device, or a kernel without devlink, is no error but for what
// names a device.
func TestWithoutDevices(t *testing.T) {
	needSandbox(t)
	p := newPlace(t)
	p.do(exitDone, "list")
	p.do(exitDone, "-j", "list")
	p.do(exitDone, "history")
	p.do(exitDone, "-j", "history")
	p.do(exitDone, "fallback", "show")
	p.do(exitMissing, "fallback", "show", "router")
	p.do(exitMissing, "table", "list", "router")
	p.do(exitMissing, "fallback", "detach", "router")
	p.golden("nodevice")
	p.do(exitMissing, "show", "pci/0000:01:00.0") // whose words depend on the kernel
	p.do(exitMissing, "flash", "pci/0000:01:00.0")
}

// TestEndpointSim: a NIC that lives as long as one command.
func TestEndpointSim(t *testing.T) {
	needSandbox(t)
	p := newPlace(t)
	p.says(p.quiet("--endpoint", "sim", "list"), dev)
	p.says(p.quiet("--endpoint", "sim", "show", dev, "ports"), "p4h2")
	if left := append(list(t, "run"), leftDevices()...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
