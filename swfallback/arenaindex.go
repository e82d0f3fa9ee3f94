package swfallback

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// index is the structure in which the program finds the cells of a table. Every change of one cell is seen by packets
// as a whole or not at all.
type index interface {
	insert(cells []uint32, total int) error // total: how many there will be
	replace(old, cell uint32) error         // of the same match and priority
	remove(cell uint32) error
	rebuild(cells []uint32) error
	settle() error
}

var (
	_ index = (*exactIndex)(nil)
	_ index = (*trieIndex)(nil)
	_ index = (*rulesIndex)(nil)

	_ keys                = (*lookup.Hash)(nil)
	_ keys                = (*lookup.Direct)(nil)
	_ lookup.PrefixReader = (*trieIndex)(nil)
)

// words reads a key as words; the last one may be filled up with zeros.
func words(dst []uint64, key []byte) []uint64 {
	dst = dst[:0]
	for ; len(key) >= 8; key = key[8:] {
		dst = append(dst, binary.LittleEndian.Uint64(key))
	}
	if len(key) > 0 {
		var last [8]byte
		copy(last[:], key)
		dst = append(dst, binary.LittleEndian.Uint64(last[:]))
	}
	return dst
}

// newIndex opens the structure of a table.
func newIndex(c *cells, n *names) index {
	layout, a := c.layout, c.layout.Arena
	switch layout.Kind {
	case bpfgen.LookupHash:
		n.index = &exactIndex{cells: c}
		if a.Direct > 0 {
			n.index.keys = lookup.OpenDirect(c.mem, a.Head, a.From, a.Direct, c.words)
		} else {
			n.index.keys = lookup.OpenHash(c.mem, a.Head, a.From, a.To, rand.Uint64(), c.words)
		}
		return n.index
	case bpfgen.LookupLPM:
		t := &trieIndex{cells: c, names: n}
		t.trie = lookup.OpenTrie(c.mem, a.Head, a.From, a.To, a.Width, t)
		return t
	}
	r := &rulesIndex{cells: c}
	r.rules = lookup.OpenRules(c.mem, a.Head, a.From, a.To, a.RuleShape(), r)
	return r
}

// keys is a structure for exact keys. Sum is a key's hash, which saves FindSum computing it again.
type keys interface {
	Sum(key []uint64) uint64
	Touch(sum uint64) uint64
	FindSum(sum uint64, key []uint64) uint32
	Reserve(keys int) error
	InsertAll(cells []uint32) error
	Replace(key []uint64, cell uint32)
	Delete(key []uint64)
	Rebuild(cells []uint32) error
}

// exactIndex finds exact keys.
type exactIndex struct {
	cells *cells
	keys  keys
}

func (x *exactIndex) insert(cells []uint32, total int) error {
	if err := x.keys.Reserve(total); err != nil {
		return err
	}
	return x.keys.InsertAll(cells)
}

func (x *exactIndex) replace(_, cell uint32) error {
	x.keys.Replace(x.cells.words(cell), cell)
	return nil
}

func (x *exactIndex) remove(cell uint32) error {
	x.keys.Delete(x.cells.words(cell))
	return nil
}

func (x *exactIndex) rebuild(cells []uint32) error { return x.keys.Rebuild(cells) }

func (x *exactIndex) settle() error { return nil }

// trieIndex finds longest prefixes.
type trieIndex struct {
	cells *cells
	names *names
	trie  *lookup.Trie
	key   []byte
	// lengths are those of the cells' prefixes, by the number of the cell, and one more; 0: not known. They are asked for
	// at every place where prefixes overlap, and cells lie far apart.
	lengths []uint8
	list    []lookup.Prefix // of insert
}

// Prefix implements lookup.PrefixReader.
func (t *trieIndex) Prefix(cell uint32) (lookup.Key, int) {
	k, n := t.cells.layout.TrieKey(t.cells.layout.CellKey(t.cells.bytes(cell)))
	*t.lengthOf(cell) = uint8(1 + n)
	return k, n
}

// lengthOf returns the place of a cell's length.
func (t *trieIndex) lengthOf(cell uint32) *uint8 {
	i := t.cells.number(cell)
	if i >= len(t.lengths) {
		t.lengths = append(t.lengths, make([]uint8, i+1-len(t.lengths))...)
	}
	return &t.lengths[i]
}

// Length implements lookup.PrefixReader.
func (t *trieIndex) Length(cell uint32) int {
	n := t.lengthOf(cell)
	if *n == 0 {
		t.Prefix(cell)
	}
	return int(*n) - 1
}

// CellOf implements lookup.PrefixReader.
func (t *trieIndex) CellOf(k lookup.Key, length int) (uint32, bool) {
	t.key = binary.LittleEndian.AppendUint32(t.key[:0], uint32(length))
	t.key = binary.BigEndian.AppendUint64(t.key, k.High)
	t.key = binary.BigEndian.AppendUint64(t.key, k.Low)
	cell := t.names.match(t.key[:t.cells.layout.KeySize])
	return cell, cell != 0 && t.cells.layout.CellLive(t.cells.bytes(cell))
}

func (t *trieIndex) insert(cells []uint32, total int) error {
	if err := t.trie.Reserve(total); err != nil {
		return err
	}
	list := slices.Grow(t.list[:0], len(cells))
	for _, c := range cells {
		k, n := t.Prefix(c)
		list = append(list, lookup.Prefix{Key: k, Length: int32(n), Cell: c})
	}
	if len(list) <= lookup.MostKept {
		t.list = list
	}
	return t.trie.InsertAll(list)
}

func (t *trieIndex) replace(_, cell uint32) error {
	k, n := t.Prefix(cell)
	return t.trie.Insert(k, n, cell)
}

func (t *trieIndex) remove(cell uint32) error {
	k, n := t.Prefix(cell)
	return t.trie.Delete(k, n, cell)
}

func (t *trieIndex) rebuild(cells []uint32) error { return t.trie.Rebuild(cells) }

func (t *trieIndex) settle() error { return t.trie.Settle() }

// rulesIndex finds rules by priority.
type rulesIndex struct {
	cells *cells
	rules *lookup.Rules
}

// Words implements lookup.RuleReader.
func (r *rulesIndex) Words(cell uint32, rule *lookup.RuleWords) {
	r.cells.layout.CellWords(r.cells.bytes(cell), rule)
}

// Chunks implements lookup.RuleReader.
func (r *rulesIndex) Chunks(cell uint32, values, masks *[lookup.MostChunks]byte) {
	r.cells.layout.CellChunks(r.cells.bytes(cell), values, masks)
}

func (r *rulesIndex) insert(cells []uint32, _ int) error { return r.rules.Insert(cells...) }

func (r *rulesIndex) replace(old, cell uint32) error {
	r.rules.Replace(old, cell)
	return nil
}

func (r *rulesIndex) remove(cell uint32) error {
	r.rules.Delete(cell)
	return nil
}

func (r *rulesIndex) rebuild(cells []uint32) error { return r.rules.Rebuild(cells) }

func (r *rulesIndex) settle() error { return r.rules.Settle() }
