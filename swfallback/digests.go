package swfallback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// digestPoll is how long Digests waits for a digest before it looks whether it is to stop.
const digestPoll = 100 * time.Millisecond

// Digests calls handle for every digest that packets send, with the values of its elements, big-endian,
// (Width+7)/8 bytes each, until the context ends, the target is closed or replaced, or handle returns an error. It
// holds no lock: other methods may be called meanwhile, from handle too. Only one caller in all processes should
// read digests of a target, a digest goes to one of them. Digests that came before are read first; the kernel drops
// what does not fit into its buffer. errors.ErrUnsupported: the program sends none.
func (f *Fallback) Digests(ctx context.Context, handle func(*pipeline.Digest, [][]byte) error) error {
	g, reader, err := f.digestReader(ctx)
	if err != nil {
		return fmt.Errorf("swfallback: read digests: %w", err)
	}
	defer reader.Close()
	for {
		if err := f.stillRuns(ctx, g); err != nil {
			return fmt.Errorf("swfallback: read digests: %w", err)
		}
		reader.SetDeadline(time.Now().Add(digestPoll))
		record, err := reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return fmt.Errorf("swfallback: read digests: %w", err)
		}
		digest, values, err := g.object.DecodeDigest(record.RawSample)
		if err == nil {
			err = handle(digest, values)
		}
		if err != nil {
			return fmt.Errorf("swfallback: read digests: %w", err)
		}
	}
}

// digestReader opens the ring buffer. The reader has its own reference to it.
func (f *Fallback) digestReader(ctx context.Context) (*generation, *ringbuf.Reader, error) {
	leave, err := f.enterContext(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	name := f.gen.object.Digests
	if name == "" {
		return nil, nil, fmt.Errorf("the program sends none: %w", errors.ErrUnsupported)
	}
	m, err := f.gen.dp.Map(name)
	if err != nil {
		return nil, nil, err
	}
	reader, err := ringbuf.NewReader(m)
	return f.gen, reader, err
}

// stillRuns reports why digests of a pipeline end.
func (f *Fallback) stillRuns(ctx context.Context, g *generation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return ErrClosed
	case f.gen != g:
		return ErrStale
	}
	gone, err := g.retired()
	if err == nil && gone {
		err = ErrStale
	}
	return err
}
