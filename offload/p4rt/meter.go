package p4rt

import (
	"fmt"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// decodeRates returns the rates of a configuration; nil: none, every packet is green.
func decodeRates(c *p4v1.MeterConfig) (*pipeline.MeterRates, error) {
	if c == nil {
		return nil, nil
	}
	if c.GetCir() < 0 || c.GetCburst() < 0 || c.GetPir() < 0 || c.GetPburst() < 0 {
		return nil, badRequest("meter configuration with a negative number")
	}
	if c.GetEburst() != 0 {
		return nil, unsupported("meter with an excess burst")
	}
	return &pipeline.MeterRates{Committed: float64(c.GetCir()), CommittedBurst: uint64(c.GetCburst()),
		Peak: float64(c.GetPir()), PeakBurst: uint64(c.GetPburst())}, nil
}

// encodeRates is the inverse of decodeRates. Fractions of a packet or byte per second are cut off.
func encodeRates(r *pipeline.MeterRates) *p4v1.MeterConfig {
	if r == nil {
		return nil
	}
	return &p4v1.MeterConfig{Cir: int64(r.Committed), Cburst: int64(r.CommittedBurst),
		Pir: int64(r.Peak), Pburst: int64(r.PeakBurst)}
}

func meterID(m *pipeline.Meter) uint32 {
	if m.Table != nil {
		return 0
	}
	return m.ID
}

// meter configures elements of an array: the one with the index, or all.
func (w *writer) meter(op p4v1.Update_Type, e *p4v1.MeterEntry) error {
	target, err := part[Metered](w.server, "write of a meter")
	if err != nil {
		return err
	}
	m, err := byID(w.schema.program.Meters, e.GetMeterId(), meterID, "meter")
	if err != nil {
		return err
	}
	if op != p4v1.Update_MODIFY {
		return notModify(op)
	}
	rates, err := decodeRates(e.GetConfig())
	if err != nil {
		return err
	}
	from, to, err := indices("meter "+m.Name, e.GetIndex(), m.Size)
	for i := from; i < to && err == nil; i++ {
		err = target.SetMeterRates(m, i, rates)
	}
	return err
}

// directMeter configures the meter of an entry.
func (w *writer) directMeter(op p4v1.Update_Type, e *p4v1.DirectMeterEntry) error {
	target, err := part[Metered](w.server, "write of a direct meter")
	if err != nil {
		return err
	}
	if op != p4v1.Update_MODIFY {
		return notModify(op)
	}
	entry, err := w.schema.DecodeKey(e.GetTableEntry())
	if err != nil {
		return err
	}
	if entry.Table.Meter == nil {
		return badRequest("table %s has no direct meter", entry.Table.Name)
	}
	rates, err := decodeRates(e.GetConfig())
	if err != nil {
		return err
	}
	return target.SetDirectMeterRates(entry, rates)
}

// meters follows "MeterEntry": one element, a whole array, or all arrays.
func (r *reader) meters(q *p4v1.MeterEntry) error {
	target, err := part[Metered](r.server, "read of a meter")
	if err != nil {
		return err
	}
	if q.GetMeterId() == 0 {
		if q.GetIndex() != nil {
			return badRequest("index without a meter")
		}
		for _, m := range r.schema.program.Meters {
			if meterID(m) == 0 {
				continue
			}
			if err := r.meterRange(target, m, 0, m.Size); err != nil {
				return err
			}
		}
		return nil
	}
	m, err := byID(r.schema.program.Meters, q.GetMeterId(), meterID, "meter")
	if err != nil {
		return err
	}
	from, to, err := indices("meter "+m.Name, q.GetIndex(), m.Size)
	if err != nil {
		return err
	}
	return r.meterRange(target, m, from, to)
}

func (r *reader) meterRange(target Metered, m *pipeline.Meter, from, to int) error {
	for i := from; i < to; i++ {
		rates, err := target.MeterRates(m, i)
		if err != nil {
			return err
		}
		r.add(&p4v1.Entity{Entity: &p4v1.Entity_MeterEntry{MeterEntry: &p4v1.MeterEntry{
			MeterId: m.ID, Index: &p4v1.Index{Index: int64(i)}, Config: encodeRates(rates)}}})
	}
	return nil
}

// directMeters follows "DirectMeterEntry": one entry's meter, or all of a table or of the program.
func (r *reader) directMeters(q *p4v1.DirectMeterEntry) error {
	target, err := part[Metered](r.server, "read of a direct meter")
	if err != nil {
		return err
	}
	key := q.GetTableEntry()
	if key.GetTableId() == 0 {
		for _, t := range r.schema.Tables() {
			if t.Meter == nil {
				continue
			}
			if _, err := r.tableMeters(target, t, key, nil); err != nil {
				return err
			}
		}
		return nil
	}
	ts, err := r.schema.schemaByID(key.GetTableId())
	if err != nil {
		return err
	}
	if ts.table.Meter == nil {
		return badRequest("table %s has no direct meter", ts.table.Name)
	}
	match, err := r.matchFilter(ts, key)
	if err != nil {
		return err
	}
	n, err := r.tableMeters(target, ts.table, key, match)
	if err == nil && n == 0 && match != nil {
		return fmt.Errorf("direct meter of %s: %w", ts.table.Name, pipeline.ErrNotFound)
	}
	return err
}

// tableMeters adds the direct meters of a table and returns how many.
func (r *reader) tableMeters(target Metered, t *pipeline.Table, q *p4v1.TableEntry, match []pipeline.Match) (int, error) {
	states, err := r.server.target.Entries(t)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, st := range states {
		if !keyPasses(st.Entry, q, match) {
			continue
		}
		rates, err := target.DirectMeterRates(st.Entry)
		if err != nil {
			return n, err
		}
		te, err := r.schema.EncodeKey(st.Entry)
		if err != nil {
			return n, err
		}
		n++
		r.add(&p4v1.Entity{Entity: &p4v1.Entity_DirectMeterEntry{DirectMeterEntry: &p4v1.DirectMeterEntry{
			TableEntry: te, Config: encodeRates(rates)}}})
	}
	return n, nil
}
