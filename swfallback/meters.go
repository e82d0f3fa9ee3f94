package swfallback

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// SetMeterRates configures one element of an array of meters, with full buckets; nil rates: green for every packet
// again. Packets see the old rates or the new ones. ErrNoObject: not an array of meters of this program; ErrBadRange: no
// such element, or rates that do not fit together.
func (f *Fallback) SetMeterRates(m *pipeline.Meter, index int, rates *pipeline.MeterRates) error {
	return f.withMeters("set meter rates", m, index, func(held *ebpf.Map) error {
		return setRates(held, uint32(index), rates)
	})
}

// MeterRates returns the rates of one element of an array of meters; nil: it has none.
func (f *Fallback) MeterRates(m *pipeline.Meter, index int) (rates *pipeline.MeterRates, err error) {
	err = f.withMeters("read meter rates", m, index, func(held *ebpf.Map) (err error) {
		rates, err = readRates(held, uint32(index))
		return err
	})
	return rates, err
}

// withMeters runs do on the map of an array of meters, under the locks.
func (f *Fallback) withMeters(verb string, m *pipeline.Meter, index int, do func(*ebpf.Map) error) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	defer leave()
	held, err := f.gen.meters(m)
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	if index < 0 || index >= m.Size {
		return fmt.Errorf("swfallback: %s: %s[%d]: %w", verb, m.Name, index, pipeline.ErrBadRange)
	}
	if err := do(held); err != nil {
		return fmt.Errorf("swfallback: %s: %s[%d]: %w", verb, m.Name, index, err)
	}
	return nil
}

// meters finds the map of an array of meters.
func (g *generation) meters(m *pipeline.Meter) (*ebpf.Map, error) {
	list := g.object.Program.Meters
	if m == nil || m.Index < 0 || m.Index >= len(list) || list[m.Index] != m || m.Table != nil {
		return nil, fmt.Errorf("array of meters: %w", pipeline.ErrNoObject)
	}
	return g.dp.Map(g.object.Meters[m].Map)
}

// SetDirectMeterRates configures the meter of the entry that e names by table, match and priority, with full buckets;
// nil rates: green for every packet again. ErrNotFound: there is no such entry; ErrNoObject: the table has no meter.
func (f *Fallback) SetDirectMeterRates(e *pipeline.Entry, rates *pipeline.MeterRates) error {
	return f.withEntryMeter("set meter rates", e, func(held *ebpf.Map, slot uint32) error {
		return setRates(held, slot, rates)
	})
}

// DirectMeterRates returns the rates of the meter of the entry that e names by table, match and priority; nil: it has
// none.
func (f *Fallback) DirectMeterRates(e *pipeline.Entry) (rates *pipeline.MeterRates, err error) {
	err = f.withEntryMeter("read meter rates", e, func(held *ebpf.Map, slot uint32) (err error) {
		rates, err = readRates(held, slot)
		return err
	})
	return rates, err
}

// withEntryMeter runs do on the meter of an entry, under the locks.
func (f *Fallback) withEntryMeter(verb string, e *pipeline.Entry, do func(*ebpf.Map, uint32) error) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	defer leave()
	held, slot, err := f.gen.entryMeter(e)
	if err == nil {
		err = do(held, slot)
	}
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	return nil
}

func (g *generation) entryMeter(e *pipeline.Entry) (*ebpf.Map, uint32, error) {
	if err := checkIdentity(g, e, false); err != nil {
		return nil, 0, err
	}
	s, err := g.table(e.Table)
	if err != nil {
		return nil, 0, err
	}
	if s == nil || s.table().meter == nil {
		return nil, 0, fmt.Errorf("table %s has no meter: %w", e.Table.Name, pipeline.ErrNoObject)
	}
	slot, err := s.slotOf(e)
	if err != nil {
		return nil, 0, fmt.Errorf("table %s: %w", e.Table.Name, err)
	}
	return s.table().meter, slot, nil
}

// setRates exchanges a meter under its lock, which packets take too.
func setRates(m *ebpf.Map, index uint32, rates *pipeline.MeterRates) error {
	if rates != nil {
		if err := rates.Check(); err != nil {
			return err
		}
	}
	value := bpfgen.AppendMeter(nil, rates, monotonicMicros())
	if err := m.Update(index, value, ebpf.UpdateLock); err != nil {
		return fmt.Errorf("write meter: %w", err)
	}
	return nil
}

func readRates(m *ebpf.Map, index uint32) (*pipeline.MeterRates, error) {
	value := make([]byte, m.ValueSize())
	if err := m.LookupWithFlags(index, value, ebpf.LookupLock); err != nil {
		return nil, fmt.Errorf("read meter: %w", err)
	}
	return bpfgen.DecodeMeter(value)
}

// clearMeters takes the rates of elements away.
func clearMeters(m *ebpf.Map, slots []uint32) error {
	for _, slot := range slots {
		if err := setRates(m, slot, nil); err != nil {
			return fmt.Errorf("clear element %d: %w", slot, err)
		}
	}
	return nil
}
