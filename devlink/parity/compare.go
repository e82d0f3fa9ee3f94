package parity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// A Difference is a place where the two outputs differ. Theirs or Ours is nil where that program has nothing there.
type Difference struct {
	// Path leads there from the top: names of members, and of list elements what identifies them.
	Path   []string
	Theirs any
	Ours   any
}

// String returns the path with both values.
func (d Difference) String() string {
	return fmt.Sprintf("%s: devlink %s, p4dev %s", strings.Join(d.Path, " > "), text(d.Theirs), text(d.Ours))
}

func text(v any) string {
	if v == nil {
		return "has nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return "says " + string(b)
}

// Compare reads the JSON output of "devlink -j" and of "p4dev -j" and returns the places where they differ, in the
// order of their paths. The order of members does not count, nor that of list elements that have a name, a number or
// the like. An error says which output is not JSON.
func Compare(theirs, ours []byte) ([]Difference, error) {
	a, err := decode(theirs)
	if err != nil {
		return nil, fmt.Errorf("parity: read output of devlink: %w", err)
	}
	b, err := decode(ours)
	if err != nil {
		return nil, fmt.Errorf("parity: read output of p4dev: %w", err)
	}
	var c comparison
	c.value(nil, a, b)
	slices.SortStableFunc(c.found, func(x, y Difference) int { return slices.Compare(x.Path, y.Path) })
	return c.found, nil
}

// decode reads one JSON value; no output at all is an empty object, as devlink has it where there is nothing to say.
func decode(output []byte) (any, error) {
	if len(bytes.TrimSpace(output)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(output))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// comparison collects differences.
type comparison struct{ found []Difference }

func (c *comparison) value(path []string, theirs, ours any) {
	switch t := theirs.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			c.members(path, t, o)
			return
		}
	case []any:
		if o, ok := ours.([]any); ok {
			c.members(path, elements(t), elements(o))
			return
		}
	}
	if !reflect.DeepEqual(theirs, ours) {
		c.found = append(c.found, Difference{slices.Clone(path), theirs, ours})
	}
}

func (c *comparison) members(path []string, theirs, ours map[string]any) {
	for name, v := range theirs {
		c.value(append(path, name), v, ours[name])
	}
	for name, v := range ours {
		if _, ok := theirs[name]; !ok {
			c.value(append(path, name), nil, v)
		}
	}
}

// elements keys a list's elements by what identifies them, or by their place.
func elements(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for i, e := range list {
		out[identity(e, i)] = e
	}
	if len(out) == len(list) {
		return out
	}
	out = make(map[string]any, len(list)) // what seemed to identify them does not
	for i, e := range list {
		out[fmt.Sprint(i)] = e
	}
	return out
}

// identity returns what identifies a list's element, or its place.
func identity(e any, at int) string {
	m, ok := e.(map[string]any)
	if !ok {
		return fmt.Sprint(at)
	}
	for _, key := range []string{"name", "reporter", "policer", "table_name", "cmode", "index"} {
		if v, ok := m[key]; ok {
			return fmt.Sprintf("%s=%v", key, v)
		}
	}
	if m["header"] != nil && m["field"] != nil {
		return fmt.Sprintf("%v.%v", m["header"], m["field"])
	}
	return fmt.Sprint(at)
}
