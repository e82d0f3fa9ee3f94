package devlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// maxUnixDatagram is the longest datagram on a Unix socket, in bytes.
const maxUnixDatagram = 1 << 20

// Control datagrams on a Unix socket carry what is not a datagram on a netlink socket: three numbers in host byte
// order, the first of which no netlink message can start with.
const (
	unixControl = 0xffffffff
	unixJoin    = 1
)

// DialUnix opens an Endpoint whose peer is a simulated kernel listening on a Unix socket of type SOCK_SEQPACKET: one
// netlink datagram, at most 1 MiB, in every packet. Joining a group is a packet of twelve bytes without an answer:
// 0xffffffff, 1 and the group's number, each in host byte order. Use it in a DialFunc:
//
//	client := devlink.New(func(ctx context.Context) (devlink.Endpoint, error) { return devlink.DialUnix(ctx, path) })
func DialUnix(ctx context.Context, path string) (Endpoint, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unixpacket", path)
	if err != nil {
		return nil, fmt.Errorf("devlink: dial simulated kernel: %w", err)
	}
	e := &unixEndpoint{conn: conn.(*net.UnixConn), buf: make([]byte, maxUnixDatagram+1)}
	// The limits of the system may allow less, which still carries what devlink itself sends.
	_ = e.conn.SetReadBuffer(2 * maxUnixDatagram)
	_ = e.conn.SetWriteBuffer(2 * maxUnixDatagram)
	return e, nil
}

// A unixEndpoint is a connection to a simulated kernel.
type unixEndpoint struct {
	conn *net.UnixConn
	buf  []byte // of Recv, which one goroutine at a time calls
}

var _ Endpoint = (*unixEndpoint)(nil)

// Send implements Endpoint.
func (e *unixEndpoint) Send(datagram []byte) error {
	_, err := e.conn.Write(datagram)
	return err
}

// Recv implements Endpoint.
func (e *unixEndpoint) Recv(ctx context.Context) ([]byte, error) {
	var n int
	err := interruptible(ctx, e.conn.SetReadDeadline, func() (err error) {
		n, err = e.conn.Read(e.buf)
		return err
	})
	if err == nil && n == 0 || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("simulated kernel: %w", io.EOF)
	}
	if err != nil {
		return nil, err
	}
	if n > maxUnixDatagram {
		return nil, fmt.Errorf("%w: datagram longer than %d bytes", ErrMalformed, maxUnixDatagram)
	}
	return append([]byte(nil), e.buf[:n]...), nil
}

// Join implements Endpoint.
func (e *unixEndpoint) Join(group uint32) error {
	var b []byte
	for _, v := range []uint32{unixControl, unixJoin, group} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return e.Send(b)
}

// Close implements Endpoint.
func (e *unixEndpoint) Close() error { return e.conn.Close() }
