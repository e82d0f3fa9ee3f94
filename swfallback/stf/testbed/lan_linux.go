package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// lan carries packets over real ports.
type lan struct {
	ns      *wires.NetNS
	numbers []uint32 // in order
	settle  time.Duration
	prefix  []byte // in front of every packet on the wire, for packets that are shorter than an Ethernet header
	ports   map[uint32]*wires.Port
	seen    []stf.Received // read, and not yet collected
}

var _ stf.Wire = (*lan)(nil)

const (
	// usualSettle is how long a packet is waited for before the next one is sent. Packets that came in at different
	// ports would not be ordered otherwise.
	usualSettle = 10 * time.Millisecond
	// quiet is how long nothing must come out for all packets to be done.
	quiet = 100 * time.Millisecond

	ethernetHeader = 14 // bytes
	vlanTag        = 4  // bytes
)

// shortPrefix stands in front of packets that are shorter than an Ethernet header: to the kernel it is one, of IEEE 802's
// Local Experimental EtherType 2, to the program it is not there (bpfgen.Options.Prefix).
func shortPrefix() []byte {
	return []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb6}
}

// newLAN makes a namespace with a port for each number but the host's.
func newLAN(numbers []uint32, taps bool, ends *cleanup) (*lan, error) {
	ns, err := wires.NewNetNS()
	if err != nil {
		return nil, err
	}
	ends.add(ns.Close)
	makePort := ns.Veth
	if taps {
		makePort = ns.Tap
	}
	l := &lan{ns: ns, settle: usualSettle, ports: map[uint32]*wires.Port{}}
	for i, number := range numbers {
		if number == hostPort {
			continue
		}
		p, err := makePort(fmt.Sprintf("p%d", i))
		if err != nil {
			return nil, err
		}
		ends.add(p.Close)
		l.ports[number] = p
		l.numbers = append(l.numbers, number)
	}
	return l, nil
}

// attach attaches a program to the ports.
func (l *lan) attach(ctx context.Context, cfg swfallback.Config) (f *swfallback.Fallback, err error) {
	cfg.Ports, cfg.Options.Prefix = map[uint32]string{}, len(l.prefix)
	for number, p := range l.ports {
		cfg.Ports[number] = p.Name
	}
	err = l.ns.Do(func() (err error) {
		f, err = swfallback.Attach(ctx, cfg)
		return err
	})
	return f, err
}

// Send implements stf.Wire.
func (l *lan) Send(ctx context.Context, port uint32, packet []byte) error {
	p := l.ports[port]
	if p == nil {
		return fmt.Errorf("send to port %d: no interface can stand for it: %w", port, errors.ErrUnsupported)
	}
	frame := append(l.prefix[:len(l.prefix):len(l.prefix)], packet...)
	if len(frame) < ethernetHeader {
		return fmt.Errorf("send a packet of %d bytes through an Ethernet interface: %w", len(packet), errors.ErrUnsupported)
	}
	if err := p.Send(frame); err != nil {
		return fmt.Errorf("send to port %d: %w", port, err)
	}
	for start := time.Now(); time.Since(start) < l.settle; {
		got, err := l.poll()
		if l.seen = append(l.seen, got...); err != nil || len(got) > 0 {
			return err
		}
		if err := pause(ctx, l.settle/20); err != nil {
			return err
		}
	}
	return nil
}

// Collect implements stf.Wire.
func (l *lan) Collect(ctx context.Context) ([]stf.Received, error) {
	all := l.seen
	l.seen = nil
	for last := time.Now(); time.Since(last) < quiet; {
		got, err := l.poll()
		if err != nil {
			return all, err
		}
		if len(got) > 0 {
			all, last = append(all, got...), time.Now()
			continue
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return all, err
		}
	}
	return all, nil
}

// poll reads what is there.
func (l *lan) poll() ([]stf.Received, error) {
	var all []stf.Received
	for _, number := range l.numbers {
		p := l.ports[number]
		for _, end := range []struct {
			port uint32
			recv func(time.Duration) ([]byte, error)
		}{{number, p.Recv}, {hostPort, p.Host}} {
			got, err := drain(end.port, len(l.prefix), end.recv)
			if err != nil {
				return all, fmt.Errorf("receive from port %d: %w", end.port, err)
			}
			all = append(all, got...)
		}
	}
	return all, nil
}

// drain reads what a port has received, without the prefix.
func drain(port uint32, prefix int, recv func(time.Duration) ([]byte, error)) ([]stf.Received, error) {
	var all []stf.Received
	for {
		packet, err := recv(0)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if len(packet) < prefix {
			return all, fmt.Errorf("a frame of %d bytes, less than stands in front of a packet", len(packet))
		}
		all = append(all, stf.Received{Port: port, Packet: packet[prefix:]})
	}
}

// pause waits, or returns the cause of ctx's end.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// isShort reports whether packets of a test are shorter than an Ethernet header.
func isShort(test *stf.Test) bool {
	for _, s := range test.Statements {
		switch s := s.(type) {
		case *stf.Packet:
			if len(s.Data) < ethernetHeader {
				return true
			}
		case *stf.Expect:
			if s.Pattern.Exact && len(s.Pattern.Nibble) < 2*ethernetHeader {
				return true
			}
		}
	}
	return false
}

// needsTap reports whether frames of a test end within a VLAN tag or the type behind it, which the receiving end of a
// veth pair drops (skb_vlan_untag of linux/net/core/skbuff.c).
func needsTap(test *stf.Test) bool {
	for _, s := range test.Statements {
		switch s := s.(type) {
		case *stf.Packet:
			if endsInTag(s.Data) {
				return true
			}
		case *stf.Expect:
			if p := s.Pattern; p.Exact && endsInTagNibbles(p.Nibble) {
				return true
			}
		}
	}
	return false
}

func endsInTag(frame []byte) bool {
	nibbles := make([]byte, 0, 2*len(frame))
	for _, b := range frame {
		nibbles = append(nibbles, b>>4, b&15)
	}
	return endsInTagNibbles(nibbles)
}

// endsInTagNibbles is endsInTag for hexadecimal digits; what is none may be anything.
func endsInTagNibbles(frame []byte) bool {
	if len(frame) < 2*ethernetHeader || len(frame) >= 2*(ethernetHeader+vlanTag+2) {
		return false
	}
	for _, tpid := range [][]byte{{8, 1, 0, 0}, {8, 8, 0xa, 8}} {
		fits := true
		for i, digit := range frame[2*12 : 2*ethernetHeader] {
			fits = fits && (digit > 15 || digit == tpid[i])
		}
		if fits {
			return true
		}
	}
	return false
}
