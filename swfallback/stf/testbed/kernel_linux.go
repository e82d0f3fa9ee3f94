package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun/wires"
	"github.com/p4dev/p4dev/swfallback/stf"
)

func kernelAvailable(e Engine) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: it loads eBPF and makes network namespaces; run it as root", os.ErrPermission)
	}
	if err := wires.ProbeBPF(); err != nil || e == TestRuns {
		return err
	}
	return wires.ProbePorts()
}

var (
	_ stf.Target     = (*swfallback.Fallback)(nil)
	_ stf.Replicator = (*swfallback.Fallback)(nil)
	_ stf.Profiler   = (*swfallback.Fallback)(nil)
	_ stf.Registrar  = (*swfallback.Fallback)(nil)
	_ stf.Metered    = (*swfallback.Fallback)(nil)

	_ stf.ValueSetter   = (*swfallback.Fallback)(nil)
	_ stf.CounterWriter = (*swfallback.Fallback)(nil)
)

// openKernel attaches the program in a place of its own.
func openKernel(ctx context.Context, o *Outcome, source swfallback.Source, test *stf.Test) (_ stf.Engine, _ func() error, err error) {
	var ends cleanup
	defer func() {
		if err != nil {
			err = errors.Join(err, ends.run())
		}
	}()
	place, err := newPlace(&ends)
	if err != nil {
		return stf.Engine{}, nil, err
	}
	cfg := swfallback.Config{Name: "test", Source: source, Place: place, Options: bpfgen.Options{HostPort: hostPort}}
	o.Variant.set(&cfg)
	if cfg.Program, err = source.Program(); err != nil {
		return stf.Engine{}, nil, err
	}
	shrink(cfg.Program, test)
	attach := attachOnPorts
	if o.Engine == TestRuns {
		attach = attachInTestRuns
	}
	f, wire, err := attach(ctx, cfg, o, test, &ends)
	if err != nil {
		return stf.Engine{}, nil, err
	}
	if o.churn {
		wire = churning{wire, f}
	}
	wire = o.Variant.specialise(wire, f, &o.Specialised)
	got, stop := collectDigests(ctx, f)
	ends.add(func() error { stop(); return nil })
	return stf.Engine{Program: f.Program(), Target: f, Wire: withDigests{wire, got}}, ends.run, nil
}

// shrink makes tables as small as a test allows: making and freeing a million counters takes seconds.
func shrink(p *pipeline.Program, test *stf.Test) {
	const enough = 1024
	for _, t := range p.Tables {
		t.Size = min(t.Size, max(enough, len(t.Entries)+len(test.Statements)))
	}
}

// newPlace makes a place that nobody else knows.
func newPlace(ends *cleanup) (swfallback.Place, error) {
	bpf, err := wires.NewBPFFS()
	if err != nil {
		return swfallback.Place{}, err
	}
	ends.add(bpf.Close)
	run, err := os.MkdirTemp("", "p4dev-packets-")
	if err != nil {
		return swfallback.Place{}, err
	}
	ends.add(func() error { return os.RemoveAll(run) })
	return swfallback.Place{BPF: bpf.Root(), Run: run}, nil
}

// attachOnPorts attaches the program to a port for each that the test names.
func attachOnPorts(ctx context.Context, cfg swfallback.Config, o *Outcome, test *stf.Test, ends *cleanup) (*swfallback.Fallback, stf.Wire, error) {
	short := isShort(test)
	if o.Ports = "veth"; short || needsTap(test) {
		o.Ports = "tap"
	}
	l, err := newLAN(test.Ports(), o.Ports == "tap", ends)
	if err != nil {
		return nil, nil, err
	}
	if short {
		l.prefix = shortPrefix()
	}
	f, err := l.attach(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	ends.add(f.Close)
	return f, l, nil
}

// attachInTestRuns attaches the program to no port at all.
func attachInTestRuns(ctx context.Context, cfg swfallback.Config, _ *Outcome, test *stf.Test, ends *cleanup) (*swfallback.Fallback, stf.Wire, error) {
	cfg.Options.Verdict = true
	if isShort(test) {
		cfg.Options.Prefix = ethernetHeader
	}
	f, err := swfallback.Attach(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	ends.add(f.Close)
	return f, stf.Synchronous(testRun(ctx, f)), nil
}

// testRun gives packets to a program that no port has.
func testRun(ctx context.Context, f *swfallback.Fallback) func(uint32, []byte) ([]stf.Received, error) {
	return func(port uint32, packet []byte) ([]stf.Received, error) {
		v, err := f.Process(ctx, port, packet)
		switch {
		case err != nil:
			return nil, err
		case v.Fate == bpfgen.FateReplicated:
			return nil, ErrReplicates
		case v.Fate != bpfgen.FateForwarded && v.Fate != bpfgen.FateHost:
			return nil, nil
		}
		return []stf.Received{{Port: v.Port, Packet: v.Frame}}, nil
	}
}
