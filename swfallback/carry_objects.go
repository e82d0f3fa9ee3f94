package swfallback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// carryObjects copies what entries refer to, and what stands beside the tables.
func carryObjects(from, to *generation, carried *Carried) error {
	for _, p := range from.object.Program.Profiles {
		if err := carryProfile(from, to, p, carried); err != nil {
			return fmt.Errorf("carry over action profile %s: %w", p.Name, err)
		}
	}
	for _, s := range from.object.Program.ValueSets {
		if err := carryValueSet(from, to, s, carried); err != nil {
			return fmt.Errorf("carry over value set %s: %w", s.Name, err)
		}
	}
	for _, m := range from.object.Program.Meters {
		if err := carryMeters(from, to, m, carried); err != nil {
			return fmt.Errorf("carry over meters %s: %w", m.Name, err)
		}
	}
	return nil
}

// carryProfile copies the members and groups that the new program has a place for.
func carryProfile(from, to *generation, p *pipeline.ActionProfile, carried *Carried) error {
	list := to.object.Program.Profiles
	at := slices.IndexFunc(list, func(q *pipeline.ActionProfile) bool { return q.Name == p.Name && to.object.Profiles[q.Index] != nil })
	if at < 0 || from.object.Profiles[p.Index] == nil {
		return nil
	}
	old, err := from.profile(p)
	if err != nil {
		return err
	}
	next, err := to.profile(list[at])
	if err != nil {
		return err
	}
	members, err := old.readMembers()
	if err != nil {
		return err
	}
	for _, m := range members {
		m.Call = sameCall(list[at].Tables[0], m.Call)
		if err := count(&carried.Members, next.setMember(m)); err != nil {
			return err
		}
	}
	groups, err := old.readGroups()
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := count(&carried.MemberGroups, next.setGroup(g)); err != nil {
			return err
		}
	}
	return nil
}

// count counts what has been carried over; what the new program has no place for is no error.
func count(n *int, err error) error {
	if err == nil {
		*n++
	}
	for _, reason := range []error{pipeline.ErrNoAction, pipeline.ErrBadAction, pipeline.ErrBadRange, pipeline.ErrTableFull,
		pipeline.ErrNotFound} {
		if errors.Is(err, reason) {
			return nil
		}
	}
	return err
}

func carryValueSet(from, to *generation, s *pipeline.ValueSet, carried *Carried) error {
	list := to.object.Program.ValueSets
	at := slices.IndexFunc(list, func(q *pipeline.ValueSet) bool { return q.Name == s.Name && slices.Equal(q.Key, s.Key) })
	if at < 0 {
		return nil
	}
	layout, m, err := from.valueSet(s)
	if err != nil {
		return err
	}
	members, err := readValueSet(layout, m)
	if err != nil || len(members) == 0 {
		return err
	}
	layout, m, err = to.valueSet(list[at])
	if err != nil {
		return err
	}
	if size := list[at].Size; size > 0 {
		members = members[:min(size, len(members))]
	}
	carried.ValueSets++
	return putValueSet(layout, m, members)
}

// carryMeters copies the rates of an array of meters.
func carryMeters(from, to *generation, m *pipeline.Meter, carried *Carried) error {
	list := to.object.Program.Meters
	at := slices.IndexFunc(list, func(q *pipeline.Meter) bool {
		return q.Name == m.Name && q.Table == nil && q.Bytes == m.Bytes
	})
	if at < 0 || m.Table != nil {
		return nil
	}
	old, err := from.meters(m)
	if err != nil {
		return err
	}
	next, err := to.meters(list[at])
	if err != nil {
		return err
	}
	rates, err := dumpRates(old)
	if err != nil {
		return err
	}
	for index, r := range rates {
		if int(index) < list[at].Size {
			carried.Meters++
			if err := setRates(next, index, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// carryEntryMeters copies the rates of the meters of entries, which had slots in their old table.
func carryEntryMeters(old *tableState, next store, entries []*pipeline.Entry, slots []uint32, carried *Carried) error {
	if old.meter == nil || next.table().meter == nil || old.layout.Table.Meter.Bytes != next.table().layout.Table.Meter.Bytes {
		return nil
	}
	rates, err := dumpRates(old.meter)
	if err != nil {
		return err
	}
	for i, e := range entries {
		r := rates[slots[i]]
		if r == nil {
			continue
		}
		slot, err := next.slotOf(e)
		if err != nil {
			return err
		}
		carried.Meters++
		if err := setRates(next.table().meter, slot, r); err != nil {
			return err
		}
	}
	return nil
}

// dumpRates reads the rates of all meters of a map that have any.
func dumpRates(m *ebpf.Map) (map[uint32]*pipeline.MeterRates, error) {
	rates := make(map[uint32]*pipeline.MeterRates)
	var failed error
	err := bpfrun.Dump(m, func(key, value []byte) bool {
		var r *pipeline.MeterRates
		if r, failed = bpfgen.DecodeMeter(value); r != nil {
			rates[binary.NativeEndian.Uint32(key)] = r
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return rates, err
}
