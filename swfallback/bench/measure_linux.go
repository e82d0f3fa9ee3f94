package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// stream is the packets of a measurement: one frame with 16 bytes at an offset that change from packet to packet.
type stream struct {
	frame   []byte
	offset  int
	patches [][16]byte // a power of two; none: the frame as it is
	resizes bool       // the program changes the packet's length
}

// still is a stream of one frame.
func still(frame []byte, resizes bool) *stream { return &stream{frame: frame, resizes: resizes} }

// shuffler runs programs on a stream, see shuffle.bpf.c.
type shuffler struct {
	program, empty *ebpf.Program
	targets        *ebpf.Map
	frame          []byte
	lead           int // packets before every run that is measured
	close          func()
}

// newShuffler loads a stream.
func (l *lab) newShuffler(s *stream) (*shuffler, error) {
	spec, err := l.compile("shuffle")
	if err != nil {
		return nil, err
	}
	patches := s.patches
	if len(patches) == 0 {
		patches = [][16]byte{[16]byte(s.frame[s.offset:])}
	}
	size := uint32(64)
	if len(s.frame) > 128 {
		size = 128
	}
	set := map[string]any{"last": uint32(len(patches) - 1), "offset": uint32(s.offset), "size": size,
		"length": int32(len(s.frame)), "resizes": uint32(0)}
	if s.resizes {
		set["resizes"] = uint32(1)
	}
	for name, value := range set {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, err
		}
	}
	spec.Maps["patches"].MaxEntries = uint32(len(patches))
	c, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load shuffle: %w", err)
	}
	var keys, values []byte
	for i := range patches {
		keys, values = append(keys, words(uint32(i))...), append(values, patches[i][:]...)
	}
	if _, err := bpfrun.UpdateBatch(c.Maps["patches"], keys, values, len(patches)); err != nil {
		return nil, err
	}
	var headers [128]byte
	copy(headers[:], s.frame)
	if err := c.Maps["headers"].Put(uint32(0), headers[:]); err != nil {
		return nil, err
	}
	return &shuffler{program: c.Programs["shuffle"], empty: c.Programs["empty"], targets: c.Maps["targets"],
		frame: s.frame, lead: leadOf(len(patches)), close: c.Close}, nil
}

// leadOf is how many packets run before every run that is measured: what few packets touch is in the caches, whoever
// had them before.
func leadOf(patches int) int {
	const few = 2048
	if patches > few {
		return 0
	}
	return patches
}

// XDP's verdicts.
const (
	xdpDrop     = 1
	xdpRedirect = 4
)

// run returns the nanoseconds per packet of a program: CPU time of this thread, so that what else the machine does
// is not counted.
func (s *shuffler) run(p *ebpf.Program, want uint32, repeat int) (float64, error) {
	if err := s.targets.Put(uint32(0), p); err != nil {
		return 0, fmt.Errorf("enter program: %w", err)
	}
	start := threadTime()
	got, err := s.program.Run(&ebpf.RunOptions{Data: s.frame, Repeat: uint32(repeat)})
	elapsed := threadTime() - start
	if err != nil {
		return 0, fmt.Errorf("run program: %w", err)
	}
	if got != want {
		return 0, fmt.Errorf("run program: verdict %d, want %d", got, want)
	}
	return float64(elapsed.Nanoseconds()) / float64(repeat), nil
}

// runAlone is run for the empty program without the shuffler: what the kernel's loop around a test run costs. It
// belongs to a packet's cost as BPF_PROG_TEST_RUN tells it, and stays in when the shuffler's own cost is taken out.
func (s *shuffler) runAlone() (float64, error) {
	const packets = 1 << 17
	start := threadTime()
	_, err := s.empty.Run(&ebpf.RunOptions{Data: s.frame, Repeat: packets})
	return float64((threadTime() - start).Nanoseconds()) / packets, err
}

// threadTime is the CPU time that the calling thread has used.
func threadTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

const (
	turnsPerRound = 24
	turnsPerCopy  = 12
	leastBurst    = 1 << 13 // packets of a run: short, so that contenders meet the same state of the machine
	mostBurst     = 1 << 16
	burstTime     = 10 * time.Millisecond // most time of a run
)

