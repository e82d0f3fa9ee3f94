package hw

import (
	"fmt"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// validField is the name of the field in dpipe that stands for a header's validity.
const validField = "$valid$"

// Compare returns all that keeps a device from standing in for a program: where its dpipe tables and its region
// disagree, and where the region holds another program than this. Sizes do not count, nor do tables that the
// device does not advertise: it has less room, and software takes the rest. A device without the region has
// only its dpipe tables compared.
func (m *Model) Compare(program *pipeline.Program) []string {
	list := append([]string(nil), m.Differences...)
	if m.Program == nil {
		return append(list, compareTables(m.Tables, program)...)
	}
	for _, t := range program.Tables {
		if t.Hidden {
			continue
		}
		other := programTable(m.Program, t.Name)
		if other == nil {
			list = append(list, fmt.Sprintf("table %s: the region's program has none", t.Name))
			continue
		}
		list = append(list, compareKeys(t, other)...)
		list = append(list, compareActions(t, other)...)
	}
	return list
}

// compareKeys compares the keys of one table in the package and in the region. Without P4Info, as in the region,
// optional is ternary.
func compareKeys(want, got *pipeline.Table) []string {
	if len(want.Keys) != len(got.Keys) {
		return []string{fmt.Sprintf("table %s: the region's key has %d components, the package's %d", want.Name,
			len(got.Keys), len(want.Keys))}
	}
	var list []string
	for i, k := range want.Keys {
		g := got.Keys[i]
		sameKind := k.Kind == g.Kind || k.Kind == pipeline.MatchOptional && g.Kind == pipeline.MatchTernary
		if !sameKind || k.Width != g.Width || fieldOf(k) != fieldOf(g) {
			list = append(list, fmt.Sprintf("table %s: key %d is %v (%v) in the region and %v (%v) in the package", want.Name,
				i+1, fieldOf(g), g.Kind, fieldOf(k), k.Kind))
		}
	}
	return list
}

// compareActions compares the actions of one table by name and by their parameters' widths.
func compareActions(want, got *pipeline.Table) []string {
	var list []string
	for _, a := range want.Actions {
		found := false
		for _, g := range got.Actions {
			found = found || g.Name == a.Name && sameWidths(a.Params, g.Params)
		}
		if !found {
			list = append(list, fmt.Sprintf("table %s: action %s is not the region's", want.Name, a.Name))
		}
	}
	return list
}

func sameWidths(a, b []*pipeline.ActionParam) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Width != b[i].Width {
			return false
		}
	}
	return true
}

// compareTables returns where dpipe tables are not those of a program.
func compareTables(tables []Table, program *pipeline.Program) []string {
	var list []string
	for _, d := range tables {
		t := programTable(program, d.Name)
		if t == nil {
			list = append(list, fmt.Sprintf("table %s: in dpipe, but not in the program", d.Name))
			continue
		}
		list = append(list, compareDpipe(&d, t)...)
	}
	return list
}

// compareDpipe compares a key as dpipe has it with the program's. Components that are no fields, which dpipe cannot
// say, are left out there.
func compareDpipe(d *Table, t *pipeline.Table) []string {
	var want []Key
	for _, k := range t.Keys {
		if f := fieldOf(k); f.Field != "" {
			want = append(want, f)
		}
	}
	if len(want) != len(d.Keys) {
		return []string{fmt.Sprintf("table %s: dpipe matches %d fields, the program %d", d.Name, len(d.Keys), len(want))}
	}
	var list []string
	for i := range want {
		if got := d.Keys[i]; got.Header != want[i].Header || got.Field != want[i].Field || got.Width != want[i].Width {
			list = append(list, fmt.Sprintf("table %s: dpipe matches %v, the program %v", d.Name, got, want[i]))
		}
	}
	return list
}

// fieldOf returns the header instance, the field and the width that a key matches; no field where it matches
// something else.
func fieldOf(k *pipeline.Key) Key {
	switch x := k.Expr.(type) {
	case *pipeline.FieldRef:
		return Key{Header: x.Header.Name, Field: x.Field.Name, Width: k.Width}
	case *pipeline.ValidRef:
		return Key{Header: x.Header.Name, Field: validField, Width: 1}
	}
	return Key{}
}

// programTable returns the table of that name which the compiler did not make, or nil.
func programTable(p *pipeline.Program, name string) *pipeline.Table {
	for _, t := range p.Tables {
		if t.Name == name && !t.Hidden {
			return t
		}
	}
	return nil
}

// Capability says what the device can hold of a program's table.
func (m *Model) Capability(t *pipeline.Table) offload.Capability {
	for i := range m.Tables {
		d := &m.Tables[i]
		if d.Name != t.Name {
			continue
		}
		if d.Why != "" {
			return offload.Capability{Listed: true, Why: d.Why}
		}
		if why := unfit(d, t, m.Program != nil); why != "" {
			return offload.Capability{Listed: true, Why: why}
		}
		return offload.Capability{Holds: true, Listed: true, Size: int(min(d.Size, 1<<31-1))}
	}
	return offload.Capability{Why: "the device does not advertise the table"}
}

// unfit says why a table with these keys does not take the program's entries. Where only dpipe describes it, the
// device can match exactly, and nothing else is known.
func unfit(d *Table, t *pipeline.Table, region bool) string {
	for i, k := range t.Keys {
		exact := k.Kind == pipeline.MatchExact || k.Kind == pipeline.MatchValid
		if !region && !exact {
			return fmt.Sprintf("the device says nothing of %v matches, only dpipe describes the table", k.Kind)
		}
		if region && i < len(d.Keys) && len(d.Keys) == len(t.Keys) && !kindFits(d.Keys[i].Kind, k.Kind) {
			return fmt.Sprintf("key %s is %v, the device matches %v", k.Name, k.Kind, d.Keys[i].Kind)
		}
	}
	return ""
}

// kindFits reports whether a component that the device matches in one way can hold entries of another.
func kindFits(device, want pipeline.MatchKind) bool {
	return device == want || device == pipeline.MatchTernary && want == pipeline.MatchOptional
}

// Info converts what devlink says of a device.
func Info(i devlink.Info) offload.DeviceInfo {
	return offload.DeviceInfo{Device: i.Handle.String(), Driver: i.Driver, Serial: i.Serial,
		Fixed: i.Versions.Fixed, Running: i.Versions.Running, Stored: i.Versions.Stored}
}
