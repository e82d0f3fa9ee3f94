//go:build !linux

package bpfrun

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// supported reports that only Linux has what this package needs.
func supported() error { return fmt.Errorf("eBPF on %s: %w", runtime.GOOS, errors.ErrUnsupported) }

func isBPFFS(string) (bool, error) { return false, supported() }
func mountBPFFS(string) error      { return supported() }

// Exchange swaps two names of one file system in one step.
func Exchange(string, string) error { return supported() }

// LiftMemlock lifts the limit on locked memory where the kernel accounts maps against it.
func LiftMemlock() error { return supported() }

func noDriverXDP(error) bool { return false }

const (
	cmdLookupBatch = iota
	cmdUpdateBatch
	cmdDeleteBatch
)

func batch(uintptr, *batchAttr) (int, error) { return 0, supported() }

const (
	errnoNoEntry = syscall.ENOENT
	errnoTooBig  = syscall.Errno(7)
	errnoNoSpace = syscall.ENOSPC
)

func attachXDP(*ebpf.Program, int, Mode) (link.Link, error) { return nil, supported() }

func attachTC(*ebpf.Program, int) (link.Link, error) { return nil, supported() }

func deviceOf(*link.Info) int { return 0 }
