package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// parserView is the parser graph that a device advertises.
type parserView struct {
	States []stateView `json:"states"`
	prog   *pipeline.Program
}

type stateView struct {
	Name  string   `json:"name"`
	Next  []string `json:"next"`
	Start bool     `json:"start,omitempty"`
}

func readParser(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	prog, err := deviceProgram(ctx, c, h)
	if err != nil {
		return nil, err
	}
	v := parserView{prog: prog}
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
	return v, nil
}

func textParser(w io.Writer, v any) error {
	for _, ps := range v.(parserView).prog.Parsers {
		if err := graph.FromParser(ps).Text(w); err != nil {
			return err
		}
	}
	return nil
}

func readHeaders(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.DpipeHeaders(ctx, h)
}

func textHeaders(w io.Writer, v any) error {
	for _, hd := range v.(devlink.DpipeHeaders) {
		var fields []string
		for _, f := range hd.Fields {
			fields = append(fields, fmt.Sprintf("%s:%d", f.Name, f.BitWidth))
		}
		fmt.Fprintf(w, "%s\n  %s\n", hd.Name, strings.Join(fields, " "))
	}
	return nil
}

// dpipeTable is a table as devlink shows it, with names in place of numbers.
type dpipeTable struct {
	Name     string   `json:"name"`
	Size     uint64   `json:"size"`
	Counters bool     `json:"counters_enabled"`
	Match    []string `json:"match"`
	Action   []string `json:"action"`
	Resource string   `json:"resource_path,omitempty"`
	Used     *uint64  `json:"occ,omitempty"`
	Room     *uint64  `json:"room,omitempty"`
}

func readTables(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	tables, err := c.DpipeTables(ctx, h)
	if err != nil {
		return nil, err
	}
	headers, err := c.DpipeHeaders(ctx, h)
	if err != nil {
		return nil, err
	}
	resources, err := c.Resources(ctx, h)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	views := []dpipeTable{}
	for _, t := range tables {
		v := dpipeTable{Name: t.Name, Size: t.Size, Counters: t.CountersEnabled, Match: []string{}, Action: []string{}}
		for _, m := range t.Matches {
			v.Match = append(v.Match, fieldName(headers, m.DpipeFieldRef))
		}
		for _, act := range t.Actions {
			v.Action = append(v.Action, fieldName(headers, act.DpipeFieldRef))
		}
		if t.ResourceID != nil {
			if r, path := devlink.FindResource(resources, *t.ResourceID); r != nil {
				v.Resource, v.Used, v.Room = path, r.Occ, &r.Size
			}
		}
		views = append(views, v)
	}
	return views, nil
}

// fieldName returns "header.field", or the numbers of a field that the device did not describe.
func fieldName(headers devlink.DpipeHeaders, ref devlink.DpipeFieldRef) string {
	h, f := headers.Find(ref)
	if h == nil || f == nil {
		return fmt.Sprintf("header %d field %d", ref.HeaderID, ref.FieldID)
	}
	return h.Name + "." + f.Name
}

func textTables(w io.Writer, v any) error {
	var rows [][]string
	for _, t := range v.([]dpipeTable) {
		used, room := "-", "-"
		if t.Used != nil {
			used = fmt.Sprint(*t.Used)
		}
		if t.Room != nil {
			room = fmt.Sprint(*t.Room)
		}
		rows = append(rows, []string{t.Name, fmt.Sprint(t.Size), used, room})
	}
	if err := table(w, "TABLE SIZE USED ROOM", rows); err != nil {
		return err
	}
	for _, t := range v.([]dpipeTable) {
		fmt.Fprintf(w, "\n%s\n  match   %s\n  action  %s\n", t.Name,
			orElse(strings.Join(t.Match, " "), "-"), orElse(strings.Join(t.Action, " "), "-"))
	}
	return nil
}

func readResources(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.Resources(ctx, h)
}

func textResources(w io.Writer, v any) error {
	var rows [][]string
	var add func(path string, list []devlink.Resource)
	add = func(path string, list []devlink.Resource) {
		for _, r := range list {
			occ := "-"
			if r.Occ != nil {
				occ = fmt.Sprint(*r.Occ)
			}
			rows = append(rows, []string{path + "/" + r.Name, fmt.Sprint(r.Size), occ, r.Unit.String()})
			add(path+"/"+r.Name, r.Children)
		}
	}
	add("", v.([]devlink.Resource))
	return table(w, "RESOURCE SIZE USED UNIT", rows)
}

func readRegions(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.Regions(ctx, h)
}

func textRegions(w io.Writer, v any) error {
	var rows [][]string
	for _, r := range v.([]devlink.Region) {
		rows = append(rows, []string{r.Name, fmt.Sprint(r.Size), orElse(strings.Trim(fmt.Sprint(r.Snapshots), "[]"), "-")})
	}
	return table(w, "REGION BYTES SNAPSHOTS", rows)
}

// healthView is a reporter with what it says now.
type healthView struct {
	devlink.Reporter
	Diagnosis any // nil: the reporter cannot say
}

// MarshalJSON writes the reporter as it writes itself, with the member "diagnosis" behind.
func (v healthView) MarshalJSON() ([]byte, error) {
	reporter, err := json.Marshal(v.Reporter)
	if err != nil || v.Diagnosis == nil {
		return reporter, err
	}
	diagnosis, err := json.Marshal(v.Diagnosis)
	return slices.Concat(bytes.TrimSuffix(reporter, []byte("}")), []byte(`,"diagnosis":`), diagnosis, []byte("}")), err
}

func readHealth(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	reporters, err := c.Reporters(ctx, h)
	if err != nil {
		return nil, err
	}
	views := []healthView{}
	for _, r := range reporters {
		v := healthView{Reporter: r}
		if r.Port == nil {
			v.Diagnosis, err = c.Diagnose(ctx, h, r.Name)
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				return nil, err
			}
		}
		views = append(views, v)
	}
	return views, nil
}

func textHealth(w io.Writer, v any) error {
	for _, r := range v.([]healthView) {
		fmt.Fprintf(w, "%s: %s, %d errors, %d recoveries\n", r.Name, r.State, r.Errors, r.Recoveries)
		m, _ := r.Diagnosis.(devlink.Message)
		textMessage(w, "  ", m)
	}
	return nil
}

// textMessage writes a reporter's message, what is nested in it further to the right.
func textMessage(w io.Writer, indent string, m devlink.Message) {
	for _, member := range m {
		nested, ok := member.Value.(devlink.Message)
		if !ok {
			fmt.Fprintf(w, "%s%s: %v\n", indent, member.Name, member.Value)
			continue
		}
		fmt.Fprintf(w, "%s%s:\n", indent, member.Name)
		textMessage(w, indent+"  ", nested)
	}
}

func readParams(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.Params(ctx, h)
}

func textParams(w io.Writer, v any) error {
	var rows [][]string
	for _, p := range v.([]devlink.Param) {
		for _, val := range p.Values {
			rows = append(rows, []string{p.Name, val.CMode.String(), fmt.Sprint(val.Value)})
		}
	}
	return table(w, "PARAM CMODE VALUE", rows)
}
