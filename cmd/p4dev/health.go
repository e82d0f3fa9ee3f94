package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

// reporterName is a health reporter of a device or of one of its ports.
type reporterName struct {
	device devlink.Handle
	port   []uint32 // one, or none
	name   string
}

func (a *app) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask health reporters, and have them recover",
		Long: `Works with the health reporters that "show DEV health" lists. Reporters of a port are named by DEV/PORT in the
place of DEV; "set health" changes what a reporter does by itself.`,
	}
	for _, v := range []struct {
		name, short, done string
		do                func(context.Context, *devlink.Client, reporterName) error
	}{
		{"recover", "Have a reporter cure the device now", "recovered", func(ctx context.Context, c *devlink.Client, r reporterName) error {
			return c.Recover(ctx, r.device, r.name, r.port...)
		}},
		{"test", "Have a reporter cause the trouble that it reports", "tested", func(ctx context.Context, c *devlink.Client, r reporterName) error {
			return c.TestReporter(ctx, r.device, r.name, r.port...)
		}},
		{"clear", "Discard a reporter's dump", "dump cleared", func(ctx context.Context, c *devlink.Client, r reporterName) error {
			return c.ClearHealthDump(ctx, r.device, r.name, r.port...)
		}},
	} {
		cmd.AddCommand(a.reporterCommand(v.name, v.short, func(ctx context.Context, c *devlink.Client, r reporterName) error {
			if err := v.do(ctx, c, r); err != nil {
				return err
			}
			return a.done(v.done)
		}))
	}
	cmd.AddCommand(
		a.reporterCommand("diagnose", "Show what a reporter says of what it watches", func(ctx context.Context, c *devlink.Client, r reporterName) error {
			v, err := c.Diagnose(ctx, r.device, r.name, r.port...)
			return a.reporterSays(v, err)
		}),
		a.reporterCommand("dump", "Show a reporter's dump, taking one where none is kept", func(ctx context.Context, c *devlink.Client, r reporterName) error {
			v, err := c.HealthDump(ctx, r.device, r.name, r.port...)
			return a.reporterSays(v, err)
		}))
	return cmd
}

// reporterCommand is a command about one reporter.
func (a *app) reporterCommand(name, short string, do func(context.Context, *devlink.Client, reporterName) error) *cobra.Command {
	return &cobra.Command{
		Use:   name + " DEV[/PORT] REPORTER",
		Short: short,
		Example: fmt.Sprintf(`  p4dev health %s pci/0000:03:00.0 fw
  p4dev health %s pci/0000:03:00.0/131071 tx`, name, name),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withReporter(cmd.Context(), args, func(c *devlink.Client, r reporterName) error {
				return do(cmd.Context(), c, r)
			})
		},
	}
}

// withReporter runs f for the reporter that the arguments name, and makes sure that it is there: the kernel only says
// that something is invalid.
func (a *app) withReporter(ctx context.Context, args []string, f func(*devlink.Client, reporterName) error) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	r, err := findReporter(ctx, c, args[0], args[1])
	if err != nil {
		return err
	}
	return f(c, r)
}

// findReporter reads DEV or DEV/PORT and the reporter's name. A device's name may hold slashes and end in a number, so
// the devices decide what it is.
func findReporter(ctx context.Context, c *devlink.Client, where, name string) (reporterName, error) {
	h, err := devlink.ParseHandle(where)
	if err != nil {
		return reporterName{}, err
	}
	r := reporterName{device: h, name: name}
	_, err = c.Device(ctx, h)
	if cut := strings.LastIndexByte(h.Dev, '/'); err != nil && cut > 0 {
		if port, perr := strconv.ParseUint(h.Dev[cut+1:], 10, 32); perr == nil {
			r.device.Dev, r.port = h.Dev[:cut], []uint32{uint32(port)}
			_, err = c.Device(ctx, r.device)
		}
	}
	if err != nil {
		return r, err
	}
	list, err := c.Reporters(ctx, r.device)
	if err != nil {
		return r, err
	}
	if !slices.ContainsFunc(list, func(have devlink.Reporter) bool {
		return have.Name == name && slices.Equal(onPort(have.Port), r.port)
	}) {
		return r, fmt.Errorf("%s has no health reporter %q: %w", where, name, errMissing)
	}
	return r, nil
}

// reporterSays shows what a reporter says: in JSON nothing but that, as devlink does.
func (a *app) reporterSays(v any, err error) error {
	if err != nil {
		return err
	}
	if v == nil {
		v = devlink.Message{}
	}
	return a.render(v, func(w io.Writer) error {
		textValue(w, "", v)
		return nil
	})
}
