package main

import (
	"github.com/spf13/cobra"
)

// completeDevice completes a device's handle, and behind it, for "show", the name of a section. A device that cannot
// be asked has no completions.
func (a *app) completeDevice(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 1 && cmd.Name() == "show":
		return a.sectionNames(), cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1 && cmd.Name() == "flash":
		return nil, cobra.ShellCompDirectiveDefault
	case len(args) > 0:
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := a.client(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	devices, err := c.Devices(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var handles []cobra.Completion
	for _, d := range devices {
		handles = append(handles, d.Handle.String())
	}
	return handles, cobra.ShellCompDirectiveNoFileComp
}
