package swfallback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// Carried says what Replace took over from the old program.
type Carried struct {
	Entries int // in all tables
	// Dropped counts entries that the new program has no place for, by the old table's name: the table is gone, its
	// key is another one, its action is gone or has other parameters, or the table is smaller.
	Dropped map[string]int
	// Defaults, Groups and Sessions count default actions that had been set, multicast groups and clone sessions.
	Defaults, Groups, Sessions int
	// Members, MemberGroups, ValueSets and Meters count members and groups of action profiles, value sets with members
	// and meters with rates.
	Members, MemberGroups, ValueSets, Meters int
}

// Replace makes the target run another program without losing a packet: the new one is compiled and loaded beside
// the old one, gets the ports and the entries of tables that both have, and then takes over port by port, each in
// one step. Tables are the same when name and key are; actions when name and parameters are. So are action profiles, value
// sets and meters; a meter's buckets are full. Counters and registers start at 0. When anything fails the old program runs on and nothing else has changed. A port whose interface is gone
// does not stand in the way of the others.
//
// Source is as in Config; program may be nil.
func (f *Fallback) Replace(ctx context.Context, program *pipeline.Program, source Source) (Carried, error) {
	leave, err := f.enterContext(ctx)
	if err != nil {
		return Carried{}, fmt.Errorf("swfallback: replace program: %w", err)
	}
	defer leave()
	carried, err := f.replace(ctx, program, source)
	if err != nil {
		return Carried{}, fmt.Errorf("swfallback: replace program of %s: %w", f.name, err)
	}
	return carried, nil
}

func (f *Fallback) replace(ctx context.Context, program *pipeline.Program, source Source) (_ Carried, err error) {
	if program == nil {
		if program, err = source.Program(); err != nil {
			return Carried{}, err
		}
	}
	devices, err := f.devices()
	if err != nil {
		return Carried{}, err
	}
	next, err := newGeneration(program, f.record.Options.options(), f.gen, devices)
	if err != nil {
		return Carried{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, bpfrun.RemovePins(f.place.next(f.name)), next.close())
		}
	}()
	carried, err := carry(f.gen, next)
	if err != nil {
		return Carried{}, err
	}
	if err := ctx.Err(); err != nil {
		return Carried{}, err
	}
	r := *f.record
	r.Since = time.Now().UTC()
	r.setSource(source)
	if err := next.pin(f.place.next(f.name), &r); err != nil {
		return Carried{}, err
	}
	return carried, f.takeOver(next, &r)
}

// devices returns the interface indices of all ports; those whose interface is gone are left out.
func (f *Fallback) devices() (map[uint32]int, error) {
	devices := make(map[uint32]int)
	for port, a := range f.attachments {
		index, err := a.Device()
		if err != nil {
			return nil, fmt.Errorf("port %d: %w", port, err)
		}
		if index != 0 {
			devices[port] = index
		}
	}
	return devices, nil
}

// takeOver makes every port run the next pipeline, then puts its pins in the place of the old ones. Before the
// exchange of the pins everything can be taken back, after it the old pipeline is only thrown away: a process that
// opens the target after a crash in between finds out by what is pinned, see recover. Ports whose interface is gone
// are left as they are.
func (f *Fallback) takeOver(next *generation, r *record) error {
	undo, err := f.switchPorts(next.dp)
	if err != nil {
		return err
	}
	if err = f.gen.retire(true); err == nil {
		err = bpfrun.Exchange(f.place.next(f.name), f.place.pipeline(f.name))
	}
	if err != nil {
		return errors.Join(err, f.gen.retire(false), undo())
	}
	old := f.gen
	f.gen, f.record = next, r
	// What is left to do cannot make the new pipeline undone: a failure leaves pins that the next Open removes.
	bpfrun.RemovePins(f.place.next(f.name))
	old.close()
	return nil
}

// recover finishes what a process left that died in Replace: every port whose interface is still there runs what is
// pinned as the pipeline, and nothing else is pinned.
func (f *Fallback) recover() error {
	if _, err := os.Stat(f.place.next(f.name)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	f.gen.distrust()
	for _, port := range sortedPorts(f.attachments) {
		if err := f.attachments[port].Replace(f.gen.dp); err != nil {
			return fmt.Errorf("recover port %d: %w", port, err)
		}
	}
	if err := f.gen.retire(false); err != nil {
		return err
	}
	return bpfrun.RemovePins(f.place.next(f.name))
}
