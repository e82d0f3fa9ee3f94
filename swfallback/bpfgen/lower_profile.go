package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// hitMember runs the action of the member that an entry refers to, itself or by way of a group. Nothing runs where
// the group is empty.
func (l *lowerer) hitMember(p *point, t *pipeline.Table, lay *TableLayout, st *state, entry *value) {
	prof := lay.profile
	nothing := l.f.newBlock("no member of " + t.Name)
	nothing.cold = true
	without := st.clone()
	member := l.load(entry, lay.refAt, 4)
	if prof.GroupMap != "" {
		member = l.memberOf(st, prof, entry, member, nothing)
	}
	if l.cur == nil {
		return
	}
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, member)
	st.dropLoaded(l.index)
	call, found := l.lookup(prof.MemberMap, l.frame(key, 0)), l.f.newBlock("member of "+t.Name)
	l.branch(condEq, call, l.konst(0), nothing, found)
	l.cur = nothing
	l.goTo(l.afterTable(p, t, -1, true), without)
	l.cur = found
	calls, err := prof.callsOf(t)
	if err != nil {
		l.fail(err)
		return
	}
	l.dispatch(p, t, calls, st, call, true)
}

// memberOf returns the member that an entry refers to: id, or where that is a group's the member that the selector
// picks of it.
func (l *lowerer) memberOf(st *state, prof *ProfileLayout, entry, id *value, nothing *block) *value {
	isGroup, chosen := l.f.newBlock("group of "+prof.Profile.Name), l.f.newBlock("")
	member := l.f.newValue(opParam)
	member.bits = 32
	chosen.params = []*value{member}
	direct := l.f.newBlock("")
	l.branch(condEq, l.load(entry, valueAction, 2), l.konst(refGroup), isGroup, direct)
	l.cur = direct
	l.jump(chosen, id)
	l.cur = isGroup
	sel := prof.Profile.Selector
	hash := l.hash(st.clone(), &pipeline.Calculation{Name: prof.Profile.Name, Source: prof.Profile.Source,
		Algo: sel.Algorithm, Input: sel.Input})
	if hash == nil || l.cur == nil {
		return id
	}
	l.jump(chosen, l.memberOfGroup(st, prof, id, hash, nothing))
	l.cur = chosen
	return member
}

// memberOfGroup returns the member of a group that a hash chooses.
func (l *lowerer) memberOfGroup(st *state, prof *ProfileLayout, id, hash *value, nothing *block) *value {
	step := func(c cond, x *value) {
		next := l.f.newBlock("")
		l.branch(c, x, l.konst(0), nothing, next)
		l.cur = next
	}
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, id)
	st.dropLoaded(l.index)
	group := l.lookup(prof.GroupMap, l.frame(key, 0))
	step(condEq, group)
	count := l.load(group, groupCount, 4)
	step(condEq, count)
	// The verifier knows nothing of a remainder but what a mask says.
	at := l.mask(l.opaque(l.alu(opMod, hash, count)), bitLen(uint64(prof.MaxMembers-1)))
	return l.load(l.alu(opAdd, group, l.aluC(opShl, at, 2)), groupMembers, 4)
}

// opaque returns a number of which no bound is known.
func (l *lowerer) opaque(v *value) *value {
	return l.builder.add(l.f.newValue(opMove, v))
}
