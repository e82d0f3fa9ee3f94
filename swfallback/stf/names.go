package stf

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// named finds an object by its full name, by what the model's own search finds, or by any end of its name that
// no other has: p4c's runner takes "_lpm" for "ipv4_lpm".
func named[T any](objs []T, name string, nameOf func(T) string, search func(string) (T, error)) (T, error) {
	found, err := search(name)
	if err == nil {
		return found, nil
	}
	var fits []T
	for _, o := range objs {
		if strings.HasSuffix(nameOf(o), name) {
			fits = append(fits, o)
		}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	return found, err
}

func (r *runner) table(name string) (*pipeline.Table, error) {
	return named(r.program.Tables, name, func(t *pipeline.Table) string { return t.Name }, r.program.TableByName)
}

func (r *runner) counter(name string) (*pipeline.Counter, error) {
	return named(r.program.Counters, name, func(c *pipeline.Counter) string { return c.Name }, r.program.CounterByName)
}

func action(t *pipeline.Table, name string) (*pipeline.Action, error) {
	return named(t.Actions, name, func(a *pipeline.Action) string { return a.Name }, t.ActionByName)
}

// elementName is a stack's element as STF writes it: hdr.mpls$0.label.
var elementName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.*)\$([0-9]+)(.*)$`) })

// key finds a component of a key. Validity bits may be called by their header, or "valid".
func key(t *pipeline.Table, name string) (*pipeline.Key, error) {
	if m := elementName().FindStringSubmatch(name); m != nil {
		name = m[1] + "[" + m[2] + "]" + m[3]
	}
	candidates := []string{name, name + "$", name + ".$valid$"}
	if header, ok := strings.CutSuffix(name, "valid"); ok {
		candidates = append(candidates, header+"$valid$")
	}
	for _, full := range candidates {
		for _, k := range t.Keys {
			if k.Name == full {
				return k, nil
			}
		}
	}
	for _, k := range t.Keys {
		for _, end := range candidates {
			if strings.HasSuffix(k.Name, "."+end) {
				return k, nil
			}
		}
	}
	return nil, fmt.Errorf("find key %q of table %s: %w", name, t.Name, pipeline.ErrBadMatch)
}

// call makes an ActionCall of an action's arguments by name.
func (c Call) call(t *pipeline.Table) (*pipeline.ActionCall, error) {
	a, err := action(t, c.Action)
	if err != nil {
		return nil, err
	}
	out := &pipeline.ActionCall{Action: a, Args: make([][]byte, len(a.Params))}
	for _, arg := range c.Args {
		p, err := a.ParamByName(arg.Name)
		if err != nil {
			return nil, err
		}
		if out.Args[p.Index], err = parseBytes(arg.Value, p.Width); err != nil {
			return nil, fmt.Errorf("argument %s: %w", arg.Name, err)
		}
	}
	for i, arg := range out.Args {
		if arg == nil {
			return nil, fmt.Errorf("argument %s of %s is missing: %w", a.Params[i].Name, a.Name, pipeline.ErrBadAction)
		}
	}
	return out, nil
}

// positional makes an ActionCall of arguments in order.
func positional(a *pipeline.Action, args []string) (*pipeline.ActionCall, error) {
	if len(args) != len(a.Params) {
		return nil, fmt.Errorf("action %s: %d arguments, want %d: %w", a.Name, len(args), len(a.Params), pipeline.ErrBadAction)
	}
	out := &pipeline.ActionCall{Action: a}
	for i, p := range a.Params {
		b, err := parseBytes(args[i], p.Width)
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", p.Name, err)
		}
		out.Args = append(out.Args, b)
	}
	return out, nil
}
