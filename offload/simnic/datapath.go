package simnic

import (
	"sync"
	"time"
)

// maxFrame is the longest frame that a port carries, in bytes.
const maxFrame = 1 << 16

// fromWire takes what a port's neighbour sends until the port is closed.
func (n *NIC) fromWire(p *port) {
	buf := make([]byte, maxFrame)
	for {
		size, err := p.wire.Read(buf)
		if err != nil {
			return
		}
		n.count.received.Add(1)
		n.packet(p, buf[:size])
	}
}

// fromHost puts what the host sends on the wire until the port is closed.
func (n *NIC) fromHost(p *port) {
	buf := make([]byte, maxFrame)
	for {
		size, err := p.host.Read(buf)
		if err != nil {
			return
		}
		n.count.fromHost.Add(1)
		n.send(p.wire, buf[:size])
	}
}

func (n *NIC) send(end *tap, frame []byte) {
	if _, err := end.Write(frame); err != nil {
		n.count.lost.Add(1)
	}
}

// packet takes a packet from the wire to its end.
func (n *NIC) packet(p *port, frame []byte) {
	v := n.decide(p.number, frame)
	if v.miss {
		n.count.misses[v.reason].Add(1)
		n.send(p.host, frame)
		return
	}
	n.count.hardware.Add(1)
	if len(v.out) == 0 {
		n.count.dropped.Add(1)
	}
	for _, o := range v.out {
		if o.Port < 1 || int(o.Port) > len(n.ports) {
			n.count.noPort.Add(1)
			continue
		}
		n.send(n.ports[o.Port-1].wire, o.Packet)
	}
}

func (n *NIC) decide(port uint32, frame []byte) verdict {
	n.mu.RLock()
	defer n.mu.RUnlock()
	switch {
	case n.handOver:
		return verdict{miss: true, reason: Asked}
	case n.loading:
		return verdict{miss: true, reason: Loading}
	case n.running == nil:
		return verdict{miss: true, reason: NoProgram}
	case !n.rate.take(time.Now()):
		return verdict{miss: true, reason: TooFast}
	}
	return n.running.engine.process(port, frame)
}

// bucket is a token bucket that holds a tenth of a second's packets, at least one.
type bucket struct {
	mu     sync.Mutex
	rate   float64 // packets per second; 0: no bound
	size   float64
	tokens float64
	last   time.Time
}

func newBucket(rate int) *bucket {
	size := max(float64(rate)/10, 1)
	return &bucket{rate: float64(rate), size: size, tokens: size}
}

func (b *bucket) take(now time.Time) bool {
	if b.rate == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
