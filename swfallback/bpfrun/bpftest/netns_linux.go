package bpftest

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// NetNS is a network namespace without a name. It ends when the test does.
type NetNS struct{ file *os.File }

// NewNetNS makes a namespace with a loopback that is up and without IPv6, whose neighbour discovery would
// otherwise show among the frames of a test.
func NewNetNS(t testing.TB) *NetNS {
	t.Helper()
	ns, err := makeNetNS()
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := ns.close(); err != nil {
			t.Errorf("close the network namespace: %v", err)
		}
	})
	return ns
}

// Do runs f on a thread that is in the namespace. Goroutines that f starts are not in it; sockets and file
// descriptors that f opens keep belonging to it. A panic or t.FailNow inside f still brings the thread back.
func (n *NetNS) Do(t testing.TB, f func()) {
	t.Helper()
	if err := n.do(func() error { f(); return nil }); err != nil {
		t.Fatalf("run in the network namespace: %v", err)
	}
}

// do runs f in the namespace.
func (n *NetNS) do(f func() error) error {
	return away(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter namespace: %w", err)
		}
		return f()
	})
}

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

func (n *NetNS) close() error { return n.file.Close() }

// makeNetNS makes a namespace; the calling thread does not stay in it.
func makeNetNS() (ns *NetNS, err error) {
	err = away(func() (err error) { ns, err = unshareNetNS(); return err })
	return ns, err
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
