package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/offload/hw"
)

// section is one thing that "show" prints of a device.
type section struct {
	name string
	read func(context.Context, *devlink.Client, devlink.Handle) (any, error)
	text func(io.Writer, any) error
}

// sections are in the order in which "show DEV" prints them; params only when asked for.
var sectionNames = []string{"info", "ports", "parser", "headers", "tables", "resources", "regions", "health", "params"}

func (a *app) section(name string) (section, bool) {
	s, ok := map[string]section{
		"info":      {name, readInfo, textInfo},
		"ports":     {name, readPorts, textPorts},
		"parser":    {name, readParser, textParser},
		"headers":   {name, readHeaders, textHeaders},
		"tables":    {name, readTables, textTables},
		"resources": {name, readResources, textResources},
		"regions":   {name, readRegions, textRegions},
		"health":    {name, readHealth, textHealth},
		"params":    {name, readParams, textParams},
	}[name]
	return s, ok
}

func (a *app) showCommand() *cobra.Command {
	var graph string
	cmd := &cobra.Command{
		Use:   "show DEV [" + strings.Join(sectionNames, "|") + "]",
		Short: "Show what a device says about itself",
		Long: `Shows what a device advertises through devlink: who it is, the program it runs, its ports, parser graph,
headers, tables, resources, regions and health. Without a section all of them are shown.`,
		Example: `  p4dev show pci/0000:01:00.0
  p4dev show pci/0000:01:00.0 tables
  p4dev show pci/0000:01:00.0 parser --graph svg > parser.svg`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			if graph != "" {
				return a.showGraph(cmd.Context(), h, graph)
			}
			return a.show(cmd.Context(), h, args[1:])
		},
	}
	cmd.Flags().StringVar(&graph, "graph", "", "print the parser graph: "+graphFormats)
	return cmd
}

func (a *app) showGraph(ctx context.Context, h devlink.Handle, format string) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	prog, err := deviceProgram(ctx, c, h)
	if err != nil {
		return err
	}
	return a.writeGraph(prog, format)
}

func (a *app) show(ctx context.Context, h devlink.Handle, names []string) error {
	all := len(names) == 0
	if all {
		names = sectionNames
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Device(ctx, h); err != nil {
		return err
	}
	result := map[string]any{}
	for _, n := range names {
		s, ok := a.section(n)
		if !ok {
			return fmt.Errorf("unknown section %q: want one of %s", n, strings.Join(sectionNames, ", "))
		}
		v, err := s.read(ctx, c, h)
		if all && (errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errNoProgram)) {
			continue // the driver does not have it
		}
		if err != nil {
			return err
		}
		result[n] = map[string]any{h.String(): v}
	}
	if all {
		if m, err := hw.ReadModel(ctx, c, h); err == nil && len(m.Differences) > 0 {
			fmt.Fprintf(a.err, "p4dev: %s contradicts itself, its gate stays shut: %s\n", h, strings.Join(m.Differences, "; "))
			result["differences"] = map[string]any{h.String(): m.Differences}
		}
	}
	return a.render(result, func(w io.Writer) error { return a.showText(w, h, names, result) })
}

func (a *app) showText(w io.Writer, h devlink.Handle, names []string, result map[string]any) error {
	for _, n := range names {
		v, ok := result[n]
		if !ok {
			continue
		}
		if len(names) > 1 {
			fmt.Fprintf(w, "== %s\n", n)
		}
		s, _ := a.section(n)
		if err := s.text(w, v.(map[string]any)[h.String()]); err != nil {
			return err
		}
		if len(names) > 1 {
			fmt.Fprintln(w)
		}
	}
	return nil
}

func readInfo(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.Info(ctx, h)
}

func textInfo(w io.Writer, v any) error {
	info := v.(devlink.Info)
	rows := [][]string{{"driver", info.Driver}, {"serial_number", info.Serial}}
	if info.Board != "" {
		rows = append(rows, []string{"board.serial_number", info.Board})
	}
	for _, kind := range []struct {
		name     string
		versions map[string]string
	}{{"fixed", info.Versions.Fixed}, {"running", info.Versions.Running}, {"stored", info.Versions.Stored}} {
		for _, name := range slices.Sorted(maps.Keys(kind.versions)) {
			rows = append(rows, []string{kind.name + " " + name, kind.versions[name]})
		}
	}
	return pairs(w, rows)
}

// pairs writes rows of a name and a value, aligned, leaving out empty values.
func pairs(w io.Writer, rows [][]string) error {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%-*s  %s\n", width, r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

func readPorts(ctx context.Context, c *devlink.Client, h devlink.Handle) (any, error) {
	return c.Ports(ctx, h)
}

func textPorts(w io.Writer, v any) error {
	var rows [][]string
	for _, p := range v.([]devlink.Port) {
		number := "-"
		if p.Number != nil {
			number = fmt.Sprint(*p.Number)
		}
		flavour := "-"
		if p.Flavour != nil {
			flavour = p.Flavour.String()
		}
		rows = append(rows, []string{fmt.Sprint(p.Index), number, flavour, orElse(p.NetDev, "-")})
	}
	return table(w, "INDEX PORT FLAVOUR NETDEV", rows)
}
