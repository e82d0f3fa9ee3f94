package parity

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// A Query is a command of each program that says the same of a device, without the programs' names.
type Query struct {
	Devlink []string
	P4dev   []string
}

// Queries lists the commands that show what a device has. None of them changes it, except that asking a health reporter
// for its dump makes the kernel keep one.
func Queries(ctx context.Context, c *devlink.Client, h devlink.Handle) ([]Query, error) {
	dev := h.String()
	list := []Query{
		pair("-s dev show "+dev, "show "+dev+" dev"),
		pair("dev info "+dev, "show "+dev+" info"),
		pair("port show", "show all ports"),
		pair("dev param show", "show all params"),
		pair("region show", "show all regions"),
		pair("health show", "show all health"),
		pair("-s -v trap show", "show all traps"),
		pair("-s trap group show", "show all trap-groups"),
		pair("-s trap policer show", "show all trap-policers"),
		pair("dev selftests show", "show all selftests"),
	}
	for _, more := range []func(context.Context, *devlink.Client, devlink.Handle) ([]Query, error){dpipeQueries, resourceQueries, regionQueries, healthQueries} {
		queries, err := more(ctx, c, h)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return nil, fmt.Errorf("parity: list queries of %s: %w", h, err)
		}
		list = append(list, queries...)
	}
	return list, nil
}

// pair makes a query of two command lines.
func pair(theirs, ours string, names ...string) Query {
	q := Query{Devlink: append([]string{"-j"}, strings.Fields(theirs)...), P4dev: append([]string{"-j"}, strings.Fields(ours)...)}
	for _, n := range names { // may hold spaces
		q.Devlink, q.P4dev = append(q.Devlink, n), append(q.P4dev, n)
	}
	return q
}

func dpipeQueries(ctx context.Context, c *devlink.Client, h devlink.Handle) ([]Query, error) {
	headers, err := c.DpipeHeaders(ctx, h)
	if err != nil || len(headers) == 0 {
		return nil, err
	}
	list := []Query{
		pair(fmt.Sprintf("-v dpipe header show %s", h), fmt.Sprintf("show %s headers", h)),
		pair(fmt.Sprintf("dpipe table show %s", h), fmt.Sprintf("show %s tables", h)),
	}
	tables, err := c.DpipeTables(ctx, h)
	for _, t := range tables {
		q := pair(fmt.Sprintf("dpipe table show %s name", h), fmt.Sprintf("show %s tables", h), t.Name)
		list = append(list, q, pair(fmt.Sprintf("dpipe table dump %s name", h), fmt.Sprintf("show %s entries", h), t.Name))
	}
	return list, err
}

func resourceQueries(ctx context.Context, c *devlink.Client, h devlink.Handle) ([]Query, error) {
	resources, err := c.Resources(ctx, h)
	if err != nil || len(resources) == 0 {
		return nil, err
	}
	return []Query{pair(fmt.Sprintf("-v resource show %s", h), fmt.Sprintf("show %s resources", h))}, nil
}

// regionBytes is how much of a region is compared: devlink gives every piece of 256 bytes a member of the same name.
const regionBytes = 256

func regionQueries(ctx context.Context, c *devlink.Client, h devlink.Handle) ([]Query, error) {
	regions, err := c.Regions(ctx, h)
	var list []Query
	for _, r := range regions {
		for _, id := range r.Snapshots {
			n := min(r.Size, regionBytes)
			list = append(list, pair(fmt.Sprintf("region read %s/%s snapshot %d address 0 length %d", h, r.Name, id, n),
				fmt.Sprintf("region read %s %s --snapshot %d --address 0x0 --length %d", h, r.Name, id, n)))
		}
	}
	return list, err
}

func healthQueries(ctx context.Context, c *devlink.Client, h devlink.Handle) ([]Query, error) {
	reporters, err := c.Reporters(ctx, h)
	var list []Query
	for _, r := range reporters {
		if r.Port != nil {
			continue
		}
		if _, err := c.Diagnose(ctx, h, r.Name); err == nil {
			list = append(list, pair(fmt.Sprintf("health diagnose %s reporter", h), fmt.Sprintf("health diagnose %s", h), r.Name))
		}
	}
	return list, err
}
