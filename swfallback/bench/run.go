package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Config says what to measure and how.
type Config struct {
	Rows   []string // names of rows; none: all
	Rounds int      // how often the contenders take turns; 0: 9
	// Command is the path of p4dev, which some rows run; "": they are skipped.
	Command string
	// Progress, when set, is told the name of each row before it is measured.
	Progress func(row string)
}

// row is a comparison that can be run.
type row struct {
	name, what, yardstick, unit string
	run                         func(context.Context, *lab, *Row) error
}

// Names returns the names of all rows, in their order.
func Names() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// Run measures rows one after the other. A row that lacks something on this machine, such as clang or a kernel's
// feature, is reported as skipped with the reason; any other failure ends the run.
func Run(ctx context.Context, config Config) (*Report, error) {
	chosen, err := choose(config.Rows)
	if err != nil {
		return nil, err
	}
	if config.Rounds <= 0 {
		config.Rounds = 9
	}
	report := &Report{Rounds: config.Rounds}
	describeMachine(report)
	for _, r := range chosen {
		if config.Progress != nil {
			config.Progress(r.name)
		}
		out := Row{Name: r.name, What: r.what, Yardstick: r.yardstick, Unit: r.unit}
		if err := runRow(ctx, config, r, &out); err != nil {
			return nil, fmt.Errorf("bench: row %s: %w", r.name, err)
		}
		report.Rows = append(report.Rows, out)
	}
	return report, nil
}

func choose(names []string) ([]row, error) {
	all := rows()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []row
	for _, name := range names {
		i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("bench: no row %q: want %s", name, strings.Join(Names(), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// runRow measures one row in a lab of its own.
func runRow(ctx context.Context, config Config, r row, out *Row) (err error) {
	l, err := newLab(config)
	if err == nil {
		err = r.run(ctx, l, out)
		err = errors.Join(err, l.close())
	}
	if errors.Is(err, errors.ErrUnsupported) {
		out.Skipped, err = err.Error(), nil
	}
	return err
}
