package lookup

// Direct finds cells by exact keys so short that there is a word of 32 bits for each: an array of cells, 0 for none,
// whose index is the key. A key is one word, its bits the highest of the low 32. The array has a fixed place; the
// head's root is how many of its words are usable, and keys from there on have no cell. Each change is one store.
type Direct struct {
	mem   *Memory
	head  uint32
	from  uint64 // of the array
	shift int    // of a key's bits
	most  uint64 // words
	key   func(cell uint32) []uint64
}

// MostDirect is how many bits a key of a Direct may have.
const MostDirect = 20

// directStep is how many words become usable at a time: a page.
const directStep = 1024

// DirectBytes returns the memory that keys of a number of bits take at most.
func DirectBytes(bits int) int { return 4 << bits }

// OpenDirect opens the array of a head at from for keys of a number of bits. key returns the word of a cell's key.
func OpenDirect(mem *Memory, head uint32, from uint64, bits int, key func(cell uint32) []uint64) *Direct {
	return &Direct{mem: mem, head: head, from: from, shift: 32 - bits, most: 1 << bits, key: key}
}

// index returns a key's number.
func (d *Direct) index(key []uint64) uint64 { return key[0] >> d.shift }

// at returns the address of the word of a number.
func (d *Direct) at(index uint64) uint32 { return uint32(d.from + 4*index) }

// usable is how many words there are.
func (d *Direct) usable() uint64 { return d.mem.Load(d.head + headRoot) }

// Sum is a hash of a key, for others: keys are not searched for by it here.
func (d *Direct) Sum(key []uint64) uint64 { return Sum(0, key) }

// Touch does nothing: where a key's word is does not follow from its hash.
func (d *Direct) Touch(uint64) uint64 { return 0 }

// Find returns the cell of a key, 0 where there is none.
func (d *Direct) Find(key []uint64) uint32 {
	if i := d.index(key); i < d.usable() {
		return d.mem.Load32(d.at(i))
	}
	return 0
}

// FindSum is Find.
func (d *Direct) FindSum(_ uint64, key []uint64) uint32 { return d.Find(key) }

// Reserve does nothing: which words are needed depends on the keys.
func (d *Direct) Reserve(int) error { return nil }

// grow makes the word of an index usable. The words are zeros.
func (d *Direct) grow(index uint64) error {
	words, err := d.populate(index)
	if err == nil && words > d.usable() {
		d.mem.Store(d.head+headRoot, words)
	}
	return err
}

// populate gives memory to the words up to an index, and returns how many there are then.
func (d *Direct) populate(index uint64) (uint64, error) {
	old := d.usable()
	words := max(old, min((index+directStep)&^(directStep-1), d.most))
	page := func(words uint64) uint64 { return (d.from + 4*words + 4095) &^ 4095 }
	return words, d.mem.populate(page(old), page(words))
}

// Insert adds a key. Where it is there already nothing changes and its cell is returned, else 0.
func (d *Direct) Insert(key []uint64, cell uint32) (old uint32, err error) {
	if old := d.Find(key); old != 0 {
		return old, nil
	}
	i := d.index(key)
	if err := d.grow(i); err != nil {
		return 0, err
	}
	d.mem.store32(d.at(i), cell)
	return 0, nil
}

// InsertAll adds cells whose keys are not there.
func (d *Direct) InsertAll(cells []uint32) error {
	for _, c := range cells {
		if _, err := d.Insert(d.key(c), c); err != nil {
			return err
		}
	}
	return nil
}

// Replace gives a key that is there another cell.
func (d *Direct) Replace(key []uint64, cell uint32) {
	if d.Find(key) != 0 {
		d.mem.store32(d.at(d.index(key)), cell)
	}
}

// Delete takes out a key.
func (d *Direct) Delete(key []uint64) {
	if d.Find(key) != 0 {
		d.mem.store32(d.at(d.index(key)), 0)
	}
}
