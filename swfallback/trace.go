package swfallback

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// TraceStep is a step of a program that was attached with Options.Trace.
type TraceStep struct {
	*bpfgen.TraceStep
	// Entries, of bpfgen.TraceHit, are those that it may have been: one in tables that count or watch hits, else those of
	// the table; none where it has gone meanwhile.
	Entries []*pipeline.Entry
}

// TraceSteps returns the steps that packets have made since the last call, in order. The kernel drops those that do
// not fit into its buffer. errors.ErrUnsupported: attached without Options.Trace.
func (f *Fallback) TraceSteps() ([]TraceStep, error) {
	leave, err := f.enter()
	if err != nil {
		return nil, fmt.Errorf("swfallback: read trace: %w", err)
	}
	defer leave()
	steps, err := f.gen.traceSteps()
	if err != nil {
		return nil, fmt.Errorf("swfallback: read trace: %w", err)
	}
	return steps, nil
}

func (g *generation) traceSteps() ([]TraceStep, error) {
	if g.object.Trace == "" {
		return nil, fmt.Errorf("attached without Options.Trace: %w", errors.ErrUnsupported)
	}
	m, err := g.dp.Map(g.object.Trace)
	if err != nil {
		return nil, err
	}
	reader, err := ringbuf.NewReader(m)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	reader.SetDeadline(time.Now().Add(-time.Second)) // what is there is read all the same
	var out []TraceStep
	for {
		record, err := reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		s, err := g.object.DecodeTrace(record.RawSample)
		if err != nil {
			return nil, err
		}
		step := TraceStep{TraceStep: s}
		if t, ok := s.Node.(*pipeline.Table); ok && s.Kind == bpfgen.TraceHit {
			if step.Entries, err = g.entriesAt(t, s.A); err != nil {
				return nil, err
			}
		}
		out = append(out, step)
	}
}

// entriesAt finds the entries of a slot.
func (g *generation) entriesAt(t *pipeline.Table, slot uint32) ([]*pipeline.Entry, error) {
	s, err := g.table(t)
	if err != nil || s == nil {
		return nil, err
	}
	list, slots, err := s.entries()
	if err != nil {
		return nil, err
	}
	var out []*pipeline.Entry
	for i, at := range slots {
		if at == slot {
			out = append(out, list[i])
		}
	}
	return out, nil
}
