package lookup

import "math/bits"

// Index finds cells by exact keys for the process alone. It is an array of words like that of a Hash, searched in the
// same way, without the care for programs that read it.
type Index struct {
	words []uint64 // 1<<bits and then Probes more at least
	bits  int
	used  int
	same  func(cell uint32, key []uint64) bool
}

// NewIndex returns an empty index. same reports whether a cell has a key.
func NewIndex(same func(cell uint32, key []uint64) bool) *Index { return &Index{same: same} }

// Len returns the number of cells.
func (x *Index) Len() int { return x.used }

// Clear empties the index.
func (x *Index) Clear() {
	clear(x.words)
	x.used = 0
}

// Reserve makes room for a number of cells in all.
func (x *Index) Reserve(cells int) {
	b := max(leastHash, bits.Len(uint(cells+cells/2)))
	if b <= x.bits {
		return
	}
	x.grow(b)
}

// grow makes the array larger. The words keep their order, which is that of their hashes but for those that were
// pushed on by others.
func (x *Index) grow(b int) {
	old := x.words
	x.words, x.bits = make([]uint64, 1<<b+Probes), b
	for _, w := range old {
		if w != 0 {
			x.place(w, int(w>>(64-b)))
		}
	}
}

// place puts a word into the first free place from at on.
func (x *Index) place(w uint64, at int) {
	for ; at < len(x.words); at++ {
		if x.words[at] == 0 {
			x.words[at] = w
			return
		}
	}
	x.words = append(x.words, w)
}

// Warm reads all of an index that so many keys are about to be looked for in, when they are many enough for its size: in
// order this takes a fraction of the time that fetching it word by word takes.
func (x *Index) Warm(keys int) (read uint64) {
	const line = 8 // words
	if keys < len(x.words)/line {
		return 0
	}
	for i := 0; i < len(x.words); i += line {
		read ^= x.words[i]
	}
	return read
}

// Touch reads the word where the search for a hash begins, see Hash's Touch.
func (x *Index) Touch(sum uint64) uint64 {
	if len(x.words) == 0 {
		return 0
	}
	return x.words[sum>>(64-x.bits)]
}

// find returns the place of a key and its cell, or the place where it belongs and 0.
func (x *Index) find(sum uint64, key []uint64) (int, uint32) {
	if len(x.words) == 0 {
		return 0, 0
	}
	at := int(sum >> (64 - x.bits))
	for ; at < len(x.words); at++ {
		w := x.words[at]
		if w == 0 {
			break
		}
		if w>>32 == sum>>32 && x.same(uint32(w), key) {
			return at, uint32(w)
		}
	}
	return at, 0
}

// Find returns the cell of a key with a hash, 0 where there is none.
func (x *Index) Find(sum uint64, key []uint64) uint32 {
	_, cell := x.find(sum, key)
	return cell
}

// Insert adds a key. Where it is there already nothing changes and its cell is returned, else 0.
func (x *Index) Insert(sum uint64, key []uint64, cell uint32) uint32 {
	x.Reserve(x.used + 1)
	at, old := x.find(sum, key)
	if old != 0 {
		return old
	}
	x.place(sum&^(1<<32-1)|uint64(cell), at)
	x.used++
	return 0
}

// InsertAlone adds a key of which only the hash and the cell are known, where no other key has a hash with the same upper
// half: then it is none of those that are there. It returns whether it has done so.
func (x *Index) InsertAlone(sum uint64, cell uint32) bool {
	x.Reserve(x.used + 1)
	for at := int(sum >> (64 - x.bits)); at < len(x.words); at++ {
		switch w := x.words[at]; {
		case w == 0:
			x.words[at] = sum&^(1<<32-1) | uint64(cell)
			x.used++
			return true
		case w>>32 == sum>>32:
			return false
		}
	}
	return false
}

// Replace gives a key that is there another cell.
func (x *Index) Replace(sum uint64, key []uint64, cell uint32) {
	if at, old := x.find(sum, key); old != 0 {
		x.words[at] = sum&^(1<<32-1) | uint64(cell)
	}
}

// Delete takes out a key and moves those behind it that were pushed on by it.
func (x *Index) Delete(sum uint64, key []uint64) {
	hole, old := x.find(sum, key)
	if old == 0 {
		return
	}
	x.used--
	for at := hole + 1; at < len(x.words) && x.words[at] != 0; at++ {
		if home := int(x.words[at] >> (64 - x.bits)); home <= hole {
			x.words[hole] = x.words[at]
			hole = at
		}
	}
	x.words[hole] = 0
}
