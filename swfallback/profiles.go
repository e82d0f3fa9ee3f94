package swfallback

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// profile is an action profile with its maps. The lock is held.
type profile struct {
	layout  *bpfgen.ProfileLayout
	members *ebpf.Map
	groups  *ebpf.Map // nil without a selector
}

// profile finds an action profile of this program. ErrNoObject: it is not one, or no table uses it.
func (g *generation) profile(p *pipeline.ActionProfile) (*profile, error) {
	list := g.object.Program.Profiles
	if p == nil || p.Index < 0 || p.Index >= len(list) || list[p.Index] != p || g.object.Profiles[p.Index] == nil {
		return nil, fmt.Errorf("action profile: %w", pipeline.ErrNoObject)
	}
	f := &profile{layout: g.object.Profiles[p.Index]}
	var err error
	if f.members, err = g.dp.Map(f.layout.MemberMap); err == nil && f.layout.GroupMap != "" {
		f.groups, err = g.dp.Map(f.layout.GroupMap)
	}
	return f, err
}

// withProfile runs do on a profile, under the locks.
func (f *Fallback) withProfile(verb string, p *pipeline.ActionProfile, do func(*generation, *profile) error) error {
	leave, err := f.enter()
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	defer leave()
	held, err := f.gen.profile(p)
	if err != nil {
		return fmt.Errorf("swfallback: %s: %w", verb, err)
	}
	if err := do(f.gen, held); err != nil {
		return fmt.Errorf("swfallback: %s of %s: %w", verb, p.Name, err)
	}
	return nil
}

// SetMember adds a member of an action profile or replaces the action of one: packets see the old action or the new
// one, with all of its data. ErrTableFull: the profile has its Size of members.
func (f *Fallback) SetMember(p *pipeline.ActionProfile, m pipeline.Member) error {
	return f.withProfile("set member", p, func(_ *generation, held *profile) error { return held.setMember(m) })
}

func (f *profile) setMember(m pipeline.Member) error {
	if err := pipeline.CheckMember(f.layout.Profile, &m); err != nil {
		return err
	}
	value, err := f.layout.AppendMember(nil, m.Call)
	if err != nil {
		return err
	}
	return explainFull(f.members.Update(m.ID, value, ebpf.UpdateAny), f.members)
}

// explainFull says of a map that refuses an element for want of room how many it takes.
func explainFull(err error, m *ebpf.Map) error {
	if err != nil && bpfrun.IsFull(err) {
		return fmt.Errorf("%d of them: %w: %w", m.MaxEntries(), pipeline.ErrTableFull, err)
	}
	return err
}

// DeleteMember removes a member, once no packet can be about to run it. ErrNotFound: there is none; ErrInUse: an
// entry or a group refers to it.
func (f *Fallback) DeleteMember(p *pipeline.ActionProfile, id uint32) error {
	return f.withProfile("delete member", p, func(g *generation, held *profile) error {
		if ok, err := has(held.members, id); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("member %d: %w", id, pipeline.ErrNotFound))
		}
		groups, err := held.readGroups()
		if err != nil {
			return err
		}
		inGroup := slices.ContainsFunc(groups, func(g pipeline.Group) bool { return slices.Contains(g.Members, id) })
		used, err := g.refers(held, func(e *pipeline.Entry) bool { return e.Member != nil && *e.Member == id })
		if err != nil {
			return err
		}
		if inGroup || used {
			return fmt.Errorf("member %d: %w", id, pipeline.ErrInUse)
		}
		return remove(held.members, id)
	})
}

// SetGroup adds a group or replaces the members of one, all at once. Packets number the members by rising id; one
// that is listed twice gets twice as many. ErrNotFound: a member does not exist; ErrBadRange: more members than the
// profile allows.
func (f *Fallback) SetGroup(p *pipeline.ActionProfile, g pipeline.Group) error {
	return f.withProfile("set group", p, func(_ *generation, held *profile) error { return held.setGroup(g) })
}

func (f *profile) setGroup(g pipeline.Group) error {
	switch most := f.layout.Profile.MaxGroupSize; {
	case f.groups == nil:
		return fmt.Errorf("group %d: no selector: %w", g.ID, pipeline.ErrBadAction)
	case most > 0 && len(g.Members) > most:
		return fmt.Errorf("group %d: %d members, at most %d: %w", g.ID, len(g.Members), most, pipeline.ErrBadRange)
	}
	members := slices.Sorted(slices.Values(g.Members))
	for _, id := range members {
		if ok, err := has(f.members, id); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("group %d: member %d: %w", g.ID, id, pipeline.ErrNotFound))
		}
	}
	value, err := f.layout.AppendGroup(nil, members)
	if err != nil {
		return err
	}
	return explainFull(f.groups.Update(g.ID, value, ebpf.UpdateAny), f.groups)
}

