package bpfgen

import (
	"math/bits"

	"github.com/p4dev/p4dev/swfallback/lookup"
)

// RuleShape says what lookup.Rules has to know of a classifier.
func (a *ArenaTable) RuleShape() lookup.RuleShape {
	return lookup.RuleShape{Rules: a.Size, Words: a.Words, Chunks: a.Chunks, Rank: valueRank,
		Link: uint32(a.Stride - lookup.LinkSize)}
}

// A keyChunk is 8 bits of a classifier's key: a byte of a word of the key, or bits of a range component.
type keyChunk struct {
	off   int // of the word in the key; -1: of a range
	shift int
	key   int // of a range: the component
}

// findChunks lists the bytes of a classifier's key that have bits, those of ranges last.
func (l *TableLayout) findChunks() []keyChunk {
	var list []keyChunk
	for word := range l.key.words {
		used := uint64(0)
		for _, ps := range l.key.pieces {
			for _, p := range ps {
				if p.off == 8*word {
					used |= lowMask(p.width) << p.shift
				}
			}
		}
		for shift := 56; shift >= 0; shift -= 8 {
			if used>>shift&0xff != 0 {
				list = append(list, keyChunk{off: 8 * word, shift: shift})
			}
		}
	}
	for i, k := range l.Table.Keys {
		if l.key.ranges[i] < 0 || k.Width > 64 {
			continue
		}
		for shift := max(0, k.Width-8); ; shift = max(0, shift-8) {
			list = append(list, keyChunk{off: -1, shift: shift, key: i})
			if shift == 0 {
				break
			}
		}
	}
	return list[:min(len(list), lookup.MostChunks)]
}

// CellChunks writes what the rule in a cell compares in each chunk of the key: exactly, but of a range only the bits
// that its limits have in common.
func (l *TableLayout) CellChunks(cell []byte, values, masks *[lookup.MostChunks]byte) {
	in := cell[l.valueBytes():]
	for i := range l.Arena.chunks {
		c := &l.Arena.chunks[i]
		if c.off >= 0 {
			values[i], masks[i] = byte(le.Uint64(in[2*c.off+8:])>>c.shift), byte(le.Uint64(in[2*c.off:])>>c.shift)
			continue
		}
		at := l.key.ranges[c.key]
		low, high := le.Uint64(in[at:]), le.Uint64(in[at+8:])
		differ := lowMask(bits.Len64(low ^ high))
		values[i], masks[i] = byte(low&^differ>>c.shift), byte(^differ>>c.shift)
	}
}

// CellWords writes what the rule in a cell compares in each word of the key as finders take it, as CellChunks does. Of
// numbers that take more than a word it says nothing.
func (l *TableLayout) CellWords(cell []byte, rule *lookup.RuleWords) {
	in := cell[l.valueBytes():]
	for i := range min(l.key.words, l.Arena.Words) {
		rule.Masks[i], rule.Values[i] = le.Uint64(in[16*i:]), le.Uint64(in[16*i+8:])
	}
	i := l.key.words
	if l.key.size == 16*i { // no ranges
		return
	}
	for k, at := range l.key.ranges {
		if at < 0 {
			continue
		}
		if n := limbs(l.Table.Keys[k].Width); n > 1 {
			i += n
			continue
		}
		if i < l.Arena.Words {
			low, high := le.Uint64(in[at:]), le.Uint64(in[at+8:])
			rule.Masks[i] = ^lowMask(bits.Len64(low ^ high))
			rule.Values[i] = low & rule.Masks[i]
		}
		i++
	}
}
