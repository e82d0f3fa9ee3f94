package p4rt_test

import (
	"testing"

	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/interp"
)

var (
	_ p4rt.Profiler = (*interp.Switch)(nil)
	_ p4rt.Profiler = (*swfallback.Fallback)(nil)
)

// profileBench makes the messages for the profile paths of features/selector.
type profileBench struct {
	*stateBench
	paths   *pipeline.ActionProfile
	grouped *pipeline.Table
}

func newProfileBench(t *testing.T) *profileBench {
	t.Helper()
	b := &profileBench{stateBench: newStateBench(t, "selector")}
	var err error
	if b.paths, err = b.sw.Program().ProfileByName("selector_ingress.paths"); err == nil {
		b.grouped, err = b.sw.Program().TableByName("selector_ingress.grouped")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// member runs set_group(value).
func (b *profileBench) member(id uint32, value byte) *p4v1.Entity {
	a := b.grouped.Actions[0]
	return &p4v1.Entity{Entity: &p4v1.Entity_ActionProfileMember{ActionProfileMember: &p4v1.ActionProfileMember{
		ActionProfileId: b.paths.ID, MemberId: id, Action: &p4v1.Action{ActionId: a.ID,
			Params: []*p4v1.Action_Param{{ParamId: a.Params[0].ID, Value: []byte{value}}}}}}}
}

func (b *profileBench) noMember(profile, id uint32) *p4v1.Entity {
	return &p4v1.Entity{Entity: &p4v1.Entity_ActionProfileMember{ActionProfileMember: &p4v1.ActionProfileMember{
		ActionProfileId: profile, MemberId: id}}}
}

// group has members with weights.
func (b *profileBench) group(id uint32, most int32, weights ...[2]int) *p4v1.Entity {
	g := &p4v1.ActionProfileGroup{ActionProfileId: b.paths.ID, GroupId: id, MaxSize: most}
	for _, w := range weights {
		g.Members = append(g.Members, &p4v1.ActionProfileGroup_Member{MemberId: uint32(w[0]), Weight: int32(w[1])})
	}
	return &p4v1.Entity{Entity: &p4v1.Entity_ActionProfileGroup{ActionProfileGroup: g}}
}

func TestMembersAndGroups(t *testing.T) {
	b := newProfileBench(t)
	const insert, modify, remove = p4v1.Update_INSERT, p4v1.Update_MODIFY, p4v1.Update_DELETE
	b.modify(insert, b.member(1, 0xa1), codes.OK)
	b.modify(insert, b.member(1, 0xa1), codes.AlreadyExists)
	b.modify(modify, b.member(2, 0xa2), codes.NotFound)
	b.modify(insert, b.member(2, 0xa2), codes.OK)
	b.modify(modify, b.member(2, 0xb2), codes.OK)
	b.modify(insert, b.noMember(b.paths.ID, 3), codes.InvalidArgument)
	b.modify(insert, b.noMember(99, 3), codes.InvalidArgument)

	b.modify(insert, b.group(7, 4, [2]int{1, 1}, [2]int{2, 3}), codes.OK)
	b.modify(insert, b.group(7, 4), codes.AlreadyExists)
	b.modify(modify, b.group(8, 0), codes.NotFound)
	b.modify(insert, b.group(8, 0), codes.OK)
	b.modify(modify, b.group(7, 4, [2]int{1, 1}, [2]int{2, 4}), codes.ResourceExhausted)
	b.modify(modify, b.group(7, 5, [2]int{1, 1}), codes.InvalidArgument)
	b.modify(modify, b.group(7, 4, [2]int{1, 0}), codes.InvalidArgument)
	b.modify(modify, b.group(7, 4, [2]int{1, 1}, [2]int{1, 1}), codes.InvalidArgument)
	b.modify(modify, b.group(7, 4, [2]int{5, 1}), codes.NotFound)
	watch := b.group(7, 4, [2]int{1, 1})
	watch.GetActionProfileGroup().Members[0].WatchKind = &p4v1.ActionProfileGroup_Member_WatchPort{WatchPort: []byte{1}}
	b.modify(modify, watch, codes.Unimplemented)

	b.modify(remove, b.noMember(b.paths.ID, 1), codes.FailedPrecondition)
	b.same(b.noMember(b.paths.ID, 0), b.member(1, 0xa1), b.member(2, 0xb2))
	b.same(b.noMember(0, 0), b.member(1, 0xa1), b.member(2, 0xb2))
	b.same(b.noMember(b.paths.ID, 2), b.member(2, 0xb2))
	b.same(b.group(0, 0), b.group(7, 4, [2]int{1, 1}, [2]int{2, 3}), b.group(8, 0))
	b.same(b.group(8, 0), b.group(8, 0))

	b.modify(modify, b.group(7, 4), codes.OK)
	b.modify(remove, b.noMember(b.paths.ID, 1), codes.OK)
	b.modify(remove, b.noMember(b.paths.ID, 1), codes.NotFound)
	b.modify(remove, b.group(7, 0), codes.OK)
	b.modify(insert, b.group(7, 0, [2]int{2, 1}), codes.OK)
	b.same(b.group(7, 0), b.group(7, 0, [2]int{2, 1}))
	if _, _, err := b.read(b.noMember(b.paths.ID, 9)); err == nil {
		t.Error("read a member that is not there")
	}
	shared, err := b.sw.Program().ProfileByName("selector_ingress.shared_actions")
	if err != nil {
		t.Fatal(err)
	}
	alien := b.group(1, 0)
	alien.GetActionProfileGroup().ActionProfileId = shared.ID
	b.modify(insert, alien, codes.InvalidArgument)
}
