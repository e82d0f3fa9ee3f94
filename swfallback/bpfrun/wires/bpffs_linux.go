package wires

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// BPFFS is a BPF file system that only this process can reach. It is gone, with everything that was pinned in it,
// when it is closed or the process dies.
type BPFFS struct{ fd int }

// NewBPFFS makes a BPF file system.
func NewBPFFS() (*BPFFS, error) {
	fd, err := mountBPF()
	if err != nil {
		return nil, fmt.Errorf("wires: make BPF file system: %w", err)
	}
	return &BPFFS{fd}, nil
}

// Root returns the path of its root directory.
func (b *BPFFS) Root() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.fd) }

// Close gives the file system up.
func (b *BPFFS) Close() error { return unix.Close(b.fd) }

// mountBPF makes a BPF file system that is mounted nowhere and returns a descriptor of its root directory.
func mountBPF() (int, error) {
	config, err := unix.Fsopen("bpf", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("fsopen bpf: %w", err)
	}
	defer unix.Close(config)
	if err := unix.FsconfigCreate(config); err != nil {
		return -1, fmt.Errorf("create bpf superblock: %w", err)
	}
	fd, err := unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("fsmount bpf: %w", err)
	}
	return fd, nil
}
