package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

func (a *app) fallbackCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Ask the running kernel for what the fallback needs",
		Long: `Tries each kernel feature that the fallback uses and says which are missing and since when Linux has them. Exit
status 1 where one is missing without which nothing runs. Needs root.`,
		Example: `  p4dev fallback check`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.fallbackCheck(cmd.Context()) },
	}
}

// featureView is a line of "fallback check".
type featureView struct {
	Name     string `json:"name"`
	Kernel   string `json:"since"`
	Required bool   `json:"required"`
	State    string `json:"state"` // "yes", "no" or "unknown"
	Reason   string `json:"reason,omitempty"`
}

func (a *app) fallbackCheck(ctx context.Context) error {
	var prober bpfrun.Prober
	var views []featureView
	var missing []error
	for _, answer := range prober.All(ctx) {
		v := featureView{answer.Feature.Name, answer.Feature.Kernel, answer.Feature.Required, "yes", ""}
		switch {
		case errors.Is(answer.Err, bpfrun.ErrInconclusive):
			v.State, v.Reason = "unknown", answer.Err.Error()
		case answer.Err != nil:
			v.State, v.Reason = "no", answer.Err.Error()
		}
		if answer.Err != nil && v.Required {
			missing = append(missing, answer.Err)
		}
		views = append(views, v)
	}
	err := a.render(map[string]any{"feature": views}, func(w io.Writer) error {
		var rows [][]string
		for _, v := range views {
			rows = append(rows, []string{v.State, v.Kernel, map[bool]string{true: "yes", false: "-"}[v.Required], v.Name})
		}
		return table(w, "THERE LINUX REQUIRED FEATURE", rows)
	})
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("check kernel: %w", errors.Join(missing...))
	}
	return err
}
