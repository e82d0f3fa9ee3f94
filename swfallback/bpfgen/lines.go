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
//	word of the head when the search began | packets | bytes, if counted | value of the entry | key, in whole words
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
// Meters and times of hits are found by the entry's slot, which is part of its value, as without lines. Keys that
// nothing matches have no lines.
//
// Of a table with a direct counter in the arena packets count in their line, which they touch anyway. What a line has
// counted is added to the counter of its slot when another one takes its place. Who reads counters adds what the lines of
// all CPUs have, and must not meet counts on their way. So a CPU has a turn, a word that is odd while it makes a line, and
// another one after each; where it stays the same nothing has been on its way. Where that does not happen soon the reader
// sets the word at HeadHold, with which no packet makes a line, all count by slot, and waits for those that run. An entry
// that is gone may leave counts in lines. They go nowhere as long as nobody has its slot: who gives it away takes them
// out before, when no packet runs any more that could count there. Without a direct counter lines count packets for
// themselves.
//
// Where more addresses come than there are lines, most lines give way before a second packet comes to them, and all they
// do is push other things out of the cache. So a CPU that makes a line looks at another one, all of them in turn: a line
// that has served one packet costs a point of its credit, and one that has served more gives a point for each of them. A
// CPU without credit uses only few sets, for the next fewPackets packets that find no line, and then, with some credit,
// all of them again. Lines in the other sets stay meanwhile, so that addresses that do fit find their lines in the end.

const (
	// HeadLines is the place in a trie's head of the word that lines have. A process sets its lowest bit where lines
	// are to be used, and adds 2 after every change.
	HeadLines = 32
	// HeadHold is the place in a trie's head of two words of 4 bytes: the first is 1 while no line may be made, the
	// second 1 since lines have been used for the first time.
	HeadHold = 56

	// A CPU's desk is
	//
	//	turn | u32 packets without a line that still go to few sets | u32 credit
	deskFew    = 8
	deskCredit = 12
	deskBytes  = 64 // a cache line, a power of two

	fewSets    = 4 // a power of two
	fewPackets = 1 << 15
	someCredit = 1 << 8
	mostCredit = 1 << 14

	mostSets   = 14      // sets of one CPU, a power of two
	mostLines  = 1 << 25 // bytes of all CPUs, beyond which they have fewer sets
	mostLine   = 128     // bytes
	cacheAbove = 256
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
		need := l.lineKeyAt() + l.lineKey()
		stride := 1 << bits.Len(uint(need-1))
		sets := mostSets
		for sets > fewSets && uint64(o.Options.CPUs)*(uint64(2*stride)<<sets+deskBytes) > mostLines {
			sets--
		}
		size := uint64(2*stride) << sets
		from := (o.ArenaBytes + size - 1) &^ (size - 1)
		desks := from + uint64(o.Options.CPUs)*size
		end := desks + uint64(o.Options.CPUs)*deskBytes
		if o.Options.CPUs == 0 || stride > mostLine || end > arenaMost {
			continue
		}
		l.Arena.Lines, l.Arena.LinesEnd, l.Arena.CacheAbove = from, end, above
		l.Arena.desks, l.Arena.cpuLines, l.Arena.line, l.Arena.lineSets = desks, size, stride, sets
		o.ArenaBytes = end
	}
}

// lineKey is the size of the key in a line.
func (l *TableLayout) lineKey() int { return (l.KeySize - 4 + 7) &^ 7 }

// lineCounts is where in a line that counts packets and bytes are. The value is behind them.
const lineCounts = 8

// lineValueAt is where in a line the value is.
func (l *TableLayout) lineValueAt() int {
	if l.Arena.Counters != 0 {
		return lineCounts + counterSize
	}
	return lineCounts + 8
}

// lineKeyAt is where in a line the key is.
func (l *TableLayout) lineKeyAt() int { return l.lineValueAt() + l.ValueSize }

// LineCount is a line of a table with a direct counter in the arena.
type LineCount struct {
	Counts uint32 // address of packets and bytes, u64 each
	Slot   uint32 // address of the slot's number, u32
}

