package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
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
// thread of port 1, on a CPU of its own. The other CPU sends and counts. Both programs are attached, each to a wire of
// its own, and take turns.
func wireRow(pairOf func() pair) func(context.Context, *lab, *Row) error {
	return func(ctx context.Context, l *lab, out *Row) (err error) {
		p := pairOf()
		attachers := []attacher{attachOurs, attachC}
		if p.entries != "" { // there are tables to specialise for
			attachers = append(attachers, attachSpecialised)
		}
		rigs, samples := make([]*rig, len(attachers)), make([][]float64, len(attachers))
		for i, attach := range attachers {
			if rigs[i], err = l.newRig(ctx, &p, attach); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, rigs[i].close()) }()
		}
		defer stayOn(0)()
		for round := -1; round < l.rounds; round++ { // the first one only warms up
			rates, err := wireRound(ctx, rigs)
			if err != nil {
				return err
			}
			for i := range samples {
				if round >= 0 {
					samples[i] = append(samples[i], rates[i])
				}
			}
		}
		y := statOf(samples[1])
		for i, label := range []string{0: "60-byte frames or longer", 2: "specialised"} {
			if i < len(samples) && label != "" {
				out.Points = append(out.Points, Point{Label: label, Ours: statOf(samples[i]), Yard: &y})
			}
		}
		out.checkWire(p.p4 == "l3router")
		return nil
	}
}

// checkWire compares what was measured on real interfaces with what p4dev promises.
func (r *Row) checkWire(router bool) {
	const bmv2 = 0.080
	for i, of := range []string{"", ", specialised"}[:len(r.Points)] {
		r.atLeast("p4dev / yardstick"+of, r.Points[i].Ratio(), 1)
		if router {
			r.atLeast("p4dev / BMv2's published 0.080 M"+of, r.Points[i].Ours.Median/bmv2, 20)
		}
	}
}

// wireTurns is how often two rigs take turns in a round.
const wireTurns = 8

// wireRound returns the median rate of each rig.
func wireRound(ctx context.Context, rigs []*rig) ([]float64, error) {
	samples, medians := make([][]float64, len(rigs)), make([]float64, len(rigs))
	for turn := range wireTurns {
		for k := range rigs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			i := (turn + k) % len(rigs)
			rate, err := rigs[i].send()
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], rate)
		}
	}
	for i := range samples {
		medians[i] = statOf(samples[i]).Median
	}
	return medians, nil
}

// attacher attaches a program of a pair to a wire.
type attacher func(context.Context, *lab, *wire, *pair) error

func attachOurs(ctx context.Context, l *lab, w *wire, p *pair) error {
	_, err := p.open(ctx, l, w.ports())
	return err
}

// attachSpecialised is attachOurs, specialised for what the tables hold.
func attachSpecialised(ctx context.Context, l *lab, w *wire, p *pair) error {
	t, err := p.open(ctx, l, w.ports())
	if err == nil {
		_, err = t.Specialise(ctx)
	}
	return err
}

// attachC attaches the C program to port 1.
func attachC(_ context.Context, l *lab, w *wire, p *pair) error {
	c, err := l.yardstick(p.c, func(spec *ebpf.CollectionSpec) error {
		if v := spec.Variables["first"]; v != nil {
			return v.Set(uint32(w.in.Index))
		}
		return nil
	})
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

// wireFrames is how many frames are sent at a time.
const wireFrames = 1 << 16

// rig is a wire with a program, ready to be measured.
type rig struct {
	*wire
	lab       *lab
	frame     []byte
	sender    *ebpf.Program
	arrived   *ebpf.Map
	forwarder int // the thread that polls port 1
}

// newRig attaches a program to a wire of its own, and sender and counter to its outer ends.
func (l *lab) newRig(ctx context.Context, p *pair, attach attacher) (_ *rig, err error) {
	w, err := newWire()
	if err != nil {
		return nil, err
	}
	r := &rig{wire: w, lab: &lab{rounds: 1, dir: l.dir, place: l.place, serial: l.serial}, frame: p.frame}
	defer func() {
		l.serial = r.lab.serial
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	return r, w.ns.Do(func() error {
		if err := attach(ctx, r.lab, w, p); err != nil {
			return err
		}
		return r.prepare()
	})
}

func (r *rig) close() error { return errors.Join(r.lab.close(), r.wire.close()) }

// prepare makes sender and counter, and the threads that poll.
func (r *rig) prepare() error {
	c, err := r.lab.yardstick("wire", nil)
	if err != nil {
		return err
	}
	far, err := peerOf(r.out)
	if err != nil {
		return err
	}
	near, err := peerOf(r.in)
	if err != nil {
		return err
	}
	var headers [128]byte
	copy(headers[:], r.frame)
	err = firstError(attachTo(r.wire, c.Programs["count"], far), c.Maps["out"].Put(uint32(0), uint32(near)),
		c.Maps["headers"].Put(uint32(0), headers[:]))
	if err != nil {
		return err
	}
	r.sender, r.arrived = c.Programs["send"], c.Maps["arrived"]
	// Sender and counter share the first CPU, the forwarder has the last.
	counter, err := pollOn(far, 0)
	if err != nil {
		return err
	}
	r.forwarder, err = pollOn(r.in.Index, r.lab.cpus()-1)
	if err == nil && (counter == 0 || r.forwarder == 0) {
		err = fmt.Errorf("threads that poll: %d, %d: %w", counter, r.forwarder, errors.ErrUnsupported)
	}
	return err
}

// send sends frames into port 1 and returns the millions of packets that arrive behind port 2 per second of the
// forwarding thread's CPU time.
func (r *rig) send() (float64, error) {
	already, err := r.count()
	if err != nil {
		return 0, err
	}
	before := processTime(r.forwarder)
	_, err = r.sender.Run(&ebpf.RunOptions{Data: r.frame, Repeat: wireFrames, Flags: 1 << 1, BatchSize: 64}) // live frames
	if err != nil {
		return 0, err
	}
	now, err := r.settle(already)
	if err != nil {
		return 0, err
	}
	spent := processTime(r.forwarder) - before
	if now == already || spent <= 0 {
		return 0, fmt.Errorf("nothing arrived of %d frames", wireFrames)
	}
	return float64(now-already) / spent.Seconds() / 1e6, nil
}

// settle waits until what is in the rings has arrived, at most two seconds, and returns how many frames have.
func (r *rig) settle(already uint64) (uint64, error) {
	last := already
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		now, err := r.count()
		if err != nil || now == last && now != already {
			return now, err
		}
		last = now
	}
	return last, nil
}

// count returns how many frames have arrived.
func (r *rig) count() (n uint64, err error) {
	var per []struct{ Packets, Bytes uint64 }
	err = r.arrived.Lookup(uint32(0), &per)
	for _, c := range per {
		n += c.Packets
	}
	return n, err
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
