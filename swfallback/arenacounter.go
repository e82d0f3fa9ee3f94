package swfallback

import (
	"runtime"
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
	if len(slots) == 0 {
		return nil, nil
	}
	if err := c.reserve(slices.Max(slots)); err != nil {
		return nil, err
	}
	counts := make([]pipeline.Count, len(slots))
	if !c.lined() {
		for cpu := range c.cpus {
			c.addSlots(cpu, slots, counts)
		}
		return counts, nil
	}
	return counts, c.readLined(slots, counts)
}

// readLined adds what packets have counted by slot and in lines to counts, which are zeros.
func (c *arenaCounter) readLined(slots []uint32, counts []pipeline.Count) error {
	place := placesOf(slots)
	if runtime.GOARCH == "amd64" && c.tryAdd(slots, place, counts) { // processors that store in order
		return nil
	}
	if err := c.hold(); err != nil {
		return err
	}
	defer c.release()
	clear(counts)
	for cpu := range c.cpus {
		c.addLined(cpu, slots, place, counts)
	}
	return nil
}

// readTries is how often a CPU's counters are read before lines are held.
const readTries = 5

// tryAdd adds the counters of all CPUs to counts, false where a CPU made lines whenever it was read.
func (c *arenaCounter) tryAdd(slots []uint32, place func(uint32) (int, bool), counts []pipeline.Count) bool {
	before := slices.Clone(counts)
	for cpu := range c.cpus {
		still := false
		for n := 0; n < readTries && !still; n++ {
			copy(counts, before)
			turn := c.mem.Load(c.table.TurnAt(cpu))
			c.addLined(cpu, slots, place, counts)
			still = turn&1 == 0 && c.mem.Load(c.table.TurnAt(cpu)) == turn
		}
		if !still {
			return false
		}
		copy(before, counts)
	}
	return true
}

// addSlots adds what a CPU has counted by slot.
func (c *arenaCounter) addSlots(cpu int, slots []uint32, counts []pipeline.Count) {
	for i, slot := range slots {
		at := c.table.CounterAt(slot, cpu)
		counts[i].Packets += c.mem.Load(at)
		counts[i].Bytes += c.mem.Load(at + 8)
	}
}

// addLined adds what a CPU has counted by slot and in lines.
func (c *arenaCounter) addLined(cpu int, slots []uint32, place func(uint32) (int, bool), counts []pipeline.Count) {
	c.addSlots(cpu, slots, counts)
	c.eachCount(cpu, func(l bpfgen.LineCount, slot uint32) {
		if i, ok := place(slot); ok {
			counts[i].Packets += c.mem.Load(l.Counts)
			counts[i].Bytes += c.mem.Load(l.Counts + 8)
		}
	})
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

// placesOf returns what finds a slot among others.
func placesOf(slots []uint32) func(slot uint32) (int, bool) {
	if len(slots) == 1 {
		return func(slot uint32) (int, bool) { return 0, slot == slots[0] }
	}
	place := make([]int32, slices.Max(slots)+1)
	for i, slot := range slots {
		place[slot] = int32(i + 1)
	}
	return func(slot uint32) (int, bool) {
		if int(slot) >= len(place) || place[slot] == 0 {
			return 0, false
		}
		return int(place[slot]) - 1, true
	}
}

// eachCount calls f for the lines of a CPU in which packets have counted.
func (c *arenaCounter) eachCount(cpu int, f func(l bpfgen.LineCount, slot uint32)) {
	c.table.EachLine(cpu, func(l bpfgen.LineCount) {
		if c.mem.Load(l.Counts) != 0 {
			f(l, c.mem.Load32(l.Slot))
		}
	})
}

// onceLined is set in the word at HeadHold since lines have memory; its lowest bit holds them.
const onceLined = 1 << 32

// lined reports whether packets may have counted in lines.
func (c *arenaCounter) lined() bool {
	return c.table.Lines != 0 && c.mem.Load(c.table.Head+bpfgen.HeadHold)&onceLined != 0
}

// hold keeps packets from making lines until release, and waits for those that may be at it. It takes some milliseconds.
// The file lock is held: nobody else does.
func (c *arenaCounter) hold() error {
	c.mem.Store(c.table.Head+bpfgen.HeadHold, onceLined|1)
	err := c.mem.Wait()
	if err != nil {
		c.release()
	}
	return err
}

func (c *arenaCounter) release() { c.mem.Store(c.table.Head+bpfgen.HeadHold, onceLined) }

// sweep takes what entries that are gone have left in lines under their slots, so that the slots can be given away.
func (c *arenaCounter) sweep(slots []uint32) error {
	if err := c.hold(); err != nil { // when it returns no packet runs any more that found the entries
		return err
	}
	defer c.release()
	place := placesOf(slots)
	for cpu := range c.cpus {
		c.eachCount(cpu, func(l bpfgen.LineCount, slot uint32) {
			if _, ok := place(slot); ok {
				clear(c.mem.Words(l.Counts, 2))
			}
		})
	}
	return nil
}
