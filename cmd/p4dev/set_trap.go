package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) setTrapCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "trap DEV NAME {drop | trap | mirror}",
		Short: "Change what happens to the packets of a trap",
		Long: `Drops the packets of a trap, gives them to the host, or forwards them with a copy to the host. Only traps of
type drop can be changed; the kernel takes the wish for others and does nothing, which is an error here.`,
		Example:           `  p4dev set trap netdevsim/netdevsim1 ingress_vlan_filter trap`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			var action devlink.TrapAction
			if err := action.UnmarshalText([]byte(args[2])); err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				return setTrap(cmd.Context(), c, h, args[1], action)
			})
		},
	}
}

// setTrap changes a trap and makes sure that it has changed.
func setTrap(ctx context.Context, c *devlink.Client, h devlink.Handle, name string, action devlink.TrapAction) (string, error) {
	t, err := findTrap(ctx, c, h, name)
	switch {
	case err != nil:
		return "", err
	case t.Action == action:
		return "", already(name, action)
	case t.Type != devlink.TrapTypeDrop:
		return "", fmt.Errorf("%s is of type %s: only traps of type drop can be changed", name, t.Type)
	}
	return fmt.Sprintf("%s: %s", name, action), c.SetTrap(ctx, h, name, action)
}

func findTrap(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (devlink.Trap, error) {
	return findNamed(ctx, c, h, name, c.Traps, func(t devlink.Trap) string { return t.Name })
}

func (a *app) setTrapGroupCommand() *cobra.Command {
	var action, policer string
	cmd := &cobra.Command{
		Use:   "trap-group DEV NAME [--action ACTION] [--policer {ID | none}]",
		Short: "Change the traps of a group, and the policer that bounds them",
		Example: `  p4dev set trap-group netdevsim/netdevsim1 l2_drops --action trap --policer 2
  p4dev set trap-group netdevsim/netdevsim1 l2_drops --policer none`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			s, err := trapGroupSettings(action, policer)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				return "set " + args[1], c.SetTrapGroup(cmd.Context(), h, args[1], s)
			})
		},
	}
	cmd.Flags().StringVar(&action, "action", "", "of all traps of type drop in the group: drop, trap or mirror")
	cmd.Flags().StringVar(&policer, "policer", "", "number of the policer, or none")
	return cmd
}

func trapGroupSettings(action, policer string) (devlink.TrapGroupSettings, error) {
	var s devlink.TrapGroupSettings
	if action != "" {
		s.Action = new(devlink.TrapAction)
		if err := s.Action.UnmarshalText([]byte(action)); err != nil {
			return s, err
		}
	}
	switch policer {
	case "":
	case "none":
		s.Policer = new(uint32)
	default:
		id, err := policerID(policer)
		if err != nil {
			return s, err
		}
		s.Policer = &id
	}
	if s == (devlink.TrapGroupSettings{}) {
		return s, errors.New("nothing to change: want --action or --policer")
	}
	return s, nil
}

func policerID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 0, 32)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("policer %q: want a number above 0", text)
	}
	return uint32(id), nil
}

func (a *app) setTrapPolicerCommand() *cobra.Command {
	var rate, burst uint64
	cmd := &cobra.Command{
		Use:               "trap-policer DEV ID [--rate N] [--burst N]",
		Short:             "Change how many packets a policer lets through to the host",
		Example:           `  p4dev set trap-policer netdevsim/netdevsim1 1 --rate 2000 --burst 256`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			id, err := policerID(args[1])
			if err != nil {
				return err
			}
			var s devlink.TrapPolicerSettings
			setWhere(cmd, "rate", &s.Rate, rate)
			setWhere(cmd, "burst", &s.Burst, burst)
			if s == (devlink.TrapPolicerSettings{}) {
				return errors.New("nothing to change: want --rate or --burst")
			}
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				return fmt.Sprintf("set policer %d", id), c.SetTrapPolicer(cmd.Context(), h, id, s)
			})
		},
	}
	cmd.Flags().Uint64Var(&rate, "rate", 0, "packets per second")
	cmd.Flags().Uint64Var(&burst, "burst", 0, "packets at once")
	return cmd
}
