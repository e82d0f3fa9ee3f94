package lookup

import "math/bits"

// Hash finds cells by exact keys of whole words. It is an array of words
//
//	tag, from the key's hash, odd, 32 bits | cell, 32 bits
//
// searched from the place that the first bits of the hash name until the key or an empty word comes; a word with no
// cell but a tag, which is even, was taken out. The tag begins with the same bits of the hash, so an array can be copied
// into a larger one without a look at the keys. The array is at most half full, and behind its end there are Probes
// words more, so that no search has to begin anew. The head's root is its address, and in the upper half 64 less the
// number of bits that index it; the head's second word is the seed of the hash.
type Hash struct {
	mem  *Memory
	heap *heap
	head uint32
	key  func(cell uint32) []uint64 // the words of a cell's key; valid until the next call
	used int                        // words that are not empty
	live int                        // of them: those with a cell

	touched uint64 // what Touch has read
}

// Probes bounds how many words are looked at for a key: a table in which that is not enough grows.
const Probes = 64

const (
	leastHash = 6
	group     = 64      // keys that are fetched at a time
	gone      = 2 << 32 // a word that was taken out
)

// OpenHash opens the hash table of a head in the memory from from to to. seed is used where there is no table yet. key
// returns the words of a cell's key.
func OpenHash(mem *Memory, head uint32, from, to uint64, seed uint64, key func(cell uint32) []uint64) *Hash {
	h := &Hash{mem: mem, heap: openHeap(mem, head, from, to, 0), head: head, key: key}
	if mem.Load(head+headRoot) == 0 {
		mem.Store(head+headSeed, seed)
	}
	array, b := h.root()
	for i := range h.words(array, b) {
		if w := mem.Load(array + 8*uint32(i)); w != 0 {
			h.used++
			if uint32(w) != 0 {
				h.live++
			}
		}
	}
	return h
}

func (h *Hash) root() (uint32, int) {
	w := h.mem.Load(h.head + headRoot)
	return uint32(w), 64 - int(w>>32)
}

func (h *Hash) words(array uint32, b int) int {
	if array == 0 {
		return 0
	}
	return 1<<b + Probes + 1 // the last one stays empty
}

// The multiplier of the hash: 2^64 by the HashMultiplier ratio.
const HashMultiplier = 0x9e3779b97f4a7c15

// Sum is the hash of a key.
func Sum(seed uint64, key []uint64) uint64 {
	h := seed
	for i, w := range key {
		if i > 0 {
			h ^= h >> 32
		}
		h = (h ^ w) * HashMultiplier
	}
	return h
}

// AddWord returns the Sum of a key with one more word.
func AddWord(sum, word uint64) uint64 { return (sum ^ sum>>32 ^ word) * HashMultiplier }

// tagOf returns the tag in a hash, in its place in a word.
func tagOf(sum uint64) uint64 { return sum&^(1<<32-1) | 1<<32 }

// Sum is the hash of a key in this table.
func (h *Hash) Sum(key []uint64) uint64 { return Sum(h.mem.Load(h.head+headSeed), key) }

// Touch reads the word where the search for a hash begins. Reading those of many keys before the searches lets the
// processor fetch them all at once.
func (h *Hash) Touch(sum uint64) uint64 {
	array, b := h.root()
	if array == 0 {
		return 0
	}
	return h.mem.Load(array + 8*uint32(sum>>(64-b)))
}

// Find returns the cell of a key, 0 where there is none.
func (h *Hash) Find(key []uint64) uint32 { return h.FindSum(h.Sum(key), key) }

// FindSum is Find for a key whose hash is known.
func (h *Hash) FindSum(sum uint64, key []uint64) uint32 {
	if at := h.place(sum, key); at != 0 {
		return uint32(h.mem.Load(at))
	}
	return 0
}

// place returns the address of the word of a key, 0 where there is none.
func (h *Hash) place(sum uint64, key []uint64) uint32 {
	array, b := h.root()
	if array == 0 {
		return 0
	}
	tag := tagOf(sum)
	at := array + 8*uint32(sum>>(64-b))
	for range Probes {
		w := h.mem.Load(at)
		if w == 0 {
			return 0
		}
		if w>>32 == tag>>32 && equal(h.key(uint32(w)), key) {
			return at
		}
		at += 8
	}
	return 0
}

func equal(a, b []uint64) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Insert adds a key. Where it is there already nothing changes and its cell is returned, else 0.
func (h *Hash) Insert(key []uint64, cell uint32) (old uint32, err error) {
	return h.InsertSum(h.Sum(key), key, cell)
}

