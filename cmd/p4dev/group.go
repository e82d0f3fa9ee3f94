package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
)

func (a *app) groupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "group NAME [ID [PORT[:INSTANCE]...]]",
		Short: "Show or set multicast groups",
		Long: `Without ID it shows the multicast groups of a fallback. With ID and ports it sets the group: a packet whose program
writes ID to mcast_grp leaves by each of the ports, with INSTANCE (default 0) in egress_rid. With --delete it removes
the group.`,
		Example: `  p4dev fallback group bridge 1 1 2 3:7
  p4dev fallback group bridge
  p4dev fallback group bridge 1 --delete`,
		Args: cobra.MinimumNArgs(1),
	}
	remove := cmd.Flags().Bool("delete", false, "remove the group")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.group(cmd.Context(), args, *remove) }
	return cmd
}

func (a *app) group(ctx context.Context, args []string, remove bool) error {
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	if len(args) > 1 {
		g, err := parseGroup(args[1:])
		if err != nil {
			return err
		}
		if remove == (len(g.Replicas) > 0) {
			return fmt.Errorf("set group %d: want its ports, or --delete and none", g.ID)
		}
		if err := fb.SetMulticastGroup(g); err != nil {
			return err
		}
	}
	return a.renderGroups(fb)
}

// parseGroup reads ID PORT[:INSTANCE]...
func parseGroup(words []string) (g pipeline.MulticastGroup, err error) {
	if g.ID, err = parseNumber(words[0]); err != nil {
		return g, fmt.Errorf("read group %q: %w", words[0], err)
	}
	for _, w := range words[1:] {
		port, instance, _ := strings.Cut(w, ":")
		var r pipeline.Replica
		if r.Port, err = parseNumber(port); err == nil && instance != "" {
			r.Instance, err = parseNumber(instance)
		}
		if err != nil {
			return g, fmt.Errorf("read %q, want PORT or PORT:INSTANCE: %w", w, err)
		}
		g.Replicas = append(g.Replicas, r)
	}
	return g, nil
}

func parseNumber(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	return uint32(n), err
}

// replicaView is a copy that a group makes.
type replicaView struct {
	Port     uint32 `json:"port"`
	Instance uint32 `json:"instance"`
}

func (a *app) renderGroups(fb *swfallback.Fallback) error {
	groups, err := fb.MulticastGroups()
	if err != nil {
		return err
	}
	views := make(map[string][]replicaView)
	var rows [][]string
	for _, g := range groups {
		id := fmt.Sprint(g.ID)
		var ports []string
		for _, r := range g.Replicas {
			views[id] = append(views[id], replicaView(r))
			ports = append(ports, fmt.Sprintf("%d:%d", r.Port, r.Instance))
		}
		rows = append(rows, []string{id, strings.Join(ports, " ")})
	}
	return a.render(map[string]any{"group": views}, func(w io.Writer) error { return table(w, "GROUP PORT:INSTANCE", rows) })
}
