package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
)

// wire is two veth pairs in a namespace: frames that are put into the outer end of the first come in on port 1.
type wire struct {
	ns   *wires.NetNS
	in   *wires.Port
	out  *wires.Port
	ends []func() error
}

func newWire() (_ *wire, err error) {
	w := &wire{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.ns, err = wires.NewNetNS(); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.ns.Close)
	if w.in, err = w.ns.Veth("p1"); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.in.Close)
	if w.out, err = w.ns.Veth("p2"); err != nil {
		return nil, err
	}
	w.ends = append(w.ends, w.out.Close)
	return w, nil
}

func (w *wire) ports() map[uint32]string { return map[uint32]string{1: w.in.Name, 2: w.out.Name} }

func (w *wire) close() error {
	var errs []error
	for i := len(w.ends) - 1; i >= 0; i-- {
		errs = append(errs, w.ends[i]())
	}
	w.ends = nil
	return errors.Join(errs...)
}

// wireRow measures a pair on real interfaces: packets by CPU time of the thread that forwards, which is the polling
// thread of port 1, on a CPU of its own. The other CPU sends and counts.
func wireRow(make func() pair) func(context.Context, *lab, *Row) error {
	return func(ctx context.Context, l *lab, out *Row) error {
		p := make()
		var ours, yard []float64
		for range min(l.rounds, 5) {
			for _, side := range []struct {
				attach func(context.Context, *lab, *wire, *pair) error
				sample *[]float64
			}{{attachOurs, &ours}, {attachC, &yard}} {
				rate, err := l.wireRate(ctx, &p, side.attach)
				if err != nil {
					return err
				}
				*side.sample = append(*side.sample, rate)
			}
		}
		y := statOf(yard)
		out.Points = []Point{{Label: "60-byte frames or longer", Ours: statOf(ours), Yard: &y}}
		out.atLeast("p4dev / yardstick", out.Points[0].Ratio(), 1)
		if p.p4 == "l3router" {
			const bmv2 = 0.080
			out.atLeast("p4dev / BMv2's published 0.080 M", out.Points[0].Ours.Median/bmv2, 20)
		}
		return nil
	}
}

func attachOurs(ctx context.Context, l *lab, w *wire, p *pair) error {
	_, err := p.open(ctx, l, w.ports())
	return err
}

// attachC attaches the C program to port 1.
func attachC(_ context.Context, l *lab, w *wire, p *pair) error {
	c, err := l.yardstick(p.c, nil)
	if err != nil {
		return err
	}
	if err := firstError(p.fill(c.Maps, uint32(w.in.Index)), c.Maps["ports"].Put(uint32(2), uint32(w.out.Index))); err != nil {
		return err
	}
	return attachTo(w, c.Programs[p.c], w.in.Index)
}

// attachTo attaches a program to a device until the wire closes.
func attachTo(w *wire, program *ebpf.Program, index int) error {
	x, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: index, Flags: link.XDPDriverMode})
	if err == nil {
		w.ends = append(w.ends, x.Close)
	}
	return err
}

// wireFrames is how many frames are sent.
const wireFrames = 1 << 19

// wireRate returns millions of packets that arrive per second of the forwarding thread's CPU time.
func (l *lab) wireRate(ctx context.Context, p *pair, attach func(context.Context, *lab, *wire, *pair) error) (rate float64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	w, err := newWire()
	if err != nil {
		return 0, err
	}
	inner := &lab{rounds: 1, dir: l.dir, place: l.place, serial: l.serial}
	defer func() {
		l.serial = inner.serial
		err = errors.Join(err, inner.close(), w.close())
	}()
	err = w.ns.Do(func() (err error) {
		if err := attach(ctx, inner, w, p); err != nil {
			return err
		}
		rate, err = w.send(inner, p.frame)
		return err
	})
	return rate, err
}

