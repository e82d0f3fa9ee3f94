package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware"
)

// historyFile is where loads are recorded, below the root.
const historyFile = "var/lib/p4dev/history.jsonl"

func (a *app) history() firmware.History {
	return firmware.History{Path: filepath.Join(a.root, historyFile)}
}

func (a *app) historyCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "history [DEV]",
		Short:   "Show what was loaded into a device, when, and how it went",
		Example: `  p4dev history pci/0000:01:00.0`,
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.showHistory(args) },
	}
}

func (a *app) showHistory(args []string) error {
	records, torn, err := a.history().Read()
	if err != nil {
		return err
	}
	for _, t := range torn {
		fmt.Fprintf(a.err, "p4dev: %v\n", t)
	}
	list := []firmware.LoadRecord{}
	for _, r := range records {
		if len(args) == 0 || r.Device == args[0] {
			list = append(list, r)
		}
	}
	return a.render(list, func(w io.Writer) error {
		if len(list) == 0 {
			fmt.Fprintf(a.err, "no loads recorded in %s\n", a.history().Path)
			return nil
		}
		var rows [][]string
		for _, r := range list {
			rows = append(rows, []string{r.Time.Local().Format(time.DateTime), r.Device, r.Name, r.Version, string(r.Result), strings.ReplaceAll(r.Message, "\n", "; ")})
		}
		return table(w, "TIME DEVICE PROGRAM VERSION RESULT MESSAGE", rows)
	})
}
