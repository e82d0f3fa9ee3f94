package lookup

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
		if err := t.growWord(array+8*16*i, w, b, Key{High: uint64(i) << (64 - b)}); err != nil {
			return err
		}
		if child := uint32(w); child != 0 {
			taken = append(taken, child)
		}
	}
	t.mem.Store(t.head+headRoot, uint64(64-b-4)<<32|uint64(array))
	for _, n := range taken {
		t.free(n)
	}
	return t.heap.settle(false)
}

// growWord writes the 16 words that take the place of one word of a root with b bits, to which a key leads.
func (t *Trie) growWord(at uint32, w uint64, b int, k Key) error {
	leaf, child := w>>32<<32, uint32(w)
	for i := range uint32(16) {
		t.mem.put(at+8*i, leaf)
	}
	switch {
	case child == 0:
	case child&(Lone|Bunch) != 0:
		return t.mergeNode(at, b, t.prefixes(nil, child, b, k))
	case child&Skips == 0:
		for i, below := range t.words(child) {
			if below>>32 == 0 {
				below |= leaf
			}
			t.mem.put(at+8*uint32(i), below)
		}
	default:
		want, _ := t.skipped(child)
		short, err := t.shorten(child, 4)
		if err != nil {
			return err
		}
		t.mem.put(at+8*uint32(want>>60), leaf|uint64(short))
	}
	return nil
}
