package lookup

import "slices"

// A bunch holds the two to four prefixes that are below a word, where each ends within the next 27 bits. It lies in one
// line of the processor's cache, and takes a quarter of a node. Its words are
//
//	the bits of the prefix behind the word, left-aligned in 27, and in 5 bits 32 less their number | cell, 32 bits
//
// with longer prefixes in front of those that cover them, or zeros, which are like no key.
const (
	Bunch     = 4                       // flag of a bunch's address
	BunchSize = 4                       // prefixes at most
	TagMask   = 1<<32 - 1<<(32-tagBits) // of the bits of a prefix in the upper half of a word

	tagBits   = 27
	tagShift  = 1<<(32-tagBits) - 1 // of the number
	bunchSize = 8 * BunchSize
)

// tag returns what the upper halves of a bunch's words are compared with. A word's prefix is one of the key's if nothing
// is left of the bits in which the two differ when they are shifted right by the number in the word. k begins behind the
// word above the bunch.
func tag(k uint64) uint32 { return uint32(k>>32)&TagMask | 1 }

// bunchWord returns the word of a prefix below a word at a position.
func bunchWord(p *Prefix, pos int) uint64 {
	return (p.Key.from(pos)>>32&TagMask+uint64(32+pos-int(p.Length)))<<32 | uint64(p.Cell)
}

// covers reports whether the prefix of a bunch's word is one of all keys of another one's prefix.
func covers(w, other uint64) bool {
	mine, others := w>>32&tagShift, other>>32&tagShift
	return w != 0 && mine >= others && (w^other)>>32>>mine == 0
}

// bunch returns the words of a bunch.
func (t *Trie) bunch(child uint32) []uint64 { return t.mem.Words(child&^flags, BunchSize) }

// fits reports whether sorted prefixes below a word at a position can be a bunch.
func fits(pos int, list []Prefix) bool {
	return len(list) <= BunchSize && !slices.ContainsFunc(list, func(p Prefix) bool { return int(p.Length) > pos+tagBits })
}

// makeBunch makes a bunch of sorted prefixes.
func (t *Trie) makeBunch(pos int, list []Prefix) (uint32, error) {
	n, err := t.heap.alloc(bunchSize)
	if err != nil {
		return 0, err
	}
	for i := range list {
		t.mem.put(n+8*uint32(i), bunchWord(&list[len(list)-1-i], pos)) // what covers others comes in front of them in the list
	}
	return n | Bunch, nil
}

// addToBunch adds prefixes to a bunch in one store each, as far as that is possible.
func (t *Trie) addToBunch(child uint32, pos int, list []Prefix) bool {
	for i := range list {
		if int(list[i].Length) > pos+tagBits || !t.putInBunch(child&^flags, bunchWord(&list[i], pos)) {
			return false
		}
	}
	return true
}

// putInBunch puts a word into a place where nothing in front covers it and it covers nothing behind.
func (t *Trie) putInBunch(at uint32, word uint64) bool {
	free := uint32(0)
	for i := range uint32(BunchSize) {
		switch w := t.mem.Load(at + 8*i); {
		case w>>32 == word>>32:
			t.mem.Store(at+8*i, word)
			return true
		case w == 0 && free == 0:
			free = at + 8*i
		case free == 0 && covers(w, word), free != 0 && covers(word, w):
			return false
		}
	}
	if free != 0 {
		t.mem.Store(free, word)
	}
	return free != 0
}

// takeOut takes a cell out of what is below a word, a lone cell or a bunch, and reports whether it was there.
func (t *Trie) takeOut(at, cell uint32) bool {
	child := t.below(at)
	if child&Lone != 0 {
		if child != cell|Lone {
			return false
		}
		t.link(at, 0)
		return true
	}
	var left uint32
	n, found := 0, false
	for i, w := range t.bunch(child) {
		switch {
		case w == 0:
		case uint32(w) == cell:
			t.mem.Store(child&^flags+8*uint32(i), 0)
			found = true
		default:
			left = uint32(w)
			n++
		}
	}
	if n == 1 {
		t.link(at, left|Lone)
		t.free(child)
	}
	return found
}

// prefixes appends the prefixes of a bunch or a lone cell below a word at a position to dst, in the order of a list. k
// is a key that leads to the word.
func (t *Trie) prefixes(dst []Prefix, child uint32, pos int, k Key) []Prefix {
	if child&Lone != 0 {
		k, n := t.cells.Prefix(child &^ flags)
		return append(dst, Prefix{k, int32(n), child &^ flags})
	}
	for _, w := range t.bunch(child) {
		if w == 0 {
			continue
		}
		p := Prefix{k.cut(pos).or(w&(TagMask<<32), pos), int32(pos + 32 - int(w>>32&tagShift)), uint32(w)}
		i := len(dst)
		for dst = append(dst, p); i > 0 && comparePrefixes(dst[i-1], p) > 0; i-- {
			dst[i] = dst[i-1]
		}
		dst[i] = p
	}
	return dst
}

// findInBunch returns the cell of the longest prefix of a key, of which k is what is behind the word above the bunch.
func (t *Trie) findInBunch(child uint32, k uint64) (uint32, bool) {
	for i := range uint32(BunchSize) {
		w := t.mem.Load(child&^flags + 8*i)
		if has := uint32(w >> 32); (has^tag(k))>>(has&tagShift) == 0 {
			return uint32(w), true
		}
	}
	return 0, false
}
