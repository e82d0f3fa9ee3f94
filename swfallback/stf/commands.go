package stf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// command is a command of simple_switch_CLI.
type command struct {
	min, max int // arguments; max -1: any number
	run      func(r *runner, args []string) error
}

type commandSet map[string]command

// commands are those that a test may give; behavioral-model's runtime_CLI.md describes them.
var commands = commandSet{
	"table_add":                         {2, -1, (*runner).tableAdd},
	"table_set_default":                 {2, -1, (*runner).tableSetDefault},
	"table_reset_default":               {1, 1, (*runner).tableResetDefault},
	"table_modify":                      {3, -1, (*runner).tableModify},
	"table_delete":                      {2, 2, (*runner).tableDelete},
	"table_clear":                       {1, 1, (*runner).tableClear},
	"table_set_timeout":                 {3, 3, (*runner).tableSetTimeout},
	"table_indirect_add":                {3, -1, (*runner).tableIndirectAdd},
	"table_indirect_add_with_group":     {3, -1, (*runner).tableIndirectAddGroup},
	"table_indirect_delete":             {2, 2, (*runner).tableDelete},
	"table_indirect_set_default":        {2, 2, (*runner).tableIndirectSetDefault},
	"table_indirect_reset_default":      {1, 1, (*runner).tableResetDefault},
	"act_prof_create_member":            {2, -1, (*runner).createMember},
	"act_prof_modify_member":            {3, -1, (*runner).modifyMember},
	"act_prof_delete_member":            {2, 2, (*runner).deleteMember},
	"act_prof_create_group":             {1, 1, (*runner).createGroup},
	"act_prof_delete_group":             {2, 2, (*runner).deleteGroup},
	"act_prof_add_member_to_group":      {3, 3, (*runner).addToGroup},
	"act_prof_remove_member_from_group": {3, 3, (*runner).removeFromGroup},
	"mirroring_add":                     {2, 2, (*runner).mirroringAdd},
	"mirroring_add_mc":                  {2, 2, (*runner).mirroringAddGroup},
	"mirroring_delete":                  {1, 1, (*runner).mirroringDelete},
	"mirroring_get":                     {1, 1, (*runner).nothing},
	"mc_mgrp_create":                    {1, 1, (*runner).groupCreate},
	"mc_mgrp_destroy":                   {1, 1, (*runner).groupDestroy},
	"mc_node_create":                    {1, -1, (*runner).nodeCreate},
	"mc_node_update":                    {1, -1, (*runner).nodeUpdate},
	"mc_node_associate":                 {2, 2, (*runner).nodeAssociate},
	"mc_node_dissociate":                {2, 2, (*runner).nodeDissociate},
	"mc_node_destroy":                   {1, 1, (*runner).nodeDestroy},
	"counter_read":                      {2, 2, (*runner).counterRead},
	"counter_write":                     {4, 4, (*runner).counterWrite},
	"counter_reset":                     {1, 1, (*runner).counterReset},
	"register_read":                     {1, 2, (*runner).registerRead},
	"register_write":                    {3, 3, (*runner).registerWrite},
	"register_reset":                    {1, 1, (*runner).registerReset},
	"meter_set_rates":                   {2, -1, (*runner).meterSetRates},
	"meter_array_set_rates":             {1, -1, (*runner).meterArraySetRates},
	"meter_get_rates":                   {2, 2, (*runner).nothing},
	"pvs_add":                           {2, 2, (*runner).valueSetAdd},
	"pvs_remove":                        {2, 2, (*runner).valueSetRemove},
	"pvs_clear":                         {1, 1, (*runner).valueSetClear},
}

func (c commandSet) has(name string) bool { _, ok := c[name]; return ok }

func (c commandSet) run(r *runner, s *Command) error {
	cmd := c[s.Name]
	if len(s.Args) < cmd.min || cmd.max >= 0 && len(s.Args) > cmd.max {
		return fmt.Errorf("%s: %d arguments", s.Name, len(s.Args))
	}
	if err := cmd.run(r, s.Args); err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	return nil
}

