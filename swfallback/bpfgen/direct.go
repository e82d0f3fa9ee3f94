package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// Exact keys of few bits need no hash: lookup.Direct has a word for each. Finding one is so short that it stands where
// the table is applied.

// shortKey is up to how many bits a key always has an array. Beyond, as far as lookup.MostDirect, it has one where that
// takes no more room than a hash table of the table's size.
const shortKey = 16

// directBits returns the bits of an exact key that has an array, 0 where it has a hash table of at most so many bytes.
func (l *TableLayout) directBits(hash int) int {
	width := 0
	for _, k := range l.Table.Keys {
		width += k.Width
	}
	if width > lookup.MostDirect || width > shortKey && lookup.DirectBytes(width) > hash {
		return 0
	}
	for _, ps := range l.key.pieces {
		for _, p := range ps {
			if p.size != 4 || p.shift < 32-width { // not one word of bits side by side
				return 0
			}
		}
	}
	return width
}

// lookupDirect is lookup.Direct's Find.
func (l *lowerer) lookupDirect(t *pipeline.Table, lay *TableLayout, st *state, hit func(*state, *value), miss func(*state)) {
	index := l.konst(0)
	for i, n := range l.keyNums(t, st) {
		for _, p := range lay.key.pieces[i] {
			p.shift -= 32 - lay.Arena.Direct
			index = l.alu(opOr, index, l.encodePiece(p, n))
		}
	}
	found := l.f.newBlock("")
	cell := l.blockParam(found, 32)
	usable := l.load(l.cast(l.arenaAt(lay.Arena.Head)), 0, 8)
	l.leave(condGe, index, usable, found, l.konst(0))
	at := l.aluC(opAdd, l.aluC(opShl, index, 2), lay.Arena.From)
	l.jump(found, l.load(l.cast(at), 0, 4))
	l.cur = found
	l.split(st, condEq, cell, l.konst(0), miss, func(st *state) { hit(st, l.cast(cell)) })
}
