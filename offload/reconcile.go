package offload

import (
	"context"
	"fmt"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// PlacedEntry is an entry with where it lives and what was counted there.
type PlacedEntry struct {
	Entry    *pipeline.Entry
	Hardware bool
	Software bool
	// Why says why the entry is not in hardware; "" where it is.
	Why     string
	HWCount pipeline.Count // in hardware, as long as it was there while this Manager lived
	SWCount pipeline.Count
	Total   pipeline.Count
	IdleFor time.Duration // since the last hit on either side, where the table supports time-outs
}

// Placement returns the entries of a table in the software's order, pinned ones behind, with their places.
func (m *Manager) Placement(t *pipeline.Table) ([]PlacedEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.look(t)
	if err != nil {
		return nil, fmt.Errorf("offload: list entries of %s: %w", t.Name, err)
	}
	p := v.plan(firstCome)
	placed := make([]PlacedEntry, len(v.items))
	for i, it := range v.items {
		hw := addCounts(it.hwCount, m.carried[carryKey{t, it.key}])
		placed[i] = PlacedEntry{Entry: it.entry, Hardware: it.inHW != nil, Software: it.inSW, HWCount: hw,
			SWCount: it.swCount, Total: addCounts(hw, it.swCount), IdleFor: it.idle}
		switch {
		case it.inHW != nil:
		case p.place[it]:
			placed[i].Why = "not in hardware yet"
		default:
			placed[i].Why = p.why[it]
		}
	}
	return placed, nil
}

// TablePlacement sums a table up.
type TablePlacement struct {
	Table    *pipeline.Table
	Entries  int
	Hardware int  // entries in hardware
	Complete bool // the default entry is in hardware too: no packet leaves the hardware because of this table
	Why      string
}

// TablePlacement says how much of a table is in hardware.
func (m *Manager) TablePlacement(t *pipeline.Table) (TablePlacement, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.look(t)
	if err != nil {
		return TablePlacement{}, fmt.Errorf("offload: read table %s: %w", t.Name, err)
	}
	return TablePlacement{Table: t, Entries: len(v.items), Hardware: v.inHardware() - len(v.stale),
		Complete: v.defInHW != nil, Why: v.closed}, nil
}

// Reconcile brings the hardware to what it should be, from any state: after a start, a reset, a load, or a fault in
// the middle of a change. Wrong answers go first, so that software takes over, then what belongs there is put
// in. It goes on with the next table after an error, and stops between tables when ctx ends.
func (m *Manager) Reconcile(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reconcile(ctx)
}

func (m *Manager) reconcile(ctx context.Context) error {
	clear(m.full)
	clear(m.refused)
	return m.eachTable(ctx, "reconcile", func(t *pipeline.Table) error {
		v, err := m.look(t)
		if err != nil {
			return err
		}
		if !v.isSound() {
			if err := m.repair(v); err != nil {
				return err
			}
		}
		return m.converge(v, firstCome)
	})
}

// Rebalance moves what is hit most into tables of the hardware that are too small for all their entries, as far
// as the entries that win over it fit too. Pinned entries stay.
func (m *Manager) Rebalance(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.eachTable(ctx, "rebalance", func(t *pipeline.Table) error {
		v, err := m.lookSound(t)
		if err != nil {
			return err
		}
		return m.converge(v, mostHit)
	})
}

// eachTable calls f for every table that has a name for the control plane, and joins the errors.
func (m *Manager) eachTable(ctx context.Context, verb string, f func(*pipeline.Table) error) error {
	var first error
	for _, t := range m.program.Tables {
		if t.Hidden {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("offload: %s: %w", verb, err)
		}
		if err := f(t); err != nil {
			if first != nil {
				m.observe(Trouble{verb + " table " + t.Name, err})
				continue
			}
			first = fmt.Errorf("offload: %s table %s: %w", verb, t.Name, err)
		}
	}
	return first
}

// CloseGate shuts the gate and makes the device hand every packet to the host, so that software carries on. Pinned
// entries are lost, which an event tells. The gate is shut also where the device does not answer; then the
// error says so, and what the device does with packets is not known.
func (m *Manager) CloseGate(ctx context.Context, state GateState, reason string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state == GateVerified {
		return fmt.Errorf("offload: close gate: state %v keeps it open", state)
	}
	next := m.gate
	next.State, next.Reason = state, reason
	return m.shut(ctx, next)
}

// shut sets a gate that is not open and clears the hardware.
func (m *Manager) shut(ctx context.Context, next Gate) error {
	m.keepCounts(ctx)
	old := m.gate
	m.gate = next
	m.observe(GateChanged{Old: old, New: next})
	if m.hardware == nil || next.State == GateAbsent {
		return nil
	}
	if err := m.hardware.Clear(); err != nil {
		return fmt.Errorf("offload: close gate of %s: the device may still answer packets itself: %w", next.Device,
			hardwareError(err))
	}
	return nil
}

// keepCounts remembers what the hardware counted, and reports pinned entries, before it is cleared. A device
// that does not answer has nothing to tell.
func (m *Manager) keepCounts(ctx context.Context) {
	if !m.gate.Open() {
		return
	}
	err := m.eachTable(ctx, "read", func(t *pipeline.Table) error {
		v, err := m.look(t)
		if err != nil {
			return err
		}
		for _, it := range v.items {
			if it.inHW != nil {
				m.carry(it)
			}
			if it.inHW != nil && it.entry.SkipSW {
				m.observe(Trouble{brief(it) + " and skip_sw is lost with the gate", ErrPinned})
			}
		}
		return nil
	})
	if err != nil {
		m.observe(Trouble{"keep the hardware's counts", err})
	}
}

// SetGate takes over a new result of CheckGate. If the gate opens, entries go into hardware (Reconcile); if it
// shuts, they leave it (CloseGate).
func (m *Manager) SetGate(ctx context.Context, next Gate) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.setGate(ctx, next)
}

func (m *Manager) setGate(ctx context.Context, next Gate) error {
	if m.hardware == nil && next.Open() {
		next.State, next.Reason = GateUnknown, "the device's entries cannot be reached"
	}
	switch {
	case m.gate.Open() && !next.Open():
		return m.shut(ctx, next)
	case !m.gate.Open() && next.Open():
		old := m.gate
		m.gate = next
		m.observe(GateChanged{Old: old, New: next})
		return m.reconcile(ctx)
	}
	if m.gate.State != next.State {
		m.observe(GateChanged{Old: m.gate, New: next})
	}
	m.gate = next
	return nil
}