// EachLine calls f for all lines of a CPU.
func (a *ArenaTable) EachLine(cpu int, f func(LineCount)) {
	from := a.Lines + uint64(cpu)*a.cpuLines
	for at := from; at < from+a.cpuLines; at += uint64(a.line) {
		f(LineCount{Counts: uint32(at) + lineCounts, Slot: uint32(at) + lineCounts + counterSize + valueSlot})
	}
}

// TurnAt returns the address of the word of a CPU that is odd while it makes a line, and 2 more after each.
func (a *ArenaTable) TurnAt(cpu int) uint32 { return uint32(a.desks) + uint32(cpu)*deskBytes }

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

// lineSearch is what a search that makes a line has to know: the address of the set, 0 where lines are not used, the
// word of the head, and the number of this CPU.
type lineSearch struct{ set, word, cpu *value }

// searchLines returns from the function with what a line says, or goes on.
func (l *lowerer) searchLines(lay *TableLayout) lineSearch {
	on := l.f.newBlock("search " + lay.Table.Name)
	s := lineSearch{set: l.blockParam(on, 32), word: l.blockParam(on, 64), cpu: l.blockParam(on, 32)}
	word := l.load(l.cast(l.arenaAt(lay.Arena.Head)), HeadLines, 8)
	l.leave(condEq, l.aluC(opAnd, word, 1), l.konst(0), on, l.konst(0), l.konst(0), l.konst(0))
	cpu := l.call(asm.FnGetSmpProcessorId)
	cpu.bits = 32
	size := bits.TrailingZeros64(lay.Arena.cpuLines)
	set := l.aluC(opShl, l.lineSet(lay, cpu), uint64(size-lay.Arena.lineSets))
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
		if lay.Arena.Counters == 0 {
			l.store(lines, off+lineCounts, 8, l.aluC(opAdd, l.load(lines, off+lineCounts, 8), 1))
		}
		l.exit(l.mask(l.aluC(opAdd, set, uint64(off+lay.lineValueAt())), 32))
		l.cur = next
	}
	l.jump(on, set, word, cpu)
	l.cur = on
	return s
}

// desk returns the address of a CPU's desk.
func (l *lowerer) desk(lay *TableLayout, cpu *value) *value {
	at := l.aluC(opShl, cpu, uint64(bits.TrailingZeros(deskBytes)))
	return l.cast(l.aluC(opAdd, at, lay.Arena.desks))
}

