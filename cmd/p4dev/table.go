package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

func (a *app) tableCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "table",
		Short: "Read and change the entries of a program's tables",
		Long: `Works on the fallback NAME, or on a device by its handle. Where the fallback belongs to a device that runs the
same program, entries are placed in hardware too, as far as they fit.

Keys and parameters are NAME=VALUE, or VALUE alone in the program's order. Values are written as people write
them: 10.0.0.0/8, 2001:db8::/32, 02:00:00:00:00:01, 0x800&&&0xff00, 80..443, 17, 0x11, * for any.`,
	}
	cmd.AddCommand(a.tableListCommand(), a.tableAddCommand(), a.tableSetCommand(), a.tableDeleteCommand(),
		a.tableShowCommand(), a.tableFlushCommand(), a.tableReconcileCommand())
	return cmd
}

// entryFlags are the flags of an entry.
type entryFlags struct {
	priority       int32
	skipHW, skipSW bool
	isDefault      bool
}

func (f *entryFlags) register(cmd *cobra.Command) {
	cmd.Flags().Int32VarP(&f.priority, "priority", "p", 0, "priority in ternary, optional and range tables: the largest wins")
	cmd.Flags().BoolVar(&f.skipHW, "skip-hw", false, "keep the entry out of hardware")
	cmd.Flags().BoolVar(&f.skipSW, "skip-sw", false, "keep the entry out of software")
}

// splitAction divides the words behind the table's name into keys, action and arguments: the action is the first
// word that names one of the table's, or "member" or "group" where the table has an action profile.
func splitAction(t *pipeline.Table, words []string) (keys []string, action string, args []string, err error) {
	for i, w := range words {
		_, aerr := t.ActionByName(w)
		if aerr == nil || t.Profile != nil && (w == "member" || w == "group") {
			return words[:i], w, words[i+1:], nil
		}
	}
	var names []string
	for _, act := range t.Actions {
		names = append(names, act.Name)
	}
	return nil, "", nil, fmt.Errorf("read entry of %s: no action in it, want one of %v: %w", t.Name, names, pipeline.ErrNoAction)
}

// parseEntry reads TABLE KEY... ACTION ARG...
func parseEntry(p *pipeline.Program, words []string, f entryFlags) (*pipeline.Entry, error) {
	t, err := p.TableByName(words[0])
	if err != nil {
		return nil, err
	}
	keys, action, args, err := splitAction(t, words[1:])
	if err != nil {
		return nil, err
	}
	e, err := pipeline.ParseEntry(p, t.Name, keys, action, args, f.priority)
	if err != nil {
		return nil, err
	}
	e.SkipHW, e.SkipSW = f.skipHW, f.skipSW
	return e, nil
}

func (a *app) tableAddCommand() *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "add NAME TABLE KEY... ACTION [PARAM...]",
		Short: "Add an entry",
		Example: `  p4dev table add router ipv4_lpm 10.0.0.0/8 set_nexthop 1
  p4dev table add router nexthop nexthop_id=1 forward port=2 smac=02:00:00:00:00:02 dmac=02:00:00:00:00:b2
  p4dev table add router acl hdr.ipv4.protocol=6 l4_dst_port=80..443 drop --priority 10`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTable(cmd.Context(), args[0], func(m *offload.Manager, p *pipeline.Program) (string, error) {
				e, err := parseEntry(p, args[1:], f)
				if err != nil {
					return "", err
				}
				return "added", m.Insert(e)
			})
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) tableSetCommand() *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:   "set NAME TABLE {KEY... | --default} ACTION [PARAM...]",
		Short: "Change action and parameters of an entry, or the default action",
		Example: `  p4dev table set router ipv4_lpm 10.0.0.0/8 set_nexthop 2
  p4dev table set router ipv4_lpm --default drop`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTable(cmd.Context(), args[0], func(m *offload.Manager, p *pipeline.Program) (string, error) {
				if f.isDefault {
					return "set", setDefault(m, p, args[1:])
				}
				e, err := parseEntry(p, args[1:], f)
				if err != nil {
					return "", err
				}
				return "set", m.Modify(e)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&f.isDefault, "default", false, "the default action, which a miss runs")
	return cmd
}

func setDefault(m *offload.Manager, p *pipeline.Program, words []string) error {
	t, err := p.TableByName(words[0])
	if err != nil {
		return err
	}
	call, err := pipeline.ParseCall(t, words[1], words[2:])
	if err != nil {
		return err
	}
	return m.SetDefault(t, call)
}

