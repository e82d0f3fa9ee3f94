package wires

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NetNS is a network namespace without a name: it ends when it is closed, or when the process dies.
type NetNS struct{ file *os.File }

// NewNetNS makes a namespace with a loopback that is up and without IPv6, whose neighbour discovery would
// otherwise show among the frames. The calling thread does not stay in it.
func NewNetNS() (*NetNS, error) {
	var ns *NetNS
	err := away(func() (err error) { ns, err = unshareNetNS(); return err })
	if err != nil {
		return nil, fmt.Errorf("wires: make network namespace: %w", err)
	}
	return ns, nil
}

// Do runs f on a thread that is in the namespace and returns its error. Goroutines that f starts are not in it;
// sockets and file descriptors that f opens keep belonging to it. A panic or runtime.Goexit inside f still brings the
// thread back.
func (n *NetNS) Do(f func() error) error {
	return away(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace: %w", err)
		}
		return f()
	})
}

// Close gives up the namespace; it ends, with its devices, when nothing else holds it.
func (n *NetNS) Close() error { return n.file.Close() }

// away runs f, which may go to another network namespace, on one thread and brings the thread back. A thread that
// cannot come back is never given to another goroutine.
func away(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("leave namespace: %w", back))
			return // the thread stays locked and dies with its goroutine
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

func unshareNetNS() (*NetNS, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("unshare: %w", err)
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0o644)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(err, file.Close())
		}
	}
	loopback, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(loopback)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set lo up: %w", err), file.Close())
	}
	return &NetNS{file: file}, nil
}
