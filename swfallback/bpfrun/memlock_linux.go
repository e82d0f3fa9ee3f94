package bpfrun

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// LiftMemlock lifts the limit on locked memory where the kernel accounts maps against it, as those before 5.11 do.
// The library's rlimit package asks the kernel instead, by making a map when the process starts, whatever it is for.
func LiftMemlock() error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return fmt.Errorf("bpfrun: lift the limit on locked memory: %w", err)
	}
	if !accountsMaps(unix.ByteSliceToString(u.Release[:])) {
		return nil
	}
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return fmt.Errorf("bpfrun: lift the limit on locked memory: %w", err)
	}
	return nil
}

// accountsMaps reports whether a release of Linux is older than 5.11, or cannot be read.
func accountsMaps(release string) bool {
	var major, minor int
	_, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return err != nil || major < 5 || major == 5 && minor < 11
}
