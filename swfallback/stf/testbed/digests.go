package testbed

import (
	"context"
	"sync"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// withDigests is a Wire that also carries digests.
type withDigests struct {
	stf.Wire
	digests *digests
}

var _ stf.Digester = withDigests{}

// Digests implements stf.Digester.
func (w withDigests) Digests(ctx context.Context, want int) ([]stf.Digest, error) {
	return w.digests.wait(ctx, want)
}

// digests are those that an engine has sent.
type digests struct {
	mu   sync.Mutex
	got  []stf.Digest
	done chan struct{} // closed when no more can come; nil: they come at once
	err  error         // why
}

func (d *digests) add(of *pipeline.Digest, values [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, stf.Digest{Digest: of, Values: values})
}

// patience is how long digests are waited for.
const patience = 300 * time.Millisecond

// wait returns the digests so far, when there are as many as are wanted, or none has come for long.
func (d *digests) wait(ctx context.Context, want int) ([]stf.Digest, error) {
	for start := time.Now(); d.done != nil && time.Since(start) < patience; {
		d.mu.Lock()
		n := len(d.got)
		d.mu.Unlock()
		if n >= want {
			break
		}
		select {
		case <-d.done:
			return d.got, d.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.got[:len(d.got):len(d.got)], nil
}
