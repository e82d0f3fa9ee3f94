package devlink

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
)

// maxIdle is how many endpoints a Client keeps for later requests.
const maxIdle = 4

// A Client speaks devlink through endpoints that it opens as it needs them. It is safe for concurrent use.
type Client struct {
	dial  DialFunc
	trace *tracer // nil: no tracing

	// mu guards what follows. It is held for moments only, never while an endpoint is waited for.
	mu     sync.Mutex
	family *family // nil until the first request
	idle   []*wire
	open   map[*wire]struct{} // every wire, idle or busy
	closed bool
}

// An Option changes how a Client works.
type Option func(*Client)

// WithTrace makes the client print every datagram, decoded, to w: commands and attributes by name, nested ones indented.
// Writes are serialised; errors of w are ignored.
func WithTrace(w io.Writer) Option {
	return func(c *Client) { c.trace = &tracer{w: w} }
}

// New returns a Client over the endpoints that dial opens. It opens none itself: an absent peer, and ErrNoDevlink, are
// reported by the first call that needs them.
func New(dial DialFunc, options ...Option) *Client {
	c := &Client{dial: dial, open: make(map[*wire]struct{})}
	for _, o := range options {
		o(c)
	}
	return c
}

// Close closes every endpoint, which ends calls under way with ErrClosed. Closing twice is harmless.
func (c *Client) Close() error {
	c.mu.Lock()
	wires := make([]*wire, 0, len(c.open))
	for w := range c.open {
		wires = append(wires, w)
	}
	c.closed, c.idle, c.open = true, nil, make(map[*wire]struct{})
	c.mu.Unlock()
	var errs []error
	for _, w := range wires {
		errs = append(errs, w.close())
	}
	return errors.Join(errs...)
}

// connect opens one more endpoint, not yet used by anyone, and makes sure that the family is known.
func (c *Client) connect(ctx context.Context) (*wire, error) {
	if c.isClosed() {
		return nil, ErrClosed
	}
	ep, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	w := newWire(ep, c.trace)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		w.close()
		return nil, ErrClosed
	}
	c.open[w] = struct{}{}
	known := c.family != nil
	c.mu.Unlock()
	if known {
		return w, nil
	}
	f, err := resolveFamily(ctx, w)
	if err != nil {
		c.drop(w)
		return nil, err
	}
	c.mu.Lock()
	c.family = f
	c.mu.Unlock()
	return w, nil
}

// acquire returns an idle endpoint or a new one.
func (c *Client) acquire(ctx context.Context) (*wire, error) {
	c.mu.Lock()
	if n := len(c.idle); n > 0 {
		w := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		return w, nil
	}
	c.mu.Unlock()
	return c.connect(ctx)
}

// release keeps w for later requests. Its last reply must have been read to the end.
func (c *Client) release(w *wire) {
	c.mu.Lock()
	keep := !c.closed && len(c.idle) < maxIdle
	if keep {
		c.idle = append(c.idle, w)
	}
	c.mu.Unlock()
	if !keep {
		c.drop(w)
	}
}

// drop closes w, whose reader may have stopped in the middle of a reply.
func (c *Client) drop(w *wire) {
	c.mu.Lock()
	delete(c.open, w)
	c.idle = slices.DeleteFunc(c.idle, func(i *wire) bool { return i == w })
	c.mu.Unlock()
	w.close()
}

// known returns the family, which every connected wire has made known.
func (c *Client) known() *family {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.family
}

// isClosed reports whether Close was called.
func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}
