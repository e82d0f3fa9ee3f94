package lookup

import "math/bits"

// Trie finds the longest prefix of a key of up to 128 bits. Its root is an array indexed by the first bits of the key,
// of 2^8 to 2^20 words; what is longer continues in nodes of 16 words for 4 bits each. A node that is the only one on
// its way is reached in one step over the bits in between, and a prefix that is the only one on its way has no node: it
// is compared with the key in its cell; a few are in a bunch. A word is
//
//	cell of the longest prefix that ends here and covers the word, 32 bits | what is below, 32 bits
//
// Below is the address of a node, whose lowest bit says that bits are skipped; or, as its second bit says, the cell of
// the only prefix; or, as its third bit says, a bunch; or 0. A node is, in words: the skipped bits, left-aligned; their number, and 64 less their number in
// the upper half; 16 words. The head's root is the address of the array, and in the upper half 64 less the number of
// bits that index it; 0: there is no entry.
//
// The bits that decide are always the root's and then multiples of 4, so the array can grow by 4 bits in one store.
type Trie struct {
	mem   *Memory
	heap  *heap
	head  uint32
	most  int // bits that the root may have
	cells PrefixReader

	spare   []Prefix // for InsertAll
	few     []Prefix // for mergeFew
	touched uint64   // what fetch has read
}

// PrefixReader reads the prefixes in cells, whose addresses are multiples of 8.
type PrefixReader interface {
	Prefix(cell uint32) (k Key, length int)
	Length(cell uint32) int                          // of the prefix alone
	CellOf(k Key, length int) (cell uint32, ok bool) // of a prefix that is in the table
}

// Key is an address or prefix, left-aligned; bits behind a prefix are zero.
type Key struct{ High, Low uint64 }

// from returns the 64 bits from a position on.
func (k Key) from(pos int) uint64 {
	if pos >= 64 {
		return k.Low << (pos - 64)
	}
	return k.High<<pos | k.Low>>(64-pos)
}

// cut returns the prefix of a length.
func (k Key) cut(length int) Key {
	if length <= 64 {
		return Key{High: k.High &^ (^uint64(0) >> length)}
	}
	return Key{High: k.High, Low: k.Low &^ (^uint64(0) >> (length - 64))}
}

// or sets the bits of v from a position on.
func (k Key) or(v uint64, pos int) Key {
	if pos >= 64 {
		return Key{k.High, k.Low | v>>(pos-64)}
	}
	return Key{k.High | v>>pos, k.Low | v<<(64-pos)}
}

// What code that searches a trie has to know.
const (
	NodeHeader = 16 // bytes of a node in front of its words
	LeastRoot  = 8  // bits that the root has at least
	Skips      = 1  // flag of a node's address: bits are skipped
	Lone       = 2  // flag of a cell's address below a word: the only prefix there

	nodeSize  = NodeHeader + 8*16
	mostRoot4 = 20 // of keys of up to 32 bits
	mostRoot  = 16 // of longer ones, whose first bits tell less
	mostSkip  = 60

	flags = Skips | Lone | Bunch
)

// OpenTrie opens the trie of a head for keys of width bits, in the memory from from to to.
func OpenTrie(mem *Memory, head uint32, from, to uint64, width int, cells PrefixReader) *Trie {
	t := &Trie{mem: mem, heap: openHeap(mem, head, from, to, nodeSize), head: head, most: mostRoot, cells: cells}
	t.heap.small = bunchSize
	if width <= 32 {
		t.most = mostRoot4
	}
	return t
}

// root returns the root's address and bits; 0 where there is none.
func (t *Trie) root() (uint32, int) {
	w := t.mem.Load(t.head + headRoot)
	return uint32(w), 64 - int(w>>32)
}

// node makes a node behind skip bits of a key.
func (t *Trie) node(want uint64, skip int) (uint32, error) {
	n, err := t.heap.alloc(nodeSize)
	if err != nil {
		return 0, err
	}
	return t.header(n, want, skip), nil
}

// header writes what a node skips and returns its address with the flag.
func (t *Trie) header(n uint32, want uint64, skip int) uint32 {
	t.mem.put(n, want)
	t.mem.put(n+8, uint64(64-skip)<<32|uint64(skip))
	if skip > 0 {
		n |= Skips
	}
	return n
}

