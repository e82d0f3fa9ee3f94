package bpfrun

import (
	"errors"
	"fmt"
	"io/fs"
)

// DefaultRoot is where the system's BPF file system belongs.
const DefaultRoot = "/sys/fs/bpf"

// EnsureFS makes sure that root is a BPF file system. Where root is a plain folder it mounts one there, which
// needs CAP_SYS_ADMIN; without it the error says what to run.
func EnsureFS(root string) error {
	is, err := isBPFFS(root)
	if err == nil && !is {
		err = mountBPFFS(root)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("bpfrun: no BPF file system at %s, run: mount -t bpf bpf %s: %w", root, root, err)
	default:
		return fmt.Errorf("bpfrun: prepare BPF file system at %s: %w", root, err)
	}
}
