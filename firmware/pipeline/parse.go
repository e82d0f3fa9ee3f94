package pipeline

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ParseEntry makes an entry of what people write on a command line.
//
// Table and action are names as TableByName and ActionByName take them. Keys and args have the form
// NAME=VALUE, or VALUE for those that come first, in the order of the program; values are read by ParseMatch
// and ParseArg. A key that is not given matches any value, which is an error where its kind cannot. In a
// table with an action profile the action is "member" or "group" and the only argument its number. The
// priority is 0 in tables without priorities.
//
// The result has passed CheckEntry. The error joins what is wrong with keys, action and arguments, and wraps
// ErrNoTable, ErrNoAction, ErrBadMatch, ErrBadAction, ErrBadRange and ErrNoPriority as they apply.
func ParseEntry(p *Program, table string, keys []string, action string, args []string, priority int32) (*Entry, error) {
	t, err := p.TableByName(table)
	if err != nil {
		return nil, err
	}
	e := &Entry{Table: t, Priority: priority}
	var errs []error
	if e.Match, err = ParseKey(t, keys); err != nil {
		errs = append(errs, err)
	}
	if t.Profile != nil {
		err = parseProfileUse(e, action, args)
	} else {
		e.Call, err = ParseCall(t, action, args)
	}
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("pipeline: parse entry of table %s: %w", t.Name, errors.Join(errs...))
	}
	if err := CheckEntry(e); err != nil {
		return nil, err
	}
	return e, nil
}

// ParseKey reads the matches of an entry by the rules of ParseEntry. It is enough to name an entry that is to
// be deleted, together with the priority.
func ParseKey(t *Table, keys []string) ([]Match, error) {
	if len(t.Keys) == 0 {
		return nil, fmt.Errorf("pipeline: parse key: table %s has no key, only a default action: %w", t.Name, ErrBadMatch)
	}
	given, errs := assign(keys, len(t.Keys), "key", ErrBadMatch, func(name string) (int, error) {
		k, err := t.KeyByName(name)
		if err != nil {
			return 0, err
		}
		return k.Index, nil
	})
	out := make([]Match, len(t.Keys))
	for i, k := range t.Keys {
		var err error
		if text, ok := given[i]; ok {
			out[i], err = ParseMatch(k, text)
		} else if out[i], ok = AnyMatch(k); !ok {
			err = fmt.Errorf("key %s is missing: want %s: %w", k.Name, Form(k), ErrBadMatch)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return out, nil
}

// ParseCall reads an action with its arguments by the rules of ParseEntry: for an entry, or for the default
// action of a table.
func ParseCall(t *Table, action string, args []string) (*ActionCall, error) {
	a, err := t.ActionByName(action)
	if err != nil {
		return nil, err
	}
	given, errs := assign(args, len(a.Params), "parameter", ErrBadAction, func(name string) (int, error) {
		p, err := a.ParamByName(name)
		if err != nil {
			return 0, err
		}
		return p.Index, nil
	})
	call := &ActionCall{Action: a}
	if len(a.Params) > 0 {
		call.Args = make([][]byte, len(a.Params))
	}
	for i, p := range a.Params {
		text, ok := given[i]
		if !ok {
			errs = append(errs, fmt.Errorf("parameter %s of action %s is missing: want %s: %w",
				p.Name, a.Name, p.Notation().example(p.Width), ErrBadAction))
			continue
		}
		if call.Args[i], err = ParseArg(p, text); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return call, nil
}

// assign sorts fields, VALUE or NAME=VALUE, by the index of what they are for.
func assign(fields []string, count int, what string, sentinel error, index func(string) (int, error)) (map[int]string, []error) {
	given := map[int]string{}
	var errs []error
	named := false
	for i, field := range fields {
		at := i
		name, value, ok := strings.Cut(field, "=")
		switch {
		case ok:
			named = true
			var err error
			if at, err = index(name); err != nil {
				errs = append(errs, err)
				continue
			}
		case named:
			errs = append(errs, fmt.Errorf("%s %q without a name behind one with a name: %w", what, field, sentinel))
			continue
		case i >= count:
			errs = append(errs, fmt.Errorf("%s %q: there are only %d: %w", what, field, count, sentinel))
			continue
		default:
			value = field
		}
		if _, twice := given[at]; twice {
			errs = append(errs, fmt.Errorf("%s %q is given twice: %w", what, field, sentinel))
			continue
		}
		given[at] = value
	}
	return given, errs
}

// parseProfileUse reads "member N" and "group N".
func parseProfileUse(e *Entry, action string, args []string) error {
	form := fmt.Errorf("table %s has the action profile %s: want member NUMBER or group NUMBER: %w",
		e.Table.Name, e.Table.Profile.Name, ErrBadAction)
	if len(args) != 1 {
		return form
	}
	n, err := strconv.ParseUint(args[0], 0, 32)
	if err != nil {
		return form
	}
	id := uint32(n)
	switch action {
	case "member":
		e.Member = &id
	case "group":
		e.Group = &id
	default:
		return form
	}
	return nil
}

// FormatCall writes an action with its arguments: "set_nexthop nexthop_id=3"; "-" for nil.
func FormatCall(call *ActionCall) string {
	if call == nil || call.Action == nil {
		return "-"
	}
	var b strings.Builder
	b.WriteString(call.Action.Name)
	for i, p := range call.Action.Params {
		if i < len(call.Args) {
			fmt.Fprintf(&b, " %s=%s", p.Name, FormatArg(p, call.Args[i]))
		}
	}
	return b.String()
}

// FormatEntry writes an entry on one line, in the order in which ParseEntry takes it apart: keys, priority where
// there is one, action.
func FormatEntry(e *Entry) string {
	var b strings.Builder
	for i, k := range e.Table.Keys {
		if i < len(e.Match) {
			fmt.Fprintf(&b, "%s=%s ", k.Name, FormatMatch(k, e.Match[i]))
		}
	}
	if e.Priority != 0 {
		fmt.Fprintf(&b, "priority %d ", e.Priority)
	}
	switch {
	case e.Member != nil:
		fmt.Fprintf(&b, "member %d", *e.Member)
	case e.Group != nil:
		fmt.Fprintf(&b, "group %d", *e.Group)
	default:
		b.WriteString(FormatCall(e.Call))
	}
	return b.String()
}
