package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
)

func (a *app) memberCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "member NAME PROFILE [ID [ACTION ARG...]]",
		Short: "Show or set the members of an action profile",
		Long: `Without ID it shows the members of an action profile or selector. With ID and an action it sets the member: entries
and groups that refer to it run the action from the next packet on. With --delete it removes a member that
nothing refers to. Entries refer to members by 'p4dev table add NAME TABLE KEY... member ID'.`,
		Example: `  p4dev fallback member balancer backends 1 to_backend 10.0.0.1 02:00:00:00:00:01 2
  p4dev fallback member balancer backends
  p4dev fallback member balancer backends 1 --delete`,
		Args: cobra.MinimumNArgs(2),
	}
	remove := cmd.Flags().Bool("delete", false, "remove the member")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.member(cmd.Context(), args, *remove) }
	return cmd
}

func (a *app) member(ctx context.Context, args []string, remove bool) error {
	return a.onProfile(ctx, args, func(fb *swfallback.Fallback, p *pipeline.ActionProfile) error {
		if len(args) > 2 {
			if err := setMember(fb, p, args[2:], remove); err != nil {
				return err
			}
		}
		members, err := fb.Members(p)
		if err != nil {
			return err
		}
		views := make(map[string]string)
		var rows [][]string
		for _, m := range members {
			views[fmt.Sprint(m.ID)] = pipeline.FormatCall(m.Call)
			rows = append(rows, []string{fmt.Sprint(m.ID), pipeline.FormatCall(m.Call)})
		}
		return a.render(map[string]any{"member": map[string]any{p.Name: views}},
			func(w io.Writer) error { return table(w, "MEMBER ACTION", rows) })
	})
}

// setMember sets a member to ID ACTION ARG..., or removes it.
func setMember(fb *swfallback.Fallback, p *pipeline.ActionProfile, words []string, remove bool) error {
	id, err := parseNumber(words[0])
	if err != nil {
		return fmt.Errorf("read member %q: %w", words[0], err)
	}
	if remove == (len(words) > 1) {
		return fmt.Errorf("set member %d: want its action, or --delete and none", id)
	}
	if remove {
		return fb.DeleteMember(p, id)
	}
	if len(p.Tables) == 0 {
		return fmt.Errorf("set member %d: no table uses %s: %w", id, p.Name, pipeline.ErrNoAction)
	}
	call, err := pipeline.ParseCall(p.Tables[0], words[1], words[2:])
	if err != nil {
		return err
	}
	return fb.SetMember(p, pipeline.Member{ID: id, Call: call})
}

func (a *app) choiceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "member-group NAME PROFILE [ID [MEMBER...]]",
		Short: "Show or set the groups of an action selector",
		Long: `Without ID it shows the groups of an action selector. With ID and members it sets the group: the selector's hash picks
one of them for every packet, by rising number, and one that is listed twice twice as often. With --delete it
removes a group that no entry refers to. Entries refer to groups by 'p4dev table add NAME TABLE KEY... group ID'.`,
		Example: `  p4dev fallback member-group balancer backends 1 1 2 2 3
  p4dev fallback member-group balancer backends 1 --empty
  p4dev fallback member-group balancer backends 1 --delete`,
		Args: cobra.MinimumNArgs(2),
	}
	remove := cmd.Flags().Bool("delete", false, "remove the group")
	empty := cmd.Flags().Bool("empty", false, "take all members out of the group: its packets run no action")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.choice(cmd.Context(), args, *remove, *empty) }
	return cmd
}

func (a *app) choice(ctx context.Context, args []string, remove, empty bool) error {
	return a.onProfile(ctx, args, func(fb *swfallback.Fallback, p *pipeline.ActionProfile) error {
		if len(args) > 2 {
			if err := setChoice(fb, p, args[2:], remove, empty); err != nil {
				return err
			}
		}
		groups, err := fb.Groups(p)
		if err != nil {
			return err
		}
		views := make(map[string][]uint32)
		var rows [][]string
		for _, g := range groups {
			views[fmt.Sprint(g.ID)] = g.Members
			rows = append(rows, []string{fmt.Sprint(g.ID), strings.Trim(fmt.Sprint(g.Members), "[]")})
		}
		return a.render(map[string]any{"member_group": map[string]any{p.Name: views}},
			func(w io.Writer) error { return table(w, "GROUP MEMBERS", rows) })
	})
}

// setChoice sets a group to ID MEMBER..., or removes it.
func setChoice(fb *swfallback.Fallback, p *pipeline.ActionProfile, words []string, remove, empty bool) error {
	g := pipeline.Group{}
	for i, w := range words {
		id, err := parseNumber(w)
		if err != nil {
			return fmt.Errorf("read %q, want a number: %w", w, err)
		}
		if i == 0 {
			g.ID = id
			continue
		}
		g.Members = append(g.Members, id)
	}
	switch none := len(g.Members) == 0; {
	case remove && empty, none != (remove || empty):
		return fmt.Errorf("set group %d: want its members, or --delete or --empty and none", g.ID)
	case remove:
		return fb.DeleteGroup(p, g.ID)
	}
	return fb.SetGroup(p, g)
}

// onProfile opens the fallback that the first word names and finds the profile that the second one names.
func (a *app) onProfile(ctx context.Context, args []string, do func(*swfallback.Fallback, *pipeline.ActionProfile) error) error {
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	p, err := fb.Program().ProfileByName(args[1])
	if err != nil {
		return err
	}
	return do(fb, p)
}
