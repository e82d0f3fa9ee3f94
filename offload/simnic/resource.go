package simnic

import (
	"fmt"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// resourcesPerGroup is how many tables one resource holds as children: the kernel cannot split a resource over
// messages.
const resourcesPerGroup = 16

// firstTableResource is the identifier of the first table's resource; those of the groups are smaller.
const firstTableResource = 1 << 16

// resourceID is the identifier of a table's resource.
func resourceID(t *pipeline.Table) uint64 { return firstTableResource + uint64(t.Index) }

// Resources implements sim.Resourcer: for each control a resource with its tables as children, or several, "-2"
// and so on, where it has many. Sizes are entries, and fixed.
func (d *device) Resources() []sim.Resource {
	running, _ := d.programs()
	if running == nil {
		return nil
	}
	var out []sim.Resource
	for _, c := range running.model.Controls {
		out = d.addControl(out, running.engine, c)
	}
	return out
}

func (d *device) addControl(out []sim.Resource, e *engine, c *pipeline.Control) []sim.Resource {
	part := 0
	var group *sim.Resource
	for _, t := range c.Tables {
		if t.Hidden {
			continue
		}
		if group == nil || len(group.Children) == resourcesPerGroup {
			part++
			name := c.Name
			if part > 1 {
				name = fmt.Sprintf("%s-%d", c.Name, part)
			}
			out = append(out, sim.Resource{ID: uint64(len(out) + 1), Name: name})
			group = &out[len(out)-1]
		}
		group.Children = append(group.Children, d.tableResource(e, t))
		size := group.Size + uint64(d.n.cfg.Limits.room(t))
		group.Size, group.Min, group.Max = size, size, size
	}
	return out
}

func (d *device) tableResource(e *engine, t *pipeline.Table) sim.Resource {
	size := uint64(d.n.cfg.Limits.room(t))
	return sim.Resource{ID: resourceID(t), Name: t.Name, Size: size, Min: size, Max: size, Occupancy: func() uint64 {
		e.mu.Lock()
		defer e.mu.Unlock()
		return uint64(e.used[t.Index])
	}}
}
