package bpfgen

import (
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/swfallback/lookup"
)

// lineSearch is what a search that makes a line has to know: the address of the set, 0 where lines are not used, the
// word of the head, and the number of this CPU.
type lineSearch struct{ set, word, cpu *value }

// searchLines returns from the function with what a line says, or goes on.
func (l *lowerer) searchLines(lay *TableLayout) lineSearch {
	on := l.f.newBlock("search " + lay.Table.Name)
	s := lineSearch{set: l.blockParam(on, 32), word: l.blockParam(on, 64), cpu: l.blockParam(on, 32)}
	none := l.f.newBlock("")
	word := l.lineWord(lay, none)
	cpu := l.cpuNumber()
	key := make(map[int]*value)
	for _, w := range lay.trieWords() {
		key[w.at] = l.load(l.f.ctx, w.at, w.size)
	}
	set := l.lineSet(lay, key, cpu)
	for _, off := range []int{0, lay.Arena.line} {
		next := l.f.newBlock("")
		l.exit(l.matchLine(lay, set, off, word, key, next))
		l.cur = next
	}
	l.jump(on, set, word, cpu)
	l.cur = none
	l.jump(on, l.konst(0), l.konst(0), l.konst(0))
	l.cur = on
	return s
}

// lookAtLine returns the address of the value that the first line of a key's set has, or goes to none.
func (l *lowerer) lookAtLine(lay *TableLayout, key map[int]*value, none *block) *value {
	word := l.lineWord(lay, none)
	set := l.lineSet(lay, key, l.cpuNumber())
	return l.matchLine(lay, set, 0, word, key, none)
}

// lineWord returns the word of the head, or goes to none where lines are not used.
func (l *lowerer) lineWord(lay *TableLayout, none *block) *value {
	word := l.load(l.cast(l.arenaAt(lay.Arena.Head)), HeadLines, 8)
	l.unless(condEq, l.aluC(opAnd, word, 1), l.konst(0), none)
	return word
}

// cpuNumber returns the number of the CPU that runs the program.
func (l *lowerer) cpuNumber() *value {
	cpu := l.call(asm.FnGetSmpProcessorId)
	cpu.bits = 32
	return cpu
}

// matchLine returns the address of the value of a line at off in a set, or goes to next where it is another key's.
func (l *lowerer) matchLine(lay *TableLayout, set *value, off int, word *value, key map[int]*value, next *block) *value {
	lines := l.cast(set)
	l.unless(condNe, l.load(lines, off, 8), word, next)
	for _, w := range lay.trieWords() {
		l.unless(condNe, l.load(lines, off+lay.lineKeyAt()+w.at-4, w.size), key[w.at], next)
	}
	if lay.Arena.Counters == 0 {
		l.store(lines, off+lineCounts, 8, l.aluC(opAdd, l.load(lines, off+lineCounts, 8), 1))
	}
	return l.mask(l.aluC(opAdd, set, uint64(off+lay.lineValueAt())), 32)
}

// desk returns the address of a CPU's desk.
func (l *lowerer) desk(lay *TableLayout, cpu *value) *value {
	at := l.aluC(opShl, cpu, uint64(bits.TrailingZeros(deskBytes)))
	return l.cast(l.aluC(opAdd, at, lay.Arena.desks))
}

// lineSet returns the address of a key's set: one of few while most lines help nobody.
func (l *lowerer) lineSet(lay *TableLayout, key map[int]*value, cpu *value) *value {
	all := l.lineHash(lay, key)
	few, whole, sized := l.f.newBlock("few sets"), l.f.newBlock(""), l.f.newBlock("")
	set := l.blockParam(sized, lay.Arena.lineSets)
	few.cold = true
	l.branch(condEq, l.load(l.desk(lay, cpu), deskFew, 4), l.konst(0), whole, few)
	l.cur = few
	l.jump(sized, l.aluC(opAnd, all, 1<<fewSets-1))
	l.cur = whole
	l.jump(sized, all)
	l.cur = sized
	size := bits.TrailingZeros64(lay.Arena.cpuLines)
	at := l.aluC(opShl, set, uint64(size-lay.Arena.lineSets))
	return l.aluC(opAdd, l.alu(opAdd, at, l.aluC(opShl, cpu, uint64(size))), lay.Arena.Lines)
}

// lineHash returns the number of a key's set.
func (l *lowerer) lineHash(lay *TableLayout, key map[int]*value) *value {
	var sum *value
	for _, w := range lay.trieWords() {
		v := key[w.at]
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
