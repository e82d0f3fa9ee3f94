package bpfgen

import "math/bits"

// What a search in a large trie found is kept in lines, so that the next packet to the same address touches one piece of
// memory instead of four. Every CPU has lines of its own: programs run with soft interrupts off, one at a time, so
// nothing else touches a line meanwhile. Two lines are a set, and a key's hash names its set. The program looks at the first
// line in place and leaves the rest to the table's function. A line is
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

// sameWords reports whether a key that has been packed, by the sizes of its words, has these parts.
func sameWords(parts []keyWord, sizes map[int]int) bool {
	for _, p := range parts {
		if sizes[p.at] != p.size {
			return false
		}
	}
	return len(parts) == len(sizes)
}
