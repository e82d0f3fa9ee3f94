package bpfrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// DefaultRoot is where the system's BPF file system belongs.
const DefaultRoot = "/sys/fs/bpf"

// ErrPrivateMounts says that a BPF file system mounted here would be gone with the process: in a mount namespace
// of its own, as "ip netns exec" makes one.
var ErrPrivateMounts = errors.New("this process has a mount namespace of its own, and pins in it would vanish with it")

// EnsureFS makes sure that root is a BPF file system. Where root is a plain folder it mounts one there, which
// needs CAP_SYS_ADMIN; without it the error says what to run. In a mount namespace that is not init's it does not
// mount one: ErrPrivateMounts.
func EnsureFS(root string) error {
	is, err := isBPFFS(root)
	if err == nil && !is {
		if privateMounts() {
			return fmt.Errorf("bpfrun: no BPF file system at %s: %w (in place of 'ip netns exec NAME p4dev' use 'p4dev --netns NAME'; "+
				"if the namespace is meant to stay, run: mount -t bpf bpf %s)", root, ErrPrivateMounts, root)
		}
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

// privateMounts reports whether this process has another mount namespace than init. Where that cannot be found
// out it has not.
func privateMounts() bool {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return false
	}
	init, err := os.Readlink("/proc/1/ns/mnt")
	return err == nil && own != init
}
