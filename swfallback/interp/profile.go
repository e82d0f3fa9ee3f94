package interp

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// profile is an action profile or selector (v1model "action_profile", "action_selector").
type profile struct {
	model    *pipeline.ActionProfile
	members  map[uint32]*member
	groups   map[uint32]*group
	selector *calculation // nil: no groups
}

type member struct {
	call *call
	used int // by entries and groups
}

type group struct {
	ids     []uint32 // ascending: BMv2 numbers a group's members so
	members []*member
	used    int // by entries
}

// choose picks a member: the selector's hash modulo the group's size. An empty group runs nothing.
func (f *profile) choose(p *packet, g *group) *call {
	if len(g.members) == 0 {
		return nil
	}
	n := uint64(0)
	if f.selector != nil {
		n = f.selector.output(p)
	}
	return g.members[n%uint64(len(g.members))].call
}

func (c *compiler) profile(m *pipeline.ActionProfile) (*profile, error) {
	f := &profile{model: m, members: map[uint32]*member{}, groups: map[uint32]*group{}}
	if m.Selector == nil {
		return f, nil
	}
	var err error
	if f.selector, err = c.hashOf(m.Selector.Algorithm, m.Selector.Input); err != nil {
		return nil, fmt.Errorf("compile action selector %s: %w", m.Name, err)
	}
	return f, nil
}

func (sw *Switch) profileOf(m *pipeline.ActionProfile) (*profile, error) {
	if m == nil || m.Index < 0 || m.Index >= len(sw.profiles) || sw.profiles[m.Index].model != m {
		return nil, fmt.Errorf("%w: action profile", pipeline.ErrNoObject)
	}
	return sw.profiles[m.Index], nil
}

// SetMember adds a member or replaces the action of one. ErrTableFull: the profile has its Size of members.
func (sw *Switch) SetMember(m *pipeline.ActionProfile, mbr pipeline.Member) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return fmt.Errorf("interp: set member: %w", err)
	}
	if err := pipeline.CheckMember(m, &mbr); err != nil {
		return fmt.Errorf("interp: set member: %w", err)
	}
	call, err := sw.newCall(mbr.Call)
	if err != nil {
		return fmt.Errorf("interp: set member %d of %s: %w", mbr.ID, m.Name, err)
	}
	if held := f.members[mbr.ID]; held != nil {
		held.call = call
		return nil
	}
	if m.Size > 0 && len(f.members) >= m.Size {
		return fmt.Errorf("interp: set member %d of %s: %w", mbr.ID, m.Name, pipeline.ErrTableFull)
	}
	f.members[mbr.ID] = &member{call: call}
	return nil
}

// DeleteMember removes a member. ErrNotFound: there is none; ErrInUse: an entry or a group refers to it.
func (sw *Switch) DeleteMember(m *pipeline.ActionProfile, id uint32) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return fmt.Errorf("interp: delete member: %w", err)
	}
	held := f.members[id]
	switch {
	case held == nil:
		return fmt.Errorf("interp: delete member %d of %s: %w", id, m.Name, pipeline.ErrNotFound)
	case held.used > 0:
		return fmt.Errorf("interp: delete member %d of %s: %w", id, m.Name, pipeline.ErrInUse)
	}
	delete(f.members, id)
	return nil
}

// SetGroup adds a group or replaces the members of one. ErrNotFound: a member does not exist; ErrBadRange:
// more members than the profile allows.
func (sw *Switch) SetGroup(m *pipeline.ActionProfile, g pipeline.Group) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return fmt.Errorf("interp: set group: %w", err)
	}
	if f.selector == nil {
		return fmt.Errorf("interp: set group %d of %s: no selector: %w", g.ID, m.Name, pipeline.ErrBadAction)
	}
	if m.MaxGroupSize > 0 && len(g.Members) > m.MaxGroupSize {
		return fmt.Errorf("interp: set group %d of %s: %d members: %w", g.ID, m.Name, len(g.Members), pipeline.ErrBadRange)
	}
	next := group{ids: slices.Sorted(slices.Values(g.Members))}
	for _, id := range next.ids {
		mbr := f.members[id]
		if mbr == nil {
			return fmt.Errorf("interp: set group %d of %s: member %d: %w", g.ID, m.Name, id, pipeline.ErrNotFound)
		}
		next.members = append(next.members, mbr)
	}
	held := f.groups[g.ID]
	if held == nil {
		held = &group{}
		f.groups[g.ID] = held
	}
	for _, mbr := range next.members {
		mbr.used++
	}
	for _, mbr := range held.members {
		mbr.used--
	}
	held.ids, held.members = next.ids, next.members
	return nil
}

// DeleteGroup removes a group. ErrNotFound: there is none; ErrInUse: an entry refers to it.
func (sw *Switch) DeleteGroup(m *pipeline.ActionProfile, id uint32) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return fmt.Errorf("interp: delete group: %w", err)
	}
	held := f.groups[id]
	switch {
	case held == nil:
		return fmt.Errorf("interp: delete group %d of %s: %w", id, m.Name, pipeline.ErrNotFound)
	case held.used > 0:
		return fmt.Errorf("interp: delete group %d of %s: %w", id, m.Name, pipeline.ErrInUse)
	}
	for _, mbr := range held.members {
		mbr.used--
	}
	delete(f.groups, id)
	return nil
}

// Members returns the members of a profile, in the order of their ids.
func (sw *Switch) Members(m *pipeline.ActionProfile) ([]pipeline.Member, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return nil, fmt.Errorf("interp: list members: %w", err)
	}
	var out []pipeline.Member
	for _, id := range sortedKeys(f.members) {
		out = append(out, pipeline.Member{ID: id, Call: cloneCall(f.members[id].call.model)})
	}
	return out, nil
}

// Groups returns the groups of a profile, in the order of their ids.
func (sw *Switch) Groups(m *pipeline.ActionProfile) ([]pipeline.Group, error) {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	f, err := sw.profileOf(m)
	if err != nil {
		return nil, fmt.Errorf("interp: list groups: %w", err)
	}
	var out []pipeline.Group
	for _, id := range sortedKeys(f.groups) {
		out = append(out, pipeline.Group{ID: id, Members: slices.Clone(f.groups[id].ids)})
	}
	return out, nil
}
