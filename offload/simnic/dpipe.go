package simnic

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware/advert"
)

// advert describes the running program, nil where there is none.
func (d *device) advert() (*program, *advert.Advert) {
	running, _ := d.programs()
	if running == nil {
		return nil, nil
	}
	return running, advert.New(running.model, d.n.cfg.Limits.room)
}

// DpipeHeaders implements sim.Piper.
func (d *device) DpipeHeaders() []sim.DpipeHeader {
	_, a := d.advert()
	if a == nil {
		return nil
	}
	var out []sim.DpipeHeader
	for _, h := range a.Headers {
		header := sim.DpipeHeader{ID: h.ID, Name: h.Name}
		for _, f := range h.Fields {
			header.Fields = append(header.Fields, sim.DpipeField{Name: f.Name, Width: f.Width})
		}
		out = append(out, header)
	}
	return out
}

// DpipeTables implements sim.Piper.
func (d *device) DpipeTables() []sim.DpipeTable {
	_, a := d.advert()
	if a == nil {
		return nil
	}
	var out []sim.DpipeTable
	for _, t := range a.Tables {
		table := sim.DpipeTable{Name: t.Name, Size: uint64(t.Size), Resource: uint64(t.Resource), Units: 1,
			NoCounterControl: !t.Counters}
		for _, r := range t.Matches {
			table.Matches = append(table.Matches, fieldRef(a, r))
		}
		for _, r := range t.Actions {
			table.Actions = append(table.Actions, fieldRef(a, r))
		}
		out = append(out, table)
	}
	if d.n.cfg.Limits.Faults.BadTables {
		out = append(out, sim.DpipeTable{Name: "nowhere", Size: 1})
	}
	return out
}

func fieldRef(a *advert.Advert, r advert.Ref) sim.DpipeFieldRef {
	return sim.DpipeFieldRef{Header: a.Headers[r.Header].ID, Field: r.Field}
}

// DpipeEntries implements sim.Piper: the entries that the device now holds, those of the program among them.
func (d *device) DpipeEntries(name string, counters bool) ([]sim.DpipeEntry, error) {
	_, a := d.advert()
	if a == nil {
		return nil, nil
	}
	i := slices.IndexFunc(a.Tables, func(t advert.Table) bool { return t.Name == name })
	if i < 0 {
		return nil, nil
	}
	entries, err := d.n.Agent().Entries(a.Tables[i].Program)
	if err != nil {
		return nil, fmt.Errorf("read entries of %s: %w", name, err)
	}
	var out []sim.DpipeEntry
	for i, e := range entries {
		x := a.Entry(e.Entry)
		entry := sim.DpipeEntry{Index: uint64(i), Matches: values(a, x.Matches), Actions: values(a, x.Actions)}
		if counters {
			entry.Counter = &e.Count.Packets
		}
		out = append(out, entry)
	}
	return out, nil
}

func values(a *advert.Advert, list []advert.Value) []sim.DpipeValue {
	var out []sim.DpipeValue
	for _, v := range list {
		out = append(out, sim.DpipeValue{Field: fieldRef(a, v.Field), Value: v.Value, Mask: v.Mask})
	}
	return out
}
