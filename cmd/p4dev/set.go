package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) setCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change a device's parameters, resources, counters, traps and health reporters",
		Long: `Changes what "show" shows. A value that is there already changes nothing and ends with exit status 2.

Health reporters of a port are named by DEV/PORT in the place of DEV.`,
	}
	cmd.AddCommand(a.setParamCommand(), a.setResourceCommand(), a.setCountersCommand(), a.setTrapCommand(),
		a.setTrapGroupCommand(), a.setTrapPolicerCommand(), a.setHealthCommand())
	return cmd
}

// change runs f with a client, and reports what it says was done.
func (a *app) change(ctx context.Context, f func(*devlink.Client) (string, error)) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := f(c)
	if err != nil {
		return err
	}
	return a.done(done)
}

// already says that something has the value that it should get.
func already(what string, value any) error {
	return fmt.Errorf("%s: %v already: %w", what, value, errNothing)
}

func (a *app) setParamCommand() *cobra.Command {
	var mode string
	var def bool
	cmd := &cobra.Command{
		Use:   "param DEV NAME {VALUE | --default}",
		Short: "Change a parameter",
		Long: `Changes a parameter in one configuration mode: runtime (at once), driverinit (from the next reload on) or
permanent (in the device, from the next reset on). --cmode may be left out where the parameter has one mode only.`,
		Example: `  p4dev set param pci/0000:05:00.0 fw_load_policy flash
  p4dev set param pci/0000:03:00.0 enable_roce false --cmode driverinit
  p4dev set param pci/0000:03:00.0 enable_roce --default --cmode driverinit`,
		Args:              cobra.RangeArgs(2, 3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 3) == def {
				return errors.New("want a value or --default")
			}
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				return setParam(cmd.Context(), c, h, args[1], mode, args[2:])
			})
		},
	}
	cmd.Flags().StringVar(&mode, "cmode", "", "configuration mode: runtime, driverinit or permanent")
	cmd.Flags().BoolVar(&def, "default", false, "back to the default (from Linux 6.19 on)")
	return cmd
}

// setParam gives a parameter a value; without one the default.
func setParam(ctx context.Context, c *devlink.Client, h devlink.Handle, name, mode string, value []string) (string, error) {
	p, err := findParam(ctx, c, h, name)
	if err != nil {
		return "", err
	}
	m, err := paramMode(p, mode)
	if err != nil {
		return "", err
	}
	if len(value) == 0 {
		return name + " reset", c.ResetParam(ctx, h, p, m)
	}
	v, err := p.ParseValue(value[0])
	if err != nil {
		return "", err
	}
	if p.Value(m) == v {
		return "", already(name, p.Named(v))
	}
	return fmt.Sprintf("%s is %v%s", name, p.Named(v), effect(m)), c.SetParam(ctx, h, name, m, v)
}

// findParam returns a parameter. That there is none of the name the kernel says in no other way than by EINVAL.
func findParam(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (devlink.Param, error) {
	return findNamed(ctx, c, h, name, c.Params, func(p devlink.Param) string { return p.Name })
}

// findNamed returns one of a device's objects by its name.
func findNamed[T any](ctx context.Context, c *devlink.Client, h devlink.Handle, name string,
	list func(context.Context, devlink.Handle) ([]T, error), nameOf func(T) string) (none T, err error) {
	if _, err := c.Device(ctx, h); err != nil {
		return none, err
	}
	all, err := list(ctx, h)
	if err != nil {
		return none, err
	}
	found, err := pick(h, all, name, nameOf)
	if err != nil {
		return none, err
	}
	return found[0], nil
}

// paramMode reads a mode, or takes the only one that the parameter has.
func paramMode(p devlink.Param, text string) (devlink.CMode, error) {
	var names []string
	for _, v := range p.Values {
		if v.CMode.String() == text || text == "" && len(p.Values) == 1 {
			return v.CMode, nil
		}
		names = append(names, v.CMode.String())
	}
	if text == "" {
		return 0, fmt.Errorf("%s has several modes: name one by --cmode: %s", p.Name, strings.Join(names, ", "))
	}
	return 0, fmt.Errorf("%s has no mode %q: want %s", p.Name, text, strings.Join(names, ", "))
}

// effect says when a value takes effect.
func effect(m devlink.CMode) string {
	switch m {
	case devlink.CModeDriverInit:
		return ", from the next reload on"
	case devlink.CModePermanent:
		return ", from the next reset on"
	}
	return ""
}

func (a *app) setResourceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resource DEV PATH SIZE",
		Short: "Change the size of a resource, from the next reload on",
		Example: `  p4dev set resource pci/0000:06:00.0 /kvd/linear 65536
  p4dev reload pci/0000:06:00.0`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			size, err := strconv.ParseUint(args[2], 0, 64)
			if err != nil {
				return fmt.Errorf("size %q: want a number", args[2])
			}
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				return setResource(cmd.Context(), c, h, args[1], size)
			})
		},
	}
}

