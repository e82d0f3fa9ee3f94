package fuzz

import (
	"fmt"
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// replication makes multicast groups and clone sessions, where the program has a use for them.
func (m *maker) replication() {
	ops := m.g.dict.ops
	clones := ops[pipeline.OpCloneIngress] || ops[pipeline.OpCloneEgress]
	if m.multicasts() || clones {
		m.multicastGroups()
	}
	if !clones {
		return
	}
	for _, id := range m.sessionNumbers() {
		switch n := m.r.IntN(10); {
		case n < 7:
			m.command("mirroring_add", fmt.Sprint(id), fmt.Sprint(pick(m, m.g.opts.Ports)))
		case n < 9 && len(m.groups) > 0:
			m.command("mirroring_add_mc", fmt.Sprint(id), fmt.Sprint(pick(m, m.groups)))
		}
	}
}

// multicasts reports whether anything can give the packet a multicast group.
func (m *maker) multicasts() bool {
	for f := range m.g.groups {
		if len(m.g.dict.known[f]) > 0 || len(m.g.dict.flows[f]) > 0 {
			return true
		}
		for _, sinks := range m.g.dict.sinks {
			for _, s := range sinks {
				if s == f {
					return true
				}
			}
		}
	}
	return false
}

// multicastGroups makes groups under the numbers that the program names, and small ones.
func (m *maker) multicastGroups() {
	ids := []uint64{1, 2}
	for _, f := range m.g.groupFields() {
		for _, v := range m.g.dict.known[f] {
			if v.IsUint64() && v.Uint64() != 0 && v.Uint64() < 1<<16 && len(ids) < 6 {
				ids = appendNew(ids, v.Uint64())
			}
		}
	}
	node := 0
	for _, id := range ids {
		if m.chance(15) || !m.command("mc_mgrp_create", fmt.Sprint(id)) {
			continue
		}
		m.groups = append(m.groups, id)
		for range 1 + m.r.IntN(2) {
			args := []string{fmt.Sprint(m.r.IntN(4))}
			for _, port := range m.r.Perm(len(m.g.opts.Ports))[:1+m.r.IntN(min(3, len(m.g.opts.Ports)))] {
				args = append(args, fmt.Sprint(m.g.opts.Ports[port]))
			}
			m.command("mc_node_create", args...)
			m.command("mc_node_associate", fmt.Sprint(id), fmt.Sprint(node))
			node++
		}
	}
}

// groupFields lists the fields of multicast groups in the order of the program.
func (g *Generator) groupFields() []*pipeline.Field {
	var out []*pipeline.Field
	for _, t := range g.program.HeaderTypes {
		for _, f := range t.Fields {
			if g.groups[f] {
				out = append(out, f)
			}
		}
	}
	return out
}

func appendNew(list []uint64, v uint64) []uint64 {
	for _, o := range list {
		if o == v {
			return list
		}
	}
	return append(list, v)
}

// sessionNumbers are the clone sessions that the program names, and small ones.
func (m *maker) sessionNumbers() []uint64 {
	ids := []uint64{1, 2}
	for _, a := range m.g.program.Actions {
		for i := range a.Body {
			q := &a.Body[i]
			if q.Op != pipeline.OpCloneIngress && q.Op != pipeline.OpCloneEgress || len(q.Args) == 0 {
				continue
			}
			if c, ok := q.Args[0].(*pipeline.Const); ok && c.Value.IsUint64() && c.Value.Uint64() < 1<<15 && len(ids) < 8 {
				ids = appendNew(ids, c.Value.Uint64())
			}
		}
	}
	return ids
}

// state writes into registers and value sets.
func (m *maker) state() {
	for _, r := range m.g.program.Registers {
		for range m.r.IntN(3) {
			if r.Size > 0 {
				m.command("register_write", r.Name, fmt.Sprint(m.index(r.Size)), hexText(m.number(r.Width)))
			}
		}
	}
	m.sets = map[*pipeline.ValueSet][]*big.Int{}
	for _, s := range m.g.program.ValueSets {
		for range m.r.IntN(5) {
			v := m.setMember(s)
			if len(m.sets[s]) < s.Size && m.command("pvs_add", s.Name, hexText(v)) {
				m.sets[s] = addValue(m.sets[s], v, s.Size)
			}
		}
	}
}

// meters configures meters so that what they mark does not depend on time: they have bursts and no rates.
func (m *maker) meters() {
	for _, meter := range m.g.program.Meters {
		if m.chance(50) {
			committed := m.r.IntN(4)
			m.command("meter_array_set_rates", meter.Name, fmt.Sprintf("0:%d", committed), fmt.Sprintf("0:%d", committed+m.r.IntN(4)))
		}
	}
}

// index is one within an array, often near an end.
func (m *maker) index(size int) int {
	if m.chance(60) {
		return m.r.IntN(min(size, 4))
	}
	return m.r.IntN(size)
}

// setMember makes a member of a value set: the components joined.
func (m *maker) setMember(s *pipeline.ValueSet) *big.Int {
	joined := new(big.Int)
	for i, width := range s.Key {
		joined.Lsh(joined, uint(width))
		joined.Or(joined, m.value(m.g.setField(s, i), width))
	}
	return joined
}

// setField finds the field that a component of a value set is compared with; nil: none.
func (g *Generator) setField(s *pipeline.ValueSet, component int) *pipeline.Field {
	for _, ps := range g.program.Parsers {
		for _, st := range ps.States {
			for _, n := range st.Next {
				if n.Set == s && component < len(st.Key) {
					return fieldOf(st.Key[component].Expr)
				}
			}
		}
	}
	return nil
}

// profiles makes members and groups of action profiles.
func (m *maker) profiles() {
	m.members, m.selects = map[*pipeline.ActionProfile]int{}, map[*pipeline.ActionProfile]int{}
	for _, p := range m.g.program.Profiles {
		if len(p.Tables) == 0 {
			continue
		}
		actions := actionsOf(p.Tables[0], pipeline.ScopeDefault)
		for range 1 + m.r.IntN(5) {
			a := pick(m, actions)
			if m.command("act_prof_create_member", append([]string{p.Name, a.Name}, m.arguments(a)...)...) {
				m.members[p]++
			}
		}
		if p.Selector == nil || m.members[p] == 0 {
			continue
		}
		for range 1 + m.r.IntN(2) {
			if !m.command("act_prof_create_group", p.Name) {
				break
			}
			for _, member := range m.r.Perm(m.members[p])[:m.r.IntN(m.members[p]+1)] {
				m.command("act_prof_add_member_to_group", p.Name, fmt.Sprint(member), fmt.Sprint(m.selects[p]))
			}
			m.selects[p]++
		}
	}
}
