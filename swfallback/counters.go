package swfallback

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// countValue is a counter on one CPU, as programs write it.
type countValue struct{ Packets, Bytes uint64 }

// dumpShare says when a whole map of counters is read instead of single ones: when at least one in that many is
// wanted.
const dumpShare = 8

// readCounters returns the counts of elements, summed over all CPUs.
func readCounters(m *ebpf.Map, slots []uint32) ([]pipeline.Count, error) {
	counts := make([]pipeline.Count, len(slots))
	if len(slots) >= int(m.MaxEntries())/dumpShare && len(slots) > 1 {
		if err := dumpCounters(m, slots, counts); err == nil {
			return counts, nil
		}
		clear(counts) // kernels before 5.13 do not read per-CPU arrays in batches
	}
	for i, slot := range slots {
		var perCPU []countValue
		if err := m.Lookup(slot, &perCPU); err != nil {
			return nil, fmt.Errorf("read element %d: %w", slot, err)
		}
		for _, v := range perCPU {
			counts[i].Packets += v.Packets
			counts[i].Bytes += v.Bytes
		}
	}
	return counts, nil
}

// dumpCounters reads the whole map.
func dumpCounters(m *ebpf.Map, slots []uint32, counts []pipeline.Count) error {
	place := make([]int, m.MaxEntries())
	for i, slot := range slots {
		place[slot] = i + 1
	}
	return bpfrun.Dump(m, func(key, value []byte) bool {
		i := place[binary.NativeEndian.Uint32(key)]
		if i == 0 {
			return true
		}
		for v := range slices.Chunk(value, 16) {
			counts[i-1].Packets += binary.NativeEndian.Uint64(v)
			counts[i-1].Bytes += binary.NativeEndian.Uint64(v[8:])
		}
		return true
	})
}

// clearCounters sets elements to zero on all CPUs.
func clearCounters(m *ebpf.Map, slots []uint32) error {
	if len(slots) == 0 {
		return nil
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	keys := make([]byte, 0, 4*len(slots))
	for _, slot := range slots {
		keys = binary.NativeEndian.AppendUint32(keys, slot)
	}
	if _, err := bpfrun.UpdateBatch(m, keys, make([]byte, 16*cpus*len(slots)), len(slots)); err == nil {
		return nil
	} // kernels before 5.13 do not write per-CPU arrays in batches
	zero := make([]countValue, cpus)
	for _, slot := range slots {
		if err := m.Update(slot, zero, ebpf.UpdateAny); err != nil {
			return fmt.Errorf("clear element %d: %w", slot, err)
		}
	}
	return nil
}

// direct is where a table's direct counter is: elements by the entries' slots.
type direct interface {
	reserve(high uint32) error // makes slots up to high usable
	read(slots []uint32) ([]pipeline.Count, error)
	clear(slots []uint32) error
}

// mapCounter is a direct counter in a map of its own.
type mapCounter struct{ m *ebpf.Map }

func (c mapCounter) reserve(uint32) error { return nil }

func (c mapCounter) read(slots []uint32) ([]pipeline.Count, error) { return readCounters(c.m, slots) }

func (c mapCounter) clear(slots []uint32) error { return clearCounters(c.m, slots) }

// ReadCounter returns one element of an array of counters, summed over all CPUs. Direct counters are read with
// Entries. ErrBadRange: no such element; ErrNotFound: not a counter of this program.
func (f *Fallback) ReadCounter(c *pipeline.Counter, index int) (pipeline.Count, error) {
	leave, err := f.enter()
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("swfallback: read counter: %w", err)
	}
	defer leave()
	count, err := f.gen.readCounter(c, index)
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("swfallback: read counter: %w", err)
	}
	return count, nil
}

func (g *generation) readCounter(c *pipeline.Counter, index int) (pipeline.Count, error) {
	m, err := g.counterArray(c, index)
	if err != nil || m == nil { // no packet can count there
		return pipeline.Count{}, err
	}
	counts, err := readCounters(m, []uint32{uint32(index)})
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("%s: %w", c.Name, err)
	}
	return counts[0], nil
}

// counterArray finds the map of an array of counters; nil where the program never counts.
func (g *generation) counterArray(c *pipeline.Counter, index int) (*ebpf.Map, error) {
	list := g.object.Program.Counters
	if c == nil || c.Index < 0 || c.Index >= len(list) || list[c.Index] != c || c.Table != nil {
		return nil, fmt.Errorf("no such counter: %w", pipeline.ErrNotFound)
	}
	if index < 0 || index >= c.Size {
		return nil, fmt.Errorf("%s[%d]: %w", c.Name, index, pipeline.ErrBadRange)
	}
	layout := g.object.Counters[c]
	if layout == nil || index >= layout.Len {
		return nil, nil
	}
	return g.dp.Map(layout.Map)
}

