package bpfrun

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// supported reports whether the operating system has eBPF at all.
func supported() error { return nil }

func isBPFFS(root string) (bool, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(root, &stat); err != nil {
		return false, err
	}
	return uint32(stat.Type) == unix.BPF_FS_MAGIC, nil
}

func mountBPFFS(root string) error {
	if err := unix.Mount("bpf", root, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

// Exchange swaps two names of one file system in one step.
func Exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// noDriverXDP reports whether an error of attaching to the driver says that the driver cannot do it as the device
// is set up now, so that the generic path is worth trying. Drivers answer with many numbers: EOPNOTSUPP without
// XDP, EINVAL and ERANGE for an MTU or offloads that do not go with it, ENOMEM for too few queues.
func noDriverXDP(err error) bool {
	for _, errno := range []error{unix.EOPNOTSUPP, unix.EINVAL, unix.ERANGE, unix.ENOMEM, unix.ENOSPC, unix.EMSGSIZE} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, ebpf.ErrNotSupported)
}

// Commands of bpf(2).
const (
	cmdLookupBatch = 24
	cmdUpdateBatch = 26
	cmdDeleteBatch = 27
)

// batch runs one batch command and returns how many elements it handled.
func batch(cmd uintptr, attr *batchAttr) (int, error) {
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
		switch errno {
		case 0:
			return int(attr.count), nil
		case unix.EINTR, unix.EAGAIN:
		default:
			return int(attr.count), errno
		}
	}
}

// The errors of maps that callers tell apart.
const (
	errnoNoEntry = unix.ENOENT
	errnoTooBig  = unix.E2BIG
	errnoNoSpace = unix.ENOSPC
)
