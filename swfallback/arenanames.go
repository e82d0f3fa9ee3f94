package swfallback

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// names finds a table's cells by match and priority, for the process alone. A table of exact keys has that already in
// its index; then only the cells are kept here that packets do not find yet.
type names struct {
	cells  *cells
	index  *exactIndex // of a table of exact keys, else nil
	held   *lookup.Index
	seed   uint64
	count  int // cells of the table
	key    []uint64
	buffer []uint64
	ahead  uint64 // what touch has read
}

func newNames(c *cells) names {
	n := names{cells: c, seed: rand.Uint64()}
	n.held = lookup.NewIndex(func(cell uint32, key []uint64) bool {
		at := len(key)
		if n.prioritized() {
			if at--; uint64(uint32(c.priority(cell))) != key[at] {
				return false
			}
		}
		return equalWords(c.words(cell), key[:at])
	})
	return n
}

func equalWords(a, b []uint64) bool {
	for i, w := range b {
		if a[i] != w {
			return false
		}
	}
	return true
}

func (n *names) prioritized() bool { return n.cells.layout.Kind == bpfgen.LookupClassifier }

// of returns the name of a cell: its match as words, with the priority where there is one. It is valid until the next
// call, and as long as the cell is.
func (n *names) of(cell uint32) []uint64 {
	key := n.cells.words(cell)
	if n.prioritized() {
		n.buffer = append(append(n.buffer[:0], key...), uint64(uint32(n.cells.priority(cell))))
		return n.buffer
	}
	return key
}

// sum is the hash of a name: in a table of exact keys that of its index.
func (n *names) sum(name []uint64) uint64 {
	if n.index != nil {
		return n.index.keys.Sum(name)
	}
	return lookup.Sum(n.seed, name)
}

// sumOf is the hash of a cell's name.
func (n *names) sumOf(cell uint32) uint64 {
	sum := n.sum(n.cells.words(cell))
	if n.prioritized() {
		sum = lookup.AddWord(sum, uint64(uint32(n.cells.priority(cell))))
	}
	return sum
}

// find returns the cell with the match and priority of another one that is not in the table, 0 where there is none.
func (n *names) find(cell []byte) uint32 {
	l := n.cells.layout
	n.key = words(n.key, l.CellKey(cell))
	if n.prioritized() {
		n.key = append(n.key, uint64(uint32(l.CellPriority(cell))))
	}
	return n.search(n.sum(n.key), n.key)
}

// match returns the cell of a match in a table without priorities.
func (n *names) match(key []byte) uint32 {
	n.key = words(n.key, key)
	return n.search(n.sum(n.key), n.key)
}

func (n *names) search(sum uint64, name []uint64) uint32 {
	if n.index != nil {
		if cell := n.index.keys.FindSum(sum, name); cell != 0 {
			return cell
		}
	}
	return n.held.Find(sum, name)
}

// reserve makes room for more cells.
func (n *names) reserve(more int) {
	n.held.Reserve(n.held.Len() + more)
	n.ahead ^= n.held.Warm(more)
}

// touch returns the hash of a cell's name and fetches what add will look at.
func (n *names) touch(cell uint32) uint64 {
	sum := n.sumOf(cell)
	if n.index != nil {
		n.ahead ^= n.index.keys.Touch(sum)
	}
	n.ahead ^= n.held.Touch(sum)
	return sum
}

// addGroup adds at most group cells, for which there is room, and yields for each of them whether it could be added:
// ErrExists where there is one with its match and priority.
func (n *names) addGroup(cells []uint32) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		var sums [group]uint64
		for i, cell := range cells {
			sums[i] = n.touch(cell)
		}
		for i, cell := range cells {
			if !yield(i, n.add(sums[i], cell)) {
				return
			}
		}
	}
}

// addAll adds any number of cells and stops when done, which is told about each of them, returns an error.
func (n *names) addAll(cells []uint32, done func(cell uint32, err error) error) error {
	n.reserve(len(cells))
	for some := range slices.Chunk(cells, group) {
		for i, err := range n.addGroup(some) {
			if err := done(some[i], err); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds a cell with the hash of its name.
func (n *names) add(sum uint64, cell uint32) error {
	if n.index != nil || !n.held.InsertAlone(sum, cell) {
		name := n.of(cell)
		if n.index != nil && n.index.keys.FindSum(sum, name) != 0 || n.held.Insert(sum, name, cell) != 0 {
			return pipeline.ErrExists
		}
	}
	n.count++
	return nil
}

// replace gives an entry another cell, in the index too.
func (n *names) replace(cell uint32) {
	if n.index == nil {
		name := n.of(cell)
		n.held.Replace(n.sumOf(cell), name, cell)
	}
}

// drop forgets a cell of the table.
func (n *names) drop(cell uint32) {
	n.count--
	if n.index == nil {
		n.forget(cell)
	}
}

// forget takes a cell out that is only here.
func (n *names) forget(cell uint32) {
	name := n.of(cell)
	n.held.Delete(n.sumOf(cell), name)
}

// published says that packets find cells that add has added.
func (n *names) published(made []uint32) {
	switch {
	case n.index == nil:
	case len(made) <= group:
		for _, cell := range made {
			n.forget(cell)
		}
	case len(made) > mostKept:
		n.held = newNames(n.cells).held
	default:
		n.held.Clear()
	}
}

const (
	// group is how many cells are searched for at a time, after what the searches look at has been fetched.
	group = 64
	// mostKept is for how many cells there may be room in an index that is kept for the next change.
	mostKept = 1 << 17
)
