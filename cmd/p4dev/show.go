package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/offload/hw"
)

// section is one kind of thing that "show" prints of a device.
type section struct {
	name string // of the command line
	key  string // in JSON, as "devlink -j" has it
	// asked reports that the section is shown only where it is named.
	asked bool
	// read returns what there is, or of that the one thing that is called name.
	read func(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error)
	// stream is set where there may be very much: it writes with -j, while it reads, what else read would return.
	stream func(ctx context.Context, s *jsonStream, c *devlink.Client, h devlink.Handle, name string) error
}

// part is what a section has of one device.
type part struct {
	views map[string]any // by handle, or handle and number or name
	empty bool
	text  func(io.Writer) error
}

// sections are in the order in which "show DEV" prints them.
func (a *app) sections() []section {
	return []section{
		{name: "info", key: "info", read: readInfo},
		{name: "dev", key: "dev", read: readDev},
		{name: "ports", key: "port", read: readPorts, stream: streamPorts},
		{name: "parser", key: "parser", read: readParser},
		{name: "ddp", key: "ddp", read: a.readDDPOf},
		{name: "headers", key: "header", read: readHeaders},
		{name: "tables", key: "table", read: readTables},
		{name: "entries", key: "table_entry", asked: true, read: readEntries, stream: streamEntries},
		{name: "resources", key: "resources", read: readResources},
		{name: "regions", key: "regions", read: readRegions},
		{name: "health", key: "health", read: readHealth},
		{name: "params", key: "param", read: readParams},
		{name: "traps", key: "trap", read: readTraps},
		{name: "trap-groups", key: "trap_group", read: readTrapGroups},
		{name: "trap-policers", key: "trap_policer", read: readTrapPolicers},
		{name: "selftests", key: "selftests", read: readSelftests},
	}
}

func (a *app) sectionNames() []string {
	var names []string
	for _, s := range a.sections() {
		names = append(names, s.name)
	}
	return names
}

// allDevices stands for every device in the place of a handle.
const allDevices = "all"

func (a *app) showCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show {DEV | all} [SECTION [NAME]]",
		Short: "Show what a device says about itself",
		Long: `Shows what a device advertises through devlink: who it is, the program it runs, its ports, parser graph,
headers, tables, resources, regions, health, parameters, packet traps and self-tests. Without a section all are shown
that the device has. A name picks one table, parameter, port, ... of the section.

Of a device of Intel's driver ice, "ddp" names the DDP package that it runs and finds it on disk; --graph draws the
parser that is in it.

Sections: ` + strings.Join(a.sectionNames(), ", ") + `.
"entries" shows what the tables hold now; it has to be asked for.

The members of -j are those of "devlink -j -s -v" where the meaning is the same.`,
		Example: `  p4dev show pci/0000:01:00.0
  p4dev show pci/0000:01:00.0 tables
  p4dev show pci/0000:01:00.0 params fw_load_policy
  p4dev -j show all info
  p4dev show pci/0000:01:00.0 parser --graph svg > parser.svg`,
		Args:              cobra.RangeArgs(1, 3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == allDevices {
				return a.show(cmd.Context(), devlink.Handle{}, args[1:])
			}
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			if format != "" {
				return a.showGraph(cmd.Context(), h, format)
			}
			return a.show(cmd.Context(), h, args[1:])
		},
	}
	cmd.Flags().StringVar(&format, "graph", "", "print the parser graph: "+graphFormats)
	return cmd
}

func (a *app) showGraph(ctx context.Context, h devlink.Handle, format string) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	prog, err := deviceProgram(ctx, c, h)
	if errors.Is(err, errNoProgram) {
		if v, ddpErr := a.ddpOf(ctx, c, h); ddpErr == nil && v.parser != nil {
			return a.drawGraphs([]*graph.Graph{v.parser}, format)
		}
	}
	if err != nil {
		return err
	}
	return a.writeGraph(prog, format)
}

// showing is one run of "show".
type showing struct {
	c        *devlink.Client
	sections []section
	name     string // of one thing; "": all
	whole    bool   // no section was named
	result   map[string]map[string]any
	text     strings.Builder
}

