package testbed

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// kernelSide loads a program again and again.
type kernelSide struct {
	config swfallback.Config
	wire   *lan // nil: test runs
	lan    bool
	opened int
	ends   cleanup
}

// lanWire is the wire of a side with ports.
type lanWire = lan

// known lists the ports, the host's among them.
func (l *lan) known() []uint32 { return append([]uint32{hostPort}, l.numbers...) }

func newKernelSide(ctx context.Context, source swfallback.Source, p *pipeline.Program, engine Engine, ports []uint32) (_ *kernelSide, err error) {
	k := &kernelSide{lan: engine == Kernel}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	place, err := newPlace(&k.ends)
	if err != nil {
		return nil, err
	}
	k.config = swfallback.Config{Name: "test", Source: source, Program: p, Place: place,
		Options: bpfgen.Options{HostPort: hostPort, Verdict: !k.lan}}
	if k.lan {
		if k.wire, err = newLAN(ports, true, &k.ends); err != nil {
			return nil, err
		}
	}
	_, end, err := k.open(ctx) // what cannot be compiled or loaded shows here
	if err != nil {
		return nil, err
	}
	return k, end()
}

func (k *kernelSide) close() error { return k.ends.run() }

// open loads the program. In test runs every other time the packet lies behind an Ethernet header's length, so that
// shorter packets can be run.
func (k *kernelSide) open(ctx context.Context) (*side, func() error, error) {
	cfg, attach := k.config, swfallback.Attach
	if k.lan {
		attach = k.wire.attach
	} else {
		cfg.Options.Prefix = ethernetHeader
	}
	f, err := attach(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	digests, stop := collectDigests(ctx, f)
	e := stf.Engine{Program: f.Program(), Target: f, Wire: k.wire}
	if !k.lan {
		e.Wire = stf.Synchronous(testRun(ctx, f))
	}
	return newSide(e, digests), func() error {
		stop()
		return f.Detach()
	}, nil
}

// collectDigests reads digests until stop is called. What it returns waits a little for as many as are wanted.
func collectDigests(ctx context.Context, f *swfallback.Fallback) (read func(want int) []digest, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var got []digest
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Digests(ctx, func(d *pipeline.Digest, values [][]byte) error { // it ends with ctx, or there are none
			mu.Lock()
			defer mu.Unlock()
			got = append(got, digestText(d, values))
			return nil
		})
	}()
	read = func(want int) []digest {
		for range 200 {
			mu.Lock()
			n := len(got)
			mu.Unlock()
			if n >= want {
				break
			}
			select {
			case <-done:
				return got
			case <-time.After(time.Millisecond):
			}
		}
		mu.Lock()
		defer mu.Unlock()
		return got
	}
	return read, func() {
		cancel()
		<-done
	}
}
