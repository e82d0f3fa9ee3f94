package lookup

// Structures are rebuilt from their cells when a process died in the middle of a change: aside, and exchanged in one
// store; memory of the old ones is lost. An array of cells is set right in its place, word by word.

const headSpare = 56 // word of a head for a root that no program looks at

// Rebuild makes a trie of the given cells.
func (t *Trie) Rebuild(cells []uint32) error {
	aside := *t
	aside.head = t.head + headSpare - headRoot
	t.mem.Store(t.head+headSpare, 0)
	if err := aside.Reserve(max(len(cells), 1)); err != nil {
		return err
	}
	list := make([]Prefix, len(cells))
	for i, c := range cells {
		k, n := t.cells.Prefix(c)
		list[i] = Prefix{k, int32(n), c}
	}
	if err := aside.InsertAll(list); err != nil {
		return err
	}
	t.mem.Store(t.head+headRoot, t.mem.Load(t.head+headSpare))
	return nil
}

// Rebuild makes a hash table of the given cells.
func (h *Hash) Rebuild(cells []uint32) error {
	size := HeadSize + HashBytes(len(cells)+1)
	aside := OpenHash(NewMemory(size), 0, HeadSize, uint64(size), h.mem.Load(h.head+headSeed), h.key)
	for _, c := range cells {
		if _, err := aside.Insert(h.key(c), c); err != nil {
			return err
		}
	}
	from, b := aside.root()
	n := h.words(from, b)
	to, err := h.heap.alloc(uint32(8 * n))
	if err != nil {
		return err
	}
	copy(h.mem.Words(to, n), aside.mem.Words(from, n))
	h.used, h.live = aside.used, aside.live
	h.mem.Store(h.head+headRoot, uint64(64-b)<<32|uint64(to))
	return nil
}

// Rebuild makes the array one of the given cells.
func (d *Direct) Rebuild(cells []uint32) error {
	last := uint64(0)
	for _, c := range cells {
		last = max(last, d.index(d.key(c)))
	}
	words, err := d.populate(last)
	if err != nil {
		return err
	}
	want := make([]uint32, words)
	for _, c := range cells {
		want[d.index(d.key(c))] = c
	}
	for i, c := range want {
		d.mem.store32(d.at(uint64(i)), c)
	}
	d.mem.Store(d.head+headRoot, words)
	return nil
}
