package simnic

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// Agent holds the entries of the program that runs, with the methods that docs/architecture.md names, within
// the device's limits. Without a program, and for tables of another one, they fail with pipeline.ErrNoTable.
type Agent struct{ n *NIC }

// Agent returns the NIC's agent.
func (n *NIC) Agent() *Agent { return &Agent{n} }

// engine returns the running program's engine, which stays valid until the returned function is called.
func (a *Agent) engine() (*engine, func(), error) {
	a.n.mu.RLock()
	if a.n.running == nil {
		a.n.mu.RUnlock()
		return nil, nil, fmt.Errorf("no program is loaded: %w", pipeline.ErrNoTable)
	}
	e := a.n.running.engine
	e.mu.Lock()
	return e, func() { e.mu.Unlock(); a.n.mu.RUnlock() }, nil
}

// Insert adds entries, all or none. Beside what entries can be wrong in, the error wraps pipeline.ErrTableFull
// where the device has no room for them and pipeline.ErrBadMatch where it cannot match such keys.
func (a *Agent) Insert(entries ...*pipeline.Entry) error {
	return a.change("insert", func(e *engine) error {
		if err := e.checkRoom(entries); err != nil {
			return err
		}
		return e.both(func(sw *interp.Switch) error { return sw.Insert(entries...) }, func() {
			for _, x := range entries {
				e.used[x.Table.Index]++
			}
		})
	}, entries...)
}

// Modify replaces action and data of entries.
func (a *Agent) Modify(entries ...*pipeline.Entry) error {
	return a.change("modify", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.Modify(entries...) }, nil)
	}, entries...)
}

// Delete removes entries.
func (a *Agent) Delete(entries ...*pipeline.Entry) error {
	return a.change("delete", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.Delete(entries...) }, func() {
			for _, x := range entries {
				e.used[x.Table.Index]--
			}
		})
	}, entries...)
}

// change checks that the entries are for tables of the running program and runs f with its engine.
func (a *Agent) change(verb string, f func(*engine) error, entries ...*pipeline.Entry) error {
	e, done, err := a.engine()
	if err != nil {
		return fmt.Errorf("simnic: %s entries: %w", verb, err)
	}
	defer done()
	for _, x := range entries {
		if x == nil {
			err = errors.Join(err, pipeline.ErrNoTable)
		} else {
			err = errors.Join(err, e.owns(x.Table))
		}
	}
	if err == nil {
		err = f(e)
	}
	if err != nil {
		return fmt.Errorf("simnic: %s entries: %w", verb, err)
	}
	return nil
}

func (e *engine) owns(t *pipeline.Table) error {
	if t == nil || t.Index < 0 || t.Index >= len(e.program.Tables) || e.program.Tables[t.Index] != t {
		return fmt.Errorf("table is not of %s: %w", e.program.Name, pipeline.ErrNoTable)
	}
	return nil
}

func (e *engine) checkRoom(entries []*pipeline.Entry) error {
	more := map[*pipeline.Table]int{}
	for _, x := range entries {
		more[x.Table]++
	}
	for t, n := range more {
		if !e.limits.canMatch(t) {
			return fmt.Errorf("table %s: the device lacks a match kind: %w", t.Name, pipeline.ErrBadMatch)
		}
		if room := e.limits.room(t); e.used[t.Index]+n > room {
			return fmt.Errorf("table %s: %d entries, room for %d: %w", t.Name, e.used[t.Index], room, pipeline.ErrTableFull)
		}
	}
	return nil
}

// both changes the real program and, where that went well, the trial; then it calls done. The two hold the
// same entries, so the second change cannot fail where the first did not.
func (e *engine) both(change func(*interp.Switch) error, done func()) error {
	if err := change(e.real); err != nil {
		return err
	}
	if err := change(e.trial); err != nil {
		return fmt.Errorf("trial copy differs: %w", err)
	}
	if done != nil {
		done()
	}
	return nil
}

