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
	for _, p := range slices.Backward(in.parts) {
		in.notify(p.del, p.body)
	}
	in.notifyDevice(cmdDel)
	in.gone = true
	in.k.mu.Lock()
	in.k.instances = slices.DeleteFunc(in.k.instances, func(o *instance) bool { return o == in })
	in.k.mu.Unlock()
	return true
}
