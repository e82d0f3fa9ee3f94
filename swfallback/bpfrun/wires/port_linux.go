package wires

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Port is a network device with the far end of its wire in the caller's hand. Its methods may be called from any
// goroutine and in any namespace.
type Port struct {
	Name  string // of the inner device
	Index int    // of the inner device, in its namespace
	outer endpoint
	host  endpoint
}

// endpoint is the outer end of a port.
type endpoint interface {
	Send(frame []byte) error
	Recv(timeout time.Duration) ([]byte, error)
	Close() error
}

var (
	_ endpoint = (*Socket)(nil)
	_ endpoint = (*tap)(nil)
	_ endpoint = (*hostSide)(nil)
)

// Send puts a frame, from its Ethernet header on, into the outer end: the inner device receives it.
func (p *Port) Send(frame []byte) error { return p.outer.Send(frame) }

// Recv returns the next frame that the inner device sent, os.ErrDeadlineExceeded when none came in time.
func (p *Port) Recv(timeout time.Duration) ([]byte, error) { return p.outer.Recv(timeout) }

// Host returns the next frame that the inner device handed up the host's network stack, behind XDP and behind all tcx
// programs that were attached to it in front of others; os.ErrDeadlineExceeded when none came in time.
func (p *Port) Host(timeout time.Duration) ([]byte, error) { return p.host.Recv(timeout) }

// Close closes the port's descriptors. The device of a tap is gone with it, a veth pair goes with its namespace.
func (p *Port) Close() error {
	var errs []error
	for _, end := range []endpoint{p.host, p.outer} {
		if end != nil {
			errs = append(errs, end.Close())
		}
	}
	return errors.Join(errs...)
}

// Veth makes a veth pair: the inner device is name, its peer is name with "-wire" behind. Both are up, and GRO on
// the peer makes it accept frames that XDP redirects into the inner device.
func (n *NetNS) Veth(name string) (*Port, error) {
	return n.port(name, func(p *Port) error {
		peer := name + "-wire"
		var err error
		if p.Index, err = makeVeth(name, peer); err != nil {
			return err
		}
		if err := setGRO(peer); err != nil {
			return err
		}
		socket, err := OpenSocket(peer)
		if err == nil {
			p.outer = socket
		}
		return err
	})
}

// Tap makes a tap with one queue. What comes out of Recv is exactly what the device was given to send.
func (n *NetNS) Tap(name string) (*Port, error) {
	return n.port(name, func(p *Port) error {
		device, index, err := makeTap(name)
		if err == nil {
			p.Index, p.outer = index, device
		}
		return err
	})
}

// port makes a port in the namespace; wire gives it its index and its outer end.
func (n *NetNS) port(name string, wire func(*Port) error) (*Port, error) {
	p := &Port{Name: name}
	err := n.Do(func() (err error) {
		if err = wire(p); err == nil {
			p.host, err = openHost(name, p.Index)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wires: make port %s: %w", name, err), p.Close())
	}
	return p, nil
}

// makeVeth makes a pair with both ends up in the current namespace and returns the index of the first.
func makeVeth(name, peer string) (int, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: peer}); err != nil {
		return 0, fmt.Errorf("add veth: %w", err)
	}
	if _, err := setUp(peer); err != nil {
		return 0, err
	}
	index, err := setUp(name)
	if err != nil {
		return 0, err
	}
	return index, errors.Join(waitUp(peer), waitUp(name))
}

// waitUp waits until a device is operational. Between the moment when it is set up and that one, the kernel drops
// what is sent through it and says nothing.
func waitUp(name string) error {
	const patience, pause = 5 * time.Second, time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		device, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find %s: %w", name, err)
		}
		if device.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is %s after %v", name, device.Attrs().OperState, patience)
		}
	}
}

func setUp(name string) (int, error) {
	device, err := netlink.LinkByName(name)
	if err != nil {
		return 0, fmt.Errorf("find %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(device); err != nil {
		return 0, fmt.Errorf("set %s up: %w", name, err)
	}
	return device.Attrs().Index, nil
}

// setGRO switches generic receive offload on (ethtool_value of linux/ethtool.h with ETHTOOL_SGRO).
func setGRO(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{unix.ETHTOOL_SGRO, 1}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("set GRO of %s: %w", name, errno)
	}
	return nil
}

// tap is the outer end of a tap: its descriptor.
type tap struct{ fd int }

func makeTap(name string) (*tap, int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("set tap: %w", err), unix.Close(fd))
	}
	index, err := setUp(name) // operational from here on: a tap has its carrier before it is up
	if err != nil {
		return nil, 0, errors.Join(err, unix.Close(fd))
	}
	return &tap{fd}, index, nil
}

// Close implements endpoint.
func (d *tap) Close() error { return unix.Close(d.fd) }

// Send implements endpoint. The kernel has run the XDP program when it returns.
func (d *tap) Send(frame []byte) error {
	_, err := unix.Write(d.fd, frame)
	return err
}

// Recv implements endpoint.
func (d *tap) Recv(timeout time.Duration) ([]byte, error) {
	return receive(d.fd, timeout, func() ([]byte, error) {
		frame := make([]byte, maxFrame)
		n, err := unix.Read(d.fd, frame)
		return frame[:max(n, 0)], err
	})
}
