package bpfrun

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// refusalOf turns the numbers by which kernels say that they do not know a command or a flag into
// ebpf.ErrNotSupported.
func refusalOf(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("%w: %w", ebpf.ErrNotSupported, err)
	}
	return err
}

// probeXDPLink attaches to the loopback of a namespace of its own, in the generic path.
func probeXDPLink() error {
	return inOwnNamespace(func() error { return probeXDP("lo", link.XDPGenericMode) })
}

// probeXDPVeth attaches to the driver of a veth of its own.
func probeXDPVeth() error {
	return inOwnNamespace(func() error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = "probe"
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "probe-peer"}); err != nil {
			return fmt.Errorf("add veth: %w", refusalOf(err))
		}
		return probeXDP("probe", link.XDPDriverMode)
	})
}

func probeXDP(name string, flags link.XDPAttachFlags) error {
	return probeAttach(ebpf.XDP, 2, name, func(program *ebpf.Program, device int) (link.Link, error) {
		return link.AttachXDP(link.XDPOptions{Program: program, Interface: device, Flags: flags})
	})
}

// probeTCX attaches to the loopback of a namespace of its own.
func probeTCX() error {
	return inOwnNamespace(func() error {
		return probeAttach(ebpf.SchedCLS, -1, "lo", func(program *ebpf.Program, device int) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{
				Program: program, Interface: device, Attach: ebpf.AttachTCXIngress,
			})
		})
	})
}

func probeAttach(kind ebpf.ProgramType, result int32, name string,
	attach func(*ebpf.Program, int) (link.Link, error)) error {
	program, err := probeProgram(kind, result)
	if err != nil {
		return err
	}
	defer program.Close()
	device, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	attached, err := attach(program, device.Attrs().Index)
	if err != nil {
		return refusalOf(err)
	}
	return attached.Close()
}

// inOwnNamespace runs f in a network namespace that ends with it. A thread that cannot come back from there is never
// given to another goroutine.
func inOwnNamespace(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("make network namespace: %w", err)
	}
	defer func() {
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}
