package devlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/mdlayher/netlink"
)

// maxUnixDatagram is the longest datagram on a Unix socket, in bytes.
const maxUnixDatagram = 1 << 20

// Control datagrams on a Unix socket carry what is not a datagram on a netlink socket: three numbers in host byte
// order, the first of which no netlink message can start with.
const (
	unixControl = 0xffffffff
	unixJoin    = 1

	unixBarrier     = 0x7fffffff      // sequence number
	unixBarrierWait = 5 * time.Second // for its acknowledgement
)

// DialUnix opens an Endpoint whose peer is a simulated kernel listening on a Unix socket of type SOCK_SEQPACKET: one
// netlink datagram, at most 1 MiB, in every packet. Joining a group is a packet of twelve bytes without an answer:
// 0xffffffff, 1 and the group's number, each in host byte order; an NLMSG_NOOP that asks for an acknowledgement follows
// it. Use it in a DialFunc:
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
	buf  []byte   // of Recv and lend, one of which is called at a time
	kept [][]byte // received while Join waited
}

var (
	_ Endpoint = (*unixEndpoint)(nil)
	_ lender   = (*unixEndpoint)(nil)
)

// Send implements Endpoint.
func (e *unixEndpoint) Send(datagram []byte) error {
	_, err := e.conn.Write(datagram)
	return err
}

// Recv implements Endpoint.
func (e *unixEndpoint) Recv(ctx context.Context) (datagram []byte, err error) {
	err = e.lend(ctx, func(next func() ([]byte, error)) error {
		lent, err := next()
		datagram = slices.Clone(lent)
		return err
	})
	return datagram, err
}

// lend implements lender.
func (e *unixEndpoint) lend(ctx context.Context, read func(next func() ([]byte, error)) error) error {
	return interruptible(ctx, e.conn.SetReadDeadline, func() error { return read(e.next) })
}

// next returns a packet that was kept, or waits for one, which the next one overwrites.
func (e *unixEndpoint) next() ([]byte, error) {
	if len(e.kept) > 0 {
		datagram := e.kept[0]
		e.kept = e.kept[1:]
		return datagram, nil
	}
	return e.read()
}

// read waits for one packet, which the next one overwrites.
func (e *unixEndpoint) read() ([]byte, error) {
	n, err := e.conn.Read(e.buf)
	if err == nil && n == 0 || errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("simulated kernel: %w", io.EOF)
	}
	if err != nil {
		return nil, err
	}
	if n > maxUnixDatagram {
		return nil, fmt.Errorf("%w: datagram longer than %d bytes", ErrMalformed, maxUnixDatagram)
	}
	return e.buf[:n], nil
}

// Join implements Endpoint. The packet has no answer, so an empty message that asks to be acknowledged follows it: what
// happens after Join has returned is then seen.
func (e *unixEndpoint) Join(group uint32) error {
	var b []byte
	for _, v := range []uint32{unixControl, unixJoin, group} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	barrier, err := netlink.Message{Header: netlink.Header{
		Length: nlmsgHeaderLen, Type: netlink.Noop, Flags: netlink.Request | netlink.Acknowledge, Sequence: unixBarrier,
	}}.MarshalBinary()
	if err != nil {
		return err
	}
	for _, packet := range [][]byte{b, barrier} {
		if err := e.Send(packet); err != nil {
			return err
		}
	}
	return e.awaitBarrier()
}

// awaitBarrier reads up to the acknowledgement and keeps what comes before it for Recv.
func (e *unixEndpoint) awaitBarrier() error {
	ctx, cancel := context.WithTimeout(context.Background(), unixBarrierWait)
	defer cancel()
	err := interruptible(ctx, e.conn.SetReadDeadline, func() error {
		for {
			datagram, err := e.read()
			if err != nil {
				return err
			}
			m, _, err := splitMessage(datagram)
			if err == nil && m.Header.Type == netlink.Error && m.Header.Sequence == unixBarrier {
				return nil
			}
			e.kept = append(e.kept, slices.Clone(datagram))
		}
	})
	if err != nil {
		return fmt.Errorf("await acknowledgement of join: %w", err)
	}
	return nil
}

// Close implements Endpoint.
func (e *unixEndpoint) Close() error { return e.conn.Close() }