func (a *app) tableDeleteCommand() *cobra.Command {
	var f entryFlags
	cmd := &cobra.Command{
		Use:     "delete NAME TABLE KEY...",
		Short:   "Remove an entry",
		Example: `  p4dev table delete router ipv4_lpm 10.0.0.0/8`,
		Args:    cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTable(cmd.Context(), args[0], func(m *offload.Manager, p *pipeline.Program) (string, error) {
				t, err := p.TableByName(args[1])
				if err != nil {
					return "", err
				}
				match, err := pipeline.ParseKey(t, args[2:])
				if err != nil {
					return "", err
				}
				return "deleted", m.Delete(&pipeline.Entry{Table: t, Match: match, Priority: f.priority, SkipSW: f.skipSW})
			})
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) tableFlushCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "flush NAME TABLE",
		Short:   "Remove all entries of a table",
		Example: `  p4dev table flush router acl`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.changeTable(cmd.Context(), args[0], func(m *offload.Manager, p *pipeline.Program) (string, error) {
				t, err := p.TableByName(args[1])
				if err != nil {
					return "", err
				}
				states, err := m.Entries(t)
				if err != nil {
					return "", err
				}
				if len(states) == 0 {
					return "", fmt.Errorf("flush %s: it is empty: %w", t.Name, errNothing)
				}
				entries := make([]*pipeline.Entry, len(states))
				for i, s := range states {
					entries[i] = s.Entry
				}
				return fmt.Sprintf("%d entries deleted", len(entries)), m.Delete(entries...)
			})
		},
	}
}

// changeTable opens the manager of a fallback, makes one change, and says what was done.
func (a *app) changeTable(ctx context.Context, name string, change func(*offload.Manager, *pipeline.Program) (string, error)) error {
	s, err := a.openSession(ctx, name)
	if err != nil {
		return err
	}
	if s.stuck != nil {
		return errors.Join(s.stuck, s.close())
	}
	done, err := change(s.manager, s.fallback.Program())
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	return a.done(done)
}

func (a *app) tableListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list NAME",
		Short:   "List the tables with their keys, entries and room",
		Example: `  p4dev table list router`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.tableList(cmd.Context(), args[0]) },
	}
}

// tableState is a line of "table list".
type tableState struct {
	tableView
	Entries  int    `json:"entries"`
	Hardware int    `json:"in_hw"`
	Complete bool   `json:"hw_complete"`
	Why      string `json:"why,omitempty"`
}

