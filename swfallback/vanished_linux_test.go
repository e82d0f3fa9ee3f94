package swfallback

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/p4dev/p4dev/swfallback/bpfrun"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// vanish deletes the interface of a port.
func vanish(t *testing.T, fab *fabric, port uint32) {
	t.Helper()
	fab.ns.Do(t, func() {
		device, err := netlink.LinkByName(fab.ports[port].Name)
		if err == nil {
			err = netlink.LinkDel(device)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if device, err := fab.attachments[port].Device(); err != nil || device != 0 {
		t.Fatalf("port %d is at device %d, %v", port, device, err)
	}
}

// TestReplaceWithoutAnInterface deletes an interface that comes before, and one that comes after those that stay.
func TestReplaceWithoutAnInterface(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 0, 1, 2, 3)
	insert(t, fab.Fallback, routed...)
	vanish(t, fab, 0)
	vanish(t, fab, 3)
	carried, err := fab.Replace(t.Context(), nil, small(source(t, "l3router")))
	if err != nil || carried.Entries != len(routed) {
		t.Fatalf("carried %+v, %v", carried, err)
	}
	forwardOne(t, fab)
	again := reopen(t, fab.Fallback)
	status, err := again.Show()
	if err := errors.Join(err, again.Close()); err != nil {
		t.Fatal(err)
	}
	for _, p := range status.Ports {
		stays := p.Port == 1 || p.Port == 2
		if stays != (p.Index != 0) || stays && p.ProgramID != status.Programs[0].ID {
			t.Errorf("port %+v, programs %+v", p, status.Programs)
		}
	}
	if err := fab.Detach(); err != nil {
		t.Fatal(err)
	}
	checkGone(t, fab, status)
}

// TestReplaceAddsTCWithoutAnInterface goes to a program that replicates, and so has one at tc too, and back.
func TestReplaceAddsTCWithoutAnInterface(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2, 3)
	vanish(t, fab, 3)
	for _, name := range []string{"l2switch", "l2switch", "l3router"} {
		fab.ns.Do(t, func() {
			if _, err := fab.Replace(t.Context(), nil, small(source(t, name))); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
	}
	insert(t, fab.Fallback, routed...)
	forwardOne(t, fab)
}

// TestOpenRecoversWithoutAnInterface deletes an interface after a process has died in the middle of Replace.
func TestOpenRecoversWithoutAnInterface(t *testing.T) {
	fab := newFabric(t, small(source(t, "l3router")), bpfrun.ModeAuto, (*bpftest.NetNS).Veth, 1, 2, 3)
	insert(t, fab.Fallback, routed...)
	devices, err := fab.devices()
	if err != nil {
		t.Fatal(err)
	}
	next, err := newGeneration(fab.Program(), fab.record.Options.options(), fab.gen, devices)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.close() })
	r := *fab.record
	if err := errors.Join(next.pin(fab.place.next("test"), &r), fab.attachments[1].Replace(next.dp), fab.gen.retire(true)); err != nil {
		t.Fatal(err)
	}
	vanish(t, fab, 3)
	checkEntries(t, reopen(t, fab.Fallback), "nexthop", routed[2])
	forwardOne(t, fab)
}
