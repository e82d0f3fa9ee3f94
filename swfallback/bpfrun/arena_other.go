//go:build !linux

package bpfrun

import (
	"errors"
	"unsafe"

	"github.com/cilium/ebpf"
)

func loadProgram(*ebpf.ProgramSpec, []byte) (*ebpf.Program, []byte, error) {
	return nil, nil, errors.ErrUnsupported
}

// Arena is an arena in the address space of this process; Linux only.
type Arena struct{}

// OpenArena is errors.ErrUnsupported.
func OpenArena(*ebpf.Map) (*Arena, error) { return nil, errors.ErrUnsupported }

func vacant(uint64, uint64) bool { return true }

// Base returns nil.
func (a *Arena) Base() unsafe.Pointer { return nil }

// Size returns 0.
func (a *Arena) Size() uint64 { return 0 }

// Populate is errors.ErrUnsupported.
func (a *Arena) Populate(uint64, uint64) error { return errors.ErrUnsupported }

// Close does nothing.
func (a *Arena) Close() error { return nil }

// WaitForPrograms is errors.ErrUnsupported.
func WaitForPrograms() error { return errors.ErrUnsupported }
