package bpfgen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/swfallback/lookup"
)

// What a search in a large trie found is kept in lines, so that the next packet to the same address touches one piece of
// memory instead of four. Every CPU has lines of its own: programs run with soft interrupts off, one at a time, so
// nothing else touches a line meanwhile. Two lines are a set, and a key's hash names its set. A line is
//
//	word of the head when the search began | value of the entry | key, in whole words
//
// The word of the head, at HeadLines, is odd where lines are used, and changes after every change of the table, when
// packets find what is new. A line counts only while it has the present word. That makes lines right:
//
//   - Nobody takes lines back. After a change the word is another one, and no line has it.
//   - A packet reads the word before it searches. If the table changes meanwhile, what it finds may be old, and the
//     line that it makes, even after the change, has the old word.
//   - A packet that reads the new word finds what is new: the address of the root is made to depend on the word, so
//     that no processor reads the root first, and the process stores in order.
//   - A line holds the value itself and no address of a cell: it does not matter what becomes of the cell, and what
//     is copied is whole, because a cell is not used again while a packet runs that could have found it.
//   - Words never come back: they are counted up in 64 bits in the arena, which no process sets back.
//
// Counters, meters and times of hits are found by the entry's slot, which is part of its value, as without lines.
// Keys that nothing matches have no lines.

const (
	// HeadLines is the place in a trie's head of the word that lines have. A process sets its lowest bit where lines
	// are to be used, and adds 2 after every change.
	HeadLines = 32

	mostSets   = 14      // sets of one CPU, a power of two
	mostLines  = 1 << 25 // bytes of all CPUs, beyond which they have fewer sets
	mostLine   = 128     // bytes
	cacheAbove = 2048
)

// layLines finds places in the arena for the lines of tables that may become large, behind everything else.
func (o *Object) layLines() {
	above := o.Options.CacheAbove
	if above == 0 {
		above = cacheAbove
	}
	for _, l := range o.Tables {
		if l == nil || l.Arena == nil || l.Kind != LookupLPM || l.Arena.Size <= above {
			continue
		}
		need := 8 + l.ValueSize + l.lineKey()
		stride := 1 << bits.Len(uint(need-1))
		sets := mostSets
		for sets > 4 && uint64(2*stride*o.Options.CPUs)<<sets > mostLines {
			sets--
		}
		size := uint64(2*stride) << sets
		from := (o.ArenaBytes + size - 1) &^ (size - 1)
		end := from + uint64(o.Options.CPUs)*size
		if o.Options.CPUs == 0 || stride > mostLine || end > arenaMost {
			continue
		}
		l.Arena.Lines, l.Arena.LinesEnd, l.Arena.CacheAbove = from, end, above
		l.Arena.cpuLines, l.Arena.line, l.Arena.lineSets = size, stride, sets
		o.ArenaBytes = end
	}
}

// lineKey is the size of the key in a line.
func (l *TableLayout) lineKey() int { return (l.KeySize - 4 + 7) &^ 7 }

// lineKeyAt is where in a line the key is.
func (l *TableLayout) lineKeyAt() int { return 8 + l.ValueSize }

// keyWord is a part of a trie's key.
type keyWord struct{ at, size int }

// trieWords returns the parts in which the key of a trie's function is read.
func (l *TableLayout) trieWords() []keyWord {
	var list []keyWord
	for at, size := 4, 0; at < l.KeySize; at += size {
		size = 8
		for size > l.KeySize-at || (at-4)%size != 0 {
			size /= 2
		}
		list = append(list, keyWord{at, size})
	}
	return list
}

// lineSearch is what a search that makes a line has to know: the address of the set, 0 where lines are not used, and
// the word of the head.
type lineSearch struct{ set, word *value }

// searchLines returns from the function with what a line says, or goes on.
func (l *lowerer) searchLines(lay *TableLayout) lineSearch {
	on := l.f.newBlock("search " + lay.Table.Name)
	s := lineSearch{set: l.blockParam(on, 32), word: l.blockParam(on, 64)}
	word := l.load(l.cast(l.arenaAt(lay.Arena.Head)), HeadLines, 8)
	l.leave(condEq, l.aluC(opAnd, word, 1), l.konst(0), on, l.konst(0), l.konst(0))
	cpu := l.call(asm.FnGetSmpProcessorId)
	cpu.bits = 32
	size := bits.TrailingZeros64(lay.Arena.cpuLines)
	set := l.aluC(opShl, l.lineHash(lay), uint64(size-lay.Arena.lineSets))
	set = l.alu(opAdd, set, l.aluC(opShl, cpu, uint64(size)))
	set = l.aluC(opAdd, set, lay.Arena.Lines)
	lines := l.cast(set)
	for _, off := range []int{0, lay.Arena.line} {
		next := l.f.newBlock("")
		l.unless(condNe, l.load(lines, off, 8), word, next)
		for _, w := range lay.trieWords() {
			key := l.load(l.f.ctx, w.at, w.size)
			l.unless(condNe, l.load(lines, off+lay.lineKeyAt()+w.at-4, w.size), key, next)
		}
		l.exit(l.mask(l.aluC(opAdd, set, uint64(off+8)), 32))
		l.cur = next
	}
	l.jump(on, set, word)
	l.cur = on
	return s
}

// lineHash returns the number of a key's set.
func (l *lowerer) lineHash(lay *TableLayout) *value {
	var sum *value
	for _, w := range lay.trieWords() {
		v := l.load(l.f.ctx, w.at, w.size)
		if sum != nil {
			v = l.alu(opXor, v, l.alu(opXor, sum, l.aluC(opShr, sum, 32)))
		}
		sum = l.aluC(opMul, v, lookup.HashMultiplier)
	}
	return l.aluC(opShr, sum, uint64(64-lay.Arena.lineSets))
}

// makeLine makes a line of what a search found; the other line of the set is the one that was made before.
func (l *lowerer) makeLine(lay *TableLayout, s lineSearch, cell *value) {
	done := l.f.newBlock("")
	l.unless(condEq, s.set, l.konst(0), done)
	l.unless(condEq, cell, l.konst(0), done)
	line, from := l.cast(s.set), l.cast(cell)
	for off := 0; off < lay.lineKeyAt()+lay.lineKey(); off += 8 {
		l.store(line, lay.Arena.line+off, 8, l.load(line, off, 8))
	}
	l.store(line, 0, 8, s.word)
	for off := 0; off < lay.ValueSize; off += 8 {
		l.store(line, 8+off, 8, l.load(from, off, 8))
	}
	for _, w := range lay.trieWords() {
		l.store(line, lay.lineKeyAt()+w.at-4, w.size, l.load(l.f.ctx, w.at, w.size))
	}
	l.jump(done)
	l.cur = done
}
