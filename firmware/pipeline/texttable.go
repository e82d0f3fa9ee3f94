package pipeline

import (
	"fmt"
	"strings"
)

// objects writes action profiles, counters and everything else that is not a table but has state.
func (t *textWriter) objects(p *Program) {
	for _, vs := range p.ValueSets {
		t.section()
		t.open("value_set %s", vs.Name)
		t.identity(vs.ID, vs.Alias, vs.Annotations)
		t.line("key %s", strings.Trim(fmt.Sprint(vs.Key), "[]"))
		t.line("size %d", vs.Size)
		t.shut()
	}
	for _, c := range p.Counters {
		t.section()
		t.open("counter %s", c.Name)
		t.identity(c.ID, c.Alias, c.Annotations)
		t.sizeOrTable(c.Size, c.Table)
		t.shut()
	}
	for _, m := range p.Meters {
		t.meter(m)
	}
	for _, r := range p.Registers {
		t.section()
		t.open("register %s", r.Name)
		t.identity(r.ID, r.Alias, r.Annotations)
		t.line("size %d", r.Size)
		word := "bit"
		if r.Signed {
			word = "int"
		}
		t.line("of %s<%d>", word, r.Width)
		t.shut()
	}
	for _, x := range p.Externs {
		t.section()
		t.open("extern %s %s", x.Type, x.Name)
		t.attributes(x.Attributes)
		t.shut()
	}
	for _, ap := range p.Profiles {
		t.profile(ap)
	}
}

func (t *textWriter) sizeOrTable(size int, table *Table) {
	if table != nil {
		t.line("of table %s", table.Name)
		return
	}
	t.line("size %d", size)
}

func (t *textWriter) meter(m *Meter) {
	t.section()
	t.open("meter %s", m.Name)
	t.identity(m.ID, m.Alias, m.Annotations)
	t.sizeOrTable(m.Size, m.Table)
	unit := "packets"
	if m.Bytes {
		unit = "bytes"
	}
	t.line("%d rates of %s", m.Rates, unit)
	if m.Target != nil {
		t.line("result in %s", ExprString(m.Target))
	}
	t.shut()
}

func (t *textWriter) profile(p *ActionProfile) {
	t.section()
	t.open("action_profile %s", p.Name)
	t.identity(p.ID, p.Alias, p.Annotations)
	t.line("size %d", p.Size)
	if p.Selector != nil {
		t.line("selector %s(%s)", p.Selector.Algorithm, listText(p.Selector.Input, nil))
	}
	if p.MaxGroupSize > 0 {
		t.line("max_group_size %d", p.MaxGroupSize)
	}
	t.shut()
}

// calculations writes calculations and the lists that primitives name by number.
func (t *textWriter) calculations(p *Program) {
	if len(p.Calculations)+len(p.Digests)+len(p.FieldLists) > 0 {
		t.section()
	}
	for _, c := range p.Calculations {
		t.line("calculation %s = %s(%s)", c.Name, c.Algo, listText(c.Input, nil))
	}
	for _, d := range p.Digests {
		id := ""
		if d.ID != 0 {
			id = fmt.Sprintf(" id %#08x", d.ID)
		}
		t.line("digest %d %s%s {%s}%s", d.BMv2ID, d.Name, id, listText(d.Elements, nil), inline(d.Annotations))
	}
	for _, l := range p.FieldLists {
		t.line("field_list %d %s {%s}", l.BMv2ID, l.Name, listText(l.Elements, nil))
	}
}

func (t *textWriter) control(c *Control) {
	t.section()
	t.open("control %s", c.Name)
	t.line("start %s", nodeName(c.Start))
	for _, table := range c.Tables {
		t.table(table)
	}
	for _, cond := range c.Conditionals {
		t.open("condition %s", cond.Name)
		t.line("if %s", ExprString(cond.If))
		t.line("then %s", nodeName(cond.Then))
		t.line("else %s", nodeName(cond.Else))
		t.shut()
	}
	for _, call := range c.Calls {
		t.line("call %s: %s, then %s", call.Name, call.Action.Name, nodeName(call.Next))
	}
	t.shut()
}

func nodeName(n Node) string {
	if n == nil {
		return "end"
	}
	return n.NodeName()
}

func (t *textWriter) table(table *Table) {
	t.open("table %s", table.Name)
	t.identity(table.ID, table.Alias, table.Annotations)
	t.flags(table)
	for _, k := range table.Keys {
		t.line("%s", keyText(k))
	}
	for i, a := range table.Actions {
		t.line("action %s%s", a.Name, [...]string{"", " in entries", " as default"}[scope(table, table.Actions[i])])
	}
	if table.Profile != nil {
		t.line("profile %s", table.Profile.Name)
	}
	if table.Default != nil {
		word := "default"
		if table.DefaultConst {
			word = "const default"
		}
		t.line("%s %s", word, FormatCall(table.Default))
	}
	if table.Counter != nil {
		t.line("counter %s", table.Counter.Name)
	}
	if table.Meter != nil {
		t.line("meter %s", table.Meter.Name)
	}
	for _, e := range table.Entries {
		t.line("entry %s", FormatEntry(e))
	}
	t.next(table)
	t.shut()
}

func (t *textWriter) flags(table *Table) {
	if table.Hidden {
		t.line("hidden")
	}
	if len(table.Keys) > 0 {
		t.line("match %v", table.Match)
	}
	t.line("size %d", table.Size)
	if table.SupportTimeout {
		t.line("timeout")
	}
	if table.Immutable {
		t.line("immutable")
	}
}

func keyText(k *Key) string {
	text := fmt.Sprintf("key %s: %v %s<%d>", k.Name, k.Kind, ExprString(k.Expr), k.Width)
	if k.Mask != nil {
		text += " &&& " + hexText(k.Mask, k.Width)
	}
	if k.ID != 0 {
		text += fmt.Sprintf(" id %d", k.ID)
	}
	return text + inline(k.Annotations)
}

// next writes what comes after the table: one line where it is always the same.
func (t *textWriter) next(table *Table) {
	if table.ByHit {
		t.line("hit %s", nodeName(table.HitNext))
		t.line("miss %s", nodeName(table.MissNext))
		return
	}
	same := true
	for _, n := range table.Next {
		same = same && n == table.EmptyNext
	}
	if same {
		t.line("next %s", nodeName(table.EmptyNext))
		return
	}
	for i, a := range table.Actions {
		if i < len(table.Next) {
			t.line("after %s %s", a.Name, nodeName(table.Next[i]))
		}
	}
	t.line("after nothing %s", nodeName(table.EmptyNext))
}
