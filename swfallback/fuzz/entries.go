package fuzz

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// configure makes the configuration: what entries refer to first.
func (m *maker) configure() {
	m.replication()
	m.state()
	m.profiles()
	for _, t := range m.order() {
		if !t.Hidden {
			m.fill(t)
		}
	}
	m.meters()
}

// command adds a line, unless the command is not to be used.
func (m *maker) command(name string, args ...string) bool {
	if m.g.without[name] {
		return false
	}
	m.out.Config = append(m.out.Config, strings.Join(append([]string{name}, args...), " "))
	return true
}

// fill makes a table's entries and its default action.
func (m *maker) fill(t *pipeline.Table) {
	if !t.DefaultConst && m.chance(40) {
		m.setDefault(t)
	}
	if t.Immutable || len(t.Keys) == 0 {
		return
	}
	n := m.entryCount()
	if t.Size > 0 && m.chance(95) {
		n = min(n, t.Size)
	}
	first := len(m.entries)
	for range n {
		m.entry(t)
	}
	if made := len(m.entries) - first; made > 0 && t.Profile == nil && m.chance(20) {
		m.change(t, m.r.IntN(made))
	}
}

// entryCount is how many entries a table gets.
func (m *maker) entryCount() int {
	switch n := m.r.IntN(100); {
	case n < 15:
		return 0
	case n < 65:
		return 1 + m.r.IntN(4)
	case n < 95:
		return 4 + m.r.IntN(8)
	}
	return 12 + m.r.IntN(40)
}

// actionsOf lists the actions that a table may use in a scope.
func actionsOf(t *pipeline.Table, not pipeline.ActionScope) []*pipeline.Action {
	var out []*pipeline.Action
	for i, a := range t.Actions {
		if t.Scopes == nil || t.Scopes[i] != not {
			out = append(out, a)
		}
	}
	return out
}

func (m *maker) setDefault(t *pipeline.Table) {
	if t.Profile != nil {
		if n := m.members[t.Profile]; n > 0 {
			m.command("table_indirect_set_default", t.Name, fmt.Sprint(m.r.IntN(n)))
		}
		return
	}
	actions := actionsOf(t, pipeline.ScopeTable)
	if len(actions) == 0 {
		return
	}
	a := pick(m, actions)
	m.command("table_set_default", append([]string{t.Name, a.Name}, m.arguments(a)...)...)
}

// arguments makes an action's arguments.
func (m *maker) arguments(a *pipeline.Action) []string {
	var out []string
	for _, p := range a.Params {
		out = append(out, hexText(m.argument(p)))
	}
	return out
}

func hexText(v *big.Int) string { return "0x" + v.Text(16) }

// argument makes a value for a parameter, from what is known of the fields that it ends in.
func (m *maker) argument(p *pipeline.ActionParam) *big.Int {
	sinks := m.g.dict.sinks[p]
	if len(sinks) == 0 {
		return m.value(nil, p.Width)
	}
	return m.value(pick(m, sinks), p.Width)
}

// entry makes one entry.
func (m *maker) entry(t *pipeline.Table) {
	e := &entry{table: t}
	var words []string
	ordered := false
	for _, k := range t.Keys {
		match := m.match(k)
		e.match = append(e.match, match)
		words = append(words, matchText(k, match))
		ordered = ordered || k.Kind.NeedsPriority()
	}
	var ok bool
	if t.Profile != nil {
		ok = m.indirect(t, words, ordered)
	} else {
		ok = m.direct(t, words, ordered)
	}
	if !ok {
		return
	}
	m.entries = append(m.entries, e)
	for i, k := range t.Keys {
		if f := fieldOf(k.Expr); f != nil {
			m.used[f] = addValue(m.used[f], new(big.Int).SetBytes(e.match[i].Value), maxKnown)
		}
	}
}

func (m *maker) direct(t *pipeline.Table, words []string, ordered bool) bool {
	actions := actionsOf(t, pipeline.ScopeDefault)
	if len(actions) == 0 {
		return false
	}
	a := pick(m, actions)
	args := append([]string{t.Name, a.Name}, words...)
	args = append(append(args, "=>"), m.arguments(a)...)
	return m.command("table_add", m.prioritize(args, ordered)...)
}

