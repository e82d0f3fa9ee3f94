package bpfgen

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// Tables in an arena: memory that the program and the processes that fill its tables share, addressed by 32 bits. An
// entry is a cell: its value, as in a map, and behind it its key (in a classifier its rule, as in the inner map). What
// leads to cells are the structures of package lookup, whose code is in lower_arena.go and the files beside it.
//
// The arena begins with ArenaConstants at address 64; then come the heads of the tables, then for every table its cells
// and the memory for its structure. Nearly all of that is never populated.

// ArenaTable says where a table lies in the arena. Addresses count from the arena's start.
type ArenaTable struct {
	Head     uint32 // of the structure, see package lookup
	Cells    uint32 // address of the first cell
	Stride   int    // bytes from a cell to the next, a multiple of 8
	Size     int    // most entries
	Capacity int    // cells: more than entries, because a cell is not used again at once
	From, To uint64 // memory for the structure
	Width    int    // of a trie: bits of its keys
	Direct   int    // of an array in the place of a hash table: bits of its keys; else 0
	Chunks   int    // of a classifier: bytes of its keys that vectors look at
	Words    int    // of a classifier: words of its keys that tell groups apart
	Counters uint32 // address of the direct counters: {packets, bytes u64} by slot, once for every CPU; 0: none here
	PerCPU   int    // bytes from one CPU's counters to the next one's
	// Lines to LinesEnd is where packets keep what they found, CacheAbove the number of entries above which they do;
	// 0: nowhere. See lines.go.
	Lines, LinesEnd uint64
	CacheAbove      int
	desks           uint64 // where the desks of CPUs begin, behind the lines
	cpuLines        uint64 // bytes of one CPU
	line            int    // bytes of a line
	lineSets        int    // sets of one CPU, as a power of two
	chunks          []keyChunk
}

const (
	arenaConstants = 64
	arenaHeads     = 4096
	arenaPage      = 4096
	arenaName      = "arena"
	arenaMost      = 1<<32 - 1<<20 // bytes that are given away
	mostHeads      = 1024
)

// layArena finds a place in the arena for a table whose entries come at run time. A table that does not fit has a map.
func (o *Object) layArena(l *TableLayout) {
	t := l.Table
	if l.Map == "" || len(t.Entries) > 0 || t.Index >= mostHeads {
		return
	}
	a := &ArenaTable{Head: uint32(arenaHeads + lookup.HeadSize*t.Index)}
	size := max(1, t.Size)
	var structure int
	switch l.Kind {
	case LookupHash:
		a.Stride = l.ValueSize + (l.KeySize+7)&^7
		structure = lookup.HashBytes(size)
		if a.Direct = l.directBits(structure); a.Direct > 0 {
			structure = lookup.DirectBytes(a.Direct)
		}
	case LookupLPM:
		a.Stride = l.ValueSize + (l.KeySize+7)&^7
		if a.Width = 8 * (l.KeySize - 4); a.Width > 128 {
			return
		}
		structure = lookup.TrieBytes(size)
	case LookupClassifier:
		size = l.MaxRules()
		a.Stride = l.ValueSize + lookup.LinkSize
		a.chunks = l.findChunks()
		a.Chunks, a.Words = len(a.chunks), min(l.finderKey()/8, lookup.MostWords)
		a.Size = size
		structure = lookup.RulesBytes(a.RuleShape())
	default:
		return
	}
	a.Size = size
	a.Capacity = size + max(256, min(size, 1<<16))
	top := max(o.ArenaBytes, arenaHeads+lookup.HeadSize*mostHeads)
	end := top + pages(a.Capacity*a.Stride) + pages(structure)
	if end > arenaMost {
		return
	}
	a.Cells, a.From, a.To = uint32(top), top+pages(a.Capacity*a.Stride), end
	l.Arena, l.Map = a, arenaName
	end = o.layCounters(l, end)
	if o.Arena == "" {
		o.Arena = arenaName
		m := o.addMap(arenaName, ebpf.Arena, 0, 0, 1<<32/arenaPage, 1<<10) // BPF_F_MMAPABLE
		m.KeySize, m.ValueSize = 0, 0
	}
	o.ArenaBytes = end
}

// layCounters puts the direct counter of a table into the arena, from top on, where there is room. A map of as many
// counters takes longer to make than everything else, because the kernel allocates each by itself.
func (o *Object) layCounters(l *TableLayout, top uint64) uint64 {
	each := pages(counterSize * (l.Arena.Size + 1))
	end := top + uint64(o.Options.CPUs)*each
	if l.CounterMap == "" || o.Options.CPUs == 0 || end > arenaMost {
		return top
	}
	l.CounterMap, l.Arena.Counters, l.Arena.PerCPU = "", uint32(top), int(each)
	return end
}

// counterSize is the size of a counter in bytes.
const counterSize = 16

// CounterAt returns where the arena has an entry's direct counter on a CPU: packets, and 8 bytes on bytes.
func (a *ArenaTable) CounterAt(slot uint32, cpu int) uint32 {
	return a.Counters + uint32(cpu*a.PerCPU) + counterSize*slot
}

func pages(n int) uint64 { return (uint64(n) + arenaPage - 1) &^ (arenaPage - 1) }

