package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/offload/hw"
)

// eachEntry calls f for every entry that the tables hold now, or one of them, as they come in. The form is the device's.
func eachEntry(ctx context.Context, c *devlink.Client, h devlink.Handle, name string, f func(*dpipeForm, string, devlink.DpipeEntry) error) error {
	tables, err := c.DpipeTables(ctx, h)
	if err == nil {
		tables, err = pick(h, tables, name, func(t devlink.DpipeTable) string { return t.Name })
	}
	if err != nil {
		return err
	}
	form, err := dpipeFormOf(ctx, c, h)
	if err != nil {
		return err
	}
	for _, t := range tables {
		for e, err := range c.DpipeEntries(ctx, h, t.Name) {
			if errors.Is(err, errors.ErrUnsupported) && name == "" {
				break // this table's entries cannot be read
			}
			if err == nil {
				err = f(form, t.Name, e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// dpipeFormOf asks a device what its numbers mean.
func dpipeFormOf(ctx context.Context, c *devlink.Client, h devlink.Handle) (*dpipeForm, error) {
	headers, err := c.DpipeHeaders(ctx, h)
	if err != nil {
		return nil, err
	}
	regions, err := c.Regions(ctx, h)
	if err != nil {
		return nil, err
	}
	network := slices.ContainsFunc(regions, func(r devlink.Region) bool { return r.Name == hw.RegionName })
	return newDpipeForm(headers, network), nil
}

// readEntries reads entries for people.
func readEntries(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	var rows [][]string
	err := eachEntry(ctx, c, h, name, func(f *dpipeForm, table string, e devlink.DpipeEntry) error {
		counter := "-"
		if e.HasCounter {
			counter = strconv.FormatUint(e.Counter, 10)
		}
		text := append(f.appendText(nil, f.matches, e.Match), " -> "...)
		text = f.appendText(text, f.actions, e.Action)
		rows = append(rows, []string{table, strconv.FormatUint(e.Index, 10), counter, string(text)})
		return nil
	})
	text := func(w io.Writer) error { return table(w, "TABLE INDEX COUNTER ENTRY", rows) }
	return part{empty: len(rows) == 0, text: text}, err
}

// streamEntries writes entries as JSON while they come in, so that a table of any size takes little memory.
func streamEntries(ctx context.Context, s *jsonStream, c *devlink.Client, h devlink.Handle, name string) error {
	device := h.String()
	var quoted []byte // the name of the table last
	var of string
	return eachEntry(ctx, c, h, name, func(f *dpipeForm, table string, e devlink.DpipeEntry) error {
		if of != table || quoted == nil {
			of, quoted = table, jsonText(table, "")
		}
		s.listed(device)
		s.buf = f.appendEntry(s.buf, quoted, e)
		return s.end()
	})
}
