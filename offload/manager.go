package offload

import (
	"errors"
	"fmt"
	"sync"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Errors of a Manager beside those of firmware/pipeline.
var (
	// ErrNotOffloaded reports an entry with SkipSW that the hardware does not take; the text says why.
	ErrNotOffloaded = errors.New("the hardware does not take it")
	// ErrPinned reports a change that would push an entry with SkipSW out of the hardware, where alone it lives.
	ErrPinned = errors.New("an entry that lives in hardware only stands in the way")
	// ErrHardware reports that the device's agent failed in the middle of a change, so that nobody knows
	// whether its last write was done. Reconcile brings the hardware back to what it should be.
	ErrHardware = errors.New("hardware did not answer")
)

// Config is what a Manager is made of.
type Config struct {
	Program  *pipeline.Program
	Software SoftwareTarget
	Hardware HardwareTarget // nil: none
	Gate     Gate           // as CheckGate found it
	Observe  func(Event)    // called on the goroutine of the change; nil: nobody
}

// Manager places entries. Its methods may be called by any number of goroutines; changes are made one at a
// time. Other writers to the targets are noticed at the next call, which reads the tables that it changes.
type Manager struct {
	program  *pipeline.Program
	software SoftwareTarget
	hardware HardwareTarget
	observe  func(Event)

	mu   sync.Mutex // guards what follows, and is held for a whole change
	gate Gate
	// full is how many entries a table held when the device said that it is full.
	full map[*pipeline.Table]int
	// refused are entries that the device did not take, with its words.
	refused map[carryKey]refusal
	// carried are counts of entries that were in hardware and are no longer, by carryKey.
	carried map[carryKey]pipeline.Count
}

// carryKey names an entry of the program.
type carryKey struct {
	table *pipeline.Table
	key   string
}

// refusal is a device's no to an entry, which holds as long as the entry runs the same.
type refusal struct {
	entry *pipeline.Entry
	why   string
}

// NewManager returns a manager over the targets as they are; it changes nothing.
func NewManager(c Config) (*Manager, error) {
	if c.Program == nil || c.Software == nil {
		return nil, errors.New("offload: make manager: no program or no software target")
	}
	m := &Manager{program: c.Program, software: c.Software, hardware: c.Hardware, gate: c.Gate,
		observe: c.Observe, full: make(map[*pipeline.Table]int), refused: make(map[carryKey]refusal),
		carried: make(map[carryKey]pipeline.Count)}
	if m.observe == nil {
		m.observe = func(Event) {}
	}
	if m.hardware == nil && m.gate.Open() {
		m.gate.State, m.gate.Reason = GateAbsent, "there is no hardware target"
	}
	return m, nil
}

// Program returns the program whose entries the manager places.
func (m *Manager) Program() *pipeline.Program { return m.program }

// Gate returns the gate as the manager knows it.
func (m *Manager) Gate() Gate {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gate
}

// Insert adds entries, all or none: to software unless SkipSW is set, to hardware where they belong. It reports
// the errors of firmware/pipeline, ErrNotOffloaded, ErrPinned and ErrHardware. For want of room in hardware an
// entry stays in software, which is no error.
func (m *Manager) Insert(entries ...*pipeline.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.begin(entries)
	if err == nil {
		err = c.insert()
	}
	if err != nil {
		return fmt.Errorf("offload: insert entry: %w", err)
	}
	return nil
}

// Modify replaces action and data of entries with the same match and priority, all or none. SkipHW may change,
// SkipSW may not.
func (m *Manager) Modify(entries ...*pipeline.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.begin(entries)
	if err == nil {
		err = c.modify()
	}
	if err != nil {
		return fmt.Errorf("offload: modify entry: %w", err)
	}
	return nil
}

// Delete removes entries by match and priority, all or none.
func (m *Manager) Delete(entries ...*pipeline.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.begin(entries)
	if err == nil {
		err = c.delete()
	}
	if err != nil {
		return fmt.Errorf("offload: delete entry: %w", err)
	}
	return nil
}

// SetDefault sets what a miss runs, in software, and in hardware where the table is complete there. A nil call
// means the program's own.
func (m *Manager) SetDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.setDefault(t, call); err != nil {
		return fmt.Errorf("offload: set default action of %s: %w", t.Name, err)
	}
	return nil
}

func (m *Manager) setDefault(t *pipeline.Table, call *pipeline.ActionCall) error {
	v, err := m.lookSound(t)
	if err != nil {
		return err
	}
	old := v.def
	if err := m.software.SetDefault(t, call); err != nil {
		return err
	}
	if v.def, err = m.software.Default(t); err != nil {
		return err
	}
	if err := m.converge(v, firstCome); err != nil {
		return errors.Join(err, m.software.SetDefault(t, old))
	}
	return nil
}

// Default returns what a miss runs; nil where it runs nothing.
func (m *Manager) Default(t *pipeline.Table) (*pipeline.ActionCall, error) {
	call, err := m.software.Default(t)
	if err != nil {
		return nil, fmt.Errorf("offload: read default action of %s: %w", t.Name, err)
	}
	return call, nil
}

// Entries returns the entries of a table with the counts of both sides together.
func (m *Manager) Entries(t *pipeline.Table) ([]pipeline.EntryState, error) {
	placed, err := m.Placement(t)
	if err != nil {
		return nil, err
	}
	states := make([]pipeline.EntryState, len(placed))
	for i, p := range placed {
		states[i] = pipeline.EntryState{Entry: p.Entry, Count: p.Total, IdleFor: p.IdleFor}
	}
	return states, nil
}

// ReadCounter returns one element of a counter, both sides together.
func (m *Manager) ReadCounter(c *pipeline.Counter, index int) (pipeline.Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count, err := m.software.ReadCounter(c, index)
	if err != nil {
		return count, fmt.Errorf("offload: read counter %s: %w", c.Name, err)
	}
	if m.hardware == nil || !m.gate.Open() {
		return count, nil
	}
	hw, err := m.hardware.ReadCounter(c, index)
	if err != nil {
		return count, fmt.Errorf("offload: read counter %s: %w", c.Name, hardwareError(err))
	}
	return addCounts(count, hw), nil
}

func addCounts(a, b pipeline.Count) pipeline.Count {
	return pipeline.Count{Packets: a.Packets + b.Packets, Bytes: a.Bytes + b.Bytes}
}

// hardwareError marks an error that is not a refusal as ErrHardware.
func hardwareError(err error) error {
	if err == nil || isRefusal(err) || errors.Is(err, ErrHardware) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrHardware, err)
}

// isRefusal reports whether a device said no, rather than nothing.
func isRefusal(err error) bool {
	for _, s := range []error{pipeline.ErrTableFull, pipeline.ErrBadMatch, pipeline.ErrBadAction, pipeline.ErrBadRange,
		pipeline.ErrNoTable, pipeline.ErrNoAction, pipeline.ErrNoObject, pipeline.ErrImmutable, pipeline.ErrNoPriority,
		pipeline.ErrNotFound, pipeline.ErrExists, errors.ErrUnsupported} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}
