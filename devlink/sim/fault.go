package sim

import (
	"slices"
	"strings"
	"syscall"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind int

// The kinds of faults.
const (
	Errno             FaultKind = iota // the request is refused with Fault.Errno and Fault.Message
	Delay                              // the request is carried out after Fault.Delay
	Stall                              // the request is never answered
	Vanish                             // the device goes away: before a do, after a dump's first datagram, at Fault.Percent of a flash
	DumpInterrupted                    // every message of the reply carries NLM_F_DUMP_INTR
	Truncate                           // every datagram of the reply is cut to Fault.Length bytes
	Garbage                            // every datagram of the reply has arbitrary bytes behind its first header
	UnknownAttributes                  // every message of the reply ends in attributes that no kernel has
	FlashFailure                       // the flash ends with Fault.Errno at Fault.Percent of its progress
	Duplicate                          // the notification is sent twice
	Reorder                            // the notification is sent behind the next one of any command
	NoBuffers                          // the reply is lost, and the socket reports ENOBUFS
)

// Fault is one thing that goes wrong with requests or, for Duplicate and Reorder, notifications.
type Fault struct {
	Kind    FaultKind
	Cmd     uint8         // command of the request or notification; 0: any
	Device  string        // "bus/dev"; empty: any
	Nth     int           // which of those that fit, from 1; 0: every one
	Errno   syscall.Errno // 0: EIO
	Message string        // of the extended acknowledgement
	Delay   time.Duration
	Percent int // of Done to Total
	Length  int // bytes
}

// fault is an injected Fault with the number of times that it fitted.
type fault struct {
	Fault
	seen int
}

// Inject adds a fault and returns a function that takes it back.
func (k *Kernel) Inject(f Fault) (remove func()) {
	if f.Errno == 0 {
		f.Errno = syscall.EIO
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	added := &fault{Fault: f}
	k.faults = append(k.faults, added)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.faults = slices.DeleteFunc(k.faults, func(o *fault) bool { return o == added })
	}
}

// fits compares command and device; a dump of all devices fits every device.
func (f Fault) fits(cmd uint8, device string) bool {
	return (f.Cmd == 0 || f.Cmd == cmd) && (f.Device == "" || f.Device == device || device == "/")
}

func (f Fault) ofNotification() bool { return f.Kind == Duplicate || f.Kind == Reorder }

// hits returns the faults that apply to a request or notification, and counts it.
func (k *Kernel) hits(cmd uint8, device string, notification bool) []Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Fault
	for _, f := range k.faults {
		if f.ofNotification() != notification || !f.fits(cmd, device) {
			continue
		}
		if f.seen++; f.Nth == 0 || f.Nth == f.seen {
			out = append(out, f.Fault)
		}
	}
	return out
}

func (r *request) device() string { return r.attrs.str(attrBusName) + "/" + r.attrs.str(attrDevName) }

// meetFaults applies the faults that hit a request before it is carried out, and keeps those of its replies.
func (r *request) meetFaults() error {
	r.faults = r.k.hits(r.cmd, r.device(), false)
	for _, f := range r.faults {
		switch {
		case f.Kind == Errno:
			return extack(f.Errno, f.Message)
		case f.Kind == Stall:
			return errNoAnswer
		case f.Kind == Delay:
			if err := r.wait(f.Delay); err != nil {
				return err
			}
		case f.Kind == Vanish && !r.isDump() && r.cmd != cmdFlashUpdate:
			r.k.Unregister(r.attrs.str(attrBusName), r.attrs.str(attrDevName))
		}
	}
	return nil
}

func (r *request) wait(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.ctx.Done():
		return errNoAnswer
	}
}

// vanishMidway removes the device of a dump, or the first one, where a fault wants it.
func (r *request) vanishMidway() {
	for _, f := range r.faults {
		if f.Kind != Vanish {
			continue
		}
		bus, dev, named := strings.Cut(f.Device, "/")
		if in := r.k.from(0); r.attrs.has(attrBusName) {
			bus, dev = r.attrs.str(attrBusName), r.attrs.str(attrDevName)
		} else if !named && in != nil {
			bus, dev = in.bus, in.dev
		}
		r.k.Unregister(bus, dev)
	}
}

// spoil changes a datagram of a reply.
func (f Fault) spoil(d []byte) []byte {
	switch f.Kind {
	case DumpInterrupted:
		for rest := d; len(rest) >= nlmsgHdrLen; rest = rest[messageLen(rest):] {
			host.PutUint16(rest[6:], host.Uint16(rest[6:])|flagDumpIntr)
		}
	case Truncate:
		return d[:min(max(f.Length, 0), len(d))]
	case Garbage:
		for i := nlmsgHdrLen; i < len(d); i++ {
			d[i] ^= byte(0xa5 + 31*i)
		}
	case UnknownAttributes:
		return withUnknown(d)
	}
	return d
}

// withUnknown appends two unknown attributes to every message of devlink's family in a datagram.
func withUnknown(d []byte) []byte {
	var out []byte
	for len(d) >= nlmsgHdrLen {
		n := messageLen(d)
		b := &skb{room: n + 32}
		copy(b.grow(n), d)
		if host.Uint16(d[4:]) >= nlmsgMin {
			b.bytes(0x3ff0, []byte{1, 2, 3, 4, 5})
			b.nest(0x3ff1|nlaNested, func() { b.u8(1, 7) })
			host.PutUint32(b.buf, uint32(len(b.buf)))
		}
		out = append(out, b.buf...)
		d = d[n:]
	}
	return out
}

// messageLen is how many bytes the first message of a datagram takes, with padding. A length that another
// fault has spoilt counts as the rest of the datagram.
func messageLen(d []byte) int {
	if n := align(int(host.Uint32(d))); n >= nlmsgHdrLen && n <= len(d) {
		return n
	}
	return len(d)
}

// disturb returns what is sent in a notification's place.
func (k *Kernel) disturb(cmd uint8, device string, d []byte) [][]byte {
	out := [][]byte{d}
	for _, f := range k.hits(cmd, device, true) {
		if f.Kind == Duplicate {
			out = append(out, d)
			continue
		}
		k.mu.Lock()
		k.held = append(k.held, d)
		k.mu.Unlock()
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out = append(out, k.held...)
	k.held = nil
	return out
}
