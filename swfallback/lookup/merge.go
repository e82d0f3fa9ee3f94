package lookup

import "math/bits"

// Many prefixes at once are sorted and merged into the trie: a node is looked at once for all that go through it, and
// what is new below a word is built whole and put there in one store.

// Prefix is a prefix with its cell.
type Prefix struct {
	Key    Key
	Length int32
	Cell   uint32
}

const (
	fewPrefixes = 16 // up to so many are inserted one by one
	fetched     = 64 // prefixes whose way is fetched ahead

	// MostKept is for how many prefixes at a time memory of the process is kept for the next ones: new memory costs
	// much more than the work that is done in it.
	MostKept = 1 << 17
)

// InsertAll adds prefixes as Insert does, in any order. The list is reordered.
func (t *Trie) InsertAll(list []Prefix) error {
	if len(list) <= fewPrefixes {
		for i := range list {
			if err := t.Insert(list[i].Key, int(list[i].Length), list[i].Cell); err != nil {
				return err
			}
		}
		return nil
	}
	if err := t.Reserve(1); err != nil {
		return err
	}
	t.heap.ahead(uint64(2 * nodeSize * len(list)))
	defer t.heap.trim()
	if len(t.spare) < len(list) {
		t.spare = make([]Prefix, len(list))
	}
	sortPrefixes(list, t.spare)
	err := t.mergeRoot(list)
	if len(t.spare) > MostKept {
		t.spare = nil
	}
	if err != nil {
		return err
	}
	return t.heap.settle(false)
}

// mergeRoot puts sorted prefixes into the root and below it.
func (t *Trie) mergeRoot(list []Prefix) error {
	root, b := t.root()
	fetch := 0
	for i := 0; i < len(list); {
		if i >= fetch {
			fetch = min(i+fetched, len(list))
			t.fetch(root, b, list[i:fetch])
		}
		p := &list[i]
		if int(p.Length) <= b {
			t.fill(endsIn(root, p.Key, int(p.Length), 0, b), int(p.Length), p.Cell)
			i++
			continue
		}
		first, j := p.Key.High>>(64-b), i+1
		for j < len(list) && list[j].Key.High>>(64-b) == first {
			j++
		}
		if err := t.merge(root+8*uint32(first), b, list[i:j]); err != nil {
			return err
		}
		i = j
	}
	return nil
}

// fetch reads what merging will look at first: the processor fetches all of it at once.
func (t *Trie) fetch(root uint32, b int, list []Prefix) {
	for i := range list {
		k := &list[i].Key
		child := t.below(root + 8*uint32(k.High>>(64-b)))
		if child == 0 {
			continue
		}
		t.touched ^= t.mem.Load(child &^ flags)
		if child&(Lone|Bunch) == 0 {
			t.touched ^= t.mem.Load(child&^flags + NodeHeader + 8*uint32(k.from(b)>>60))
		}
	}
}

// merge puts sorted prefixes, all longer than pos and with the same pos first bits, below a word.
func (t *Trie) merge(at uint32, pos int, list []Prefix) error {
	child := t.below(at)
	if child == 0 || child&(Lone|Bunch) != 0 {
		return t.mergeFew(at, pos, list)
	}
	want, skip := t.skipped(child)
	if common := t.common(pos, list, want); common < skip {
		n, err := t.divide(child, common&^3)
		if err != nil {
			return err
		}
		t.link(at, n)
		t.free(child)
		child, skip = n, common&^3
	}
	return t.mergeNode(child&^Skips+NodeHeader, pos+skip, list)
}

// mergeFew puts sorted prefixes below a word that has no node.
func (t *Trie) mergeFew(at uint32, pos int, list []Prefix) error {
	child := t.below(at)
	if child&Bunch != 0 && t.addToBunch(child, pos, list) {
		return nil
	}
	if child != 0 {
		var there [BunchSize]Prefix
		t.few = with(t.few[:0], list, t.prefixes(there[:0], child, pos, list[0].Key))
		list = t.few // nobody else uses it meanwhile: what build makes has no few prefixes yet
	}
	n, err := t.build(pos, list)
	if err != nil {
		return err
	}
	t.link(at, n)
	t.free(child)
	return nil
}

// with appends to dst sorted prefixes and those of others, sorted, too, that are not among them.
func with(dst, list, others []Prefix) []Prefix {
	for len(list) > 0 && len(others) > 0 {
		order := comparePrefixes(list[0], others[0])
		if order <= 0 {
			dst, list = append(dst, list[0]), list[1:]
		} else {
			dst = append(dst, others[0])
		}
		if order >= 0 {
			others = others[1:]
		}
	}
	return append(append(dst, list...), others...)
}

// common is how many bits from pos on sorted prefixes have in common with each other and with want, less than any of
// them has.
func (t *Trie) common(pos int, list []Prefix, want uint64) int {
	first, last := &list[0], &list[len(list)-1]
	n := bits.LeadingZeros64((first.Key.from(pos) ^ want) | (last.Key.from(pos) ^ want))
	for i := range list {
		n = min(n, int(list[i].Length)-1-pos)
	}
	return n
}

// divide makes a node that skips skip of the bits of another one, and leads to the rest of it.
func (t *Trie) divide(child uint32, skip int) (uint32, error) {
	want, _ := t.skipped(child)
	n, err := t.node(want, skip)
	if err != nil {
		return 0, err
	}
	below, err := t.shorten(child, skip+4)
	if err != nil {
		return 0, err
	}
	t.mem.put(n&^Skips+NodeHeader+8*uint32(want<<skip>>60), uint64(below))
	return n, nil
}

// build makes what is below a word for sorted prefixes: the cell of the only one, a bunch, or nodes.
func (t *Trie) build(pos int, list []Prefix) (uint32, error) {
	switch {
	case len(list) == 1:
		return list[0].Cell | Lone, nil
	case fits(pos, list):
		return t.makeBunch(pos, list)
	}
	want := list[0].Key.from(pos)
	skip := min(t.common(pos, list, want), mostSkip) &^ 3
	n, err := t.node(want, skip)
	if err != nil {
		return 0, err
	}
	return n, t.mergeNode(n&^Skips+NodeHeader, pos+skip, list)
}

// mergeNode puts sorted prefixes into the words of a node, which stand for the 4 bits from pos on, and below them.
func (t *Trie) mergeNode(base uint32, pos int, list []Prefix) error {
	for i := 0; i < len(list); {
		p := &list[i]
		if int(p.Length) <= pos+4 {
			t.fill(endsIn(base, p.Key, int(p.Length), pos, 4), int(p.Length), p.Cell)
			i++
			continue
		}
		nibble, j := p.Key.from(pos)>>60, i+1
		for j < len(list) && list[j].Key.from(pos)>>60 == nibble {
			j++
		}
		if err := t.merge(base+8*uint32(nibble), pos+4, list[i:j]); err != nil {
			return err
		}
		i = j
	}
	return nil
}