// SetDefault writes a table's default entry: from then on a miss runs it in the device. A nil call takes it
// back: a miss hands the packet to the host again. The call may be the program's own constant default action.
func (a *Agent) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	e, done, err := a.engine()
	if err != nil {
		return fmt.Errorf("simnic: set default: %w", err)
	}
	defer done()
	if err := e.setDefault(t, call); err != nil {
		return fmt.Errorf("simnic: set default: %w", err)
	}
	return nil
}

func (e *engine) setDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	if err := e.owns(t); err != nil {
		return err
	}
	if call != nil && slices.Contains(e.program.Actions, call.Action) && e.stays[call.Action.Index] {
		return fmt.Errorf("table %s: the device cannot run %s: %w", t.Name, call.Action.Name, pipeline.ErrBadAction)
	}
	if !isOwnDefault(t, call) {
		if err := e.both(func(sw *interp.Switch) error { return sw.SetDefault(t, call) }, nil); err != nil {
			return err
		}
	}
	e.complete[t.Index] = call != nil || completeByItself(t)
	return nil
}

// isOwnDefault reports whether the call is the constant default action of the program, which cannot be set.
func isOwnDefault(t *pipeline.Table, call *pipeline.ActionCall) bool {
	if !t.DefaultConst || t.Default == nil {
		return false
	}
	return call == nil || call.Action == t.Default.Action && slices.EqualFunc(call.Args, t.Default.Args, bytes.Equal)
}

// Default returns the action that a miss runs in the device; nil where nothing runs, also because the default
// entry has not been written.
func (a *Agent) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	e, done, err := a.engine()
	if err == nil {
		defer done()
		err = e.owns(t)
	}
	if err != nil {
		return nil, fmt.Errorf("simnic: read default: %w", err)
	}
	if !e.complete[t.Index] {
		return nil, nil
	}
	return e.real.Default(t)
}

// Entries returns a table's entries with their counters.
func (a *Agent) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	e, done, err := a.engine()
	if err == nil {
		defer done()
		err = e.owns(t)
	}
	if err != nil {
		return nil, fmt.Errorf("simnic: read entries: %w", err)
	}
	return e.real.Entries(t)
}

// ReadCounter returns an element of a counter array.
func (a *Agent) ReadCounter(c *pipeline.Counter, index int) (pipeline.Count, error) {
	e, done, err := a.engine()
	if err != nil {
		return pipeline.Count{}, fmt.Errorf("simnic: read counter: %w", err)
	}
	defer done()
	return e.real.ReadCounter(c, index)
}

// SetMember adds or replaces a member of an action profile.
func (a *Agent) SetMember(p *pipeline.ActionProfile, m pipeline.Member) error {
	return a.change("set member of", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.SetMember(p, m) }, nil)
	})
}

// DeleteMember removes a member of an action profile.
func (a *Agent) DeleteMember(p *pipeline.ActionProfile, id uint32) error {
	return a.change("delete member of", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.DeleteMember(p, id) }, nil)
	})
}

// SetGroup adds or replaces a group of an action profile.
func (a *Agent) SetGroup(p *pipeline.ActionProfile, g pipeline.Group) error {
	return a.change("set group of", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.SetGroup(p, g) }, nil)
	})
}

// DeleteGroup removes a group of an action profile.
func (a *Agent) DeleteGroup(p *pipeline.ActionProfile, id uint32) error {
	return a.change("delete group of", func(e *engine) error {
		return e.both(func(sw *interp.Switch) error { return sw.DeleteGroup(p, id) }, nil)
	})
}

// SetMulticastGroup fails: the device does not replicate, packets for groups go to the host.
func (a *Agent) SetMulticastGroup(pipeline.MulticastGroup) error {
	return fmt.Errorf("simnic: set multicast group: %w", errors.ErrUnsupported)
}

// SetCloneSession fails: the device does not clone, packets that ask for it go to the host.
func (a *Agent) SetCloneSession(pipeline.CloneSession) error {
	return fmt.Errorf("simnic: set clone session: %w", errors.ErrUnsupported)
}
