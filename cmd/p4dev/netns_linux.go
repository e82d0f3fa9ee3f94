package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"
)

// netnsDone marks a process that has entered the namespace of --netns.
const netnsDone = "P4DEV_NETNS"

// enterNamespace starts the program again in a network namespace, so that all of its threads are in it. Unlike
// "ip netns exec" it leaves the mounts alone: /sys/fs/bpf stays the system's.
func enterNamespace(name string) error {
	if name == "" || os.Getenv(netnsDone) == name {
		return nil
	}
	runtime.LockOSThread()
	ns, err := netns.GetFromName(name)
	if err != nil {
		return fmt.Errorf("find network namespace %s: %w", name, err)
	}
	if err := netns.Set(ns); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", name, err)
	}
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), netnsDone+"="+name))
}
