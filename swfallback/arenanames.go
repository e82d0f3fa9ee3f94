package swfallback

import (
	"math/rand/v2"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// names finds a table's cells by match and priority, for the process alone. A table of exact keys has that already in
// its index; then only the cells are kept here that packets do not find yet.
type names struct {
	cells  *cells
	index  *hashIndex // of a table of exact keys, else nil
	hash   *lookup.Hash
	room   int // for how many cells hash has been made
	held   int // cells in hash
	count  int // cells of the table
	key    []uint64
	buffer []uint64
}

// nameOf is a match as words, with the priority where there is one.
func (n *names) nameOf(dst []uint64, cell []byte) []uint64 {
	l := n.cells.layout
	dst = words(dst, l.CellKey(cell))
	if l.Kind == bpfgen.LookupClassifier {
		dst = append(dst, uint64(uint32(l.CellPriority(cell))))
	}
	return dst
}

// of returns the name of a cell; valid until the next call.
func (n *names) of(cell uint32) []uint64 {
	n.buffer = n.nameOf(n.buffer, n.cells.bytes(cell))
	return n.buffer
}

// find returns the cell with the match and priority of another one that is not in the table, 0 where there is none.
func (n *names) find(cell []byte) uint32 {
	n.key = n.nameOf(n.key, cell)
	return n.search()
}

// match returns the cell of a match in a table without priorities.
func (n *names) match(key []byte) uint32 {
	n.key = words(n.key, key)
	return n.search()
}

func (n *names) search() uint32 {
	if n.index != nil {
		if cell := n.index.hash.Find(n.key); cell != 0 {
			return cell
		}
	}
	if n.hash == nil {
		return 0
	}
	return n.hash.Find(n.key)
}

// reserve makes room for more cells.
func (n *names) reserve(more int) error {
	if n.hash != nil && n.held+more <= n.room {
		return nil
	}
	room := max(64, more)
	if n.held > 0 {
		room = 2 * (n.held + more)
	}
	size := lookup.HeadSize + lookup.HashBytes(room)
	next := lookup.OpenHash(lookup.NewMemory(size), 0, lookup.HeadSize, uint64(size), rand.Uint64(), n.of)
	if err := next.Reserve(room); err != nil {
		return err
	}
	if n.hash != nil {
		for cell := range n.hash.All() {
			n.key = append(n.key[:0], n.of(cell)...)
			if _, err := next.Insert(n.key, cell); err != nil {
				return err
			}
		}
	}
	n.hash, n.room = next, room
	return nil
}

// add adds a cell, for which there is room: ErrExists where there is one with its match and priority.
func (n *names) add(cell uint32) error {
	n.key = append(n.key[:0], n.of(cell)...)
	if n.index != nil && n.index.hash.Find(n.key) != 0 {
		return pipeline.ErrExists
	}
	old, err := n.hash.Insert(n.key, cell)
	if err == nil && old != 0 {
		err = pipeline.ErrExists
	}
	if err == nil {
		n.held++
		n.count++
	}
	return err
}

// replace gives an entry another cell, in the index too.
func (n *names) replace(cell uint32) {
	if n.index == nil {
		n.key = append(n.key[:0], n.of(cell)...)
		n.hash.Replace(n.key, cell)
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
	n.key = append(n.key[:0], n.of(cell)...)
	n.hash.Delete(n.key)
	n.held--
}

// published says that packets find all cells.
func (n *names) published() {
	if n.index != nil {
		n.hash, n.room, n.held = nil, 0, 0
	}
}