// warmTime bounds the time of packets that are not measured.
const warmTime = 5 * time.Second

// warm runs a program on a number of packets, so that the page tables and caches are as they will be: in a virtual
// machine the first use of a page may cost a thousand times what the next ones do.
func (s *shuffler) warm(p *ebpf.Program, packets int) error {
	const step = 1 << 12
	for start := threadTime(); packets > 0 && threadTime()-start < warmTime; packets -= step {
		if _, err := s.run(p, xdpRedirect, step); err != nil {
			return err
		}
	}
	return nil
}

// repeats is how many packets of a program make a run: some rounds through the stream.
func (s *shuffler) repeats(p *ebpf.Program, stream *stream) (int, error) {
	const probe = 512
	ns, err := s.more(p, probe)
	most := min(max(leastBurst, 16*len(stream.patches)), mostBurst)
	return min(most, max(probe, 8*s.lead, int(float64(burstTime)/max(ns, 1)))), err
}

// contender is a program that is measured, loaded once or several times, and how many packets make a run of it.
type contender struct {
	copies []*ebpf.Program
	repeat int
}

// perPacket measures programs on a stream, in turns: ns per packet as BPF_PROG_TEST_RUN tells them, without what it
// costs to change the packet. Who begins changes from turn to turn.
func (l *lab) perPacket(ctx context.Context, s *stream, programs ...*ebpf.Program) ([]Stat, error) {
	contenders := make([]contender, len(programs))
	for i, p := range programs {
		contenders[i].copies = []*ebpf.Program{p}
	}
	return l.compare(ctx, s, contenders)
}

// compare is perPacket for programs that are loaded several times.
func (l *lab) compare(ctx context.Context, s *stream, contenders []contender) ([]Stat, error) {
	sh, err := l.newShuffler(s)
	if err != nil {
		return nil, err
	}
	defer sh.close()
	for i := range contenders {
		c := &contenders[i]
		for _, p := range c.copies {
			if err := sh.warm(p, 2*len(s.patches)); err != nil {
				return nil, fmt.Errorf("contender %d: %w", i+1, err)
			}
		}
		if c.repeat, err = sh.repeats(c.copies[0], s); err != nil {
			return nil, fmt.Errorf("contender %d: %w", i+1, err)
		}
	}
	samples := make([][]float64, len(contenders))
	for round := -1; round < l.rounds; round++ { // the first one only warms up
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		got, err := sh.round(contenders)
		if err != nil {
			return nil, err
		}
		for i, v := range got {
			if round >= 0 {
				samples[i] = append(samples[i], v)
			}
		}
	}
	stats := make([]Stat, len(contenders))
	for i := range stats {
		stats[i] = statOf(samples[i])
	}
	return stats, nil
}

// round measures the contenders in a number of turns and returns the median of each.
func (s *shuffler) round(contenders []contender) ([]float64, error) {
	alone, err := s.runAlone()
	if err != nil {
		return nil, err
	}
	samples := make([][]float64, len(contenders))
	for first := range max(turnsPerRound, turnsPerCopy*len(contenders[0].copies)) {
		for k := range contenders {
			i := (first + k) % len(contenders)
			c := &contenders[i]
			v, err := s.more(c.copies[first%len(c.copies)], c.repeat)
			if err != nil {
				return nil, fmt.Errorf("contender %d: %w", i+1, err)
			}
			samples[i] = append(samples[i], v)
		}
	}
	medians := make([]float64, len(contenders))
	for i := range samples {
		medians[i] = alone + statOf(samples[i]).Median
	}
	return medians, nil
}

// more is how many nanoseconds per packet a program takes beyond the empty one. As both run equally many packets, what
// a run costs once, some hundred microseconds, does not matter.
func (s *shuffler) more(p *ebpf.Program, repeat int) (float64, error) {
	if s.lead > 0 {
		if _, err := s.run(p, xdpRedirect, s.lead); err != nil {
			return 0, err
		}
	}
	ns, err := s.run(p, xdpRedirect, repeat)
	if err != nil {
		return 0, err
	}
	empty, err := s.run(s.empty, xdpDrop, repeat)
	return ns - empty, err
}
