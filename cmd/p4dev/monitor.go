package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// printEvent writes one notification on one line.
func (a *app) printEvent(ev devlink.Event) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(struct {
			Command string `json:"command"`
			devlink.Event
		}{ev.Command.String(), ev})
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
