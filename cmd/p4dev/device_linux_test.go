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
	for _, s := range sectionNames {
		l.do(exitDone, "show", dev, s)
	}
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
