package swfallback

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// ErrNothingKnown says that no table holds so little that it can be part of the program's text.
var ErrNothingKnown = errors.New("no table with as few entries as can be part of the program")

// Specialised is what Specialise did.
type Specialised struct {
	Tables []string      // that are part of the program's text, in the order of the P4 program
	Again  bool          // they were already: nothing has been done
	Took   time.Duration // from reading the tables to the last port; 0 with Again
}

// Specialise compiles the program anew for what its tables hold now: those of at most bpfgen.MostKnown entries, and
// default actions, become part of its text, and the ports run that without losing a packet. It makes packets faster and
// changes nothing else: as soon as one of these tables is changed, by whatever process, packets look all of them up
// again, until the next Specialise. Tables with more entries may change as they like.
//
// It takes as long as Attach. ErrNothingKnown: all tables have more entries; errors.ErrUnsupported: the program runs in
// general form, its tables lie in the kernel's maps, or it is too large. On an error nothing has changed.
func (f *Fallback) Specialise(ctx context.Context) (Specialised, error) {
	leave, err := f.enterContext(ctx)
	if err != nil {
		return Specialised{}, fmt.Errorf("swfallback: specialise: %w", err)
	}
	defer leave()
	done, err := f.specialise(ctx)
	if err != nil {
		return Specialised{}, fmt.Errorf("swfallback: specialise %s: %w", f.name, err)
	}
	return done, nil
}

func (f *Fallback) specialise(ctx context.Context) (Specialised, error) {
	start, g := time.Now(), f.gen
	switch {
	case g.object.Summary().Form != bpfgen.FormSpecial:
		return Specialised{}, fmt.Errorf("the program is compiled in general form: %w", errors.ErrUnsupported)
	case g.memory == nil:
		return Specialised{}, fmt.Errorf("no table lies in memory that program and p4dev share: %w", errors.ErrUnsupported)
	}
	known, err := g.whatTablesHold()
	if err != nil {
		return Specialised{}, err
	}
	if !slices.ContainsFunc(known.Tables, func(t *bpfgen.KnownTable) bool { return t != nil }) {
		return Specialised{}, ErrNothingKnown
	}
	if g.upToDate(known) {
		return Specialised{Tables: g.knownNames(), Again: true}, nil
	}
	known.Word = g.nextWord()
	ports, err := f.devices()
	if err != nil {
		return Specialised{}, err
	}
	next, err := g.load(known, ports)
	if err != nil {
		return Specialised{}, err
	}
	programs := maps.Clone(g.dp.Programs)
	programs[bpfrun.ProgramXDP] = next
	if err = ctx.Err(); err == nil {
		_, err = f.switchPorts(&bpfrun.Datapath{Programs: programs})
	}
	if err != nil {
		return Specialised{}, errors.Join(err, next.Close())
	}
	old := g.dp.Programs[bpfrun.ProgramXDP]
	g.dp.Programs = programs
	g.trust(known)
	return Specialised{Tables: g.knownNames(), Took: time.Since(start)}, old.Close()
}

// upToDate reports whether packets go by all that could be known.
func (g *generation) upToDate(k *bpfgen.Known) bool {
	for i, held := range k.Tables {
		if g.knows(g.object.Program.Tables[i]) != (held != nil) {
			return false
		}
	}
	return g.trusted()
}

// load compiles and loads an XDP program that knows what tables hold, with the maps of the generation.
func (g *generation) load(known *bpfgen.Known, ports map[uint32]int) (*ebpf.Program, error) {
	options := withPorts(g.object.Options, ports)
	options.Form, options.Known = bpfgen.FormSpecial, known
	object, err := bpfgen.Compile(g.object.Program, options)
	if limit := new(bpfgen.LimitError); errors.As(err, &limit) {
		err = fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	share := make(map[string]*ebpf.Map)
	for name := range object.Spec.Maps {
		if share[name], err = g.dp.Map(name); err != nil {
			return nil, err
		}
	}
	dp, err := bpfrun.Load(object.Spec, object.SourceOf, share)
	if err != nil {
		return nil, explain(err)
	}
	program := dp.Programs[bpfrun.ProgramXDP]
	delete(dp.Programs, bpfrun.ProgramXDP)
	return program, dp.Close()
}

// leastRest bounds how often KeepSpecialised looks; restShare says how much more time it rests than it specialises.
const (
	leastRest = 100 * time.Millisecond
	restShare = 100
)

// KeepSpecialised specialises the program whenever what its small tables hold has not changed from one look to the next
// and the program is not specialised to it, until the context ends, whose cause it returns, or Specialise fails. It
// looks every so often, and specialises for at most a hundredth of the time. did, where it is not nil, is told each
// time.
func (f *Fallback) KeepSpecialised(ctx context.Context, every time.Duration, did func(Specialised)) error {
	if did == nil {
		did = func(Specialised) {}
	}
	if err := f.keepSpecialised(ctx, max(every, leastRest), restShare, did); err != nil {
		return fmt.Errorf("swfallback: keep specialised: %w", err)
	}
	return nil
}

func (f *Fallback) keepSpecialised(ctx context.Context, every, share time.Duration, did func(Specialised)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var before *bpfgen.Known
	for next := time.Now(); ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		now, err := f.look(ctx)
		if err != nil {
			return err
		}
		rested := before != nil && reflect.DeepEqual(now, before)
		if before = now; !rested || time.Now().Before(next) {
			continue
		}
		done, err := f.Specialise(ctx)
		switch {
		case err != nil && !errors.Is(err, ErrNothingKnown):
			return err
		case err == nil && !done.Again:
			next = time.Now().Add(share * done.Took)
			did(done)
		}
	}
}

// look reads what could be known.
func (f *Fallback) look(ctx context.Context) (*bpfgen.Known, error) {
	leave, err := f.enterContext(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return f.gen.whatTablesHold()
}

// switchPorts makes every port run another pipeline, in the order of their numbers, and returns how to take that back.
// On an error all run what they ran before.
func (f *Fallback) switchPorts(next *bpfrun.Datapath) (undo func() error, err error) {
	old, done := f.gen.dp, []uint32(nil)
	undo = func() error {
		var errs []error
		for _, port := range slices.Backward(done) {
			f.gen.distrust() // old may be what runs before it is specialised
			errs = append(errs, f.attachments[port].Replace(old))
		}
		return errors.Join(errs...)
	}
	for _, port := range sortedPorts(f.attachments) {
		if err := f.attachments[port].Replace(next); err != nil {
			return nil, errors.Join(fmt.Errorf("port %d: %w", port, err), undo())
		}
		done = append(done, port)
	}
	return undo, nil
}
