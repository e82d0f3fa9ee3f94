package bpfrun

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// loadAttr is the first part of union bpf_attr for BPF_PROG_LOAD, of linux/bpf.h.
type loadAttr struct {
	kind, count   uint32
	code, license unsafe.Pointer
	logLevel      uint32
	logSize       uint32
	log           unsafe.Pointer
	kernel, flags uint32
	name          [unix.BPF_OBJ_NAME_LEN]byte
	ifindex       uint32
	attach        uint32
	types         uint32 // descriptor of BTF
	functionSize  uint32
	functions     unsafe.Pointer
	functionCount uint32
	_             uint32
}

// loadLog is the size of the verifier's log in bytes.
const loadLog = 1 << 20

// loadProgram loads encoded instructions. When the verifier refuses them there is its log.
func loadProgram(spec *ebpf.ProgramSpec, code []byte) (*ebpf.Program, []byte, error) {
	types, err := loadFunctions(spec.Instructions)
	if err != nil {
		return nil, nil, err
	}
	defer types.close()
	license := append([]byte(spec.License), 0)
	attr := loadAttr{kind: uint32(spec.Type), count: uint32(len(code) / 8), code: pointerTo(code),
		license: pointerTo(license), attach: uint32(spec.AttachType)}
	types.set(&attr)
	copy(attr.name[:unix.BPF_OBJ_NAME_LEN-1], spec.Name)
	fd, err := progLoad(&attr)
	var log []byte
	if err != nil && !errors.Is(err, unix.EPERM) {
		log = make([]byte, loadLog)
		attr.logLevel, attr.logSize, attr.log = 1, loadLog, pointerTo(log)
		fd, err = progLoad(&attr)
	}
	runtime.KeepAlive(code)
	runtime.KeepAlive(types)
	if err != nil {
		return nil, log, err
	}
	program, err := ebpf.NewProgramFromFD(fd)
	return program, nil, err
}

func progLoad(attr *loadAttr) (int, error) {
	const cmdLoad = 5
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, cmdLoad, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// Arena is an arena in the address space of this process.
type Arena struct {
	base unsafe.Pointer
	size uintptr
	id   ebpf.MapID
}

// mapped are the arenas of this process. The kernel maps an arena at one address in all processes, so one process can
// have it only once, however often it is opened: this is a property of the address space, and belongs to no value.
var mapped = struct {
	sync.Mutex
	users map[ebpf.MapID]int
}{users: make(map[ebpf.MapID]int)}

// OpenArena maps an arena. Its bytes may be read where they have been populated. ErrArenaTaken: something else is where
// it belongs.
func OpenArena(m *ebpf.Map) (*Arena, error) {
	info, err := m.Info()
	if err != nil {
		return nil, fmt.Errorf("bpfrun: open arena: %w", err)
	}
	extra, known := info.MapExtra()
	id, named := info.ID()
	if !known || !named || extra == 0 {
		return nil, fmt.Errorf("bpfrun: open arena: its address is not known: %w", errors.ErrUnsupported)
	}
	a := &Arena{base: unsafe.Add(unsafe.Pointer(nil), uintptr(extra)), id: id,
		size: uintptr(m.MaxEntries()) * uintptr(unix.Getpagesize())}
	mapped.Lock()
	defer mapped.Unlock()
	if mapped.users[id] == 0 {
		_, err = unix.MmapPtr(m.FD(), 0, a.base, a.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED_NOREPLACE)
	}
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil, fmt.Errorf("bpfrun: open arena at %#x: %w", extra, ErrArenaTaken)
	case err != nil:
		return nil, fmt.Errorf("bpfrun: open arena: %w", err)
	}
	mapped.users[id]++
	return a, nil
}

// vacant reports whether nothing is mapped between two addresses, as far as that can be told.
func vacant(at, size uint64) bool {
	where := unsafe.Add(unsafe.Pointer(nil), uintptr(at))
	_, err := unix.MmapPtr(-1, 0, where, uintptr(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED_NOREPLACE)
	if err == nil {
		err = unix.MunmapPtr(where, uintptr(size))
	}
	return !errors.Is(err, unix.EEXIST)
}

// Base returns the start of the arena.
func (a *Arena) Base() unsafe.Pointer { return a.base }

// Size returns its size in bytes; most of it takes no memory.
func (a *Arena) Size() uint64 { return uint64(a.size) }

// Populate gives memory to the pages from one offset to another, both multiples of the page size. Programs read
// pages that have none as zeros, slowly; this process must not read them.
func (a *Arena) Populate(from, to uint64) error {
	if to > uint64(a.size) || from > to {
		return fmt.Errorf("bpfrun: populate arena from %d to %d of %d: %w", from, to, a.size, unix.EINVAL)
	}
	pages := unsafe.Slice((*byte)(unsafe.Add(a.base, uintptr(from))), to-from)
	if err := unix.Madvise(pages, unix.MADV_POPULATE_WRITE); err != nil {
		return fmt.Errorf("bpfrun: populate arena: %w", err)
	}
	return nil
}

// Close unmaps the arena where nobody else in this process has it open. Nothing that was taken from it may be used any
// more.
func (a *Arena) Close() error {
	if a.base == nil {
		return nil
	}
	mapped.Lock()
	defer mapped.Unlock()
	base := a.base
	a.base = nil
	if mapped.users[a.id]--; mapped.users[a.id] > 0 {
		return nil
	}
	delete(mapped.users, a.id)
	return unix.MunmapPtr(base, a.size)
}

// WaitForPrograms returns when every program has ended that runs now.
func WaitForPrograms() error {
	const global = 1 // MEMBARRIER_CMD_GLOBAL of linux/membarrier.h: waits for a grace period of RCU, under which programs run
	_, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0)
	if errno != 0 {
		return fmt.Errorf("bpfrun: wait for programs: %w", errno)
	}
	return nil
}
