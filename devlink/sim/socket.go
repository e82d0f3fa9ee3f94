package sim

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// Socket is a netlink socket that is bound to a Kernel. Send and Recv may be called from different goroutines.
type Socket struct {
	k      *Kernel
	portID uint32
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	send    sync.Mutex // serialises requests, as the kernel's per-socket order does
	dumping sync.Mutex // held while a datagram of the dump is made

	mu      sync.Mutex // guards what follows
	joined  bool
	capAck  bool
	extAck  bool
	queue   [][]byte
	bytes   int
	overrun bool
	ready   chan struct{} // holds a token while there may be something to receive
	dump    *dump
}

// Dial opens a socket with the options NETLINK_EXT_ACK and NETLINK_CAP_ACK set.
func (k *Kernel) Dial() *Socket {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Socket{k: k, ctx: ctx, cancel: cancel, ready: make(chan struct{}, 1), extAck: true, capAck: true}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.nextPort++
	s.portID = k.nextPort
	k.sockets[s] = struct{}{}
	return s
}

// PortID returns the socket's port identifier, which replies to it carry.
func (s *Socket) PortID() uint32 { return s.portID }

// SetAck sets the socket options NETLINK_EXT_ACK, without which acknowledgements have no attributes, and
// NETLINK_CAP_ACK, without which those of failures repeat the whole request.
func (s *Socket) SetAck(extended, capped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.extAck, s.capAck = extended, capped
}

// Send carries out the requests in a datagram, in order, and returns when the last one is done. Requests that
// fail are answered, not reported here: the error is net.ErrClosed or nil.
func (s *Socket) Send(datagram []byte) error {
	s.send.Lock()
	defer s.send.Unlock()
	if s.ctx.Err() != nil {
		return fmt.Errorf("sim: send: %w", net.ErrClosed)
	}
	s.k.receive(s, append([]byte(nil), datagram...))
	return nil
}

// Recv returns the next reply or notification. The error wraps ENOBUFS, once, where notifications were lost,
// net.ErrClosed, or the context's error.
func (s *Socket) Recv(ctx context.Context) ([]byte, error) {
	for {
		d, err := s.take()
		if err != nil {
			return nil, fmt.Errorf("sim: receive: %w", err)
		}
		if d != nil {
			if s.dumps() {
				go s.continueDump() // the reader need not wait for a device that is busy
			}
			return d, nil
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, fmt.Errorf("sim: receive: %w", ctx.Err())
		case <-s.ctx.Done():
			return nil, fmt.Errorf("sim: receive: %w", net.ErrClosed)
		}
	}
}

// dumps reports whether a dump is under way.
func (s *Socket) dumps() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dump != nil
}

// take removes the first datagram from the queue; nil and nil where there is none.
func (s *Socket) take() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	if s.overrun {
		s.overrun = false
		s.wake()
		return nil, syscall.ENOBUFS
	}
	if len(s.queue) == 0 {
		return nil, nil
	}
	d := s.queue[0]
	s.queue = s.queue[1:]
	s.bytes -= len(d)
	if len(s.queue) > 0 {
		s.wake()
	}
	return d, nil
}

// wake lets one receiver look again. The caller holds s.mu.
func (s *Socket) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Join subscribes to a multicast group. The error wraps ENOENT where there is no such group.
func (s *Socket) Join(group uint32) error {
	if group != s.k.opts.Group {
		return fmt.Errorf("sim: join group %d: %w", group, syscall.ENOENT)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined = true
	return nil
}

// Close releases the socket and ends what waits on it.
func (s *Socket) Close() error {
	s.cancel()
	s.k.mu.Lock()
	defer s.k.mu.Unlock()
	delete(s.k.sockets, s)
	return nil
}

// reply queues a datagram for this socket alone. It always fits: the kernel makes the sender wait instead.
func (s *Socket) reply(d []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, d)
	s.bytes += len(d)
	s.wake()
}

// listens reports whether the socket has joined.
func (s *Socket) listens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joined
}

// notify queues a notification where the socket has joined and has room; else it is lost.
func (s *Socket) notify(d []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.joined {
		return
	}
	if s.bytes+len(d) > s.k.opts.Buffer {
		s.overrun = true
	} else {
		s.queue = append(s.queue, d)
		s.bytes += len(d)
	}
	s.wake()
}

// fail makes the next receive report a lost message.
func (s *Socket) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrun = true
	s.wake()
}
