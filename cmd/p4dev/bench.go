package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/swfallback/bench"
)

func (a *app) benchCommand() *cobra.Command {
	var config bench.Config
	var plot string
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the software path against hand-written programs",
		Long: `Measures generated eBPF, tables and interpreter against yardsticks that run in turns with them: hand-written C, the
kernel's own maps, or figures that others published. Row "decode" sets p4dev against the devlink command of iproute2:
both show dumps of a simulated device. Every row says what it promises and whether that was reached.

It needs root, and clang with libbpf's headers for the C programs (Debian: clang, libbpf-dev). Rows that lack something
are skipped with the reason. Nothing of it touches the machine's own interfaces. All rows take some minutes.`,
		Example: `  p4dev bench
  p4dev bench --row lpm4 --row ternary --plot curves.svg
  p4dev bench -j --rounds 15 --row router4`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config.Progress = func(row string) { fmt.Fprintf(a.err, "p4dev: measure %s\n", row) }
			var err error
			if config.Command, err = os.Executable(); err != nil {
				return err
			}
			report, err := bench.Run(cmd.Context(), config)
			if err != nil {
				return err
			}
			if plot != "" {
				if err := writePlot(plot, report); err != nil {
					return err
				}
			}
			return a.render(report, report.Text)
		},
	}
	cmd.Flags().StringArrayVar(&config.Rows, "row", nil, "row to measure, may be repeated: "+strings.Join(bench.Names(), ", "))
	cmd.Flags().IntVar(&config.Rounds, "rounds", 9, "how often the contenders take turns")
	cmd.Flags().StringVar(&plot, "plot", "", "write the curves over table sizes to an SVG file")
	return cmd
}

// writePlot writes the curves of a report.
func writePlot(path string, report *bench.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := report.SVG(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
