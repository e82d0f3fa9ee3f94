package lookup

import "math/bits"

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
	var above []int  // their positions
	at, pos := root+8*uint32(k.High>>(64-b)), b
	for {
		child := t.below(at)
		if child&(Lone|Bunch) != 0 {
			if !t.takeOut(at, cell) {
				return nil
			}
			break
		}
		want, skip := t.skipped(child)
		if child == 0 || bits.LeadingZeros64(k.from(pos)^want) < skip || length <= pos+skip {
			return nil
		}
		way, above = append(way, at), append(above, pos)
		pos += skip
		base := child&^Skips + NodeHeader
		if length <= pos+4 {
			t.unfill(endsIn(base, k, length, pos, 4), k, length, pos, cell)
			break
		}
		at, pos = base+8*uint32(k.from(pos)>>60), pos+4
	}
	for i := len(way) - 1; i >= 0; i-- {
		child := t.below(way[i])
		less, ok := t.less(child, above[i], k)
		if !ok {
			break
		}
		t.link(way[i], less)
		t.free(child)
	}
	return t.heap.settle(false)
}

// unfill takes a cell out of the words of a place.
func (t *Trie) unfill(p place, k Key, length, above int, cell uint32) {
	next := uint32(0)
	for n := length - 1; n > above && next == 0; n-- {
		if c, ok := t.cells.CellOf(k.cut(n), n); ok {
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

// less returns what can take the place of a node below a word at a position, to which a key leads, when the node has
// become unnecessary: nothing, the cell of its only prefix, a bunch, or a node that skips its bits, too.
func (t *Trie) less(child uint32, pos int, k Key) (uint32, bool) {
	var leaf, below uint32
	var at int
	for i, w := range t.words(child) {
		if c := uint32(w >> 32); c != 0 {
			if leaf != 0 && leaf != c {
				return 0, false
			}
			leaf = c
		}
		if c := uint32(w); c != 0 {
			if below != 0 {
				return 0, false
			}
			below, at = c, i
		}
	}
	switch {
	case leaf != 0 && below != 0:
		return 0, false
	case leaf != 0:
		return leaf | Lone, true
	case below == 0 || below&Lone != 0:
		return below, true
	case below&Bunch != 0:
		return t.lift(child, pos, k, at, below)
	}
	return t.lengthen(child, at, below)
}

// lift makes a bunch that takes the place of a node with nothing but another bunch, below word at.
func (t *Trie) lift(child uint32, pos int, k Key, at int, bunch uint32) (uint32, bool) {
	want, skip := t.skipped(child)
	k = k.cut(pos).or(want&^(^uint64(0)>>skip), pos).or(uint64(at)<<60, pos+skip)
	list := t.prefixes(nil, bunch, pos+skip+4, k)
	if !fits(pos, list) {
		return 0, false
	}
	n, err := t.makeBunch(pos, list)
	if err != nil {
		return 0, false
	}
	t.free(bunch)
	return n, true
}

// lengthen copies the only node below word at of another one, and lets it skip the bits of both.
func (t *Trie) lengthen(child uint32, at int, below uint32) (uint32, bool) {
	want, skip := t.skipped(child)
	more, n := t.skipped(below)
	if skip+4+n > mostSkip {
		return 0, false
	}
	want = want&^(^uint64(0)>>skip) | uint64(at)<<60>>skip | more>>(skip+4)
	longer, err := t.copy(below, want, skip+4+n)
	if err != nil {
		return 0, false // it is only longer than it need be
	}
	t.free(below)
	return longer, true
}