// send sends frames into port 1 and returns the rate at which they arrive behind port 2.
func (w *wire) send(l *lab, frame []byte) (float64, error) {
	c, err := l.yardstick("wire", nil)
	if err != nil {
		return 0, err
	}
	far, err := peerOf(w.out)
	if err != nil {
		return 0, err
	}
	near, err := peerOf(w.in)
	if err != nil {
		return 0, err
	}
	var headers [128]byte
	copy(headers[:], frame)
	err = firstError(attachTo(w, c.Programs["count"], far), c.Maps["out"].Put(uint32(0), uint32(near)),
		c.Maps["headers"].Put(uint32(0), headers[:]))
	if err != nil {
		return 0, err
	}
	// Sender and counter share the first CPU, the forwarder has the last.
	counter, err := pollOn(far, 0)
	if err != nil {
		return 0, err
	}
	forwarder, err := pollOn(w.in.Index, l.cpus()-1)
	if err != nil || counter == 0 || forwarder == 0 {
		return 0, errors.Join(err, fmt.Errorf("threads that poll: %d, %d: %w", counter, forwarder, errors.ErrUnsupported))
	}
	defer stayOn(0)()
	before := processTime(forwarder)
	_, err = c.Programs["send"].Run(&ebpf.RunOptions{Data: frame, Repeat: wireFrames, Flags: 1 << 1, BatchSize: 64}) // live frames
	if err != nil {
		return 0, err
	}
	time.Sleep(20 * time.Millisecond) // what is in the rings
	spent := processTime(forwarder) - before
	var per []struct{ Packets, Bytes uint64 }
	if err := c.Maps["arrived"].Lookup(uint32(0), &per); err != nil {
		return 0, err
	}
	arrived := uint64(0)
	for _, n := range per {
		arrived += n.Packets
	}
	if arrived == 0 || spent == 0 {
		return 0, fmt.Errorf("nothing arrived of %d frames", wireFrames)
	}
	return float64(arrived) / spent.Seconds() / 1e6, nil
}

// peerOf returns the index of a port's outer end.
func peerOf(p *wires.Port) (int, error) { return indexOf(p.Name + "-wire") }

// processTime is the CPU time that a process has used.
func processTime(pid int) time.Duration {
	const scheduled = 2 // CPUCLOCK_SCHED of the kernel's clock ids
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|scheduled), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Commands and attributes of the netdev family, of linux/netdev.h (6.17).
const (
	netdevNAPIGet = 11
	netdevNAPISet = 14

	napiIfindex  = 1
	napiID       = 2
	napiPID      = 4
	napiThreaded = 8
)

// pollOn gives a device a thread that polls it, on one CPU, and returns the thread's id. Kernels before 6.17 cannot:
// errors.ErrUnsupported.
func pollOn(device, cpu int) (int, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	family, err := conn.GetFamily("netdev")
	if err != nil {
		return 0, fmt.Errorf("netdev family: %w: %w", err, errors.ErrUnsupported)
	}
	id, _, err := pollers(conn, family, device)
	if err != nil {
		return 0, err
	}
	request := netlink.NewAttributeEncoder()
	request.Uint32(napiID, id)
	request.Uint32(napiThreaded, 1)
	if _, err := execute(conn, family, netdevNAPISet, request, netlink.Request|netlink.Acknowledge); err != nil {
		return 0, fmt.Errorf("poll device %d by a thread: %w: %w", device, err, errors.ErrUnsupported)
	}
	_, pid, err := pollers(conn, family, device)
	if err != nil || pid == 0 {
		return 0, err
	}
	var one unix.CPUSet
	one.Set(cpu)
	return int(pid), unix.SchedSetaffinity(int(pid), &one)
}

// pollers returns the id of a device's only receive queue, and the thread that polls it or 0.
func pollers(conn *genetlink.Conn, family genetlink.Family, device int) (id, pid uint32, err error) {
	request := netlink.NewAttributeEncoder()
	request.Uint32(napiIfindex, uint32(device))
	replies, err := execute(conn, family, netdevNAPIGet, request, netlink.Request|netlink.Dump)
	if err != nil {
		return 0, 0, fmt.Errorf("queues of device %d: %w", device, err)
	}
	for _, m := range replies {
		d, err := netlink.NewAttributeDecoder(m.Data)
		if err != nil {
			return 0, 0, err
		}
		for d.Next() {
			switch d.Type() {
			case napiID:
				id = d.Uint32()
			case napiPID:
				pid = d.Uint32()
			}
		}
	}
	if id == 0 {
		return 0, 0, fmt.Errorf("device %d has no queue with an id: %w", device, errors.ErrUnsupported)
	}
	return id, pid, nil
}

func execute(conn *genetlink.Conn, family genetlink.Family, command uint8, request *netlink.AttributeEncoder, flags netlink.HeaderFlags) ([]genetlink.Message, error) {
	data, err := request.Encode()
	if err != nil {
		return nil, err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: family.Version}, Data: data}
	return conn.Execute(m, family.ID, flags)
}
