package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) monitorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "monitor [OBJECT...]",
		Short: "Print the notifications of all devices until interrupted",
		Long: `Prints what devlink reports as it happens: devices and ports that come and go, progress of loads, regions,
parameters, health, traps. Objects limit it to what they name: ` + strings.Join(devlink.Objects(), ", ") + `.
With -j each notification is one JSON object on a line of its own, with the members that "devlink -j monitor" has.`,
		Example: `  p4dev monitor
  p4dev monitor dev port
  p4dev -j monitor flash | jq .`,
		ValidArgs: devlink.Objects(),
		Args:      cobra.OnlyValidArgs,
		RunE:      func(cmd *cobra.Command, args []string) error { return a.monitor(cmd.Context(), args) },
	}
}

func (a *app) monitor(ctx context.Context, objects []string) error {
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	m, err := c.Monitor(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	for ev, err := range m.Events(ctx) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case errors.Is(err, devlink.ErrMalformed):
			fmt.Fprintf(a.err, "p4dev: %v\n", err)
			continue
		case err != nil:
			return err
		}
		if len(objects) > 0 && !ev.Lost && !slices.Contains(objects, ev.Object()) {
			continue
		}
		if err := a.printEvent(ev); err != nil {
			return err
		}
	}
	return nil
}

// printEvent writes one notification on one line.
func (a *app) printEvent(ev devlink.Event) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(ev)
	}
	if ev.Lost {
		_, err := fmt.Fprintln(a.out, "notifications were lost here")
		return err
	}
	_, err := fmt.Fprintf(a.out, "%-24s %s%s\n", ev.Command, ev.Device, strings.TrimRight(eventDetail(ev), " "))
	return err
}

// eventDetail is what a line says behind the device.
func eventDetail(ev devlink.Event) string {
	switch {
	case ev.Port != nil:
		return fmt.Sprintf(" port %d %s", ev.Port.Index, ev.Port.NetDev)
	case ev.Region != nil:
		return fmt.Sprintf(" region %s, %d bytes", ev.Region.Name, ev.Region.Size)
	case ev.Param != nil:
		return " param " + ev.Param.Name
	case ev.Health != nil:
		return fmt.Sprintf(" reporter %s %s, %d errors", ev.Health.Name, ev.Health.State, ev.Health.Errors)
	case ev.Flash != nil:
		return " " + flashLine(*ev.Flash)
	case ev.Trap != nil:
		return " trap " + ev.Trap.Name
	case ev.Group != nil:
		return " trap group " + ev.Group.Name
	case ev.Policer != nil:
		return fmt.Sprintf(" trap policer %d, %d packets per second, burst %d", ev.Policer.ID, ev.Policer.Rate, ev.Policer.Burst)
	}
	return ""
}

// flashLine is one report of progress: "[fw.app] Flashing 50%".
func flashLine(s devlink.FlashStatus) string {
	line := s.Message
	if s.Component != "" {
		line = "[" + s.Component + "] " + line
	}
	if s.Total > 0 {
		line += fmt.Sprintf(" %d%%", 100*s.Done/s.Total)
	}
	if s.Timeout > 0 {
		line += fmt.Sprintf(" (up to %s)", s.Timeout)
	}
	return line
}
