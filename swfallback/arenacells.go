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
	mark   int      // high as the head has it, or more while many cells are taken
	ready  uint64   // pages are populated below it
	free   []uint32 // cells that no program reads
	dead   []uint32 // cells that programs may still read
}

// words returns the key of a cell as words; the last one may be filled up with zeros.
func (c *cells) words(cell uint32) []uint64 {
	at, n := c.layout.CellKeyAt()
	return c.mem.Words(cell+uint32(at), (n+7)/8)
}

// cellStep is how many bytes are populated at a time.
const cellStep = 1 << 18

func (c *cells) at(i int) uint32 { return c.layout.Arena.Cells + uint32(i*c.layout.Arena.Stride) }

// number is the inverse of at.
func (c *cells) number(cell uint32) int {
	return int((cell - c.layout.Arena.Cells) / uint32(c.layout.Arena.Stride))
}

// bytes returns a cell itself.
func (c *cells) bytes(cell uint32) []byte { return c.mem.Bytes(cell, c.layout.Arena.Stride) }

// open reads which cells are entries.
func (c *cells) open() (live []uint32, err error) {
	c.high = int(c.mem.Load(c.layout.Arena.Head + headCells))
	c.mark, c.ready = c.high, uint64(c.layout.Arena.Cells)
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

// priority returns the priority of a classifier's cell.
func (c *cells) priority(cell uint32) int32 { return c.layout.CellPriority(c.bytes(cell)) }

// ahead makes room for n cells that have never been used, as far as there are so many, and writes into the head that
// they may be: take does so for each of them else.
func (c *cells) ahead(n int) error {
	n = min(n-len(c.free), c.layout.Arena.Capacity-c.high)
	if n <= 0 {
		return nil
	}
	if err := c.populate(c.high + n); err != nil {
		return err
	}
	c.setMark(c.high + n)
	return nil
}

// trim writes into the head how many cells have been used.
func (c *cells) trim() {
	if c.mark != c.high {
		c.setMark(c.high)
	}
}

// setMark writes into the head below which number cells may have been used.
func (c *cells) setMark(n int) {
	c.mark = n
	c.mem.Store(c.layout.Arena.Head+headCells, uint64(n))
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
		if c.high > c.mark {
			c.setMark(c.high)
		}
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
