package lookup

import "math/bits"

// Trie finds the longest prefix of a key of up to 128 bits. Its root is an array indexed by the first bits of the key,
// of 2^8 to 2^20 words; what is longer continues in nodes of 16 words for 4 bits each. A node that is the only one on
// its way is reached in one step over the bits in between. A word is
//
//	cell of the longest prefix that ends here and covers the word, 32 bits | address of the node below, 32 bits
//
// The lowest bit of a node's address says that bits are skipped. A node is, in words: the skipped bits, left-aligned;
// their number, and 64 less their number in the upper half; 16 words. The head's root is the address of the array,
// and in the upper half 64 less the number of bits that index it; 0: there is no entry.
//
// The bits that decide are always the root's and then multiples of 4, so the array can grow by 4 bits in one store.
type Trie struct {
	mem    *Memory
	heap   *heap
	head   uint32
	most   int                                    // bits that the root may have
	length func(cell uint32) int                  // of a cell's prefix
	find   func(k Key, length int) (uint32, bool) // the cell of a prefix

	spare   []Prefix // for InsertAll
	touched uint64   // what fetch has read
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

// What code that searches a trie has to know.
const (
	NodeHeader = 16 // bytes of a node in front of its words
	LeastRoot  = 8  // bits that the root has at least

	nodeSize  = NodeHeader + 8*16
	mostRoot4 = 20 // of keys of up to 32 bits
	mostRoot  = 16 // of longer ones, whose first bits tell less
	mostSkip  = 60
	skips     = 1 // flag of a node's address
)

// OpenTrie opens the trie of a head for keys of width bits, in the memory from from to to. length returns the length
// of a cell's prefix, find the cell of a prefix.
func OpenTrie(mem *Memory, head uint32, from, to uint64, width int, length func(uint32) int, find func(Key, int) (uint32, bool)) *Trie {
	t := &Trie{mem: mem, heap: openHeap(mem, head, from, to, nodeSize), head: head, most: mostRoot, length: length, find: find}
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

// rootBits is how many bits the root should have for a number of entries.
func (t *Trie) rootBits(entries int) int {
	b := LeastRoot
	for b < t.most && entries > 2<<b {
		b += 4
	}
	return b
}

// Reserve makes the root fit a number of entries that the trie is about to have.
func (t *Trie) Reserve(entries int) error {
	want := t.rootBits(entries)
	root, has := t.root()
	if root == 0 {
		array, err := t.heap.alloc(8 << want)
		if err != nil {
			return err
		}
		t.mem.Store(t.head+headRoot, uint64(64-want)<<32|uint64(array))
		return nil
	}
	for ; has < want; has += 4 {
		if err := t.growRoot(); err != nil {
			return err
		}
	}
	return nil
}

// growRoot puts a root with 4 bits more in the place of the present one. The nodes that it takes in come back.
func (t *Trie) growRoot() error {
	old, b := t.root()
	array, err := t.heap.alloc(8 << (b + 4))
	if err != nil {
		return err
	}
	var taken []uint32
	for i := range uint32(1) << b {
		w := t.mem.Load(old + 8*i)
		leaf, child := w>>32<<32, uint32(w)
		for j := range uint32(16) {
			v := leaf
			switch {
			case child == 0:
			case child&skips == 0:
				below := t.mem.Load(child + NodeHeader + 8*j)
				if below>>32 != 0 {
					v = below
				} else {
					v |= below
				}
			case uint32(t.mem.Load(child-skips)>>60) == j:
				short, err := t.shorten(child, 4)
				if err != nil {
					return err
				}
				v |= uint64(short)
			}
			t.mem.put(array+8*(16*i+j), v)
		}
		if child != 0 {
			taken = append(taken, child&^skips)
		}
	}
	t.mem.Store(t.head+headRoot, uint64(64-b-4)<<32|uint64(array))
	for _, n := range taken {
		t.heap.free(n)
	}
	return t.heap.settle(false)
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
		n |= skips
	}
	return n
}

// skipped returns what a node skips.
func (t *Trie) skipped(child uint32) (want uint64, skip int) {
	if child&skips == 0 {
		return 0, 0
	}
	return t.mem.Load(child - skips), int(uint32(t.mem.Load(child - skips + 8)))
}

// shorten copies a node with by bits less to skip.
func (t *Trie) shorten(child uint32, by int) (uint32, error) {
	want, skip := t.skipped(child)
	n, err := t.heap.alloc(nodeSize)
	if err != nil {
		return 0, err
	}
	for i := range uint32(16) {
		t.mem.put(n+NodeHeader+8*i, t.mem.Load(child&^skips+NodeHeader+8*i))
	}
	return t.header(n, want<<by, skip-by), nil
}

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
		if leaf := uint32(w >> 32); leaf == 0 || t.length(leaf) <= length {
			t.mem.Store(at, uint64(cell)<<32|w&0xffffffff)
		}
	}
}