// skipped returns what a node skips.
func (t *Trie) skipped(child uint32) (want uint64, skip int) {
	if child&Skips == 0 {
		return 0, 0
	}
	return t.mem.Load(child - Skips), int(uint32(t.mem.Load(child - Skips + 8)))
}

// shorten copies a node with by bits less to skip.
func (t *Trie) shorten(child uint32, by int) (uint32, error) {
	want, skip := t.skipped(child)
	return t.copy(child, want<<by, skip-by)
}

// copy copies the words of a node to a new one, which skips skip bits.
func (t *Trie) copy(child uint32, want uint64, skip int) (uint32, error) {
	n, err := t.node(want, skip)
	if err == nil {
		copy(t.words(n), t.words(child))
	}
	return n, err
}

// words returns the words of a node, to which no other process writes.
func (t *Trie) words(child uint32) []uint64 { return t.mem.Words(child&^flags+NodeHeader, 16) }

// place is where a prefix ends: words from at on, in a node or in the root.
type place struct {
	at    uint32
	count int
	pos   int // prefixes from pos+1 bits on end here too, in the root all
}

// endsIn returns the place of a prefix in the words at base, which are indexed by size bits from pos on.
func endsIn(base uint32, k Key, length, pos, size int) place {
	return place{at: base + 8*uint32(k.from(pos)>>(64-size)), count: 1 << (pos + size - length), pos: pos}
}

// fill puts a cell into the words of a place, as far as no longer prefix is there.
func (t *Trie) fill(p place, length int, cell uint32) {
	for i := range uint32(p.count) {
		at := p.at + 8*i
		w := t.mem.Load(at)
		if leaf := uint32(w >> 32); leaf == 0 || t.cells.Length(leaf) <= length {
			t.mem.Store(at, uint64(cell)<<32|w&0xffffffff)
		}
	}
}

// Insert adds a prefix, or gives the one that is there another cell.
func (t *Trie) Insert(k Key, length int, cell uint32) error {
	if err := t.Reserve(1); err != nil {
		return err
	}
	if err := t.mergeRoot([]Prefix{{k, int32(length), cell}}); err != nil {
		return err
	}
	return t.heap.settle(false)
}

// below returns what is below a word.
func (t *Trie) below(at uint32) uint32 { return uint32(t.mem.Load(at)) }

// link puts something below a word.
func (t *Trie) link(at, child uint32) { t.mem.Store(at, t.mem.Load(at)&^0xffffffff|uint64(child)) }

// free takes back a node or a bunch.
func (t *Trie) free(child uint32) {
	switch {
	case child&Bunch != 0:
		t.heap.free(child&^flags, bunchSize)
	case child != 0 && child&Lone == 0:
		t.heap.free(child&^flags, nodeSize)
	}
}

// Find returns the cell of the longest prefix of a key, 0 where there is none.
func (t *Trie) Find(k Key) uint32 {
	root, b := t.root()
	if root == 0 {
		return 0
	}
	w, pos, best := t.mem.Load(root+8*uint32(k.High>>(64-b))), b, uint32(0)
	for {
		if leaf := uint32(w >> 32); leaf != 0 {
			best = leaf
		}
		child := uint32(w)
		if child == 0 {
			return best
		}
		if child&Lone != 0 {
			if p, n := t.cells.Prefix(child &^ Lone); k.cut(n) == p {
				return child &^ Lone
			}
			return best
		}
		if child&Bunch != 0 {
			if cell, ok := t.findInBunch(child, k.from(pos)); ok {
				return cell
			}
			return best
		}
		want, skip := t.skipped(child)
		if bits.LeadingZeros64(k.from(pos)^want) < skip {
			return best
		}
		pos += skip
		w = t.mem.Load(child&^Skips + NodeHeader + 8*uint32(k.from(pos)>>60))
		pos += 4
	}
}

// Settle makes everything that was taken out usable again.
func (t *Trie) Settle() error { return t.heap.settle(true) }

// TrieBytes returns the memory that a number of prefixes takes at most, with what is left of smaller roots: every
// prefix but the first adds at most one node, and another one where more than 60 bits are skipped; programs may still
// read as many that were taken out.
func TrieBytes(prefixes int) int {
	return 3*8<<min(mostRoot4, bits.Len(uint(prefixes))+4) + 3*nodeSize*prefixes + 1<<20
}
