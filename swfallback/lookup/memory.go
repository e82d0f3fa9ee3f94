package lookup

import (
	"errors"
	"sync/atomic"
	"unsafe"
)

// Format is the number of the form of the structures: processes that agree on it read each other's.
const Format = 8

// ErrFull says that a structure has no room left in its part of the memory.
var ErrFull = errors.New("no room in the memory for lookups")

// Memory is bytes that programs read while they are changed. One goroutine at a time may change it.
type Memory struct {
	Base unsafe.Pointer // aligned to 8
	Size uint64         // bytes
	// Populate makes pages usable, which read as zeros before; nil where all of them are.
	Populate func(from, to uint64) error
	// Wait returns when no program reads any more what was taken out before; nil where there is no program.
	Wait func() error
}

// NewMemory returns memory of the process's own, for structures that no program reads.
func NewMemory(size int) *Memory {
	words := make([]uint64, (size+7)/8)
	return &Memory{Base: unsafe.Pointer(unsafe.SliceData(words)), Size: uint64(size)}
}

func (m *Memory) at(address uint32) *uint64 { return (*uint64)(unsafe.Add(m.Base, uintptr(address))) }

// Load reads the word at an address, a multiple of 8.
func (m *Memory) Load(address uint32) uint64 { return atomic.LoadUint64(m.at(address)) }

// Store writes a word in one step, behind all stores before it.
func (m *Memory) Store(address uint32, v uint64) { atomic.StoreUint64(m.at(address), v) }

// put writes a word that no program finds before a Store behind it.
func (m *Memory) put(address uint32, v uint64) { *m.at(address) = v }

// Words returns n words of the memory itself.
func (m *Memory) Words(address uint32, n int) []uint64 { return unsafe.Slice(m.at(address), n) }

// store32 writes half a word in one step.
func (m *Memory) store32(address, v uint32) {
	atomic.StoreUint32((*uint32)(unsafe.Add(m.Base, uintptr(address))), v)
}

// put32 writes half a word that no program finds before a store behind it.
func (m *Memory) put32(address, v uint32) { *(*uint32)(unsafe.Add(m.Base, uintptr(address))) = v }

// Load32 reads half a word.
func (m *Memory) Load32(address uint32) uint32 {
	return atomic.LoadUint32((*uint32)(unsafe.Add(m.Base, uintptr(address))))
}

// Bytes returns n bytes of the memory itself.
func (m *Memory) Bytes(address uint32, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(m.Base, uintptr(address))), n)
}

func (m *Memory) populate(from, to uint64) error {
	if m.Populate == nil || from >= to {
		return nil
	}
	return m.Populate(from, to)
}

// wait waits for programs.
func (m *Memory) wait() error {
	if m.Wait == nil {
		return nil
	}
	return m.Wait()
}

// HeadSize is the size of a head in bytes. Its words: the root, the seed or the number of entries or free small blocks,
// the heap's top, the heap's free blocks.
const HeadSize = 64

const (
	headRoot  = 0
	headSeed  = 8 // hash tables
	headSmall = 8 // tries
	headTop   = 16
	headFree  = 24
)

// heap hands out blocks of a part of the memory. What it knows lies in the head, so that it survives the process.
type heap struct {
	mem      *Memory
	head     uint32
	from, to uint64
	next     uint64 // blocks come from here on
	top      uint64 // as the head has it: at least next, more only within a change of many entries
	ready    uint64 // pages are populated below it
	block    uint32 // size of the blocks that come back
	small    uint32 // size of smaller ones that come back, too, aligned to it; 0: none
	pending  []block
}

// block is one that came back.
type block struct{ address, size uint32 }

// list returns the place of the free blocks of a size, 0 where they do not come back.
func (h *heap) list(size uint32) uint32 {
	switch size {
	case h.block:
		return h.head + headFree
	case h.small:
		return h.head + headSmall
	}
	return 0
}

// openHeap opens the heap of a head.
func openHeap(mem *Memory, head uint32, from, to uint64, block uint32) *heap {
	top := max(mem.Load(head+headTop), from)
	return &heap{mem: mem, head: head, from: from, to: to, next: top, top: top, ready: from, block: block}
}

const (
	heapStep   = 1 << 18 // bytes that are populated at a time
	mostWaited = 256     // blocks that may wait for the programs
)

// alloc returns n bytes of zeros, aligned to 16, small blocks to their size. When there is no room left but for blocks that programs may still read,
// it waits for the programs.
func (h *heap) alloc(n uint32) (uint32, error) {
	list := h.list(n)
	if list != 0 {
		if free := uint32(h.mem.Load(list)); free != 0 {
			h.mem.put(list, h.mem.Load(free)) // in front of the store that links the block
			clear(h.mem.Words(free, int(n/8)))
			return free, nil
		}
	}
	align := uint64(15)
	if n == h.small {
		align = uint64(n) - 1
	}
	start := (h.next + align) &^ align
	end := start + uint64(n)
	if end > h.to {
		if list == 0 || len(h.pending) == 0 {
			return 0, ErrFull
		}
		if err := h.settle(true); err != nil {
			return 0, err
		}
		return h.alloc(n)
	}
	if end > h.ready {
		if err := h.populate(end); err != nil {
			return 0, err
		}
	}
	if end > h.top {
		h.top = end
		h.mem.Store(h.head+headTop, end)
	}
	h.next = end
	return uint32(start), nil
}

// populate makes the memory up to end usable, and some more.
func (h *heap) populate(end uint64) error {
	ready := min(max(end, h.ready+heapStep)+heapStep-1, h.to) &^ 4095
	ready = max(ready, (end+4095)&^4095)
	if err := h.mem.populate(h.ready, ready); err != nil {
		return err
	}
	h.ready = ready
	return nil
}

// ahead writes into the head that n bytes more may be used, which saves writing so for every block. trim takes back
// what is not used.
func (h *heap) ahead(n uint64) {
	if top := min(h.next+n, h.to); top > h.top {
		h.top = top
		h.mem.Store(h.head+headTop, top)
	}
}

func (h *heap) trim() {
	if h.top != h.next {
		h.top = h.next
		h.mem.Store(h.head+headTop, h.next)
	}
}

// free takes back a block to which nothing leads any more, but which programs may still read.
func (h *heap) free(address, size uint32) { h.pending = append(h.pending, block{address, size}) }

// settle waits for the programs when many blocks have come back, or always when asked to, and hands them out again.
func (h *heap) settle(always bool) error {
	if len(h.pending) == 0 || !always && len(h.pending) < mostWaited {
		return nil
	}
	if err := h.mem.wait(); err != nil {
		return err
	}
	for _, b := range h.pending {
		list := h.list(b.size)
		h.mem.put(b.address, h.mem.Load(list))
		h.mem.Store(list, uint64(b.address))
	}
	h.pending = h.pending[:0]
	return nil
}

// storeWord writes a word in one step.
func storeWord(at *uint64, v uint64) { atomic.StoreUint64(at, v) }

// loadWord reads a word in one step.
func loadWord(at *uint64) uint64 { return atomic.LoadUint64(at) }
