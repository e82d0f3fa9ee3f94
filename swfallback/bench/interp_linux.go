package bench

import (
	"context"
	"fmt"

	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/testbed"
)

// interpRow measures the interpreter, on one core.
func interpRow(ctx context.Context, l *lab, out *Row) error {
	p := router4()
	program, err := p.program()
	if err != nil {
		return err
	}
	sw, err := interp.New(program, interp.Options{})
	if err != nil {
		return err
	}
	test, err := stf.Read("bench", []byte(p.entries))
	if err != nil {
		return err
	}
	if _, err := stf.Run(ctx, test, testbed.InterpreterEngine(ctx, sw)); err != nil {
		return err
	}
	const packets = 100_000
	var sample []float64
	for round := -1; round < l.rounds; round++ { // the first one only warms up
		start := threadTime()
		for range packets {
			if got, err := sw.Process(1, p.frame); err != nil || len(got) != 1 {
				return fmt.Errorf("%d packets, %w", len(got), err)
			}
		}
		if round >= 0 {
			sample = append(sample, packets/(threadTime()-start).Seconds()/1e6)
		}
	}
	bmv2 := single(0.080)
	out.Points = []Point{{Label: "one packet", Ours: statOf(sample), Yard: &bmv2}}
	out.atLeast("M packets per second", out.Points[0].Ours.Median, 0.8)
	return nil
}