// InsertSum is Insert for a key whose hash is known.
func (h *Hash) InsertSum(sum uint64, key []uint64, cell uint32) (old uint32, err error) {
	array, b := h.root()
	if array == 0 || h.used+1 > 1<<b/2 {
		if err := h.rebuild(h.live + 1); err != nil {
			return 0, err
		}
	}
	for {
		old, done := h.put(sum, key, cell)
		if done {
			return old, nil
		}
		_, b := h.root()
		if err := h.rebuild(max(h.live+1, 1<<b/2+1)); err != nil {
			return 0, err
		}
	}
}

// InsertAll adds cells whose keys are not there.
func (h *Hash) InsertAll(cells []uint32) error {
	var sums [group]uint64
	for len(cells) > 0 {
		some := cells[:min(group, len(cells))]
		for i, c := range some {
			sums[i] = h.Sum(h.key(c))
			h.touched ^= h.Touch(sums[i])
		}
		for i, c := range some {
			if _, err := h.InsertSum(sums[i], h.key(c), c); err != nil {
				return err
			}
		}
		cells = cells[len(some):]
	}
	return nil
}

// put puts a cell into the first word that is free, unless the key is there. It is not done where none is near enough.
func (h *Hash) put(sum uint64, key []uint64, cell uint32) (old uint32, done bool) {
	array, b := h.root()
	tag, at, free := tagOf(sum), array+8*uint32(sum>>(64-b)), uint32(0)
	for range Probes {
		w := h.mem.Load(at)
		if uint32(w) == 0 && free == 0 {
			free = at
		}
		if w == 0 {
			break
		}
		if w>>32 == tag>>32 && equal(h.key(uint32(w)), key) {
			return uint32(w), true
		}
		at += 8
	}
	if free == 0 {
		return 0, false
	}
	if h.mem.Load(free) == 0 {
		h.used++
	}
	h.live++
	h.mem.Store(free, tag|uint64(cell))
	return 0, true
}

// Reserve makes room for a number of keys in all.
func (h *Hash) Reserve(keys int) error {
	array, b := h.root()
	if array != 0 && h.used+keys-h.live <= 1<<b/2 {
		return nil
	}
	return h.rebuild(keys)
}

// rebuild makes a new array with room for a number of keys and puts it in the place of the present one.
func (h *Hash) rebuild(keys int) error {
	b := max(leastHash, bits.Len(uint(2*keys-1)))
	old, oldBits := h.root()
	for ; ; b++ {
		array, err := h.heap.alloc(uint32(8 * h.words(1, b)))
		if err != nil {
			return err
		}
		if h.copyTo(array, b, old, oldBits) {
			h.used = h.live
			h.mem.Store(h.head+headRoot, uint64(64-b)<<32|uint64(array))
			return nil
		}
	}
}

// copyTo copies all cells into a new array, false where some would be too far from their places.
func (h *Hash) copyTo(array uint32, b int, old uint32, oldBits int) bool {
	to := h.mem.Words(array, h.words(array, b))
	for i := range h.words(old, oldBits) {
		w := h.mem.Load(old + 8*uint32(i))
		if uint32(w) == 0 {
			continue
		}
		at := int(w >> (64 - b))
		last := at + Probes
		for ; at < last && to[at] != 0; at++ {
		}
		if at == last {
			return false
		}
		to[at] = w
	}
	return true
}

// Replace gives a key that is there another cell.
func (h *Hash) Replace(key []uint64, cell uint32) {
	if at := h.place(h.Sum(key), key); at != 0 {
		h.mem.Store(at, h.mem.Load(at)&^0xffffffff|uint64(cell))
	}
}

// Delete takes out a key. Its word, and those in front of it that were taken out, become empty where no search has to
// go past them.
func (h *Hash) Delete(key []uint64) {
	at := h.place(h.Sum(key), key)
	if at == 0 {
		return
	}
	h.mem.Store(at, gone)
	h.live--
	if h.mem.Load(at+8) != 0 {
		return
	}
	for array, _ := h.root(); at >= array && h.mem.Load(at) == gone; at -= 8 {
		h.mem.Store(at, 0)
		h.used--
	}
}

// HashBytes returns the memory that a number of keys takes at most, with what is left of smaller arrays.
func HashBytes(keys int) int { return 4 * 8 * (2<<bits.Len(uint(2*keys-1)) + 2*Probes) }