// part returns the target as an interface that it may have.
func part[T any](r *runner) (T, error) {
	p, ok := r.target.(T)
	if !ok {
		return p, fmt.Errorf("the engine has none of this: %w", errors.ErrUnsupported)
	}
	return p, nil
}

// nothing: commands that only print.
func (r *runner) nothing([]string) error { return nil }

// split cuts arguments at "=>".
func split(args []string) (before, after []string) {
	for i, a := range args {
		if a == "=>" {
			return args[:i], args[i+1:]
		}
	}
	return args, nil
}

// commandKey reads the values of a key, and the priority behind the last of the arguments.
func commandKey(t *pipeline.Table, values []string) ([]pipeline.Match, error) {
	if len(values) != len(t.Keys) {
		return nil, fmt.Errorf("%d values for the key of table %s, want %d: %w", len(values), t.Name, len(t.Keys), pipeline.ErrBadMatch)
	}
	var out []pipeline.Match
	for i, k := range t.Keys {
		m, err := commandMatch(k, values[i])
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// commandPriority takes the last argument as priority where the table needs one: in commands the smallest wins.
func commandPriority(t *pipeline.Table, args []string) (int32, []string, error) {
	if !t.NeedsPriority() {
		return 0, args, nil
	}
	if len(args) == 0 {
		return 0, nil, fmt.Errorf("table %s: %w", t.Name, pipeline.ErrNoPriority)
	}
	last := len(args) - 1
	n, err := strconv.ParseInt(args[last], 0, 32)
	if err != nil || n < 0 {
		return 0, nil, fmt.Errorf("priority %q: %w", args[last], pipeline.ErrBadRange)
	}
	return int32(math.MaxInt32 - n), args[:last], nil
}

// table_add TABLE ACTION KEY... => ARGUMENT... [PRIORITY]
func (r *runner) tableAdd(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	a, err := action(t, args[1])
	if err != nil {
		return err
	}
	e := &pipeline.Entry{Table: t}
	values, params := split(args[2:])
	if e.Match, err = commandKey(t, values); err != nil {
		return err
	}
	if e.Priority, params, err = commandPriority(t, params); err != nil {
		return err
	}
	if e.Call, err = positional(a, params); err != nil {
		return err
	}
	return r.insert(e)
}

// table_set_default TABLE ACTION ARGUMENT...
func (r *runner) tableSetDefault(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	a, err := action(t, args[1])
	if err != nil {
		return err
	}
	_, params := split(append([]string{"=>"}, args[2:]...))
	call, err := positional(a, params)
	if err != nil {
		return err
	}
	return r.target.SetDefault(t, call)
}

func (r *runner) tableResetDefault(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	return r.target.SetDefault(t, nil)
}

// table_modify TABLE ACTION HANDLE [=>] ARGUMENT...
func (r *runner) tableModify(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	a, err := action(t, args[1])
	if err != nil {
		return err
	}
	held, err := r.entryByHandle(t, args[2])
	if err != nil {
		return err
	}
	params := args[3:]
	if len(params) > 0 && params[0] == "=>" {
		params = params[1:]
	}
	call, err := positional(a, params)
	if err != nil {
		return err
	}
	next := *held
	next.Call = call
	if err := r.target.Modify(&next); err != nil {
		return err
	}
	*held = next
	return nil
}

// table_delete TABLE HANDLE
func (r *runner) tableDelete(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	i, err := r.handle(t, args[1])
	if err != nil {
		return err
	}
	if err := r.target.Delete(r.handles[t][i]); err != nil {
		return err
	}
	r.handles[t][i] = nil
	return nil
}

func (r *runner) tableClear(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	return r.clear(t)
}

// table_set_timeout TABLE HANDLE MILLISECONDS
func (r *runner) tableSetTimeout(args []string) error {
	t, err := r.table(args[0])
	if err != nil {
		return err
	}
	held, err := r.entryByHandle(t, args[1])
	if err != nil {
		return err
	}
	ms, err := strconv.ParseUint(args[2], 0, 31)
	if err != nil {
		return fmt.Errorf("time-out %q: not a number", args[2])
	}
	next := *held
	next.IdleTimeout = time.Duration(ms) * time.Millisecond
	if err := r.target.Modify(&next); err != nil {
		return err
	}
	*held = next
	return nil
}
