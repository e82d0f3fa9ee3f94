package swfallback

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// carry copies what the control plane has set from one pipeline to another.
func carry(from, to *generation) (Carried, error) {
	carried := Carried{Dropped: make(map[string]int)}
	if err := carryObjects(from, to, &carried); err != nil {
		return Carried{}, err
	}
	for _, table := range from.object.Program.Tables {
		if table.Hidden {
			continue
		}
		if err := carryTable(from, to, table, &carried); err != nil {
			return Carried{}, fmt.Errorf("carry over table %s: %w", table.Name, err)
		}
	}
	if err := carryReplicas(from, to, &carried); err != nil {
		return Carried{}, err
	}
	return carried, nil
}

func carryTable(from, to *generation, table *pipeline.Table, carried *Carried) error {
	target := sameTable(to.object.Program, table)
	if target != nil && !target.Immutable {
		if err := carryDefault(from, to, table, target, carried); err != nil {
			return err
		}
	}
	s := from.stores[table.Index]
	if s == nil || table.Immutable {
		return nil
	}
	list, slots, err := s.entries()
	if err != nil {
		return err
	}
	var moved []*pipeline.Entry
	var had []uint32 // their slots
	room := 0
	if target != nil && !target.Immutable && to.stores[target.Index] != nil {
		room = to.stores[target.Index].table().size
	}
	for i, e := range list {
		if target != nil {
			e.Table, e.Call = target, sameCall(target, e.Call)
		}
		if len(moved) == room || checkWhole(to, e, false) != nil {
			carried.Dropped[table.Name]++
			continue
		}
		moved, had = append(moved, e), append(had, slots[i])
	}
	carried.Entries += len(moved)
	if len(moved) == 0 {
		return nil
	}
	if err := to.change(checkWhole, moved, insertChecked); err != nil {
		return err
	}
	return carryEntryMeters(s.table(), to.stores[target.Index], moved, had, carried)
}

func carryDefault(from, to *generation, table, target *pipeline.Table, carried *Carried) error {
	call, err := from.changedDefault(table)
	if err != nil || call == nil {
		return err
	}
	call = sameCall(target, call)
	if call == nil || pipeline.CheckDefault(target, call) != nil {
		return nil
	}
	layout := to.object.Tables[target.Index]
	if layout == nil || layout.DefaultMap == "" {
		return nil
	}
	carried.Defaults++
	return to.setDefault(target, call)
}

func carryReplicas(from, to *generation, carried *Carried) error {
	groups, err := from.multicastGroups()
	if err != nil {
		return err
	}
	for _, group := range groups {
		if to.object.Multicast == nil || len(group.Replicas) > to.object.Multicast.Max {
			continue
		}
		if err := to.setMulticastGroup(group); err != nil {
			return fmt.Errorf("carry over multicast group %d: %w", group.ID, err)
		}
		carried.Groups++
	}
	sessions, err := from.cloneSessions()
	if err != nil {
		return err
	}
	for _, s := range sessions {
		if to.object.Clone == nil || len(s.Replicas) > to.object.Clone.Max {
			continue
		}
		if err := to.setCloneSession(s); err != nil {
			return fmt.Errorf("carry over clone session %d: %w", s.ID, err)
		}
		carried.Sessions++
	}
	return nil
}

// sameTable returns the program's table with the name and key of another program's table, or nil.
func sameTable(p *pipeline.Program, table *pipeline.Table) *pipeline.Table {
	at := slices.IndexFunc(p.Tables, func(t *pipeline.Table) bool { return t.Name == table.Name && !t.Hidden })
	if at < 0 {
		return nil
	}
	same := slices.EqualFunc(p.Tables[at].Keys, table.Keys, func(a, b *pipeline.Key) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Width == b.Width
	})
	if !same {
		return nil
	}
	return p.Tables[at]
}

// sameCall returns the call with the table's action of the same name and parameters, nil when it has none.
func sameCall(t *pipeline.Table, call *pipeline.ActionCall) *pipeline.ActionCall {
	if call == nil {
		return nil
	}
	for _, action := range t.Actions {
		same := action.Name == call.Action.Name &&
			slices.EqualFunc(action.Params, call.Action.Params, func(a, b *pipeline.ActionParam) bool {
				return a.Name == b.Name && a.Width == b.Width
			})
		if same {
			return &pipeline.ActionCall{Action: action, Args: call.Args}
		}
	}
	return nil
}
