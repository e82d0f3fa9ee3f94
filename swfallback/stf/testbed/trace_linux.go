package testbed

import (
	"context"
	"errors"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/interp/tracetext"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// TraceKernel sends a packet into a port of a program in the kernel, in general form, and records what becomes of it.
// The tests are played first: their configuration alone. Ports are taps in a namespace, made for those that the packet
// goes to.
func TraceKernel(ctx context.Context, source swfallback.Source, tests []*stf.Test, port uint32, packet []byte) (*tracetext.Trace, error) {
	ports := []uint32{port}
	for {
		t, to, err := traceKernel(ctx, source, tests, ports, packet)
		if err != nil {
			return nil, err
		}
		n := len(ports)
		for _, p := range to {
			if !slices.Contains(ports, p) && p != hostPort {
				ports = append(ports, p)
			}
		}
		if len(ports) == n {
			return t, nil
		}
	}
}

// traceKernel is TraceKernel with some ports; it returns those that the packet went to.
func traceKernel(ctx context.Context, source swfallback.Source, tests []*stf.Test, ports []uint32, packet []byte) (_ *tracetext.Trace, to []uint32, err error) {
	var ends cleanup
	defer func() { err = errors.Join(err, ends.run()) }()
	place, err := newPlace(&ends)
	if err != nil {
		return nil, nil, err
	}
	l, err := newLAN(ports, true, &ends)
	if err != nil {
		return nil, nil, err
	}
	l.prefix = shortPrefix()
	f, err := l.attach(ctx, swfallback.Config{Name: "trace", Source: source, Place: place,
		Options: bpfgen.Options{HostPort: hostPort, Trace: true}})
	if err != nil {
		return nil, nil, err
	}
	ends.add(f.Close)
	e := stf.Engine{Program: f.Program(), Target: f, Wire: l}
	for _, t := range tests {
		if _, err := stf.Run(ctx, t.Configuration(), e); err != nil {
			return nil, nil, err
		}
	}
	if err := l.Send(ctx, ports[0], packet); err != nil {
		return nil, nil, err
	}
	out, err := l.Collect(ctx)
	if err != nil {
		return nil, nil, err
	}
	steps, err := f.TraceSteps()
	if err != nil {
		return nil, nil, err
	}
	t := tracetext.New(f.Program().Name, ports[0], packet)
	k := &kernelTrace{program: f.Program(), isSet: defaultsSet(f), deflt: f.Default, emit: func(e interp.Event) {
		t.Add(e)
		if o, ok := e.(interp.Outcome); ok && o.Kind == interp.Sent {
			to = append(to, o.Port)
			out = takeOutput(t, out, o.Port)
		}
	}}
	for _, s := range steps {
		k.add(s)
	}
	return t, to, nil
}

// takeOutput moves the next packet of a port to the trace.
func takeOutput(t *tracetext.Trace, out []stf.Received, port uint32) []stf.Received {
	for i, o := range out {
		if o.Port == port {
			t.AddOutput(interp.Output(o))
			return slices.Delete(out, i, i+1)
		}
	}
	return out
}

// defaultsSet lists the tables whose default action is not the program's.
func defaultsSet(f *swfallback.Fallback) map[*pipeline.Table]bool {
	set := map[*pipeline.Table]bool{}
	for _, t := range f.Program().Tables {
		call, err := f.Default(t)
		set[t] = err == nil && call != nil && (t.Default == nil || call.Action != t.Default.Action ||
			!slices.EqualFunc(call.Args, t.Default.Args, slices.Equal[[]byte]))
	}
	return set
}
