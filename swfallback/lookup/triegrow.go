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
		leaf, child := w>>32<<32, uint32(w)
		for j := range uint32(16) {
			v := leaf
			switch {
			case child == 0:
			case child&Lone != 0:
				v = t.underRoot(v, child&^Lone, 16*i+j, b+4)
			case child&Skips == 0:
				below := t.mem.Load(child + NodeHeader + 8*j)
				if below>>32 != 0 {
					v = below
				} else {
					v |= below
				}
			case uint32(t.mem.Load(child-Skips)>>60) == j:
				short, err := t.shorten(child, 4)
				if err != nil {
					return err
				}
				v |= uint64(short)
			}
			t.mem.put(array+8*(16*i+j), v)
		}
		if child != 0 && child&Lone == 0 {
			taken = append(taken, child&^Skips)
		}
	}
	t.mem.Store(t.head+headRoot, uint64(64-b-4)<<32|uint64(array))
	for _, n := range taken {
		t.heap.free(n)
	}
	return t.heap.settle(false)
}

// underRoot returns what word i of a root with b bits is, which was word without the cell of the only prefix there.
func (t *Trie) underRoot(word uint64, cell, i uint32, b int) uint64 {
	k, n := t.cells.Prefix(cell)
	switch first := k.High >> (64 - b); {
	case n > b && first == uint64(i):
		return word | uint64(cell|Lone)
	case n <= b && first>>(b-n) == uint64(i)>>(b-n):
		return uint64(cell) << 32
	}
	return word
}