func (a *app) tableList(ctx context.Context, name string) error {
	s, err := a.openSession(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	views := []tableState{}
	for _, t := range s.fallback.Program().Tables {
		if t.Hidden {
			continue
		}
		p, err := s.manager.TablePlacement(t)
		if err != nil {
			return err
		}
		call, err := s.manager.Default(t)
		if err != nil {
			return err
		}
		v := tableState{viewTable(t), p.Entries, p.Hardware, p.Complete, p.Why}
		v.Default = pipeline.FormatCall(call)
		views = append(views, v)
	}
	gate := s.manager.Gate()
	return a.render(map[string]any{"gate": gate, "table": views}, func(w io.Writer) error {
		fmt.Fprintf(w, "gate %s: %s\n", gate.State, gate.Reason)
		for _, d := range gate.Differences {
			fmt.Fprintf(w, "  %s\n", d)
		}
		fmt.Fprintln(w)
		var rows [][]string
		for _, v := range views {
			rows = append(rows, []string{v.Name, fmt.Sprint(v.Entries), fmt.Sprint(v.Hardware), fmt.Sprint(v.Size),
				shortCall(v.Default), shortNames(v.Actions), keysText(v.Keys)})
		}
		if err := table(w, "TABLE ENTRIES IN_HW SIZE DEFAULT ACTIONS KEY", rows); err != nil || !gate.Open() {
			return err
		}
		return textIncomplete(w, views)
	})
}

// textIncomplete names the tables of which a part is missing in hardware: there, a packet that finds no entry is
// handed over.
func textIncomplete(w io.Writer, views []tableState) error {
	var rows [][]string
	for _, v := range views {
		if !v.Complete {
			rows = append(rows, []string{"  " + v.Name, orElse(v.Why, fmt.Sprintf("%d of %d entries are there", v.Hardware, v.Entries))})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nNot complete in hardware, which hands packets without an entry there to eBPF:")
	return pairs(w, rows)
}

// shortCall drops the control's name from an action with its arguments.
func shortCall(call string) string {
	name, args, _ := strings.Cut(call, " ")
	return strings.TrimSpace(shortNames([]string{name}) + " " + args)
}

func (a *app) tableShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME [TABLE]",
		Short:   "Show entries with their place and their counters",
		Example: `  p4dev table show router ipv4_lpm`,
		Args:    cobra.RangeArgs(1, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.tableShow(cmd.Context(), args[0], args[1:]) },
	}
}

// entryView is an entry as "table show -j" prints it.
type entryView struct {
	Match    map[string]string `json:"match"`
	Priority int32             `json:"priority,omitempty"`
	Action   string            `json:"action"`
	InHW     bool              `json:"in_hw"`
	InSW     bool              `json:"in_sw"`
	Why      string            `json:"why,omitempty"`
	SkipHW   bool              `json:"skip_hw,omitempty"`
	SkipSW   bool              `json:"skip_sw,omitempty"`
	Total    *countView        `json:"count,omitempty"` // nil: the table has no counter
	HW       *countView        `json:"hw,omitempty"`
	SW       *countView        `json:"sw,omitempty"`
	text     string
}

type countView struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

func (a *app) tableShow(ctx context.Context, name string, tables []string) error {
	s, err := a.openSession(ctx, name)
	if err != nil {
		return err
	}
	defer s.close()
	list, err := chooseTables(s.fallback.Program(), tables)
	if err != nil {
		return err
	}
	result := make(map[string][]entryView)
	var order []string
	for _, t := range list {
		views, err := viewEntries(s.manager, t)
		if err != nil {
			return err
		}
		if len(views) > 0 || len(tables) > 0 {
			result[t.Name] = views
			order = append(order, t.Name)
		}
	}
	return a.render(map[string]any{"table": result}, func(w io.Writer) error { return textEntries(w, order, result) })
}

func chooseTables(p *pipeline.Program, names []string) ([]*pipeline.Table, error) {
	if len(names) > 0 {
		t, err := p.TableByName(names[0])
		return []*pipeline.Table{t}, err
	}
	return slices.DeleteFunc(slices.Clone(p.Tables), func(t *pipeline.Table) bool { return t.Hidden }), nil
}

func viewEntries(m *offload.Manager, t *pipeline.Table) ([]entryView, error) {
	placed, err := m.Placement(t)
	if err != nil {
		return nil, err
	}
	views := []entryView{}
	for _, p := range placed {
		e := p.Entry
		v := entryView{Match: make(map[string]string), Priority: e.Priority, Action: callText(e), InHW: p.Hardware, InSW: p.Software,
			Why: p.Why, SkipHW: e.SkipHW, SkipSW: e.SkipSW}
		if t.Counter != nil {
			v.Total, v.HW, v.SW = (*countView)(&p.Total), (*countView)(&p.HWCount), (*countView)(&p.SWCount)
		}
		for i, k := range t.Keys {
			v.Match[k.Name] = pipeline.FormatMatch(k, e.Match[i])
		}
		v.text = entryText(e)
		views = append(views, v)
	}
	return views, nil
}

// entryText writes an entry for people: where the key has several parts, those that match anything are left out.
func entryText(e *pipeline.Entry) string {
	var words []string
	for i, k := range e.Table.Keys {
		if m := pipeline.FormatMatch(k, e.Match[i]); m != "*" || len(e.Table.Keys) == 1 {
			words = append(words, k.Name+"="+m)
		}
	}
	if len(words) == 0 {
		words = append(words, "*")
	}
	if e.Priority != 0 {
		words = append(words, fmt.Sprint("priority ", e.Priority))
	}
	return strings.Join(words, " ") + " -> " + shortCall(callText(e))
}

func callText(e *pipeline.Entry) string {
	switch {
	case e.Member != nil:
		return fmt.Sprintf("member %d", *e.Member)
	case e.Group != nil:
		return fmt.Sprintf("group %d", *e.Group)
	}
	return pipeline.FormatCall(e.Call)
}

func textEntries(w io.Writer, order []string, result map[string][]entryView) error {
	for i, name := range order {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, name)
		var rows [][]string
		for _, v := range result[name] {
			packets, bytes := "-", "-"
			if v.Total != nil {
				packets, bytes = fmt.Sprint(v.Total.Packets), fmt.Sprint(v.Total.Bytes)
			}
			rows = append(rows, []string{placeText(v), packets, bytes, v.text, v.Why})
		}
		if err := table(w, "PLACE PACKETS BYTES ENTRY WHY", rows); err != nil {
			return err
		}
	}
	return nil
}

func placeText(v entryView) string {
	switch {
	case v.InHW && v.InSW:
		return "hw+sw"
	case v.InHW:
		return "hw"
	}
	return "sw"
}
