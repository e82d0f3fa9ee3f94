package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

func (a *app) selftestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "selftest DEV [TEST...]",
		Short: "Have a device test itself",
		Long: `Runs the tests that are named, or all that "show DEV selftests" lists. Traffic may stop meanwhile. A test that
failed is exit status 1.`,
		Example: `  p4dev selftest pci/0000:04:00.0
  p4dev selftest pci/0000:04:00.0 flash`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.selftest(cmd.Context(), args[0], args[1:])
		},
	}
}

func (a *app) selftest(ctx context.Context, device string, names []string) error {
	h, err := devlink.ParseHandle(device)
	if err != nil {
		return err
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	tests, err := c.Selftests(ctx, h)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		var chosen []devlink.Selftest
		for _, n := range names {
			found, err := pick(h, tests, n, devlink.Selftest.String)
			if err != nil {
				return err
			}
			chosen = append(chosen, found...)
		}
		tests = chosen
	}
	if len(tests) == 0 {
		return fmt.Errorf("%s has no self-tests: %w", h, errNothing)
	}
	results, err := c.RunSelftests(ctx, h, tests...)
	if err != nil {
		return err
	}
	return a.showSelftests(h, results)
}

func (a *app) showSelftests(h devlink.Handle, results map[devlink.Selftest]devlink.SelftestStatus) error {
	views := map[string]any{}
	var rows [][]string
	failed := false
	for _, t := range slices.Sorted(maps.Keys(results)) {
		views[t.String()] = map[string]string{"status": results[t].String()}
		rows = append(rows, []string{t.String(), results[t].String()})
		failed = failed || results[t] == devlink.SelftestFail
	}
	err := a.render(map[string]any{"selftests": map[string]any{h.String(): views}}, func(w io.Writer) error {
		return table(w, "TEST RESULT", rows)
	})
	if failed {
		err = errors.Join(err, errSilent)
	}
	return err
}