// Insert adds a prefix, or gives the one that is there another cell.
func (t *Trie) Insert(k Key, length int, cell uint32) error {
	root, b := t.root()
	if root == 0 {
		if err := t.Reserve(1); err != nil {
			return err
		}
		root, b = t.root()
	}
	if length <= b {
		t.fill(endsIn(root, k, length, 0, b), length, cell)
		return nil
	}
	at, pos := root+8*uint32(k.High>>(64-b)), b
	for {
		w := t.mem.Load(at)
		child := uint32(w)
		if child == 0 {
			return t.link(at, func() (uint32, error) { return t.chain(k, pos, length, cell) })
		}
		want, skip := t.skipped(child)
		common := min(bits.LeadingZeros64(k.from(pos)^want), skip)
		if common < skip || length <= pos+skip {
			err := t.link(at, func() (uint32, error) { return t.split(k, pos, length, cell, child, min(common, length-1-pos)&^3) })
			if err == nil {
				t.heap.free(child &^ skips)
				err = t.heap.settle(false)
			}
			return err
		}
		pos += skip
		base := child&^skips + NodeHeader
		if length <= pos+4 {
			t.fill(endsIn(base, k, length, pos, 4), length, cell)
			return nil
		}
		at, pos = base+8*uint32(k.from(pos)>>60), pos+4
	}
}

// link puts the node that build makes below a word.
func (t *Trie) link(at uint32, build func() (uint32, error)) error {
	n, err := build()
	if err == nil {
		t.mem.Store(at, t.mem.Load(at)&^0xffffffff|uint64(n))
	}
	return err
}

// chain makes the nodes for a prefix below a position where there are none.
func (t *Trie) chain(k Key, pos, length int, cell uint32) (uint32, error) {
	skip := min((length-1-pos)&^3, mostSkip)
	n, err := t.node(k.from(pos), skip)
	if err != nil {
		return 0, err
	}
	return n, t.settleIn(n, k, pos+skip, length, cell)
}

// settleIn puts a prefix into a new node or below it.
func (t *Trie) settleIn(n uint32, k Key, pos, length int, cell uint32) error {
	base := n&^skips + NodeHeader
	if length <= pos+4 {
		t.fill(endsIn(base, k, length, pos, 4), length, cell)
		return nil
	}
	return t.link(base+8*uint32(k.from(pos)>>60), func() (uint32, error) { return t.chain(k, pos+4, length, cell) })
}

// split makes a node in front of another one, after skip of the bits that that one skips.
func (t *Trie) split(k Key, pos, length int, cell, child uint32, skip int) (uint32, error) {
	n, err := t.divide(child, skip)
	if err != nil {
		return 0, err
	}
	return n, t.settleIn(n, k, pos+skip, length, cell)
}

// Delete removes a prefix, whose cell is given: the next shorter one takes its place.
func (t *Trie) Delete(k Key, length int, cell uint32) error {
	root, b := t.root()
	if root == 0 {
		return nil
	}
	if length <= b {
		t.unfill(endsIn(root, k, length, 0, b), k, length, -1, cell)
		return nil
	}
	var way []uint32 // words on the way
	at, pos := root+8*uint32(k.High>>(64-b)), b
	for {
		way = append(way, at)
		child := uint32(t.mem.Load(at))
		want, skip := t.skipped(child)
		if child == 0 || bits.LeadingZeros64(k.from(pos)^want) < skip || length <= pos+skip {
			return nil
		}
		pos += skip
		base := child&^skips + NodeHeader
		if length <= pos+4 {
			t.unfill(endsIn(base, k, length, pos, 4), k, length, pos, cell)
			break
		}
		at, pos = base+8*uint32(k.from(pos)>>60), pos+4
	}
	for i := len(way) - 1; i >= 0; i-- {
		w := t.mem.Load(way[i])
		if !t.empty(uint32(w) &^ skips) {
			break
		}
		t.mem.Store(way[i], w&^0xffffffff)
		t.heap.free(uint32(w) &^ skips)
	}
	return t.heap.settle(false)
}

// unfill takes a cell out of the words of a place.
func (t *Trie) unfill(p place, k Key, length, above int, cell uint32) {
	next := uint32(0)
	for n := length - 1; n > above && next == 0; n-- {
		if c, ok := t.find(k.cut(n), n); ok {
			next = c
		}
	}
	for i := range uint32(p.count) {
		at := p.at + 8*i
		if w := t.mem.Load(at); uint32(w>>32) == cell {
			t.mem.Store(at, uint64(next)<<32|w&0xffffffff)
		}
	}
}

// empty reports whether a node leads nowhere.
func (t *Trie) empty(n uint32) bool {
	for i := range uint32(16) {
		if t.mem.Load(n+NodeHeader+8*i) != 0 {
			return false
		}
	}
	return true
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
		want, skip := t.skipped(child)
		if bits.LeadingZeros64(k.from(pos)^want) < skip {
			return best
		}
		pos += skip
		w = t.mem.Load(child&^skips + NodeHeader + 8*uint32(k.from(pos)>>60))
		pos += 4
	}
}

// Settle makes everything that was taken out usable again.
func (t *Trie) Settle() error { return t.heap.settle(true) }

// TrieBytes returns the memory that a number of prefixes takes at most, with what is left of smaller roots: every
// prefix adds at most two nodes, and few more where more than 60 bits are skipped.
func TrieBytes(prefixes int) int {
	return 3*8<<min(mostRoot4, bits.Len(uint(prefixes))+4) + 3*nodeSize*prefixes + 1<<20
}
