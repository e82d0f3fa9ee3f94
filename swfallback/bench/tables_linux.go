package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// Packets of a measurement: 1 024 destinations that come again and again, or many.
const (
	hotPackets     = 1 << 10
	uniformPackets = 1 << 19
)

// newRandom returns numbers that are the same in every run.
func newRandom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x70346465762062)) }

// patches makes the 16 bytes that differ for n packets.
func patches(n int, each func(out []byte)) [][16]byte {
	out := make([][16]byte, n)
	for i := range out {
		each(out[i][:])
	}
	return out
}

// sweep measures two programs at one size of a table: with few packets that come again and with many. A third one takes
// turns with them, for the comparison with a table of one entry.
func (l *lab) sweep(ctx context.Context, out *Row, size int, frame []byte, offset int, each func([]byte), programs ...*ebpf.Program) error {
	for _, kind := range []struct {
		name string
		n    int
	}{{"hot", hotPackets}, {"uniform", uniformPackets}} {
		s := &stream{frame: frame, offset: offset, patches: patches(kind.n, each)}
		stats, err := l.perPacket(ctx, s, programs...)
		if err != nil {
			return fmt.Errorf("%d entries: %w", size, err)
		}
		out.Points = append(out.Points, Point{Series: kind.name, X: float64(size), Label: label(size, kind.name), Ours: stats[0], Yard: &stats[1]})
		if len(stats) > 2 {
			out.Points = append(out.Points, Point{Label: besideOne(size, kind.name), Ours: stats[2]})
		}
	}
	return nil
}

// exactSizes are the numbers of entries of the exact table.
func exactSizes() []int { return []int{1, 16, 1000, 64_000, 1_000_000} }

// addresses makes n different Ethernet addresses.
func addresses(n int) []uint64 {
	r, seen, list := newRandom(1), make(map[uint64]bool, n), make([]uint64, 0, n)
	for len(list) < n {
		a := r.Uint64() & 0xfeff_ffff_ffff
		if !seen[a] {
			seen[a] = true
			list = append(list, a)
		}
	}
	return list
}

// exactEntries makes the entries of the exact table.
func exactEntries(t *pipeline.Table, list []uint64) []*pipeline.Entry {
	entries := make([]*pipeline.Entry, len(list))
	for i, a := range list {
		value := binary.BigEndian.AppendUint64(nil, a)[2:]
		entries[i] = &pipeline.Entry{Table: t, Match: []pipeline.Match{{Value: value}}, Call: sendTo(t, 2)}
	}
	return entries
}

// plainElements are the same as elements of a hash map in C.
func plainElements(list []uint64) (keys, values []byte) {
	keys, values = make([]byte, 0, 8*len(list)), make([]byte, 0, 4*len(list))
	for _, a := range list {
		keys = append(binary.BigEndian.AppendUint64(keys, a<<16)[:len(keys)+6], 0, 0)
		values = append(values, words(2)...)
	}
	return keys, values
}

func exactRow(ctx context.Context, l *lab, out *Row) error {
	sizes := exactSizes()
	most := sizes[len(sizes)-1]
	program, t := exactTable(most)
	ours, err := l.attach(ctx, program, bpfgen.Options{}, nil)
	if err != nil {
		return err
	}
	c, err := l.yardstick("hash", func(spec *ebpf.CollectionSpec) error {
		spec.Maps["table"].MaxEntries = uint32(most)
		return nil
	})
	if err != nil {
		return err
	}
	if err := c.Maps["ports"].Put(uint32(2), uint32(loopback)); err != nil {
		return err
	}
	list := addresses(most)
	done := 0
	for _, size := range sizes {
		more := list[done:size]
		keys, values := plainElements(more)
		if _, err := bpfrun.UpdateBatch(c.Maps["table"], keys, values, len(more)); err != nil {
			return err
		}
		if err := ours.Insert(exactEntries(t, more)...); err != nil {
			return err
		}
		done = size
		r := newRandom(2)
		each := func(p []byte) {
			binary.BigEndian.PutUint64(p, list[r.IntN(size)]<<16|0x0200)
			copy(p[8:], []byte{0, 0, 0, 0xaa, 8, 0})
		}
		if err := l.sweep(ctx, out, size, frameBridged(), offEthernet, each, ours.program, c.Programs["hash"]); err != nil {
			return err
		}
	}
	for _, p := range out.Points {
		out.atMost(p.Label+", p4dev / yardstick", p.Ratio(), 1)
	}
	return nil
}
