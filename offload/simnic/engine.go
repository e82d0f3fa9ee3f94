package simnic

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// engine runs a program within the device's limits. A packet first goes through a trial copy of the program,
// whose state nobody reads; only one that the device can finish goes through the real one. So a packet that
// is handed to the host, where it is counted, has left no trace in the device's counters.
type engine struct {
	program *pipeline.Program
	limits  *Limits
	stays   []bool // by Action.Index: packets that meet it stay with the host

	mu       sync.Mutex // guards what follows
	real     *interp.Switch
	trial    *interp.Switch
	used     []int  // entries by Table.Index
	complete []bool // by Table.Index: a miss runs the default action
}

func newEngine(p *pipeline.Program, l *Limits) (*engine, error) {
	e := &engine{program: p, limits: l, used: make([]int, len(p.Tables)), complete: make([]bool, len(p.Tables))}
	options := interp.Options{DropPort: DropPort, MaxPasses: 64}
	var err error
	if e.real, err = interp.New(p, options); err != nil {
		return nil, err
	}
	if e.trial, err = interp.New(p, options); err != nil {
		return nil, err
	}
	for _, a := range p.Actions {
		e.stays = append(e.stays, slices.Contains(l.Actions, a.Name) || slices.ContainsFunc(a.Body, sharesState))
	}
	for _, t := range p.Tables {
		e.used[t.Index] = len(t.Entries)
		e.complete[t.Index] = completeByItself(t)
	}
	for _, c := range p.Controls {
		for _, call := range c.Calls {
			if e.stays[call.Action.Index] {
				return nil, fmt.Errorf("control %s calls %s without a table: %w", c.Name, call.Action.Name, errors.ErrUnsupported)
			}
		}
	}
	return e, nil
}

// completeByItself reports whether a table cannot hold other entries, nor run another default action, than the
// program says: then nobody needs to write its default entry.
func completeByItself(t *pipeline.Table) bool {
	fixed := len(t.Keys) == 0 || t.Immutable
	return t.Hidden || fixed && t.DefaultConst
}

// sharesState reports whether a primitive needs state, or makes packets, that the device does not have.
func sharesState(p pipeline.Primitive) bool {
	switch p.Op {
	case pipeline.OpRegisterRead, pipeline.OpRegisterWrite, pipeline.OpExecuteMeter, pipeline.OpCloneIngress,
		pipeline.OpCloneEgress, pipeline.OpDigest, pipeline.OpCallExtern:
		return true
	}
	return slices.ContainsFunc(p.Args, func(x pipeline.Expr) bool {
		_, register := x.(*pipeline.RegisterElem)
		return register
	})
}

// verdict is what the device does with a packet: it sends outputs, or hands the packet over.
type verdict struct {
	out    []interp.Output
	miss   bool
	reason Reason
}

// process decides on a packet that came in at a port.
func (e *engine) process(port uint32, frame []byte) verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v := e.run(e.trial, port, frame); v.miss {
		return v
	}
	return e.run(e.real, port, frame)
}

func (e *engine) run(sw *interp.Switch, port uint32, frame []byte) verdict {
	w := &watcher{e: e}
	out, err := sw.ProcessTraced(port, frame, w)
	switch {
	case w.miss:
	case err != nil:
		w.fail(Failure)
	case len(out) > 1:
		w.fail(Copies)
	case len(out) == 1 && out[0].Port == HostPort:
		w.fail(ToHost)
	case len(out) == 1 && out[0].Port == ControllerPort:
		w.fail(ToController)
	}
	return verdict{out, w.miss, w.reason}
}

// watcher follows a packet through the interpreter and notes the first thing that the device cannot do.
type watcher struct {
	e      *engine
	miss   bool
	reason Reason
}

var _ interp.Tracer = (*watcher)(nil)

func (w *watcher) fail(r Reason) {
	if !w.miss {
		w.miss, w.reason = true, r
	}
}

// Trace implements interp.Tracer.
func (w *watcher) Trace(ev interp.Event) {
	switch ev := ev.(type) {
	case interp.Extract:
		if !w.e.limits.knowsHeader(ev.Header) {
			w.fail(UnknownHeader)
		}
	case interp.Lookup:
		w.lookup(ev)
	case interp.Outcome:
		switch ev.Kind {
		case interp.Multicast, interp.Cloned, interp.Digested, interp.Replicated:
			w.fail(Copies)
		}
	}
}

func (w *watcher) lookup(ev interp.Lookup) {
	if !ev.Hit && !w.e.complete[ev.Table.Index] {
		w.fail(NoEntry)
	}
	if ev.Call != nil && w.e.stays[ev.Call.Action.Index] || ev.Table.Meter != nil {
		w.fail(CannotRun)
	}
}