// setResource checks a size against what the resource says of itself, so that the message is one.
func setResource(ctx context.Context, c *devlink.Client, h devlink.Handle, path string, size uint64) (string, error) {
	list, err := c.Resources(ctx, h)
	if err != nil {
		return "", err
	}
	r := devlink.ResourceByPath(list, path)
	switch {
	case r == nil:
		return "", fmt.Errorf("%s has no resource %q: %w", h, path, errMissing)
	case r.SizeNew == size:
		return "", already(path, size)
	case size < r.SizeMin || size > r.SizeMax || r.SizeGran > 1 && size%r.SizeGran != 0:
		return "", fmt.Errorf("size %d of %s: want %s", size, path, bounds(*r))
	}
	if err := c.SetResource(ctx, h, r.ID, size); err != nil {
		return "", err
	}
	done := fmt.Sprintf("%s has %d from the next reload on", path, size)
	if list, err = c.Resources(ctx, h); err == nil && !sizesValid(list) {
		done += "; its sizes do not fit into each other yet, so that a reload would be refused"
	}
	return done, nil
}

func sizesValid(list []devlink.Resource) bool {
	for _, r := range list {
		if !r.SizeValid || !sizesValid(r.Children) {
			return false
		}
	}
	return true
}

func (a *app) setCountersCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "counters DEV TABLE {on | off}",
		Short:             "Switch the counters of a table's entries in hardware",
		Example:           `  p4dev set counters pci/0000:06:00.0 mlxsw_host4 on`,
		Args:              cobra.ExactArgs(3),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := devlink.ParseHandle(args[0])
			if err != nil {
				return err
			}
			if args[2] != "on" && args[2] != "off" {
				return fmt.Errorf("%q: want on or off", args[2])
			}
			on := args[2] == "on"
			return a.change(cmd.Context(), func(c *devlink.Client) (string, error) {
				t, err := c.DpipeTable(cmd.Context(), h, args[1])
				if err != nil {
					return "", err
				}
				if t.CountersEnabled == on {
					return "", already("counters of "+args[1], args[2])
				}
				return fmt.Sprintf("counters of %s are %s", args[1], args[2]), c.SetDpipeCounters(cmd.Context(), h, args[1], on)
			})
		},
	}
}

func (a *app) setHealthCommand() *cobra.Command {
	var grace, burst time.Duration
	var recovers, dumps bool
	cmd := &cobra.Command{
		Use:   "health DEV[/PORT] REPORTER [--grace-period D] [--burst-period D] [--auto-recover=BOOL] [--auto-dump=BOOL]",
		Short: "Change what a health reporter does on an error",
		Example: `  p4dev set health pci/0000:03:00.0 fw --auto-dump=false
  p4dev set health pci/0000:03:00.0/131071 tx --grace-period 500ms --auto-recover`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
	}
	f := cmd.Flags()
	f.DurationVar(&grace, "grace-period", 0, "least time between two recoveries that nobody asked for")
	f.DurationVar(&burst, "burst-period", 0, "time after an error in which further ones belong to it (from Linux 6.18 on)")
	f.BoolVar(&recovers, "auto-recover", false, "recover on an error")
	f.BoolVar(&dumps, "auto-dump", false, "keep a dump of an error")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var s devlink.ReporterSettings
		setWhere(cmd, "grace-period", &s.GracePeriod, grace)
		setWhere(cmd, "burst-period", &s.BurstPeriod, burst)
		setWhere(cmd, "auto-recover", &s.AutoRecover, recovers)
		setWhere(cmd, "auto-dump", &s.AutoDump, dumps)
		if s == (devlink.ReporterSettings{}) {
			return errors.New("nothing to change: want at least one flag")
		}
		return a.withReporter(cmd.Context(), args, func(c *devlink.Client, r reporterName) error {
			if err := c.SetReporter(cmd.Context(), r.device, r.name, s, r.port...); err != nil {
				return err
			}
			return a.done("set " + r.name)
		})
	}
	return cmd
}

// setWhere sets a pointer to a flag's value where the flag was given.
func setWhere[T any](cmd *cobra.Command, flag string, into **T, value T) {
	if cmd.Flags().Changed(flag) {
		*into = &value
	}
}