func (a *app) show(ctx context.Context, h devlink.Handle, args []string) error {
	s := &showing{result: map[string]map[string]any{}, whole: len(args) == 0}
	for _, sec := range a.sections() {
		if s.whole && !sec.asked || !s.whole && sec.name == args[0] {
			s.sections = append(s.sections, sec)
		}
	}
	if len(s.sections) == 0 {
		return fmt.Errorf("unknown section %q: want one of %s", args[0], strings.Join(a.sectionNames(), ", "))
	}
	if len(args) == 2 {
		s.name = args[1]
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	s.c = c
	if !h.IsZero() {
		if _, err := c.Device(ctx, h); err != nil {
			return err
		}
	}
	if one := s.sections[0]; a.json && !s.whole && one.stream != nil {
		return a.stream(ctx, one, c, h, s.name)
	}
	if !h.IsZero() {
		err = a.showDevice(ctx, s, h, s.name != "" || !s.whole)
	} else {
		err = a.showAll(ctx, s)
	}
	if err != nil {
		return err
	}
	return a.render(s.result, func(w io.Writer) error {
		_, err := io.WriteString(w, s.text.String())
		return err
	})
}

// showAll shows the sections of every device that has them. A device that goes away meanwhile is left out.
func (a *app) showAll(ctx context.Context, s *showing) error {
	devices, err := s.c.Devices(ctx)
	if err != nil {
		return err
	}
	for _, sec := range s.sections {
		s.result[sec.key] = map[string]any{}
	}
	for _, d := range devices {
		before := s.text.String()
		fmt.Fprintf(&s.text, "%s\n", d.Handle)
		length := s.text.Len()
		err := a.showDevice(ctx, s, d.Handle, false)
		if err != nil && !errors.Is(err, devlink.ErrDeviceGone) {
			return err
		}
		if s.text.Len() == length {
			s.text.Reset()
			s.text.WriteString(before)
		}
	}
	if s.name != "" && s.text.Len() == 0 {
		return fmt.Errorf("no device has %q: %w", s.name, errMissing)
	}
	return nil
}

// showDevice adds a device's sections. What the driver does not have is an error only where it was asked for.
func (a *app) showDevice(ctx context.Context, s *showing, h devlink.Handle, must bool) error {
	for _, sec := range s.sections {
		p, err := sec.read(ctx, s.c, h, s.name)
		if !must && absent(err) {
			continue
		}
		if err != nil {
			return err
		}
		if s.result[sec.key] == nil && !(s.whole && p.empty) {
			s.result[sec.key] = map[string]any{}
		}
		if p.empty && (s.whole || !must && len(p.views) == 0) {
			continue
		}
		maps.Copy(s.result[sec.key], p.views)
		if err := s.add(sec, p); err != nil {
			return err
		}
	}
	if s.whole {
		a.showDifferences(ctx, s, h)
	}
	return nil
}

// absent reports an error that says that a device does not have something.
func absent(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, errNoProgram) || errors.Is(err, errMissing) ||
		errors.Is(err, fs.ErrNotExist) && !errors.Is(err, devlink.ErrDeviceGone)
}

// add writes a section for people.
func (s *showing) add(sec section, p part) error {
	if s.whole {
		fmt.Fprintf(&s.text, "== %s\n", sec.name)
	}
	if err := p.text(&s.text); err != nil {
		return err
	}
	if s.whole {
		s.text.WriteString("\n")
	}
	return nil
}

// showDifferences reports a device whose tables and pipeline region contradict each other.
func (a *app) showDifferences(ctx context.Context, s *showing, h devlink.Handle) {
	m, err := hw.ReadModel(ctx, s.c, h)
	if err != nil || len(m.Differences) == 0 {
		return
	}
	fmt.Fprintf(a.err, "p4dev: %s contradicts itself, its gate stays shut: %s\n", h, strings.Join(m.Differences, "; "))
	if s.result["differences"] == nil {
		s.result["differences"] = map[string]any{}
	}
	s.result["differences"][h.String()] = m.Differences
}

// single is a part with one value.
func single(h devlink.Handle, v any, text func(io.Writer) error) part {
	return part{views: map[string]any{h.String(): v}, text: text}
}

// listed makes a part of a list, in JSON a list as well. With a name only the element that has it counts.
func listed[T any](h devlink.Handle, list []T, name string, nameOf func(T) string, text func(io.Writer, []T) error) (part, error) {
	list, err := pick(h, list, name, nameOf)
	if err != nil {
		return part{}, err
	}
	p := part{views: map[string]any{}, empty: len(list) == 0, text: func(w io.Writer) error { return text(w, list) }}
	if !p.empty {
		p.views[h.String()] = list
	}
	return p, nil
}

// keyed makes a part of a list whose elements stand in JSON each under a key of their own, behind the handle.
func keyed[T any](h devlink.Handle, list []T, name string, nameOf func(T) string, text func(io.Writer, []T) error) (part, error) {
	list, err := pick(h, list, name, nameOf)
	if err != nil {
		return part{}, err
	}
	p := part{views: map[string]any{}, empty: len(list) == 0, text: func(w io.Writer) error { return text(w, list) }}
	for _, v := range list {
		p.views[h.String()+"/"+nameOf(v)] = v
	}
	return p, nil
}

// pick returns the element of a name, or with "" the whole list.
func pick[T any](h devlink.Handle, list []T, name string, nameOf func(T) string) ([]T, error) {
	if name == "" {
		return list, nil
	}
	i := slices.IndexFunc(list, func(v T) bool { return nameOf(v) == name })
	if i < 0 {
		return nil, fmt.Errorf("%s has no %q: %w", h, name, errMissing)
	}
	return list[i : i+1], nil
}

// unnamed refuses a name in a section that has no things with names.
func unnamed(name string) error {
	if name == "" {
		return nil
	}
	return fmt.Errorf("%q: nothing has a name in this section", name)
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
