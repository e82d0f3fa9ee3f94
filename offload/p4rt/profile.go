package p4rt

import (
	"fmt"
	"slices"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Profiler is implemented by a Target with action profiles. Without it ActionProfileMember and ActionProfileGroup are
// UNIMPLEMENTED. SetMember and SetGroup add or replace.
type Profiler interface {
	SetMember(*pipeline.ActionProfile, pipeline.Member) error
	DeleteMember(*pipeline.ActionProfile, uint32) error
	Members(*pipeline.ActionProfile) ([]pipeline.Member, error)
	SetGroup(*pipeline.ActionProfile, pipeline.Group) error
	DeleteGroup(*pipeline.ActionProfile, uint32) error
	Groups(*pipeline.ActionProfile) ([]pipeline.Group, error)
}

// groupName tells groups of a program apart.
type groupName struct{ profile, group uint32 }

// groupSizes keeps the max_size of groups that have one: a client gets it back.
type groupSizes map[groupName]int32

func profileID(p *pipeline.ActionProfile) uint32 { return p.ID }

// profile finds the profile of an id and the table by whose numbers its actions are called.
func (s *Schema) profile(id uint32) (*pipeline.ActionProfile, *tableSchema, error) {
	p, err := byID(s.program.Profiles, id, profileID, "action profile")
	if err != nil {
		return nil, nil, err
	}
	if len(p.Tables) == 0 || s.byTable[p.Tables[0]] == nil {
		return nil, nil, fmt.Errorf("no table uses %s: %w", p.Name, pipeline.ErrNoObject)
	}
	return p, s.byTable[p.Tables[0]], nil
}

// present checks what an update asks for: something new for INSERT, something that is there for MODIFY and DELETE.
func present(op p4v1.Update_Type, there bool, what string, id uint32) error {
	switch {
	case op == p4v1.Update_INSERT && there:
		return fmt.Errorf("%s %d: %w", what, id, pipeline.ErrExists)
	case op != p4v1.Update_INSERT && !there:
		return fmt.Errorf("%s %d: %w", what, id, pipeline.ErrNotFound)
	}
	return nil
}

// member follows "ActionProfileMember".
func (w *writer) member(op p4v1.Update_Type, e *p4v1.ActionProfileMember) error {
	target, err := part[Profiler](w.server, "write of a member")
	if err != nil {
		return err
	}
	p, ts, err := w.schema.profile(e.GetActionProfileId())
	if err != nil {
		return err
	}
	id := e.GetMemberId()
	members, err := target.Members(p)
	if err != nil {
		return err
	}
	there := slices.ContainsFunc(members, func(m pipeline.Member) bool { return m.ID == id })
	if err := present(op, there, "member", id); err != nil {
		return err
	}
	if op == p4v1.Update_DELETE {
		return target.DeleteMember(p, id)
	}
	call, _, err := ts.decodeCall(e.GetAction())
	if err != nil {
		return fmt.Errorf("member %d of %s: %w", id, p.Name, err)
	}
	return target.SetMember(p, pipeline.Member{ID: id, Call: call})
}

// group follows "ActionProfileGroup". A member's weight is how often a group of the target lists it.
func (w *writer) group(op p4v1.Update_Type, e *p4v1.ActionProfileGroup) error {
	target, err := part[Profiler](w.server, "write of a group")
	if err != nil {
		return err
	}
	p, _, err := w.schema.profile(e.GetActionProfileId())
	if err != nil {
		return err
	}
	if p.Selector == nil {
		return badRequest("group of %s, which has no selector", p.Name)
	}
	id := e.GetGroupId()
	groups, err := target.Groups(p)
	if err != nil {
		return err
	}
	there := slices.ContainsFunc(groups, func(g pipeline.Group) bool { return g.ID == id })
	if err := present(op, there, "group", id); err != nil {
		return err
	}
	name := groupName{p.ID, id}
	if op == p4v1.Update_DELETE {
		if err := target.DeleteGroup(p, id); err != nil {
			return err
		}
		delete(w.server.sizes, name)
		return nil
	}
	if size := w.server.sizes[name]; op == p4v1.Update_MODIFY && e.GetMaxSize() != size {
		return badRequest("max_size of group %d changes from %d to %d", id, size, e.GetMaxSize())
	}
	g, err := decodeGroup(p, e)
	if err != nil {
		return err
	}
	if err := target.SetGroup(p, g); err != nil {
		return err
	}
	if e.GetMaxSize() != 0 {
		w.server.sizes[name] = e.GetMaxSize()
	}
	return nil
}

// decodeGroup lists every member as often as its weight says.
func decodeGroup(p *pipeline.ActionProfile, e *p4v1.ActionProfileGroup) (pipeline.Group, error) {
	g := pipeline.Group{ID: e.GetGroupId()}
	most := int(e.GetMaxSize())
	if most < 0 || p.MaxGroupSize > 0 && most > p.MaxGroupSize {
		return g, badRequest("max_size %d of group %d, the profile has %d", most, g.ID, p.MaxGroupSize)
	}
	if most == 0 {
		most = p.MaxGroupSize
	}
	for _, m := range e.GetMembers() {
		switch {
		case m.GetWeight() <= 0:
			return g, badRequest("weight %d of member %d", m.GetWeight(), m.GetMemberId())
		case m.GetWatchKind() != nil:
			return g, unsupported("watch port of a member")
		case slices.Contains(g.Members, m.GetMemberId()):
			return g, badRequest("member %d twice in group %d", m.GetMemberId(), g.ID)
		case int(m.GetWeight()) > maxWeight, most > 0 && len(g.Members)+int(m.GetWeight()) > most:
			return g, withCode(codes.ResourceExhausted, fmt.Errorf("weights of group %d are more than %d", g.ID, most))
		}
		for range m.GetWeight() {
			g.Members = append(g.Members, m.GetMemberId())
		}
	}
	return g, nil
}

// maxWeight bounds the weight of one member where the profile states no size of groups.
const maxWeight = 1 << 14

// members follows "ActionProfileMember": one member, all of a profile, or all.
func (r *reader) members(q *p4v1.ActionProfileMember) error {
	target, err := part[Profiler](r.server, "read of a member")
	if err != nil {
		return err
	}
	return r.profiles(q.GetActionProfileId(), q.GetMemberId(), "member", func(p *pipeline.ActionProfile, ts *tableSchema) (int, error) {
		members, err := target.Members(p)
		n := 0
		for _, m := range members {
			if q.GetMemberId() != 0 && q.GetMemberId() != m.ID {
				continue
			}
			action, err := ts.encodeCall(m.Call)
			if err != nil {
				return n, err
			}
			n++
			r.add(&p4v1.Entity{Entity: &p4v1.Entity_ActionProfileMember{ActionProfileMember: &p4v1.ActionProfileMember{
				ActionProfileId: p.ID, MemberId: m.ID, Action: action}}})
		}
		return n, err
	})
}

// groups follows "ActionProfileGroup": one group, all of a profile, or all.
func (r *reader) groups(q *p4v1.ActionProfileGroup) error {
	target, err := part[Profiler](r.server, "read of a group")
	if err != nil {
		return err
	}
	return r.profiles(q.GetActionProfileId(), q.GetGroupId(), "group", func(p *pipeline.ActionProfile, _ *tableSchema) (int, error) {
		groups, err := target.Groups(p)
		n := 0
		for _, g := range groups {
			if q.GetGroupId() != 0 && q.GetGroupId() != g.ID {
				continue
			}
			n++
			r.add(&p4v1.Entity{Entity: &p4v1.Entity_ActionProfileGroup{ActionProfileGroup: &p4v1.ActionProfileGroup{
				ActionProfileId: p.ID, GroupId: g.ID, Members: weights(g), MaxSize: r.server.sizes[groupName{p.ID, g.ID}]}}})
		}
		return n, err
	})
}

// profiles runs do on the profile of an id, or on all that a client can reach. It must find what id names.
func (r *reader) profiles(profile, id uint32, what string, do func(*pipeline.ActionProfile, *tableSchema) (int, error)) error {
	if profile == 0 {
		if id != 0 {
			return badRequest("%s without an action profile", what)
		}
		for _, p := range r.schema.program.Profiles {
			p, ts, err := r.schema.profile(p.ID)
			if err != nil {
				continue // no table, no id: out of reach
			}
			if _, err := do(p, ts); err != nil {
				return err
			}
		}
		return nil
	}
	p, ts, err := r.schema.profile(profile)
	if err != nil {
		return err
	}
	n, err := do(p, ts)
	if err == nil && n == 0 && id != 0 {
		return fmt.Errorf("%s %d of %s: %w", what, id, p.Name, pipeline.ErrNotFound)
	}
	return err
}

// weights is the inverse of decodeGroup.
func weights(g pipeline.Group) []*p4v1.ActionProfileGroup_Member {
	var list []*p4v1.ActionProfileGroup_Member
	for _, id := range g.Members {
		at := slices.IndexFunc(list, func(m *p4v1.ActionProfileGroup_Member) bool { return m.MemberId == id })
		if at < 0 {
			list = append(list, &p4v1.ActionProfileGroup_Member{MemberId: id, Weight: 1})
			continue
		}
		list[at].Weight++
	}
	return list
}
