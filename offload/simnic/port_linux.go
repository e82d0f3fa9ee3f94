package simnic

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// queueLength is how many frames a network device keeps for the simulation to read.
const queueLength = 4096

// port is a P4 port: the simulation's ends of its two network devices.
type port struct {
	number     uint32
	host, wire *tap
}

// tap is the simulation's end of a network device: what is read was sent by the device, what is written is
// received by it.
type tap struct {
	*os.File
	name  string
	index int // in its namespace
}

func openPort(number uint32, c PortConfig) (*port, error) {
	host, err := openTap(c.Host, c.HostNamespace, c.HostAddr)
	if err != nil {
		return nil, err
	}
	wire, err := openTap(c.Wire, c.WireNamespace, c.WireAddr)
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return &port{number, host, wire}, nil
}

// close removes the network devices, which do not outlive their descriptors.
func (p *port) close() error { return errors.Join(p.host.Close(), p.wire.Close()) }

// openTap makes a network device in a namespace and sets it up.
func openTap(name, namespace string, addr net.HardwareAddr) (*tap, error) {
	var t *tap
	err := inNamespace(namespace, func() (err error) {
		t, err = makeTap(name)
		if err != nil {
			return err
		}
		if err := t.configure(addr); err != nil {
			return errors.Join(err, t.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("make network device %s: %w", name, err)
	}
	return t, nil
}

// inNamespace runs f on a thread that is in a network namespace. A thread that cannot be brought back ends
// with its goroutine.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	ns, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open namespace: %w", err)
	}
	defer ns.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not used again
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter namespace %s: %w", path, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// makeTap makes the device. The descriptor does not block: only then does the kernel run a native XDP program
// on what is written to it.
func makeTap(name string) (*tap, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	// Go's poller takes a descriptor when it becomes a File; by now this one can be polled.
	return &tap{File: os.NewFile(uintptr(fd), name), name: request.Name()}, nil
}

func (t *tap) configure(addr net.HardwareAddr) error {
	link, err := netlink.LinkByName(t.name)
	if err != nil {
		return err
	}
	t.index = link.Attrs().Index
	if addr != nil {
		if err := netlink.LinkSetHardwareAddr(link, addr); err != nil {
			return fmt.Errorf("set address: %w", err)
		}
	}
	if err := netlink.LinkSetTxQLen(link, queueLength); err != nil {
		return fmt.Errorf("set queue length: %w", err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}
