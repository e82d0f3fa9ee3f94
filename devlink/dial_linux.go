package devlink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial returns a Client of the kernel that this process runs on, in the network namespace of the calling thread. It
// fails with ErrNoDevlink where the kernel has no devlink. Reading most things needs no privilege; region contents, and
// whatever changes a device, need CAP_NET_ADMIN.
func Dial(ctx context.Context, options ...Option) (*Client, error) {
	c := New(DialKernel, options...)
	w, err := c.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("devlink: dial kernel: %w", err)
	}
	c.release(w)
	return c, nil
}

// A kernelEndpoint is a generic netlink socket.
type kernelEndpoint struct {
	conn *genetlink.Conn
	buf  []byte // of Recv and lend, one of which is called at a time
}

var (
	_ Endpoint = (*kernelEndpoint)(nil)
	_ lender   = (*kernelEndpoint)(nil)
)

// Buffer sizes in bytes. The kernel makes a dump's datagrams as large as the buffer that it has seen, up to 32 KiB; a
// large receive queue makes lost notifications rare.
const (
	kernelDatagram = 64 << 10
	kernelQueue    = 1 << 20
)

// DialKernel opens one endpoint of the kernel that this process runs on, with extended, capped acknowledgements: the
// DialFunc of the clients that Dial returns.
func DialKernel(context.Context) (Endpoint, error) {
	conn, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("open generic netlink socket: %w", err)
	}
	for _, o := range []netlink.ConnOption{netlink.ExtendedAcknowledge, netlink.CapAcknowledge} {
		if err := conn.SetOption(o, true); err != nil {
			conn.Close()
			return nil, fmt.Errorf("set up generic netlink socket: %w", err)
		}
	}
	_ = conn.SetReadBuffer(kernelQueue) // less than this works too
	return &kernelEndpoint{conn: conn, buf: make([]byte, kernelDatagram)}, nil
}

// Send implements Endpoint.
func (e *kernelEndpoint) Send(datagram []byte) error {
	raw, err := e.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		sendErr = unix.Sendto(int(fd), datagram, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(sendErr, unix.EAGAIN)
	})
	if err != nil {
		return err
	}
	if sendErr != nil {
		return fmt.Errorf("send to kernel: %w", sendErr)
	}
	return nil
}

// Recv implements Endpoint.
func (e *kernelEndpoint) Recv(ctx context.Context) (datagram []byte, err error) {
	err = e.lend(ctx, func(next func() ([]byte, error)) error {
		lent, err := next()
		datagram = slices.Clone(lent)
		return err
	})
	return datagram, err
}

// lend implements lender.
func (e *kernelEndpoint) lend(ctx context.Context, read func(next func() ([]byte, error)) error) error {
	raw, err := e.conn.SyscallConn()
	if err != nil {
		return err
	}
	return interruptible(ctx, e.conn.SetReadDeadline, func() error {
		return read(func() ([]byte, error) { return e.read(raw) })
	})
}

// read waits for one datagram, which the next one overwrites.
func (e *kernelEndpoint) read(raw syscall.RawConn) ([]byte, error) {
	var n, flags int
	var recvErr error
	err := raw.Read(func(fd uintptr) bool {
		n, _, flags, _, recvErr = unix.Recvmsg(int(fd), e.buf, nil, 0)
		return !errors.Is(recvErr, unix.EAGAIN) && !errors.Is(recvErr, unix.EINTR)
	})
	switch {
	case err != nil:
		return nil, err
	case errors.Is(recvErr, unix.ENOBUFS):
		return nil, fmt.Errorf("%w: %w", ErrLost, recvErr)
	case recvErr != nil:
		return nil, fmt.Errorf("receive from kernel: %w", recvErr)
	case flags&unix.MSG_TRUNC != 0:
		return nil, fmt.Errorf("%w: datagram longer than %d bytes", ErrMalformed, len(e.buf))
	}
	return e.buf[:n], nil
}

// Join implements Endpoint.
func (e *kernelEndpoint) Join(group uint32) error { return e.conn.JoinGroup(group) }

// Close implements Endpoint.
func (e *kernelEndpoint) Close() error {
	_ = e.conn.SetDeadline(time.Unix(1, 0)) // ends a Recv that waits
	return e.conn.Close()
}