// WriteCounter sets one element of an array of counters. A packet that counts at the same time may be lost, or may
// win over the new count of its CPU. ErrBadRange: no such element; ErrNotFound: not a counter of this program.
func (f *Fallback) WriteCounter(c *pipeline.Counter, index int, count pipeline.Count) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: write counter: %w", err)
	}
	defer leave()
	m, err := f.gen.counterArray(c, index)
	if err == nil && m == nil {
		err = fmt.Errorf("%s: no packet can count: %w", c.Name, pipeline.ErrNotFound)
	}
	if err == nil {
		err = writeCounter(m, uint32(index), count)
	}
	if err != nil {
		return fmt.Errorf("swfallback: write counter: %w", err)
	}
	return nil
}

// writeCounter gives the whole count to the first CPU.
func writeCounter(m *ebpf.Map, slot uint32, count pipeline.Count) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	values := make([]countValue, cpus)
	values[0] = countValue(count)
	if err := m.Update(slot, values, ebpf.UpdateAny); err != nil {
		return fmt.Errorf("write element %d: %w", slot, err)
	}
	return nil
}

// ReadRegister returns one element. ErrBadRange: no such element; ErrNotFound: not a register of this program.
func (f *Fallback) ReadRegister(r *pipeline.Register, index int) (*big.Int, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: read register: %w", err)
	}
	defer leave()
	m, layout, err := f.gen.register(r, index)
	if err != nil {
		return nil, fmt.Errorf("swfallback: read register: %w", err)
	}
	if m == nil {
		return new(big.Int), nil
	}
	value, err := m.LookupBytes(uint32(index))
	if err != nil {
		return nil, fmt.Errorf("swfallback: read register %s[%d]: %w", r.Name, index, err)
	}
	return decodeRegister(value[:layout.ValueSize], r), nil
}

// WriteRegister sets one element to v, truncated to the register's width. A packet that writes the same element at
// the same time may win. ErrBadRange: no such element.
func (f *Fallback) WriteRegister(r *pipeline.Register, index int, v *big.Int) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: write register: %w", err)
	}
	defer leave()
	m, layout, err := f.gen.register(r, index)
	if err != nil {
		return fmt.Errorf("swfallback: write register: %w", err)
	}
	if m == nil {
		return fmt.Errorf("swfallback: write register %s: no packet can read it: %w", r.Name, pipeline.ErrNotFound)
	}
	if err := m.Update(uint32(index), encodeRegister(v, r, layout.ValueSize), ebpf.UpdateAny); err != nil {
		return fmt.Errorf("swfallback: write register %s[%d]: %w", r.Name, index, err)
	}
	return nil
}

// register finds the map of a register; nil where the program never uses it.
func (g *generation) register(r *pipeline.Register, index int) (*ebpf.Map, *bpfgen.ArrayLayout, error) {
	list := g.object.Program.Registers
	if r == nil || r.Index < 0 || r.Index >= len(list) || list[r.Index] != r {
		return nil, nil, fmt.Errorf("no such register: %w", pipeline.ErrNotFound)
	}
	if index < 0 || index >= r.Size {
		return nil, nil, fmt.Errorf("%s[%d]: %w", r.Name, index, pipeline.ErrBadRange)
	}
	layout := g.object.Registers[r]
	if layout == nil {
		return nil, nil, nil
	}
	m, err := g.dp.Map(layout.Map)
	return m, layout, err
}

// decodeRegister reads a little-endian number of the register's width.
func decodeRegister(value []byte, r *pipeline.Register) *big.Int {
	value = slices.Clone(value)
	slices.Reverse(value)
	v := new(big.Int).SetBytes(value)
	v.And(v, lowBits(r.Width))
	if r.Signed && r.Width > 0 && v.Bit(r.Width-1) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(r.Width)))
	}
	return v
}

// encodeRegister is the inverse of decodeRegister.
func encodeRegister(v *big.Int, r *pipeline.Register, size int) []byte {
	value := new(big.Int).And(v, lowBits(r.Width)).FillBytes(make([]byte, max(size, (r.Width+7)/8)))
	slices.Reverse(value)
	return value[:size]
}

// lowBits returns 2^width-1.
func lowBits(width int) *big.Int {
	one := big.NewInt(1)
	return new(big.Int).Sub(new(big.Int).Lsh(one, uint(width)), one)
}
