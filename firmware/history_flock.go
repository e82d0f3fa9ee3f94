//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package firmware

import (
	"errors"
	"os"
	"syscall"
)

// lockFile waits until this process alone may append to f. Closing f gives the lock back.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
