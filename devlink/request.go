package devlink

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
)

// A replyMode says how the end of a reply is recognised.
type replyMode int

const (
	// replyAcked is for commands that do or get one thing: at most a few messages, then an acknowledgement.
	replyAcked replyMode = iota
	// replyMulti is for commands that answer in several messages without being dumps (dpipe, resources, diagnosis):
	// the end is NLMSG_DONE. No acknowledgement is asked for, because it would follow that end.
	replyMulti
	// replyDump is for NLM_F_DUMP, which ends in NLMSG_DONE with an error number.
	replyDump
)

// A request is one netlink request and how to read its reply.
type request struct {
	op      string // what is asked, for errors
	device  Handle // the first two attributes; zero: none
	cmd     Command
	family  family // zero: devlink
	version uint8
	mode    replyMode
	filter  bool // skip messages about other devices: kernels before 6.6 ignore the handle in a dump
	attrs   func(*netlink.AttributeEncoder)
}

// encode returns the request's attributes.
func (r *request) encode() ([]byte, error) {
	ae := netlink.NewAttributeEncoder()
	if !r.device.IsZero() {
		ae.String(attrBusName, r.device.Bus)
		ae.String(attrDevName, r.device.Dev)
	}
	if r.attrs != nil {
		r.attrs(ae)
	}
	b, err := ae.Encode()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}

// flags returns the netlink flags that the mode needs.
func (r *request) flags() netlink.HeaderFlags {
	switch r.mode {
	case replyMulti:
		return netlink.Request
	case replyDump:
		return netlink.Request | netlink.Dump
	}
	return netlink.Request | netlink.Acknowledge
}

// errStop is returned by a reply's reader that has seen enough.
var errStop = errors.New("stop reading")

// do sends the request and calls each for every reply message, in order, with the attributes, which are good until each
// returns. Errors carry no prefix: an *OpError where the kernel refused, ErrInterrupted for a dump that changed on the
// way, each's own error, and what the endpoint or the decoder reported. After the first two the wire can be used again.
func (w *wire) do(ctx context.Context, req *request, each func(cmd Command, attrs []byte) error) error {
	attrs, err := req.encode()
	if err != nil {
		return err
	}
	if err := w.send(ctx, req, attrs); err != nil {
		return err
	}
	r := replyReader{req: req, seq: w.seq, each: each}
	err = w.receive(ctx, func(datagram []byte) (bool, error) {
		err := r.read(datagram)
		return r.ended, err
	})
	if err != nil {
		return err
	}
	if r.interrupted {
		return ErrInterrupted
	}
	return nil
}

// A replyReader takes the messages of one reply apart.
type replyReader struct {
	req         *request
	seq         uint32
	each        func(cmd Command, attrs []byte) error
	interrupted bool // NLM_F_DUMP_INTR was seen
	ended       bool
}

// read takes one datagram. Messages after the end of the reply are refused.
func (r *replyReader) read(datagram []byte) error {
	for len(datagram) > 0 {
		m, rest, err := splitMessage(datagram)
		if err != nil {
			return err
		}
		datagram = rest
		if m.Header.Type == netlink.Overrun {
			return ErrLost // it belongs to no request
		}
		if m.Header.Sequence != r.seq {
			return fmt.Errorf("%w: reply has sequence number %d, not %d", ErrMalformed, m.Header.Sequence, r.seq)
		}
		if r.ended {
			return fmt.Errorf("%w: message of type %v after the end of the reply", ErrMalformed, m.Header.Type)
		}
		if err := r.message(m); err != nil {
			return err
		}
	}
	return nil
}

// message takes one message.
func (r *replyReader) message(m netlink.Message) error {
	if m.Header.Flags&netlink.DumpInterrupted != 0 && m.Header.Type != netlink.Error {
		r.interrupted = true
	}
	switch m.Header.Type {
	case netlink.Noop:
		return nil
	case netlink.Error, netlink.Done:
		return r.end(m)
	case netlink.HeaderType(r.req.family.id):
		return r.content(m)
	}
	return fmt.Errorf("%w: message of type %d in a reply", ErrMalformed, m.Header.Type)
}

