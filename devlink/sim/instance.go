package sim

import (
	"context"
	"slices"
	"time"
)

// instance is a struct devlink: a registered device with what the core keeps about it. Everything below sem
// is guarded by the instance lock.
type instance struct {
	k        *Kernel
	device   Device
	bus, dev string
	index    uint32
	sem      chan struct{} // the instance lock: a mutex that can be awaited with a context

	gone         bool
	parts        []part
	reloadFailed bool
	reloads      [reloadLimitMax + 1][reloadActionMax + 1]uint32
	counters     map[string]bool   // dpipe tables whose counters were switched
	sizes        map[uint64]uint64 // resource sizes that wait for a reload
	snapshots    map[string][]snapshot
	params       map[string]any // driverinit values that wait for a reload
	health       map[string]*healthState
}

type snapshot struct {
	id   uint32
	data []byte
}

// healthState is what the core keeps about a reporter.
type healthState struct {
	state       uint8
	errors      uint64
	recovers    uint64
	grace       uint64 // ms
	burst       uint64 // ms
	autoRecover bool
	autoDump    bool
	dump        *Fmsg
	dumpTime    time.Time
	lastRecover time.Time
}

func newInstance(k *Kernel, d Device) *instance {
	bus, dev := d.Handle()
	return &instance{
		k: k, device: d, bus: bus, dev: dev, sem: make(chan struct{}, 1),
		counters: map[string]bool{}, sizes: map[uint64]uint64{}, snapshots: map[string][]snapshot{},
		params: map[string]any{}, health: map[string]*healthState{},
	}
}

func (in *instance) lock(ctx context.Context) error {
	select {
	case in.sem <- struct{}{}:
		return nil
	default:
	}
	select {
	case in.sem <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (in *instance) unlock() { <-in.sem }

// handle is the device's name as users write it.
func (in *instance) handle() string { return in.bus + "/" + in.dev }

func (in *instance) putHandle(b *skb) {
	b.str(attrBusName, in.bus)
	b.str(attrDevName, in.dev)
}

// part is something that a device has and that comes and goes with notifications.
type part struct {
	key      string
	new, del uint8 // commands of its notifications
	body     func(b *skb)
}

// partsNow lists the device's parts in the order in which the kernel announces them.
func (in *instance) partsNow() []part {
	var out []part
	for _, p := range in.ports() {
		out = append(out, part{"port " + itoa(p.Index), cmdPortNew, cmdPortDel, func(b *skb) { in.putPort(b, p) }})
	}
	for _, p := range in.policers() {
		out = append(out, part{"policer " + itoa(p.ID), cmdTrapPolicerNew, cmdTrapPolicerDel, func(b *skb) { putPolicer(b, p) }})
	}
	for _, g := range in.trapGroups() {
		out = append(out, part{"group " + g, cmdTrapGroupNew, cmdTrapGroupDel, func(b *skb) { in.putTrapGroup(b, g) }})
	}
	for _, t := range in.traps() {
		out = append(out, part{"trap " + t.Name, cmdTrapNew, cmdTrapDel, func(b *skb) { in.putTrap(b, t) }})
	}
	for _, r := range in.regions() {
		out = append(out, part{"region " + r.Name, cmdRegionNew, cmdRegionDel, func(b *skb) { in.putRegionNotice(b, r) }})
	}
	for _, p := range in.paramList() {
		out = append(out, part{"param " + p.Name, cmdParamNew, cmdParamDel, func(b *skb) { in.putParam(b, p) }})
	}
	return out
}

// refresh remembers the device's parts as they are now.
func (in *instance) refresh() { in.parts = in.partsNow() }

// update compares the device's parts with the remembered ones and notifies of the differences.
func (in *instance) update() {
	old := in.parts
	in.refresh()
	in.notifyParts(old, in.parts)
	for name := range in.snapshots {
		if !slices.ContainsFunc(in.regions(), func(r Region) bool { return r.Name == name }) {
			delete(in.snapshots, name)
		}
	}
}

// takeDown announces the departure of all that a driver takes down before it is re-initialized: everything but
// its parameters.
func (in *instance) takeDown() {
	old := in.parts
	in.parts = slices.DeleteFunc(slices.Clone(old), func(p part) bool { return p.new != cmdParamNew })
	in.notifyParts(old, in.parts)
	clear(in.snapshots)
}

// notifyParts announces what is only in one of the lists: departures last first, then arrivals.
func (in *instance) notifyParts(old, now []part) {
	in2 := func(list []part, p part) bool {
		return slices.ContainsFunc(list, func(q part) bool { return q.key == p.key })
	}
	for _, p := range slices.Backward(old) {
		if !in2(now, p) {
			in.notify(p.del, p.body)
		}
	}
	for _, p := range now {
		if !in2(old, p) {
			in.notify(p.new, p.body)
		}
	}
}

// notify multicasts a message with the device's handle and body. As in Linux 6.8 and later it is not made, and the
// driver's counters are not asked for it, where nobody listens.
func (in *instance) notify(cmd uint8, body func(b *skb)) {
	if !in.k.listened() {
		return
	}
	b := newSkb()
	b.genl(header{typ: in.k.opts.FamilyID}, cmd, familyVersion, func() {
		in.putHandle(b)
		body(b)
	})
	if !b.full {
		in.k.multicast(cmd, in.handle(), b.buf)
	}
}

func (in *instance) notifyDevice(cmd uint8) {
	in.notify(cmd, in.putDeviceState)
}

// vanish takes the device out of the kernel, with notifications. The caller holds the lock.
func (in *instance) vanish() bool {
	if in.gone {
		return false
	}
	in.notifyParts(in.parts, nil)
	in.notifyDevice(cmdDel)
	in.gone = true
	in.k.mu.Lock()
	in.k.instances = slices.DeleteFunc(in.k.instances, func(o *instance) bool { return o == in })
	in.k.mu.Unlock()
	return true
}
