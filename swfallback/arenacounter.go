package swfallback

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

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

func (c *arenaCounter) read(slots []uint32) (_ []pipeline.Count, err error) {
	counts := make([]pipeline.Count, len(slots))
	if c.lined() {
		if err := c.hold(); err != nil {
			return nil, err
		}
		defer c.release()
	}
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
	if c.lined() {
		place := placesOf(slots)
		c.eachCount(func(l bpfgen.LineCount, slot uint32) {
			if i, ok := place(slot); ok {
				counts[i].Packets += c.mem.Load(l.Counts)
				counts[i].Bytes += c.mem.Load(l.Counts + 8)
			}
		})
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

// placesOf returns what finds a slot among others.
func placesOf(slots []uint32) func(slot uint32) (int, bool) {
	if len(slots) == 1 {
		return func(slot uint32) (int, bool) { return 0, slot == slots[0] }
	}
	place := make([]int32, slices.Max(append(slots[:len(slots):len(slots)], 0))+1)
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

// eachCount calls f for the lines in which packets have counted. They have to be held.
func (c *arenaCounter) eachCount(f func(l bpfgen.LineCount, slot uint32)) {
	c.table.EachLine(func(l bpfgen.LineCount) {
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

// busyPatience is how long a packet may take to make a line.
const busyPatience = time.Second

// hold keeps packets from making lines until release. The file lock is held: nobody else does.
func (c *arenaCounter) hold() error {
	c.mem.Store(c.table.Head+bpfgen.HeadHold, onceLined|1)
	start := time.Now()
	for cpu := range c.cpus {
		for c.mem.Load(c.table.BusyAt(cpu)) != 0 {
			if time.Since(start) > busyPatience {
				c.release()
				return fmt.Errorf("wait for CPU %d: %w", cpu, os.ErrDeadlineExceeded)
			}
			runtime.Gosched()
		}
	}
	return nil
}

func (c *arenaCounter) release() { c.mem.Store(c.table.Head+bpfgen.HeadHold, onceLined) }

// sweep takes what entries that are gone have left in lines under their slots, so that the slots can be given away.
func (c *arenaCounter) sweep(slots []uint32) error {
	if err := c.mem.Wait(); err != nil { // for packets that found the entries
		return err
	}
	if err := c.hold(); err != nil {
		return err
	}
	defer c.release()
	place := placesOf(slots)
	c.eachCount(func(l bpfgen.LineCount, slot uint32) {
		if _, ok := place(slot); ok {
			clear(c.mem.Words(l.Counts, 2))
		}
	})
	return nil
}
