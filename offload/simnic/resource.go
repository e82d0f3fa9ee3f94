package simnic

import (
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware/advert"
)

// Resources implements sim.Resourcer: for each control a resource with its tables as children, or several, "-2"
// and so on, where it has many. Sizes are entries, and fixed.
func (d *device) Resources() []sim.Resource {
	running, a := d.advert()
	if a == nil {
		return nil
	}
	var out []sim.Resource
	for _, r := range a.Resources {
		size := uint64(r.Size)
		x := sim.Resource{ID: uint64(r.ID), Name: r.Name, Size: size, Min: size, Max: size}
		if r.Parent == 0 {
			out = append(out, x)
			continue
		}
		x.Occupancy = running.engine.occupancy(a, r.ID)
		group := &out[len(out)-1]
		group.Children = append(group.Children, x)
	}
	return out
}

// occupancy returns what counts the entries of the table that a resource belongs to.
func (e *engine) occupancy(a *advert.Advert, resource uint32) func() uint64 {
	for _, t := range a.Tables {
		if t.Resource == resource {
			return func() uint64 {
				e.mu.Lock()
				defer e.mu.Unlock()
				return uint64(e.used[t.Program.Index])
			}
		}
	}
	return nil
}
