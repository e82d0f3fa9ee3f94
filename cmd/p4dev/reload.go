package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) reloadCommand() *cobra.Command {
	var action, limit, netns string
	cmd := &cobra.Command{
		Use:   "reload DEV",
		Short: "Start a device's driver anew, or activate the firmware that is stored in it",
		Long: `Reloads a device by devlink. The action driver_reinit takes the driver's ports and tables down and up again, with
the sizes of resources and the parameters of mode driverinit that were set; fw_activate makes the device run what is
stored in it. The limit no_reset refuses what would reset the device or take links down.

A device whose entries a fallback manages loses them in hardware; "table reconcile" puts them back.`,
		Example: `  p4dev reload pci/0000:06:00.0
  p4dev reload pci/0000:03:00.0 --action fw_activate --limit no_reset
  p4dev reload netdevsim/netdevsim1 --to-netns blue`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.reload(cmd.Context(), args[0], action, limit, netns)
		},
	}
	f := cmd.Flags()
	f.StringVar(&action, "action", "driver_reinit", "driver_reinit or fw_activate")
	f.StringVar(&limit, "limit", "", "no_reset: neither a reset nor a loss of configuration or link")
	f.StringVar(&netns, "to-netns", "", "network namespace that the device moves to, a name of 'ip netns'")
	return cmd
}

func (a *app) reload(ctx context.Context, device, action, limit, netns string) error {
	h, err := devlink.ParseHandle(device)
	if err != nil {
		return err
	}
	req, err := reloadRequest(action, limit)
	if err != nil {
		return err
	}
	if netns != "" {
		ns, err := os.Open(namespacePath(netns))
		if err != nil {
			return err
		}
		defer ns.Close()
		fd := uint32(ns.Fd())
		req.NetNS = &devlink.NetNS{FD: &fd}
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	performed, err := c.Reload(ctx, h, req)
	if err != nil {
		return reloadError(ctx, c, h, err)
	}
	names := []string{}
	for _, p := range performed {
		names = append(names, p.String())
	}
	return a.render(map[string]any{"reload": map[string]any{"reload_actions_performed": names}}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "performed %s\n", strings.Join(names, ", "))
		return err
	})
}

func reloadRequest(action, limit string) (devlink.ReloadRequest, error) {
	var r devlink.ReloadRequest
	if err := r.Action.UnmarshalText([]byte(action)); err != nil {
		return r, err
	}
	if limit == "" {
		return r, nil
	}
	var l devlink.ReloadLimit
	if err := l.UnmarshalText([]byte(limit)); err != nil {
		return r, err
	}
	r.Limits = []devlink.ReloadLimit{l}
	return r, nil
}

// reloadError adds what the device can do, where it says so, and that it is down, where it is.
func reloadError(ctx context.Context, c *devlink.Client, h devlink.Handle, err error) error {
	d, derr := c.Device(ctx, h)
	switch {
	case derr != nil:
		return err
	case d.ReloadFailed:
		return fmt.Errorf("%w; the device is down until another reload succeeds", err)
	case len(d.Reload) > 0:
		var can []string
		for _, action := range slices.Sorted(maps.Keys(d.Reload)) {
			can = append(can, action.String())
			for l := range d.Reload[action] {
				if l != devlink.ReloadUnlimited {
					can[len(can)-1] += " with limit " + l.String()
				}
			}
		}
		return fmt.Errorf("%w; the driver has %s", err, strings.Join(can, ", "))
	}
	return err
}
