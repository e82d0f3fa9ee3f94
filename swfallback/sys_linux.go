package swfallback

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// tryLock takes an exclusive lock on the file if nobody has it.
func tryLock(file *os.File) (bool, error) {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}

func unlock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_UN) }

// monotonicMicros is the clock of meters: CLOCK_MONOTONIC in microseconds, since boot.
func monotonicMicros() uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return uint64(now.Nano() / 1000)
}

// coarseNow is the clock that programs stamp hits with, CLOCK_MONOTONIC_COARSE, since boot.
func coarseNow() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_COARSE, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
