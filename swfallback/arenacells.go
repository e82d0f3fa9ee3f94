package swfallback

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// Words of a table's head behind those of its structure.
const (
	headCells = 40 // how many cells have been used, from the first on
	headDirty = 48 // 1 while a change is made
)

// cells hands out the cells of a table in the arena.
type cells struct {
	mem    *lookup.Memory
	layout *bpfgen.TableLayout
	high   int      // cells that have been used
	ready  uint64   // pages are populated below it
	free   []uint32 // cells that no program reads
	dead   []uint32 // cells that programs may still read
}

// cellStep is how many bytes are populated at a time.
const cellStep = 1 << 18

func (c *cells) at(i int) uint32 { return c.layout.Arena.Cells + uint32(i*c.layout.Arena.Stride) }

// bytes returns a cell itself.
func (c *cells) bytes(cell uint32) []byte { return c.mem.Bytes(cell, c.layout.Arena.Stride) }

// open reads which cells are entries.
func (c *cells) open() (live []uint32, err error) {
	c.high = int(c.mem.Load(c.layout.Arena.Head + headCells))
	c.ready = uint64(c.layout.Arena.Cells)
	c.free, c.dead = nil, nil
	if err := c.populate(c.high); err != nil {
		return nil, err
	}
	for i := range c.high {
		if cell := c.at(i); c.layout.CellLive(c.bytes(cell)) {
			live = append(live, cell)
		} else {
			c.dead = append(c.dead, cell)
		}
	}
	return live, nil
}

// populate makes the first n cells usable.
func (c *cells) populate(n int) error {
	a := c.layout.Arena
	end := uint64(a.Cells) + uint64(n*a.Stride)
	if end <= c.ready {
		return nil
	}
	ready := min((end+cellStep)&^4095, a.From)
	if err := c.mem.Populate(c.ready, ready); err != nil {
		return err
	}
	c.ready = ready
	return nil
}

// take returns a cell that no program reads.
func (c *cells) take() (uint32, error) {
	if n := len(c.free); n > 0 {
		cell := c.free[n-1]
		c.free = c.free[:n-1]
		return cell, nil
	}
	if c.high < c.layout.Arena.Capacity {
		if err := c.populate(c.high + 1); err != nil {
			return 0, err
		}
		c.high++
		c.mem.Store(c.layout.Arena.Head+headCells, uint64(c.high))
		return c.at(c.high - 1), nil
	}
	if len(c.dead) == 0 {
		return 0, fmt.Errorf("%d cells: %w", c.high, pipeline.ErrTableFull)
	}
	if err := c.mem.Wait(); err != nil {
		return 0, err
	}
	c.free, c.dead = append(c.free, c.dead...), c.dead[:0]
	return c.take()
}

// kill takes back a cell that programs may still read.
func (c *cells) kill(cell uint32) {
	c.layout.KillCell(c.bytes(cell))
	c.dead = append(c.dead, cell)
}
