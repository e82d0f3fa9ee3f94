package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// maxServed is the longest datagram that Serve carries, in bytes.
const maxServed = 1 << 20

// controlMark begins a datagram that is for Serve and not for the kernel: no netlink message is that long.
const controlMark = 0xffffffff

// controlJoin is the operation that joins a group.
const controlJoin = 1

// Serve gives every connection to a Unix socket of type SOCK_SEQPACKET a Socket of its own. A datagram is a
// netlink datagram of at most 1 MiB, in either direction, except one that begins with the u32 0xffffffff: it
// is followed by a u32 operation, 1 for joining a multicast group, and a u32 group, all in host order. A
// connection that breaks these rules is closed, and so are all when the context ends, which Serve then returns
// nil for. It closes the listener.
func (k *Kernel) Serve(ctx context.Context, l *net.UnixListener) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("sim: serve: %w", err)
		}
		if err != nil {
			return fmt.Errorf("sim: serve: accept: %w", err)
		}
		wg.Go(func() { k.serveConn(ctx, conn) })
	}
}

// serveConn copies between a connection and a socket until either ends.
func (k *Kernel) serveConn(ctx context.Context, conn *net.UnixConn) {
	s := k.Dial()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		s.copyOut(ctx, conn)
	})
	wg.Go(func() {
		defer cancel()
		s.copyIn(conn)
	})
	<-ctx.Done()
	_ = conn.Close()
	_ = s.Close()
	wg.Wait()
}

// copyOut sends replies and notifications. Lost ones (ENOBUFS) show as an NLMSG_OVERRUN message.
func (s *Socket) copyOut(ctx context.Context, conn *net.UnixConn) {
	for {
		d, err := s.Recv(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed):
			d = overrun()
		case err != nil:
			return
		}
		if len(d) == 0 {
			continue // nothing can be told of a datagram without bytes
		}
		if _, err := conn.Write(d); err != nil {
			return
		}
	}
}

// overrun is a datagram with the message that netlink has for lost data.
func overrun() []byte {
	b := newSkb()
	b.message(header{typ: nlmsgOverrun}, func() {})
	return b.buf
}

// copyIn carries out requests and control datagrams.
func (s *Socket) copyIn(conn *net.UnixConn) {
	buf := make([]byte, maxServed+1)
	for {
		n, err := conn.Read(buf)
		if err != nil || n == 0 || n > maxServed {
			return
		}
		d := buf[:n]
		if n >= 4 && host.Uint32(d) == controlMark {
			err = s.controlDatagram(d[4:])
		} else {
			err = s.Send(d)
		}
		if err != nil {
			return
		}
	}
}

func (s *Socket) controlDatagram(d []byte) error {
	if len(d) != 8 || host.Uint32(d) != controlJoin {
		return errors.New("unknown control datagram")
	}
	return s.Join(host.Uint32(d[4:]))
}