// lineSet returns the number of a key's set: one of few while most lines help nobody.
func (l *lowerer) lineSet(lay *TableLayout, cpu *value) *value {
	all := l.lineHash(lay)
	few, whole, sized := l.f.newBlock("few sets"), l.f.newBlock(""), l.f.newBlock("")
	set := l.blockParam(sized, lay.Arena.lineSets)
	few.cold = true
	l.branch(condEq, l.load(l.desk(lay, cpu), deskFew, 4), l.konst(0), whole, few)
	l.cur = few
	l.jump(sized, l.aluC(opAnd, all, 1<<fewSets-1))
	l.cur = whole
	l.jump(sized, all)
	l.cur = sized
	return set
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

// makeLine makes a line of what a search found, and returns the address of the value in it, or of the cell where it
// makes none. The other line of the set is the one that was made before.
func (l *lowerer) makeLine(lay *TableLayout, s lineSearch, cell *value) *value {
	done := l.f.newBlock("")
	entry := l.blockParam(done, 32)
	l.leave(condEq, s.set, l.konst(0), done, cell)
	l.leave(condEq, cell, l.konst(0), done, cell)
	line, from := l.cast(s.set), l.cast(cell)
	counts := lay.Arena.Counters != 0
	if counts {
		hold := l.load(l.cast(l.arenaAt(lay.Arena.Head)), HeadHold, 4)
		l.leave(condNe, hold, l.konst(0), done, cell)
	}
	desk := l.desk(lay, s.cpu)
	turn := l.load(desk, 0, 8)
	l.store(desk, 0, 8, l.aluC(opAdd, turn, 1))
	l.judgeLines(lay, s.cpu, desk, turn)
	if counts {
		l.flushLine(lay, s, line)
	}
	for off := 0; off < lay.lineKeyAt()+lay.lineKey(); off += 8 {
		l.store(line, lay.Arena.line+off, 8, l.load(line, off, 8))
	}
	l.store(line, 0, 8, s.word)
	for off := lineCounts; off < lay.lineValueAt(); off += 8 {
		l.store(line, off, 8, l.konst(b2u(!counts))) // this packet, or what it will count
	}
	for off := 0; off < lay.ValueSize; off += 8 {
		l.store(line, lay.lineValueAt()+off, 8, l.load(from, off, 8))
	}
	for _, w := range lay.trieWords() {
		l.store(line, lay.lineKeyAt()+w.at-4, w.size, l.load(l.f.ctx, w.at, w.size))
	}
	l.store(desk, 0, 8, l.aluC(opAdd, turn, 2))
	if counts {
		l.jump(done, l.mask(l.aluC(opAdd, s.set, uint64(lay.lineValueAt())), 32))
	} else {
		l.jump(done, cell)
	}
	l.cur = done
	return entry
}

// flushLine adds what the second line of a set has counted to the counter of its slot.
func (l *lowerer) flushLine(lay *TableLayout, s lineSearch, line *value) {
	off, empty := lay.Arena.line, l.f.newBlock("")
	packets := l.load(line, off+lineCounts, 8)
	l.unless(condEq, packets, l.konst(0), empty)
	slot := l.load(line, off+lay.lineValueAt()+valueSlot, 4)
	counters := l.aluC(opAdd, l.aluC(opMul, s.cpu, uint64(lay.Arena.PerCPU)), uint64(lay.Arena.Counters))
	c := l.cast(l.alu(opAdd, counters, l.aluC(opShl, slot, 4)))
	l.store(c, 0, 8, l.alu(opAdd, l.load(c, 0, 8), packets))
	l.store(c, 8, 8, l.alu(opAdd, l.load(c, 8, 8), l.load(line, off+lineCounts+8, 8)))
	l.jump(empty)
	l.cur = empty
}

// judgeLines brings a CPU's credit up to date by the line whose turn it is.
func (l *lowerer) judgeLines(lay *TableLayout, cpu, desk, turn *value) {
	all, judged := l.f.newBlock(""), l.f.newBlock("")
	few := l.load(desk, deskFew, 4)
	l.unless(condEq, few, l.konst(0), all)
	l.store(desk, deskFew, 4, l.aluC(opSub, few, 1))
	l.jump(judged)

	l.cur = all
	stride, size := bits.TrailingZeros(uint(lay.Arena.line)), bits.TrailingZeros64(lay.Arena.cpuLines)
	at := l.aluC(opAnd, l.aluC(opShl, turn, uint64(stride-1)), lay.Arena.cpuLines-uint64(lay.Arena.line))
	at = l.alu(opAdd, at, l.aluC(opShl, cpu, uint64(size)))
	packets := l.load(l.cast(l.aluC(opAdd, at, lay.Arena.Lines)), lineCounts, 8)
	l.unless(condEq, packets, l.konst(0), judged)
	credit := l.load(desk, deskCredit, 4)
	served, spent := l.f.newBlock(""), l.f.newBlock("credit spent")
	l.unless(condGt, packets, l.konst(1), served)
	l.unless(condEq, credit, l.konst(0), spent)
	l.store(desk, deskCredit, 4, l.aluC(opSub, credit, 1))
	l.jump(judged)

	l.cur = spent
	l.store(desk, deskFew, 4, l.konst(fewPackets))
	l.store(desk, deskCredit, 4, l.konst(someCredit))
	l.jump(judged)

	l.cur = served
	bounded := l.f.newBlock("")
	most := l.blockParam(bounded, 64)
	sum := l.aluC(opSub, l.alu(opAdd, credit, packets), 1)
	l.leave(condLe, sum, l.konst(mostCredit), bounded, sum)
	l.jump(bounded, l.konst(mostCredit))
	l.cur = bounded
	l.store(desk, deskCredit, 4, most)
	l.jump(judged)
	l.cur = judged
}
