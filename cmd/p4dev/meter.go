package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback"
)

// meterFlags say what becomes of a meter.
type meterFlags struct {
	committed, peak string
	priority        int32
	remove          bool
}

func (a *app) meterCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "meter NAME METER {INDEX|KEY...}",
		Short: "Read or set the rates of a meter of the program",
		Long: `Prints the rates of a meter: of an array the one at INDEX, of a direct meter that of the table's entry with KEY. With
--committed and --peak it sets them, in packets or bytes per second as the meter counts, and fills both buckets.
A meter without rates marks every packet green.`,
		Example: `  p4dev fallback meter police shapers 3 --committed 1000000:2000 --peak 2000000:4000
  p4dev fallback meter police policer 10.0.0.1
  p4dev fallback meter police shapers 3 --delete`,
		Args: cobra.MinimumNArgs(3),
	}
	var f meterFlags
	cmd.Flags().StringVar(&f.committed, "committed", "", "committed rate and burst, RATE:BURST")
	cmd.Flags().StringVar(&f.peak, "peak", "", "peak rate and burst, RATE:BURST")
	cmd.Flags().Int32VarP(&f.priority, "priority", "p", 0, "priority of the entry in ternary, optional and range tables")
	cmd.Flags().BoolVar(&f.remove, "delete", false, "take the rates away")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.meter(cmd.Context(), args, f) }
	return cmd
}

// rates returns what is to be set; set is false where nothing is.
func (f meterFlags) rates() (r *pipeline.MeterRates, set bool, err error) {
	switch given := f.committed != "" || f.peak != ""; {
	case f.remove && given, given && (f.committed == "" || f.peak == ""):
		return nil, false, fmt.Errorf("set meter: want both --committed and --peak, or --delete")
	case !given:
		return nil, f.remove, nil
	}
	r = &pipeline.MeterRates{}
	if r.Committed, r.CommittedBurst, err = parseRate(f.committed); err == nil {
		r.Peak, r.PeakBurst, err = parseRate(f.peak)
	}
	return r, true, err
}

// parseRate reads RATE:BURST.
func parseRate(s string) (rate float64, burst uint64, err error) {
	per, size, ok := strings.Cut(s, ":")
	if rate, err = strconv.ParseFloat(per, 64); err == nil && ok {
		if burst, err = strconv.ParseUint(size, 0, 64); err == nil {
			return rate, burst, nil
		}
	}
	return 0, 0, fmt.Errorf("read %q, want RATE:BURST: %w", s, pipeline.ErrBadRange)
}

func (a *app) meter(ctx context.Context, args []string, f meterFlags) error {
	rates, set, err := f.rates()
	if err != nil {
		return err
	}
	fb, err := a.openFallback(ctx, args[0])
	if err != nil {
		return err
	}
	defer fb.Close()
	m, err := fb.Program().MeterByName(args[1])
	if err != nil {
		return err
	}
	if m.Table == nil {
		rates, err = arrayMeter(fb, m, args[2:], rates, set)
	} else {
		rates, err = entryMeter(fb, m, args[2:], f.priority, rates, set)
	}
	if err != nil {
		return err
	}
	return a.renderRates(m, rates)
}

// arrayMeter sets and reads an element of an array.
func arrayMeter(fb *swfallback.Fallback, m *pipeline.Meter, words []string, rates *pipeline.MeterRates, set bool) (*pipeline.MeterRates, error) {
	index, _, _, err := elements(words, m.Size)
	if err != nil {
		return nil, err
	}
	if set {
		if err := fb.SetMeterRates(m, index, rates); err != nil {
			return nil, err
		}
	}
	return fb.MeterRates(m, index)
}

// entryMeter sets and reads the meter of an entry.
func entryMeter(fb *swfallback.Fallback, m *pipeline.Meter, words []string, priority int32, rates *pipeline.MeterRates, set bool) (*pipeline.MeterRates, error) {
	match, err := pipeline.ParseKey(m.Table, words)
	if err != nil {
		return nil, err
	}
	e := &pipeline.Entry{Table: m.Table, Match: match, Priority: priority}
	if set {
		if err := fb.SetDirectMeterRates(e, rates); err != nil {
			return nil, err
		}
	}
	return fb.DirectMeterRates(e)
}

// rateView is one of a meter's two rates.
type rateView struct {
	Rate  float64 `json:"rate"`
	Burst uint64  `json:"burst"`
}

func (a *app) renderRates(m *pipeline.Meter, r *pipeline.MeterRates) error {
	view := map[string]any{"unit": "packets"}
	if m.Bytes {
		view["unit"] = "bytes"
	}
	if r != nil {
		view["committed"], view["peak"] = rateView{r.Committed, r.CommittedBurst}, rateView{r.Peak, r.PeakBurst}
	}
	return a.render(map[string]any{"meter": map[string]any{m.Name: view}}, func(w io.Writer) error {
		if r == nil {
			_, err := fmt.Fprintln(w, "no rates: every packet is green")
			return err
		}
		row := func(name string, rate float64, burst uint64) []string {
			return []string{name, strconv.FormatFloat(rate, 'f', -1, 64), fmt.Sprint(burst), fmt.Sprint(view["unit"])}
		}
		return table(w, "RATE PER-SECOND BURST UNIT", [][]string{
			row("committed", r.Committed, r.CommittedBurst), row("peak", r.Peak, r.PeakBurst)})
	})
}
