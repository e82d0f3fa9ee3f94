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
		var buffer []uint64
		return &hashIndex{c, lookup.OpenHash(c.mem, a.Head, a.From, a.To, rand.Uint64(), func(cell uint32) []uint64 {
			buffer = words(buffer, layout.CellKey(c.bytes(cell)))
			return buffer
		}), nil}
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
	key   []uint64
}

func (h *hashIndex) of(cell uint32) []uint64 {
	h.key = words(h.key, h.cells.layout.CellKey(h.cells.bytes(cell)))
	return h.key
}

func (h *hashIndex) insert(cells []uint32, total int) error {
	if err := h.hash.Reserve(total); err != nil {
		return err
	}
	for _, c := range cells {
		if err := h.hash.Insert(h.of(c), c); err != nil {
			return err
		}
	}
	return nil
}

func (h *hashIndex) replace(_, cell uint32) error {
	h.hash.Replace(h.of(cell), cell)
	return nil
}

func (h *hashIndex) remove(cell uint32) error {
	h.hash.Delete(h.of(cell))
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
	cell := t.names.find(t.key[:t.cells.layout.KeySize], 0)
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

// names finds a table's cells by match and priority, for the process alone.
type names struct {
	cells  *cells
	hash   *lookup.Hash
	room   int
	count  int
	key    []uint64
	buffer []uint64
}

// nameOf is a match as words, with the priority.
func nameOf(dst []uint64, match []byte, priority int32) []uint64 {
	return append(words(dst, match), uint64(uint32(priority)))
}

// of returns the name of a cell; valid until the next call.
func (n *names) of(cell uint32) []uint64 {
	b := n.cells.bytes(cell)
	n.buffer = nameOf(n.buffer, n.cells.layout.CellKey(b), n.priority(b))
	return n.buffer
}

func (n *names) priority(cell []byte) int32 {
	if n.cells.layout.Kind != bpfgen.LookupClassifier {
		return 0
	}
	return n.cells.layout.CellPriority(cell)
}

// find returns the cell of a match, 0 where there is none.
func (n *names) find(match []byte, priority int32) uint32 {
	if n.hash == nil {
		return 0
	}
	n.key = nameOf(n.key, match, priority)
	return n.hash.Find(n.key)
}

// cell returns the cell with the match and priority of another one that is not in a table.
func (n *names) cell(b []byte) uint32 {
	return n.find(n.cells.layout.CellKey(b), n.priority(b))
}

// reserve makes room for more cells.
func (n *names) reserve(more int) error {
	if n.hash != nil && n.count+more <= n.room {
		return nil
	}
	room := max(64, 2*(n.count+more))
	size := lookup.HeadSize + lookup.HashBytes(room)
	next := lookup.OpenHash(lookup.NewMemory(size), 0, lookup.HeadSize, uint64(size), rand.Uint64(), n.of)
	if err := next.Reserve(room); err != nil {
		return err
	}
	if n.hash != nil {
		for cell := range n.hash.All() {
			n.key = append(n.key[:0], n.of(cell)...)
			if err := next.Insert(n.key, cell); err != nil {
				return err
			}
		}
	}
	n.hash, n.room = next, room
	return nil
}

// add adds a cell; there is room.
func (n *names) add(cell uint32) error {
	n.key = append(n.key[:0], n.of(cell)...)
	n.count++
	return n.hash.Insert(n.key, cell)
}

func (n *names) replace(cell uint32) {
	n.key = append(n.key[:0], n.of(cell)...)
	n.hash.Replace(n.key, cell)
}

func (n *names) drop(cell uint32) {
	n.key = append(n.key[:0], n.of(cell)...)
	n.hash.Delete(n.key)
	n.count--
}
