package replay

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/p4dev/p4dev/devlink"
)

// Offsets in struct nlmsghdr, and its size.
const (
	offsetSeq   = 8
	offsetPort  = 12
	headerBytes = 16
)

// eachMessage calls f for every netlink message of a datagram, headers included.
func eachMessage(datagram []byte, f func(message []byte)) {
	for len(datagram) >= headerBytes {
		n := int(binary.NativeEndian.Uint32(datagram))
		if n < headerBytes || n > len(datagram) {
			return
		}
		f(datagram[:n])
		datagram = datagram[min((n+3)&^3, len(datagram)):]
	}
}

// neutral returns a datagram without sequence and port numbers.
func neutral(datagram []byte) []byte {
	out := slices.Clone(datagram)
	eachMessage(out, func(m []byte) {
		clear(m[offsetSeq:headerBytes])
	})
	return out
}

// withSequence returns a datagram whose messages have a sequence number.
func withSequence(datagram []byte, seq uint32) []byte {
	out := slices.Clone(datagram)
	eachMessage(out, func(m []byte) {
		binary.NativeEndian.PutUint32(m[offsetSeq:], seq)
	})
	return out
}

// A Player answers a client with what was recorded. A request that was not recorded in the exchange that is played is
// an error of Send.
type Player struct {
	rec *Recording

	mu     sync.Mutex // guards what follows
	steps  []Step     // of the exchange
	used   []bool
	joined []*played
}

// NewPlayer returns a Player that plays the first exchange.
func NewPlayer(rec *Recording) *Player {
	p := &Player{rec: rec}
	if len(rec.Exchanges) > 0 {
		p.set(&rec.Exchanges[0])
	}
	return p
}

func (p *Player) set(e *Exchange) { p.steps, p.used = e.Steps, make([]bool, len(e.Steps)) }

// Play goes over to the exchange of that name.
func (p *Player) Play(name string) error {
	e := p.rec.Find(name)
	if e == nil {
		return fmt.Errorf("replay: play %s: no such exchange", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set(e)
	return nil
}

// Dial is the devlink.DialFunc of a client that is played to.
func (p *Player) Dial(context.Context) (devlink.Endpoint, error) {
	return &played{p: p, ready: make(chan struct{}, 1), closed: make(chan struct{})}, nil
}

// request finds the recorded request and hands out what followed it: replies to who asked, the rest to who joined.
func (p *Player) request(from *played, datagram []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := neutral(datagram)
	for i, s := range p.steps {
		if s.Direction != Request || p.used[i] || !bytes.Equal(neutral(s.Data), want) {
			continue
		}
		p.used[i] = true
		seq := binary.NativeEndian.Uint32(datagram[offsetSeq:])
		for _, r := range p.steps[i+1:] {
			switch {
			case r.Direction == Request:
				return nil
			case r.Endpoint == s.Endpoint:
				from.put(withSequence(r.Data, seq))
			default:
				for _, e := range p.joined {
					e.put(r.Data)
				}
			}
		}
		return nil
	}
	return fmt.Errorf("replay: request is not recorded:\n%s", devlink.FormatDatagram("->", datagram))
}

// played is an endpoint of a Player.
type played struct {
	p      *Player
	once   sync.Once
	closed chan struct{}
	ready  chan struct{} // holds a token while there may be something to receive

	mu    sync.Mutex // guards queue
	queue [][]byte
}

func (e *played) put(datagram []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = append(e.queue, slices.Clone(datagram))
	e.wake()
}

func (e *played) wake() {
	select {
	case e.ready <- struct{}{}:
	default:
	}
}

// Send implements devlink.Endpoint.
func (e *played) Send(datagram []byte) error { return e.p.request(e, datagram) }

// Recv implements devlink.Endpoint.
func (e *played) Recv(ctx context.Context) ([]byte, error) {
	for {
		e.mu.Lock()
		if len(e.queue) > 0 {
			d := e.queue[0]
			e.queue = e.queue[1:]
			if len(e.queue) > 0 {
				e.wake()
			}
			e.mu.Unlock()
			return d, nil
		}
		e.mu.Unlock()
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-e.closed:
			return nil, io.EOF
		}
	}
}

// Join implements devlink.Endpoint.
func (e *played) Join(uint32) error {
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.p.joined = append(e.p.joined, e)
	return nil
}

// Close implements devlink.Endpoint.
func (e *played) Close() error {
	e.once.Do(func() { close(e.closed) })
	e.p.mu.Lock()
	defer e.p.mu.Unlock()
	e.p.joined = slices.DeleteFunc(e.p.joined, func(j *played) bool { return j == e })
	return nil
}
