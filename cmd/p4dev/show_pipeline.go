package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// parserView is the parser graph that a device advertises.
type parserView struct {
	States []stateView `json:"states"`
}

type stateView struct {
	Name  string   `json:"name"`
	Next  []string `json:"next"`
	Start bool     `json:"start,omitempty"`
}

func readParser(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	prog, err := deviceProgram(ctx, c, h)
	if err == nil {
		err = unnamed(name)
	}
	if err != nil {
		return part{}, err
	}
	var v parserView
	for _, ps := range prog.Parsers {
		for _, s := range ps.States {
			sv := stateView{Name: s.Name, Start: s == ps.Start}
			for _, t := range s.Next {
				next := "accept"
				if t.Next != nil {
					next = t.Next.Name
				}
				sv.Next = append(sv.Next, next)
			}
			v.States = append(v.States, sv)
		}
	}
	return single(h, v, func(w io.Writer) error { return textParser(w, prog) }), nil
}

func textParser(w io.Writer, prog *pipeline.Program) error {
	for _, ps := range prog.Parsers {
		if err := graph.FromParser(ps).Text(w); err != nil {
			return err
		}
	}
	return nil
}

func readHeaders(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	headers, err := c.DpipeHeaders(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, headers, name, func(hd devlink.DpipeHeader) string { return hd.Name }, textHeaders)
}

func textHeaders(w io.Writer, headers []devlink.DpipeHeader) error {
	for _, hd := range headers {
		var fields []string
		for _, f := range hd.Fields {
			fields = append(fields, fmt.Sprintf("%s:%d", f.Name, f.BitWidth))
		}
		fmt.Fprintf(w, "%s\n  %s\n", hd.Name, strings.Join(fields, " "))
	}
	return nil
}

// dpipeTable is a table as devlink shows it, with names in place of numbers, and how full it is.
type dpipeTable struct {
	Name     string       `json:"name"`
	Size     uint64       `json:"size"`
	Counters bool         `json:"counters_enabled"`
	Resource string       `json:"resource_path,omitempty"`
	Units    *uint64      `json:"resource_units,omitempty"`
	Match    []dpipeField `json:"match"`
	Action   []dpipeField `json:"action"`
	Used     *uint64      `json:"occ,omitempty"`  // of the resource
	Room     *uint64      `json:"room,omitempty"` // its size
}

// dpipeField is a match or an action: what happens to a field.
type dpipeField struct {
	Type    string `json:"type"`
	Header  string `json:"header"`
	Field   string `json:"field"`
	Mapping string `json:"mapping,omitempty"`
}

func (f dpipeField) String() string { return f.Header + "." + f.Field }

// newDpipeField resolves the numbers of a field. What the device did not describe keeps them.
func newDpipeField(headers devlink.DpipeHeaders, typ string, ref devlink.DpipeFieldRef) dpipeField {
	h, f := headers.Find(ref)
	if h == nil || f == nil {
		return dpipeField{Type: typ, Header: fmt.Sprintf("header %d", ref.HeaderID), Field: fmt.Sprintf("field %d", ref.FieldID)}
	}
	v := dpipeField{Type: typ, Header: h.Name, Field: f.Name}
	if ref.HeaderIndex > 0 {
		v.Header = fmt.Sprintf("%s[%d]", h.Name, ref.HeaderIndex)
	}
	if f.Mapping != devlink.DpipeMappingNone {
		v.Mapping = f.Mapping.String()
	}
	return v
}

func readTables(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	tables, err := c.DpipeTables(ctx, h)
	if err != nil {
		return part{}, err
	}
	var headers devlink.DpipeHeaders
	if len(tables) > 0 {
		if headers, err = c.DpipeHeaders(ctx, h); err != nil {
			return part{}, err
		}
	}
	resources, err := c.Resources(ctx, h)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return part{}, err
	}
	views := []dpipeTable{}
	for _, t := range tables {
		v := dpipeTable{Name: t.Name, Size: t.Size, Counters: t.CountersEnabled, Match: []dpipeField{}, Action: []dpipeField{}}
		for _, m := range t.Matches {
			v.Match = append(v.Match, newDpipeField(headers, m.Type.String(), m.DpipeFieldRef))
		}
		for _, act := range t.Actions {
			v.Action = append(v.Action, newDpipeField(headers, act.Type.String(), act.DpipeFieldRef))
		}
		if t.ResourceID != nil {
			if r, path := devlink.FindResource(resources, *t.ResourceID); r != nil {
				v.Resource, v.Units, v.Used, v.Room = path, &t.ResourceUnits, r.Occ, &r.Size
			}
		}
		views = append(views, v)
	}
	return listed(h, views, name, func(t dpipeTable) string { return t.Name }, textTables)
}

func textTables(w io.Writer, tables []dpipeTable) error {
	var rows [][]string
	for _, t := range tables {
		used, room := "-", "-"
		if t.Used != nil {
			used = fmt.Sprint(*t.Used)
		}
		if t.Room != nil {
			room = fmt.Sprint(*t.Room)
		}
		counters := "off"
		if t.Counters {
			counters = "on"
		}
		rows = append(rows, []string{t.Name, fmt.Sprint(t.Size), used, room, counters})
	}
	if err := table(w, "TABLE SIZE USED ROOM COUNTERS", rows); err != nil {
		return err
	}
	for _, t := range tables {
		fmt.Fprintf(w, "\n%s\n  match   %s\n  action  %s\n", t.Name, joinFields(t.Match), joinFields(t.Action))
	}
	return nil
}

func joinFields(list []dpipeField) string {
	var names []string
	for _, f := range list {
		names = append(names, f.String())
	}
	return orElse(strings.Join(names, " "), "-")
}