// ArenaConstants returns what belongs at its address in the arena before the program runs.
func ArenaConstants() (address uint32, data []byte) {
	data = make([]byte, 64)
	for i := range 64 {
		data[uint64(1)<<i*deBruijn>>58] = byte(i)
	}
	return arenaConstants, data
}

// deBruijn is a number whose every 6 bits in a row are different: multiplied by a power of two it tells which.
const deBruijn = 0x022fdd63cc95386d

// AppendCell appends the cell of an entry, which has passed CheckEntry, to dst, as AppendValue does its value.
func (l *TableLayout) AppendCell(dst []byte, e *pipeline.Entry, slot uint32) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, l.Arena.Stride)...)
	if err := l.PutCell(dst[start:], e, slot, func(*pipeline.Entry, bool) error { return nil }); err != nil {
		return nil, err
	}
	l.ReviveCell(dst[start:])
	return dst, nil
}

// PutCell writes the cell of an entry over one that is none. It stays dead, also while it is written, until ReviveCell.
// check says what is wrong with the entry before all of it is written, except for its match where matched is true: then
// nothing is wrong with that.
func (l *TableLayout) PutCell(cell []byte, e *pipeline.Entry, slot uint32,
	check func(e *pipeline.Entry, matched bool) error,
) error {
	cell = cell[:l.Arena.Stride]
	le.PutUint64(cell, flagDead<<(8*valueFlags)) // in front of all others
	clear(cell[8:])
	matched := l.key.putSteps(cell[l.valueBytes():], e.Match)
	if err := check(e, matched); err != nil {
		return err
	}
	if err := l.putValue(cell, e, slot, flagDead); err != nil {
		return err
	}
	switch {
	case matched:
		return nil
	case l.Kind == LookupClassifier:
		return l.putMatch(cell[l.valueBytes():], e)
	}
	return l.putKey(cell[l.ValueSize:], e)
}

// DecodeCell returns the entry of a cell and its slot.
func (l *TableLayout) DecodeCell(cell []byte) (*pipeline.Entry, uint32, error) {
	if len(cell) < l.Arena.Stride {
		return nil, 0, fmt.Errorf("bpfgen: decode cell of %s: %d bytes, want %d", l.Table.Name, len(cell), l.Arena.Stride)
	}
	if l.Kind == LookupClassifier {
		list, slots, err := l.DecodeClassifier([][]byte{cell})
		if err != nil {
			return nil, 0, err
		}
		return list[0], slots[0], nil
	}
	return l.Decode(cell[l.ValueSize:][:l.KeySize], cell[:l.ValueSize])
}

// CellKey returns the part of a cell that tells its entry from others: the key, of a classifier the match; its
// priority is CellPriority.
func (l *TableLayout) CellKey(cell []byte) []byte {
	if l.Kind == LookupClassifier {
		return cell[l.valueBytes():l.ValueSize]
	}
	return cell[l.ValueSize:][:l.KeySize]
}

// CellKeyAt returns where CellKey is in a cell and its length. It lies at a multiple of 8, and zeros fill up its last 8
// bytes.
func (l *TableLayout) CellKeyAt() (off, size int) {
	if l.Kind == LookupClassifier {
		return l.valueBytes(), l.key.size
	}
	return l.ValueSize, l.KeySize
}

// CellPriority returns the priority of a classifier's cell.
func (l *TableLayout) CellPriority(cell []byte) int32 { return int32(le.Uint32(cell[valuePriority:])) }

// flagDead marks a cell that is no entry any more. No program looks at it.
const flagDead = 1 << 15

// CellLive reports whether a cell is an entry.
func (l *TableLayout) CellLive(cell []byte) bool {
	return le.Uint16(cell[valueAction:]) != 0 && le.Uint16(cell[valueFlags:])&flagDead == 0
}

// KillCell marks a cell as no entry.
func (l *TableLayout) KillCell(cell []byte) {
	le.PutUint16(cell[valueFlags:], le.Uint16(cell[valueFlags:])|flagDead)
}

// ReviveCell makes a cell an entry.
func (l *TableLayout) ReviveCell(cell []byte) {
	le.PutUint16(cell[valueFlags:], le.Uint16(cell[valueFlags:])&^flagDead)
}

// AppendMatch appends a cell with an entry's match and priority alone to dst.
func (l *TableLayout) AppendMatch(dst []byte, e *pipeline.Entry) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, l.valueBytes())...)
	if l.Kind != LookupClassifier {
		dst, err := l.AppendKey(dst, e)
		if err != nil {
			return nil, err
		}
		return append(dst, make([]byte, start+l.Arena.Stride-len(dst))...), nil
	}
	le.PutUint32(dst[start+valuePriority:], uint32(e.Priority))
	dst = append(dst, make([]byte, l.key.size)...)
	if err := l.putMatch(dst[start+l.valueBytes():], e); err != nil {
		return nil, err
	}
	return dst, nil
}

// CellSlot returns the slot of a cell's entry.
func (l *TableLayout) CellSlot(cell []byte) uint32 { return le.Uint32(cell[valueSlot:]) }

// TrieKey returns a cell's key as package lookup has it, and the length of its prefix.
func (l *TableLayout) TrieKey(key []byte) (lookup.Key, int) {
	var last [16]byte
	copy(last[:], key[4:])
	return lookup.Key{High: binary.BigEndian.Uint64(last[:]), Low: binary.BigEndian.Uint64(last[8:])}, int(le.Uint32(key))
}
