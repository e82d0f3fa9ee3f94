package bpfrun

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
)

// dumpChunk is how many elements one system call reads at first. Hash maps refuse a chunk that a single bucket
// does not fit into; it is doubled then.
const dumpChunk = 4096

// pad fills a pointer in union bpf_attr up to the 64 bits that it has on every machine.
type pad [8 - unsafe.Sizeof(uintptr(0))]byte

// batchAttr is the batch member of union bpf_attr (linux/bpf.h).
type batchAttr struct {
	inBatch unsafe.Pointer
	_       pad
	out     unsafe.Pointer
	_       pad
	keys    unsafe.Pointer
	_       pad
	values  unsafe.Pointer
	_       pad

	count, mapFD     uint32
	elemFlags, flags uint64
}

// The kernel refuses another size: this does not compile unless it is right.
var _ [56]byte = [unsafe.Sizeof(batchAttr{})]byte{}

func pointerTo(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// IsFull reports whether a map refused an element because it has no room for more.
func IsFull(err error) bool { return errors.Is(err, errnoTooBig) || errors.Is(err, errnoNoSpace) }

// UpdateBatch writes n elements with as few system calls as the kernel allows, replacing those that are there.
// Keys and values lie one behind the other, n times the map's key and value size; a value of a per-CPU map is as
// Dump has it. It returns how many elements
// were written, from the front, also with an error. Kernels before 5.6, and map types that have no batches,
// get one call for each element.
func UpdateBatch(m *ebpf.Map, keys, values []byte, n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	keySize := int(m.KeySize())
	valueSize, err := elementSize(m)
	if err != nil {
		return 0, fmt.Errorf("bpfrun: write map %s: %w", m, err)
	}
	if len(keys) != n*keySize || len(values) != n*valueSize {
		return 0, fmt.Errorf("bpfrun: write %d elements: %d bytes of keys, %d of values", n, len(keys), len(values))
	}
	attr := batchAttr{keys: pointerTo(keys), values: pointerTo(values), count: uint32(n), mapFD: uint32(m.FD())}
	done, err := batch(cmdUpdateBatch, &attr)
	runtime.KeepAlive(m)
	if err == nil {
		return n, nil
	}
	if done >= n { // refused as a whole: the kernel left the count alone
		done = 0
	}
	for ; done < n; done++ {
		key, value := keys[done*keySize:][:keySize], values[done*valueSize:][:valueSize]
		if err := m.Update(key, value, ebpf.UpdateAny); err != nil {
			return done, fmt.Errorf("bpfrun: write element: %w", err)
		}
	}
	return n, nil
}

// DeleteBatch removes n elements, one system call for each where the map type has no batches. An element that is
// not there is passed over.
func DeleteBatch(m *ebpf.Map, keys []byte, n int) error {
	if n == 0 {
		return nil
	}
	keySize := int(m.KeySize())
	attr := batchAttr{keys: pointerTo(keys), count: uint32(n), mapFD: uint32(m.FD())}
	done, err := batch(cmdDeleteBatch, &attr)
	runtime.KeepAlive(m)
	if err == nil {
		return nil
	}
	if done >= n {
		done = 0
	}
	for ; done < n; done++ {
		err := m.Delete(keys[done*keySize:][:keySize])
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("bpfrun: remove element: %w", err)
		}
	}
	return nil
}

// Dump calls f for every element, in no order, and stops when f returns false. The slices are valid during the
// call only. The value of a per-CPU map has one part for each possible CPU, each filled up to 8 bytes. The picture
// is consistent only while nobody writes.
func Dump(m *ebpf.Map, f func(key, value []byte) bool) error {
	keySize := int(m.KeySize())
	valueSize, err := elementSize(m)
	if err != nil {
		return fmt.Errorf("bpfrun: read map %s: %w", m, err)
	}
	chunk := min(dumpChunk, max(int(m.MaxEntries()), 1))
	var in []byte
	for {
		keys, values, out := make([]byte, chunk*keySize), make([]byte, chunk*valueSize), make([]byte, max(keySize, 4))
		attr := batchAttr{
			inBatch: pointerTo(in), out: pointerTo(out), keys: pointerTo(keys), values: pointerTo(values),
			count: uint32(chunk), mapFD: uint32(m.FD()),
		}
		n, err := batch(cmdLookupBatch, &attr)
		runtime.KeepAlive(m)
		last := errors.Is(err, errnoNoEntry)
		switch {
		case err == nil || last:
		case errors.Is(err, errnoNoSpace):
			chunk *= 2
			continue
		case in == nil:
			return dumpSlow(m, f)
		default:
			return fmt.Errorf("bpfrun: read map %s: %w", m, err)
		}
		for i := range n {
			if !f(keys[i*keySize:][:keySize], values[i*valueSize:][:valueSize]) {
				return nil
			}
		}
		if last {
			return nil
		}
		in = out
	}
}

// elementSize is the size of a value as system calls move it, in bytes.
func elementSize(m *ebpf.Map) (int, error) {
	switch m.Type() {
	case ebpf.PerCPUArray, ebpf.PerCPUHash, ebpf.LRUCPUHash:
		cpus, err := ebpf.PossibleCPU()
		return (int(m.ValueSize()) + 7) &^ 7 * cpus, err
	}
	return int(m.ValueSize()), nil
}

// dumpSlow is Dump one element at a time.
func dumpSlow(m *ebpf.Map, f func(key, value []byte) bool) error {
	var key, value []byte
	iterator := m.Iterate()
	for iterator.Next(&key, &value) {
		if !f(key, value) {
			return nil
		}
	}
	if err := iterator.Err(); err != nil {
		return fmt.Errorf("bpfrun: read map %s: %w", m, err)
	}
	return nil
}
