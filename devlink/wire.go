package devlink

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/mdlayher/netlink"
)

// A wire is an endpoint with its sequence numbers. One goroutine at a time uses it; close may come from any.
type wire struct {
	ep    Endpoint
	trace *tracer
	seq   uint32 // of the last request

	sending atomic.Bool // a Send is under way
	once    sync.Once   // of close
	closed  chan struct{}
}

// newWire takes over an endpoint.
func newWire(ep Endpoint, trace *tracer) *wire {
	return &wire{ep: ep, trace: trace, closed: make(chan struct{})}
}

// send wraps attributes into headers and hands them over. The kernel carries a request out within the system call that
// sends it, which for a flash update means minutes: the call stands in a goroutine of its own so that the context, or
// close, ends the wait. The wire has to be closed then.
func (w *wire) send(ctx context.Context, req *request, attrs []byte) error {
	w.seq++
	data := make([]byte, genlHeaderLen, genlHeaderLen+len(attrs))
	data[0], data[1] = byte(req.cmd), req.version
	data = append(data, attrs...)
	datagram, err := netlink.Message{
		Header: netlink.Header{
			Length:   uint32(nlmsgHeaderLen + len(data)),
			Type:     netlink.HeaderType(req.family.id),
			Flags:    req.flags(),
			Sequence: w.seq,
		},
		Data: data,
	}.MarshalBinary()
	if err != nil {
		return err
	}
	w.trace.datagram("->", datagram)
	sent := make(chan error, 1)
	w.sending.Store(true)
	go func() {
		err := w.ep.Send(datagram)
		w.sending.Store(false)
		sent <- err
	}()
	select {
	case err := <-sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closed:
		return net.ErrClosed
	}
}

// recv waits for one datagram.
func (w *wire) recv(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	datagram, err := w.ep.Recv(ctx)
	if err == nil {
		w.trace.datagram("<-", datagram)
	}
	return datagram, err
}

// receive calls each with one datagram after the other, which the next one may overwrite, until each is done or fails.
func (w *wire) receive(ctx context.Context, each func(datagram []byte) (done bool, err error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	read := func(next func() ([]byte, error)) error {
		for {
			datagram, err := next()
			if err != nil {
				return err
			}
			if done, err := each(datagram); done || err != nil {
				return err
			}
		}
	}
	l, ok := w.ep.(lender)
	if !ok {
		return read(func() ([]byte, error) { return w.recv(ctx) })
	}
	return l.lend(ctx, func(next func() ([]byte, error)) error {
		return read(func() ([]byte, error) {
			datagram, err := next()
			if err == nil {
				w.trace.datagram("<-", datagram)
			}
			return datagram, err
		})
	})
}

// join subscribes to the family's notifications.
func (w *wire) join(group uint32) error { return w.ep.Join(group) }

// close closes the endpoint, once. A socket cannot be closed before the system call on it has returned, so that with a
// Send under way the endpoint closes in the background.
func (w *wire) close() (err error) {
	w.once.Do(func() {
		close(w.closed)
		if w.sending.Load() {
			go w.ep.Close()
			return
		}
		err = w.ep.Close()
	})
	return err
}
