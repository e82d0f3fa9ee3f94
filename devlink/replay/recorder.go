package replay

import (
	"context"
	"slices"
	"sync"

	"github.com/p4dev/p4dev/devlink"
)

// A Recorder keeps what passes through the endpoints that it opens.
type Recorder struct {
	dial devlink.DialFunc

	mu        sync.Mutex // guards what follows
	rec       Recording
	endpoints int
}

// NewRecorder returns a Recorder over the endpoints that dial opens.
func NewRecorder(dial devlink.DialFunc) *Recorder { return &Recorder{dial: dial} }

// Dial is the devlink.DialFunc of a client whose exchanges are recorded.
func (r *Recorder) Dial(ctx context.Context) (devlink.Endpoint, error) {
	ep, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpoints++
	return &recorded{Endpoint: ep, r: r, number: r.endpoints}, nil
}

// Begin starts an exchange.
func (r *Recorder) Begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rec.Exchanges = append(r.rec.Exchanges, Exchange{Name: name})
}

// Recording returns what was recorded so far, and belongs to the caller.
func (r *Recorder) Recording() *Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Recording{Exchanges: slices.Clone(r.rec.Exchanges)}
}

func (r *Recorder) add(endpoint int, d Direction, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rec.Exchanges) == 0 {
		return
	}
	e := &r.rec.Exchanges[len(r.rec.Exchanges)-1]
	e.Steps = append(e.Steps, Step{endpoint, d, slices.Clone(data)})
}

// recorded is an endpoint whose datagrams are kept.
type recorded struct {
	devlink.Endpoint
	r      *Recorder
	number int
}

// Send implements devlink.Endpoint.
func (e *recorded) Send(datagram []byte) error {
	e.r.add(e.number, Request, datagram)
	return e.Endpoint.Send(datagram)
}

// Recv implements devlink.Endpoint.
func (e *recorded) Recv(ctx context.Context) ([]byte, error) {
	datagram, err := e.Endpoint.Recv(ctx)
	if err == nil {
		e.r.add(e.number, Reply, datagram)
	}
	return datagram, err
}
