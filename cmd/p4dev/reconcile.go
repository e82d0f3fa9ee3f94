package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/offload"
)

func (a *app) tableReconcileCommand() *cobra.Command {
	var rebalance bool
	cmd := &cobra.Command{
		Use:   "reconcile NAME",
		Short: "Bring the hardware to what it should hold",
		Long: `Compares what the device holds with the entries in software, removes what is wrong and adds what is missing: after
a reset of the device, or when its agent failed in the middle of a change. With --rebalance what is hit most is moved
into tables of the device that are too small for all their entries.`,
		Example: `  p4dev table reconcile pci/0000:01:00.0`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.reconcile(cmd.Context(), args[0], rebalance)
		},
	}
	cmd.Flags().BoolVar(&rebalance, "rebalance", false, "move what is hit most into hardware")
	return cmd
}

func (a *app) reconcile(ctx context.Context, name string, rebalance bool) error {
	s, err := a.openSession(ctx, name)
	if err != nil {
		return err
	}
	if err = s.manager.Reconcile(ctx); err == nil && rebalance {
		err = s.manager.Rebalance(ctx)
	}
	gate := s.manager.Gate()
	if err = errors.Join(err, s.close()); err != nil {
		return err
	}
	return a.render(map[string]offload.Gate{"gate": gate}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "gate %s: %s\n", gate.State, gate.Reason)
		return err
	})
}
