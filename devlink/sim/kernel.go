package sim

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options are the settings of a Kernel. The zero value has no firmware and a socket buffer of the kernel's
// default size.
type Options struct {
	// Firmware loads a file for a flash update, in request_firmware's place. A nil function, and any error,
	// means that the file is not there.
	Firmware func(name string) ([]byte, error)
	// Buffer is how many bytes a socket may queue before it loses notifications; 0: 212992.
	Buffer int
	// FamilyID is the identifier of the devlink family, 0: 0x15. Group is that of its multicast group, 0: 5.
	FamilyID uint16
	Group    uint32
	// Now is the clock of health dumps; nil: time.Now.
	Now func() time.Time
}

// Kernel is the kernel's side of devlink: a set of devices that sockets talk to. It is safe for use by any
// number of goroutines.
type Kernel struct {
	opts Options

	mu        sync.Mutex // guards what follows; never held while a driver runs or an instance lock is awaited
	instances []*instance
	sockets   map[*Socket]struct{}
	faults    []*fault
	nextIndex uint32
	nextPort  uint32
	held      [][]byte // notifications kept back by Reorder faults
}

// New returns a kernel without devices.
func New(opts Options) *Kernel {
	if opts.Buffer == 0 {
		opts.Buffer = 212992
	}
	if opts.FamilyID == 0 {
		opts.FamilyID = 0x15
	}
	if opts.Group == 0 {
		opts.Group = 5
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Firmware == nil {
		opts.Firmware = func(name string) ([]byte, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
	}
	return &Kernel{opts: opts, sockets: map[*Socket]struct{}{}, nextPort: 0x4000}
}

// Register adds a device and notifies of it and of its parts. A handle that is in use is an error that wraps
// EEXIST.
func (k *Kernel) Register(d Device) error {
	in := newInstance(k, d)
	k.mu.Lock()
	if k.find(in.bus, in.dev) != nil {
		k.mu.Unlock()
		return fmt.Errorf("sim: register %s/%s: %w", in.bus, in.dev, syscall.EEXIST)
	}
	in.index = k.nextIndex
	k.nextIndex++
	_ = in.lock(context.Background()) // nobody else has seen it
	k.instances = append(k.instances, in)
	k.mu.Unlock()
	defer in.unlock()
	in.refresh()
	in.notifyDevice(cmdNew)
	for _, p := range in.parts {
		in.notify(p.new, p.body)
	}
	return nil
}

// Unregister removes a device, after what it is doing has ended, and notifies of its disappearance. It reports
// whether there was one.
func (k *Kernel) Unregister(bus, dev string) bool {
	k.mu.Lock()
	in := k.find(bus, dev)
	k.mu.Unlock()
	if in == nil {
		return false
	}
	_ = in.lock(context.Background())
	defer in.unlock()
	return in.vanish()
}

// Changed makes the core look at a device's ports, regions, parameters and traps again and notify of those
// that came and went. Flash updates and reloads do so by themselves.
func (k *Kernel) Changed(bus, dev string) {
	k.mu.Lock()
	in := k.find(bus, dev)
	k.mu.Unlock()
	if in == nil {
		return
	}
	_ = in.lock(context.Background())
	defer in.unlock()
	if !in.gone {
		in.update()
	}
}

// find returns the instance with a handle, or nil. The caller holds k.mu.
func (k *Kernel) find(bus, dev string) *instance {
	i := slices.IndexFunc(k.instances, func(in *instance) bool { return in.bus == bus && in.dev == dev })
	if i < 0 {
		return nil
	}
	return k.instances[i]
}

// lookup returns the instance that attributes name, locked. The errors are the kernel's.
func (k *Kernel) lookup(ctx context.Context, a attrs) (*instance, error) {
	if !a.has(attrBusName) || !a.has(attrDevName) {
		return nil, syscall.EINVAL
	}
	k.mu.Lock()
	in := k.find(a.str(attrBusName), a.str(attrDevName))
	k.mu.Unlock()
	if in == nil {
		return nil, syscall.ENODEV
	}
	if err := in.lock(ctx); err != nil {
		return nil, err
	}
	if in.gone {
		in.unlock()
		return nil, syscall.ENODEV
	}
	return in, nil
}

// from returns the first instance with an index of at least i, or nil.
func (k *Kernel) from(i uint32) *instance {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, in := range k.instances {
		if in.index >= i {
			return in
		}
	}
	return nil
}

// listened reports whether any socket is a member of devlink's group.
func (k *Kernel) listened() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for s := range k.sockets {
		if s.listens() {
			return true
		}
	}
	return false
}

// multicast sends a notification to every member of devlink's group.
func (k *Kernel) multicast(cmd uint8, device string, datagram []byte) {
	out := k.disturb(cmd, device, datagram)
	k.mu.Lock()
	defer k.mu.Unlock()
	for s := range k.sockets {
		for _, d := range out {
			s.notify(d)
		}
	}
}
