package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// traffic sends packets into one wire and checks what comes out of another, byte for byte.
type traffic struct {
	in, out *wire

	mu   sync.Mutex
	want map[uint32]pending // by sequence number
	next uint32
	got  []Tally // by route; only Sent, Lost, Wrong
}

type pending struct {
	route int
	frame []byte
}

// settle is how long a packet may be under way at most.
const settle = 2 * time.Second

func newTraffic(in, out *wire) *traffic {
	return &traffic{in: in, out: out, want: make(map[uint32]pending), got: make([]Tally, len(routes))}
}

// send sends one packet along a route.
func (t *traffic) send(i int) error {
	t.mu.Lock()
	seq := t.next
	t.next++
	t.want[seq] = pending{i, routes[i].expect(seq)}
	t.got[i].Sent++
	t.mu.Unlock()
	return t.in.send(routes[i].flow(seq).frame())
}

// round sends n packets along every route, a short pause after each so that no queue overflows.
func (t *traffic) round(ctx context.Context, n int) error {
	for range n {
		for i := range routes {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.send(i); err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// receive checks frames at the far end until ctx ends.
func (t *traffic) receive(ctx context.Context) error {
	for ctx.Err() == nil {
		b, err := t.out.receive(50 * time.Millisecond)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		t.check(b)
	}
	return nil
}

func (t *traffic) check(b []byte) {
	seq, ok := seqOf(b)
	if !ok {
		return // not ours: the kernel's own neighbour discovery, say
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.want[seq]
	switch {
	case !ok && seq < t.next: // a second copy
		t.got[0].Wrong++
	case ok:
		delete(t.want, seq)
		if !bytes.Equal(b, p.frame) {
			t.got[p.route].Wrong++
		}
	}
}

// collect waits until everything has arrived or is overdue, and returns what became of the packets since the
// last call, by route.
func (t *traffic) collect(ctx context.Context) []Tally {
	deadline := time.Now().Add(settle)
	for time.Now().Before(deadline) && ctx.Err() == nil && t.underWay() > 0 {
		time.Sleep(2 * time.Millisecond)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.want {
		t.got[p.route].Lost++
	}
	clear(t.want)
	result := t.got
	t.got = make([]Tally, len(routes))
	return result
}

func (t *traffic) underWay() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.want)
}
