package stf

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// profileState are the members and groups of an action profile. BMv2 numbers both from 0, with the smallest
// number that is free.
type profileState struct {
	members map[uint32]*pipeline.ActionCall
	groups  map[uint32][]uint32
}

// free returns the smallest key that a map does not have.
func free[V any](m map[uint32]V) uint32 {
	for id := uint32(0); ; id++ {
		if _, ok := m[id]; !ok {
			return id
		}
	}
}

func (r *runner) profile(name string) (Profiler, *pipeline.ActionProfile, *profileState, error) {
	target, err := part[Profiler](r)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := named(r.program.Profiles, name, func(p *pipeline.ActionProfile) string { return p.Name }, r.program.ProfileByName)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.members[p] == nil {
		r.members[p] = &profileState{map[uint32]*pipeline.ActionCall{}, map[uint32][]uint32{}}
	}
	return target, p, r.members[p], nil
}

func number32(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%q: not a number", text)
	}
	return uint32(n), nil
}

// memberCall reads an action of a profile with its arguments.
func memberCall(p *pipeline.ActionProfile, name string, args []string) (*pipeline.ActionCall, error) {
	if len(p.Tables) == 0 {
		return nil, fmt.Errorf("profile %s has no table: %w", p.Name, pipeline.ErrNoAction)
	}
	a, err := action(p.Tables[0], name)
	if err != nil {
		return nil, err
	}
	return positional(a, args)
}

// act_prof_create_member PROFILE ACTION ARGUMENT...
func (r *runner) createMember(args []string) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	call, err := memberCall(p, args[1], args[2:])
	if err != nil {
		return err
	}
	id := free(state.members)
	if err := target.SetMember(p, pipeline.Member{ID: id, Call: call}); err != nil {
		return err
	}
	state.members[id] = call
	return nil
}

// act_prof_modify_member PROFILE ACTION MEMBER ARGUMENT...
func (r *runner) modifyMember(args []string) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	id, err := number32(args[2])
	if err != nil {
		return err
	}
	call, err := memberCall(p, args[1], args[3:])
	if err != nil {
		return err
	}
	if err := target.SetMember(p, pipeline.Member{ID: id, Call: call}); err != nil {
		return err
	}
	state.members[id] = call
	return nil
}

// act_prof_delete_member PROFILE MEMBER
func (r *runner) deleteMember(args []string) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	id, err := number32(args[1])
	if err != nil {
		return err
	}
	delete(state.members, id)
	return target.DeleteMember(p, id)
}

// act_prof_create_group PROFILE
func (r *runner) createGroup(args []string) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	id := free(state.groups)
	state.groups[id] = nil
	return target.SetGroup(p, pipeline.Group{ID: id})
}

// act_prof_delete_group PROFILE GROUP
func (r *runner) deleteGroup(args []string) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	id, err := number32(args[1])
	if err != nil {
		return err
	}
	delete(state.groups, id)
	return target.DeleteGroup(p, id)
}

// act_prof_add_member_to_group PROFILE MEMBER GROUP
func (r *runner) addToGroup(args []string) error {
	return r.changeGroup(args, func(members []uint32, id uint32) []uint32 { return append(members, id) })
}

// act_prof_remove_member_from_group PROFILE MEMBER GROUP
func (r *runner) removeFromGroup(args []string) error {
	return r.changeGroup(args, func(members []uint32, id uint32) []uint32 {
		return slices.DeleteFunc(members, func(m uint32) bool { return m == id })
	})
}

func (r *runner) changeGroup(args []string, change func([]uint32, uint32) []uint32) error {
	target, p, state, err := r.profile(args[0])
	if err != nil {
		return err
	}
	member, err := number32(args[1])
	if err != nil {
		return err
	}
	group, err := number32(args[2])
	if err != nil {
		return err
	}
	members, ok := state.groups[group]
	if !ok {
		return fmt.Errorf("group %d of %s: %w", group, p.Name, pipeline.ErrNotFound)
	}
	next := change(slices.Clone(members), member)
	if err := target.SetGroup(p, pipeline.Group{ID: group, Members: next}); err != nil {
		return err
	}
	state.groups[group] = next
	return nil
}

// table_indirect_add TABLE KEY... => MEMBER [PRIORITY]
func (r *runner) tableIndirectAdd(args []string) error {
	return r.indirectAdd(args, func(e *pipeline.Entry, id uint32) { e.Member = &id })
}

// table_indirect_add_with_group TABLE KEY... => GROUP [PRIORITY]
func (r *runner) tableIndirectAddGroup(args []string) error {
	return r.indirectAdd(args, func(e *pipeline.Entry, id uint32) { e.Group = &id })
}

func (r *runner) indirectAdd(args []string, refer func(*pipeline.Entry, uint32)) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	e := &pipeline.Entry{Table: t}
	values, params := split(args[1:])
	if e.Match, err = commandKey(t, values); err != nil {
		return err
	}
	if e.Priority, params, err = commandPriority(t, params); err != nil {
		return err
	}
	if len(params) != 1 {
		return fmt.Errorf("want one member or group: %w", pipeline.ErrBadAction)
	}
	id, err := number32(params[0])
	if err != nil {
		return err
	}
	refer(e, id)
	return r.insert(e)
}

// table_indirect_set_default TABLE MEMBER: the default action becomes what the member is now.
func (r *runner) tableIndirectSetDefault(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	id, err := number32(args[1])
	if err != nil {
		return err
	}
	if t.Profile == nil || r.members[t.Profile] == nil || r.members[t.Profile].members[id] == nil {
		return fmt.Errorf("member %d of table %s: %w", id, t.Name, pipeline.ErrNotFound)
	}
	call := r.members[t.Profile].members[id]
	for _, a := range t.Actions {
		if a.Name == call.Action.Name { // each table may have its own action of the name
			return r.target.SetDefault(t, &pipeline.ActionCall{Action: a, Args: call.Args})
		}
	}
	return fmt.Errorf("action %s in table %s: %w", call.Action.Name, t.Name, pipeline.ErrNoAction)
}
