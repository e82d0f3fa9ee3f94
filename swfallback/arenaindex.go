package swfallback

import (
	"encoding/binary"
	"math/rand/v2"

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
	_ index = (*hashIndex)(nil)
	_ index = (*trieIndex)(nil)
	_ index = (*rulesIndex)(nil)
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
		n.index = &hashIndex{c, lookup.OpenHash(c.mem, a.Head, a.From, a.To, rand.Uint64(), c.words)}
		return n.index
	case bpfgen.LookupLPM:
		t := &trieIndex{cells: c, names: n}
		t.trie = lookup.OpenTrie(c.mem, a.Head, a.From, a.To, a.Width, t.length, t.find)
		return t
	}
	r := &rulesIndex{cells: c}
	r.rules = lookup.OpenRules(c.mem, a.Head, a.From, a.To, a.Chunks, r)
	return r
}

// hashIndex finds exact keys.
type hashIndex struct {
	cells *cells
	hash  *lookup.Hash
}

func (h *hashIndex) insert(cells []uint32, total int) error {
	if err := h.hash.Reserve(total); err != nil {
		return err
	}
	return h.hash.InsertAll(cells)
}

func (h *hashIndex) replace(_, cell uint32) error {
	h.hash.Replace(h.cells.words(cell), cell)
	return nil
}

func (h *hashIndex) remove(cell uint32) error {
	h.hash.Delete(h.cells.words(cell))
	return nil
}

func (h *hashIndex) rebuild(cells []uint32) error { return h.hash.Rebuild(cells) }

func (h *hashIndex) settle() error { return nil }

// trieIndex finds longest prefixes.
type trieIndex struct {
	cells *cells
	names *names
	trie  *lookup.Trie
	key   []byte
}

func (t *trieIndex) of(cell uint32) (lookup.Key, int) {
	return t.cells.layout.TrieKey(t.cells.layout.CellKey(t.cells.bytes(cell)))
}

// length is of a cell's prefix.
func (t *trieIndex) length(cell uint32) int {
	return int(binary.LittleEndian.Uint32(t.cells.layout.CellKey(t.cells.bytes(cell))))
}

// find returns the cell of a prefix.
func (t *trieIndex) find(k lookup.Key, length int) (uint32, bool) {
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
	for _, c := range cells {
		k, n := t.of(c)
		if err := t.trie.Insert(k, n, c); err != nil {
			return err
		}
	}
	return nil
}

func (t *trieIndex) replace(_, cell uint32) error {
	k, n := t.of(cell)
	return t.trie.Insert(k, n, cell)
}

func (t *trieIndex) remove(cell uint32) error {
	k, n := t.of(cell)
	return t.trie.Delete(k, n, cell)
}

func (t *trieIndex) rebuild(cells []uint32) error { return t.trie.Rebuild(cells, t.of) }

func (t *trieIndex) settle() error { return t.trie.Settle() }

// rulesIndex finds rules by priority.
type rulesIndex struct {
	cells *cells
	rules *lookup.Rules
}

// Before implements lookup.RuleReader: the larger priority comes first.
func (r *rulesIndex) Before(a, b uint32) bool {
	l := r.cells.layout
	return l.CellPriority(r.cells.bytes(a)) > l.CellPriority(r.cells.bytes(b))
}

// Chunk implements lookup.RuleReader.
func (r *rulesIndex) Chunk(cell uint32, i int) (value, mask byte) {
	return r.cells.layout.CellChunk(r.cells.bytes(cell), i)
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
