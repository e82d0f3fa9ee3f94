package pipeline

import (
	"fmt"
	"sort"
	"strings"
)

// The lookups take an object's full name ("router_ingress.ipv4_lpm"), its alias, or a suffix of the full name
// after a dot that no other object of the kind has ("ipv4_lpm"). Tables that the compiler made are found by
// their full name only. Where nothing fits, or several do, the error names the candidates.

// TableByName returns a table. The error wraps ErrNoTable.
func (p *Program) TableByName(name string) (*Table, error) {
	return byName(p.Tables, name, "table", ErrNoTable, func(t *Table) (string, string, bool) {
		return t.Name, t.Alias, t.Hidden
	})
}

// ActionByName returns an action of the table. The error wraps ErrNoAction.
func (t *Table) ActionByName(name string) (*Action, error) {
	return byName(t.Actions, name, "action of table "+t.Name, ErrNoAction, func(a *Action) (string, string, bool) {
		return a.Name, a.Alias, false
	})
}

// KeyByName returns a component of the table's key; keys have no alias. The error wraps ErrBadMatch.
func (t *Table) KeyByName(name string) (*Key, error) {
	return byName(t.Keys, name, "key of table "+t.Name, ErrBadMatch, func(k *Key) (string, string, bool) {
		return k.Name, "", false
	})
}

// ParamByName returns a parameter of the action. The error wraps ErrBadAction.
func (a *Action) ParamByName(name string) (*ActionParam, error) {
	return byName(a.Params, name, "parameter of action "+a.Name, ErrBadAction, func(p *ActionParam) (string, string, bool) {
		return p.Name, "", false
	})
}

// ProfileByName returns an action profile. The error wraps ErrNoObject.
func (p *Program) ProfileByName(name string) (*ActionProfile, error) {
	return byName(p.Profiles, name, "action profile", ErrNoObject, func(o *ActionProfile) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// CounterByName returns a counter, direct or not. The error wraps ErrNoObject.
func (p *Program) CounterByName(name string) (*Counter, error) {
	return byName(p.Counters, name, "counter", ErrNoObject, func(o *Counter) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// MeterByName returns a meter, direct or not. The error wraps ErrNoObject.
func (p *Program) MeterByName(name string) (*Meter, error) {
	return byName(p.Meters, name, "meter", ErrNoObject, func(o *Meter) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// RegisterByName returns a register array. The error wraps ErrNoObject.
func (p *Program) RegisterByName(name string) (*Register, error) {
	return byName(p.Registers, name, "register", ErrNoObject, func(o *Register) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// DigestByName returns a digest. The error wraps ErrNoObject.
func (p *Program) DigestByName(name string) (*Digest, error) {
	return byName(p.Digests, name, "digest", ErrNoObject, func(o *Digest) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// ValueSetByName returns a parser value set. The error wraps ErrNoObject.
func (p *Program) ValueSetByName(name string) (*ValueSet, error) {
	return byName(p.ValueSets, name, "value set", ErrNoObject, func(o *ValueSet) (string, string, bool) {
		return o.Name, o.Alias, false
	})
}

// HeaderByName returns the header instance of exactly that name, or nil.
func (p *Program) HeaderByName(name string) *Header {
	for _, h := range p.Headers {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// FieldByName returns the field of exactly that name, or nil.
func (t *HeaderType) FieldByName(name string) *Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FieldByName returns the field that "HEADER.FIELD" names, by an alias of the program
// ("intrinsic_metadata.mcast_grp") or by its own name ("standard_metadata.mcast_grp"); nil where there is
// none.
func (p *Program) FieldByName(name string) *FieldRef {
	for _, a := range p.Aliases {
		if a.Name == name {
			return a.Field
		}
	}
	// Both halves may have dots: "u.short.data", "scalars" with "metadata_t.vid".
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if h := p.HeaderByName(name[:i]); h != nil {
			if f := h.Type.FieldByName(name[i+1:]); f != nil {
				return &FieldRef{Header: h, Field: f}
			}
		}
	}
	return nil
}

// byName finds an object; describe returns its full name, its alias, and whether it hides from suffixes.
func byName[T any](objs []T, name, what string, sentinel error, describe func(T) (full, alias string, hidden bool)) (T, error) {
	var none T
	var bySuffix []T
	var found []string
	for _, obj := range objs {
		full, alias, hidden := describe(obj)
		switch {
		case full == name:
			return obj, nil
		case hidden:
		case alias == name && name != "", strings.HasSuffix(full, "."+name) && name != "":
			bySuffix = append(bySuffix, obj)
			found = append(found, full)
		}
	}
	switch {
	case len(bySuffix) == 1:
		return bySuffix[0], nil
	case len(bySuffix) > 1:
		for _, obj := range bySuffix {
			if _, alias, _ := describe(obj); alias == name {
				return obj, nil
			}
		}
		return none, fmt.Errorf("pipeline: find %s %q: %w: it may be %s", what, name, sentinel, listNames(found))
	}
	for _, obj := range objs {
		if full, _, hidden := describe(obj); !hidden {
			found = append(found, full)
		}
	}
	if len(found) == 0 {
		return none, fmt.Errorf("pipeline: find %s %q: %w: there is none", what, name, sentinel)
	}
	return none, fmt.Errorf("pipeline: find %s %q: %w: there is %s", what, name, sentinel, listNames(found))
}

// listNames writes names in order, no more than a line holds.
func listNames(names []string) string {
	const most = 12
	names = append([]string(nil), names...)
	sort.Strings(names)
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