// content hands one generic netlink message to the reader.
func (r *replyReader) content(m netlink.Message) error {
	cmd, attrs, err := splitGeneric(m.Data)
	if err != nil {
		return err
	}
	if r.req.filter && !r.req.device.IsZero() && !isAbout(attrs, r.req.device) {
		return nil
	}
	return r.each(cmd, attrs)
}

// end takes an error message or the end of a multipart reply. An error number of either kind ends the reply.
func (r *replyReader) end(m netlink.Message) error {
	a, err := decodeAck(m)
	if err != nil {
		return err
	}
	if a.errno != 0 {
		return &OpError{Op: r.req.op, Device: r.req.device, Errno: a.errno, Message: a.message, Offset: a.offset}
	}
	done := m.Header.Type == netlink.Done
	if !done && r.req.mode != replyAcked {
		return fmt.Errorf("%w: acknowledgement inside a multipart reply", ErrMalformed)
	}
	r.ended = !done || r.req.mode != replyAcked
	return nil
}

// dumpTries is how often a dump is started before it counts as interrupted for good.
const dumpTries = 5

// exec runs a request on a pooled endpoint. Errors are ready for the caller of an exported method.
func (c *Client) exec(ctx context.Context, req *request, each func(cmd Command, attrs []byte) error) error {
	w, err := c.acquire(ctx)
	if err != nil {
		return wrap(req, err)
	}
	return c.execOn(ctx, w, req, each)
}

// execOn runs a request on w and then keeps or drops it.
func (c *Client) execOn(ctx context.Context, w *wire, req *request, each func(cmd Command, attrs []byte) error) error {
	if req.family.id == 0 {
		req.family, req.version = *c.known(), familyVersion
	}
	err := w.do(ctx, req, each)
	var op *OpError
	if err == nil || errors.As(err, &op) || errors.Is(err, ErrInterrupted) {
		c.release(w)
	} else {
		c.drop(w)
		if c.isClosed() {
			err = ErrClosed
		}
	}
	if err == nil || errors.Is(err, errStop) {
		return nil
	}
	return wrap(req, err)
}

// retry runs a request that collects, again when the kernel says that its answer changed on the way (an interrupted
// dump, or EAGAIN of a health dump that was replaced). reset empties what was collected.
func (c *Client) retry(ctx context.Context, req *request, reset func(), each func(cmd Command, attrs []byte) error) error {
	var err error
	for range dumpTries {
		reset()
		err = c.exec(ctx, req, each)
		var op *OpError
		again := errors.Is(err, ErrInterrupted) || errors.As(err, &op) && op.Errno == errnoEAGAIN
		if !again {
			return err
		}
	}
	return err
}

// collect runs a request and decodes every message of the reply. The result is nil where the reply is empty.
func collect[T any](ctx context.Context, c *Client, req *request, decode func(attrs []byte) (T, error)) ([]T, error) {
	var out []T
	err := c.retry(ctx, req, func() { out = nil }, func(_ Command, attrs []byte) error {
		v, err := decode(attrs)
		if err == nil {
			if len(out) == cap(out) {
				out = slices.Grow(out, len(out)+1) // append grows long lists in small steps, with much copying
			}
			out = append(out, v)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// single runs a request that is answered by exactly one message.
func single[T any](ctx context.Context, c *Client, req *request, decode func(attrs []byte) (T, error)) (T, error) {
	var zero T
	out, err := collect(ctx, c, req, decode)
	if err != nil {
		return zero, err
	}
	if len(out) != 1 {
		return zero, wrap(req, fmt.Errorf("%w: %d reply messages where one is due", ErrMalformed, len(out)))
	}
	return out[0], nil
}

// command runs a request that is only acknowledged.
func (c *Client) command(ctx context.Context, req *request) error {
	return c.exec(ctx, req, func(Command, []byte) error { return nil })
}
