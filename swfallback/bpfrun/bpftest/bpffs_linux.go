package bpftest

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// BPFFS makes a BPF file system that only this process can reach and returns the path of its root. It is gone,
// with everything that was pinned in it, when the test ends or the process dies.
func BPFFS(t testing.TB) string {
	t.Helper()
	fd, err := mountBPF()
	if err != nil {
		t.Fatalf("make a BPF file system: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
}

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
