package swfallback

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// arenaCounter is a direct counter in the arena: a block of elements for every CPU.
type arenaCounter struct {
	mem   *lookup.Memory
	table *bpfgen.ArenaTable
	cpus  int
	ready uint64 // bytes of every block that are populated
}

var _ direct = (*arenaCounter)(nil)

func newArenaCounter(mem *lookup.Memory, table *bpfgen.ArenaTable, cpus int) *arenaCounter {
	return &arenaCounter{mem: mem, table: table, cpus: cpus}
}

// counterStep is how many bytes of a block are populated at a time.
const counterStep = 1 << 18

func (c *arenaCounter) reserve(high uint32) error {
	end := uint64(c.table.CounterAt(high+1, 0) - c.table.Counters)
	if end <= c.ready {
		return nil
	}
	ready := min((end+counterStep)&^4095, uint64(c.table.PerCPU))
	for cpu := range c.cpus {
		block := uint64(c.table.CounterAt(0, cpu))
		if err := c.mem.Populate(block+c.ready, block+ready); err != nil {
			return err
		}
	}
	c.ready = ready
	return nil
}

func (c *arenaCounter) read(slots []uint32) ([]pipeline.Count, error) {
	counts := make([]pipeline.Count, len(slots))
	for i, slot := range slots {
		if err := c.reserve(slot); err != nil {
			return nil, err
		}
		for cpu := range c.cpus {
			at := c.table.CounterAt(slot, cpu)
			counts[i].Packets += c.mem.Load(at)
			counts[i].Bytes += c.mem.Load(at + 8)
		}
	}
	return counts, nil
}

// clear sets the counters of slots that no packet counts in to 0.
func (c *arenaCounter) clear(slots []uint32) error {
	if len(slots) == 0 {
		return nil
	}
	if err := c.reserve(slices.Max(slots)); err != nil {
		return err
	}
	for cpu := range c.cpus {
		for _, slot := range slots {
			clear(c.mem.Words(c.table.CounterAt(slot, cpu), 2))
		}
	}
	return nil
}
