package testbed

import (
	"context"
	"errors"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// openKernel makes places and ports for a program, and loads it once: what cannot be compiled or loaded shows there.
func (r *Rivals) openKernel(ctx context.Context, source swfallback.Source, engine Engine, ports []uint32) error {
	place, err := newPlace(&r.ends)
	if err != nil {
		return err
	}
	config := swfallback.Config{Name: "test", Source: source, Program: r.program, Place: place,
		Options: bpfgen.Options{HostPort: hostPort}}
	attach := swfallback.Attach
	wireOf := func(f *swfallback.Fallback) stf.Wire { return stf.Synchronous(testRun(ctx, f)) }
	if engine == Kernel {
		l, err := newLAN(ports, true, &r.ends)
		if err != nil {
			return err
		}
		l.settle, l.prefix = huntSettle, shortPrefix()
		r.ports = append([]uint32{hostPort}, l.numbers...)
		attach, wireOf = l.attach, func(*swfallback.Fallback) stf.Wire { return l }
	} else {
		config.Options.Verdict, config.Options.Prefix = true, ethernetHeader
	}
	r.open = func(ctx context.Context, variant Variant) (*side, func() error, error) {
		config := config
		variant.set(&config)
		f, err := attach(ctx, config)
		if err != nil {
			return nil, nil, err
		}
		digests, stop := collectDigests(ctx, f)
		e := stf.Engine{Program: f.Program(), Target: f, Wire: withDigests{variant.specialise(wireOf(f), f, new(int)), digests}}
		return newSide(e), func() error {
			stop()
			return f.Detach()
		}, nil
	}
	_, end, err := r.open(ctx, Variant{})
	if err != nil {
		return err
	}
	return end()
}

// huntSettle is how long a packet is waited for: not as long as in a test, because a difference is looked at twice.
const huntSettle = 500 * time.Microsecond

// collectDigests reads digests until stop is called.
func collectDigests(ctx context.Context, f *swfallback.Fallback) (d *digests, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	d = &digests{done: make(chan struct{})}
	go func() {
		defer close(d.done)
		err := f.Digests(ctx, func(of *pipeline.Digest, values [][]byte) error {
			d.add(of, values)
			return nil
		})
		if !errors.Is(err, errors.ErrUnsupported) && ctx.Err() == nil { // a program without digests sends none
			d.err = err
		}
	}()
	return d, func() {
		cancel()
		<-d.done
	}
}
