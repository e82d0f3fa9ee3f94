package main

import (
	"context"
	"fmt"
	"io"

	"github.com/p4dev/p4dev/devlink"
)

func readTraps(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	traps, err := c.Traps(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, traps, name, func(t devlink.Trap) string { return t.Name }, func(w io.Writer, traps []devlink.Trap) error {
		var rows [][]string
		for _, t := range traps {
			rows = append(rows, []string{t.Name, t.Group, t.Type.String(), t.Action.String(),
				fmt.Sprint(t.Stats.Packets), fmt.Sprint(t.Stats.Bytes), dropped(t.Stats)})
		}
		return table(w, "TRAP GROUP TYPE ACTION PACKETS BYTES DROPPED", rows)
	})
}

// dropped is what the device dropped itself, "-" where it does not count.
func dropped(s devlink.TrapStats) string {
	if s.Dropped == nil {
		return "-"
	}
	return fmt.Sprint(*s.Dropped)
}

func readTrapGroups(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	groups, err := c.TrapGroups(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, groups, name, func(g devlink.TrapGroup) string { return g.Name }, func(w io.Writer, groups []devlink.TrapGroup) error {
		var rows [][]string
		for _, g := range groups {
			policer := "-"
			if g.Policer != nil {
				policer = fmt.Sprint(*g.Policer)
			}
			rows = append(rows, []string{g.Name, policer, fmt.Sprint(g.Stats.Packets), fmt.Sprint(g.Stats.Bytes), dropped(g.Stats)})
		}
		return table(w, "GROUP POLICER PACKETS BYTES DROPPED", rows)
	})
}

func readTrapPolicers(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	policers, err := c.TrapPolicers(ctx, h)
	if err != nil {
		return part{}, err
	}
	return listed(h, policers, name, func(p devlink.TrapPolicer) string { return fmt.Sprint(p.ID) },
		func(w io.Writer, policers []devlink.TrapPolicer) error {
			var rows [][]string
			for _, p := range policers {
				rows = append(rows, []string{fmt.Sprint(p.ID), fmt.Sprint(p.Rate), fmt.Sprint(p.Burst), dropped(p.Stats)})
			}
			return table(w, "POLICER RATE BURST DROPPED", rows)
		})
}