// prioritize adds a priority; equal ones are rare, because what they mean is not defined.
func (m *maker) prioritize(args []string, ordered bool) []string {
	if !ordered {
		return args
	}
	return append(args, fmt.Sprint(1+m.r.IntN(1<<20)))
}

func (m *maker) indirect(t *pipeline.Table, words []string, ordered bool) bool {
	n, name := m.members[t.Profile], "table_indirect_add"
	if groups := m.selects[t.Profile]; groups > 0 && m.chance(60) {
		n, name = groups, "table_indirect_add_with_group"
	}
	if n == 0 {
		return false
	}
	args := append(append([]string{t.Name}, words...), "=>", fmt.Sprint(m.r.IntN(n)))
	return m.command(name, m.prioritize(args, ordered)...)
}

// change modifies or removes an entry.
func (m *maker) change(t *pipeline.Table, handle int) {
	actions := actionsOf(t, pipeline.ScopeDefault)
	if m.chance(40) {
		m.command("table_delete", t.Name, fmt.Sprint(handle))
		return
	}
	a := pick(m, actions)
	m.command("table_modify", append([]string{t.Name, a.Name, fmt.Sprint(handle)}, m.arguments(a)...)...)
}

// match makes one component of a key.
func (m *maker) match(k *pipeline.Key) pipeline.Match {
	v := m.value(fieldOf(k.Expr), k.Width)
	if k.Mask != nil && m.chance(80) {
		v = new(big.Int).And(v, k.Mask)
	}
	switch k.Kind {
	case pipeline.MatchLPM:
		n := m.prefix(k.Width)
		return pipeline.Match{Value: toBytes(new(big.Int).AndNot(v, ones(k.Width-n)), k.Width), Prefix: n}
	case pipeline.MatchTernary:
		mask := m.mask(k.Width)
		return pipeline.Match{Value: toBytes(new(big.Int).And(v, mask), k.Width), Mask: toBytes(mask, k.Width)}
	case pipeline.MatchOptional:
		if m.chance(35) {
			any, _ := pipeline.AnyMatch(k)
			return any
		}
		return pipeline.Match{Value: toBytes(v, k.Width), Mask: toBytes(ones(k.Width), k.Width)}
	case pipeline.MatchRange:
		high := m.value(fieldOf(k.Expr), k.Width)
		if m.chance(20) {
			high = v
		}
		if high.Cmp(v) < 0 {
			v, high = high, v
		}
		return pipeline.Match{Value: toBytes(v, k.Width), High: toBytes(high, k.Width)}
	}
	if _, ok := k.Expr.(*pipeline.ValidRef); ok {
		v = big.NewInt(1)
		if m.chance(30) {
			v = new(big.Int)
		}
	}
	return pipeline.Match{Value: toBytes(v, k.Width)}
}

// prefix is a length from 0 to width, often at a byte's border or at an end.
func (m *maker) prefix(width int) int {
	switch m.r.IntN(6) {
	case 0:
		return width
	case 1:
		return 0
	case 2, 3:
		return min(8*m.r.IntN(width/8+1), width)
	}
	return m.r.IntN(width + 1)
}

func (m *maker) mask(width int) *big.Int {
	switch m.r.IntN(6) {
	case 0:
		return new(big.Int)
	case 1, 2:
		return ones(width)
	case 3:
		return new(big.Int).AndNot(ones(width), ones(width-m.prefix(width)))
	}
	return m.number(width)
}

func toBytes(v *big.Int, width int) []byte { return v.FillBytes(make([]byte, (width+7)/8)) }

// matchText writes a match as a table_add has it.
func matchText(k *pipeline.Key, m pipeline.Match) string {
	value := fmt.Sprintf("0x%x", m.Value)
	switch k.Kind {
	case pipeline.MatchLPM:
		return fmt.Sprintf("%s/%d", value, m.Prefix)
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return fmt.Sprintf("%s&&&0x%x", value, m.Mask)
	case pipeline.MatchRange:
		return fmt.Sprintf("%s->0x%x", value, m.High)
	}
	return value
}