// DeleteGroup removes a group. ErrNotFound: there is none; ErrInUse: an entry refers to it.
func (f *Fallback) DeleteGroup(p *pipeline.ActionProfile, id uint32) error {
	return f.withProfile("delete group", p, func(g *generation, held *profile) error {
		missing := fmt.Errorf("group %d: %w", id, pipeline.ErrNotFound)
		if held.groups == nil {
			return missing
		}
		if ok, err := has(held.groups, id); err != nil || !ok {
			return errors.Join(err, missing)
		}
		used, err := g.refers(held, func(e *pipeline.Entry) bool { return e.Group != nil && *e.Group == id })
		if err != nil {
			return err
		}
		if used {
			return fmt.Errorf("group %d: %w", id, pipeline.ErrInUse)
		}
		return remove(held.groups, id)
	})
}

// has reports whether a map has a key.
func has(m *ebpf.Map, id uint32) (bool, error) {
	err := m.Lookup(id, make([]byte, m.ValueSize()))
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return false, nil
	}
	return err == nil, err
}

// remove takes an element that nothing in the maps refers to any more out of a map, after the packets that have read
// of it are done: none of them finds it missing.
func remove(m *ebpf.Map, id uint32) error {
	if err := bpfrun.AwaitPrograms(); err != nil {
		return err
	}
	return m.Delete(id)
}

// refers reports whether an entry of one of the profile's tables is one that uses says.
func (g *generation) refers(f *profile, uses func(*pipeline.Entry) bool) (bool, error) {
	for _, t := range f.layout.Profile.Tables {
		s, err := g.table(t)
		if err != nil || s == nil {
			continue
		}
		list, _, err := s.entries()
		if err != nil {
			return false, fmt.Errorf("table %s: %w", t.Name, err)
		}
		if slices.ContainsFunc(list, uses) {
			return true, nil
		}
	}
	return false, nil
}

// checkReference checks that the member or group of an entry exists.
func (g *generation) checkReference(e *pipeline.Entry) error {
	if e.Table.Profile == nil || e.Member == nil && e.Group == nil {
		return nil
	}
	f, err := g.profile(e.Table.Profile)
	if err != nil {
		return err
	}
	what, m, id := "member", f.members, e.Member
	if e.Group != nil {
		what, m, id = "group", f.groups, e.Group
	}
	if ok, err := has(m, *id); err != nil || !ok {
		return errors.Join(err, fmt.Errorf("table %s: %s %d: %w", e.Table.Name, what, *id, pipeline.ErrNotFound))
	}
	return nil
}

// Members returns the members of a profile, in the order of their ids.
func (f *Fallback) Members(p *pipeline.ActionProfile) (list []pipeline.Member, err error) {
	err = f.withProfile("list members", p, func(_ *generation, held *profile) (err error) {
		list, err = held.readMembers()
		return err
	})
	return list, err
}

func (f *profile) readMembers() ([]pipeline.Member, error) {
	var list []pipeline.Member
	err := each(f.members, func(id uint32, value []byte) error {
		call, err := f.layout.DecodeMember(value)
		list = append(list, pipeline.Member{ID: id, Call: call})
		return err
	})
	slices.SortFunc(list, func(a, b pipeline.Member) int { return int(a.ID) - int(b.ID) })
	return list, err
}

// Groups returns the groups of a profile, in the order of their ids.
func (f *Fallback) Groups(p *pipeline.ActionProfile) (list []pipeline.Group, err error) {
	err = f.withProfile("list groups", p, func(_ *generation, held *profile) (err error) {
		list, err = held.readGroups()
		return err
	})
	return list, err
}

func (f *profile) readGroups() ([]pipeline.Group, error) {
	if f.groups == nil {
		return nil, nil
	}
	var list []pipeline.Group
	err := each(f.groups, func(id uint32, value []byte) error {
		members, err := f.layout.DecodeGroup(value)
		list = append(list, pipeline.Group{ID: id, Members: members})
		return err
	})
	slices.SortFunc(list, func(a, b pipeline.Group) int { return int(a.ID) - int(b.ID) })
	return list, err
}

// each calls do for every element of a map by number.
func each(m *ebpf.Map, do func(uint32, []byte) error) error {
	var id uint32
	var value []byte
	iterator := m.Iterate()
	for iterator.Next(&id, &value) {
		if err := do(id, value); err != nil {
			return err
		}
	}
	if err := iterator.Err(); err != nil {
		return fmt.Errorf("read map %s: %w", m, err)
	}
	return nil
}
