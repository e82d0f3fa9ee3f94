package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is the outcome of a run.
type Report struct {
	Kernel string `json:"kernel"`
	CPU    string `json:"cpu"`
	CPUs   int    `json:"cpus"`
	Rounds int    `json:"rounds"`
	Rows   []Row  `json:"rows"`
}

// Row is one comparison, at one or more points.
type Row struct {
	Name      string  `json:"name"`
	What      string  `json:"what"`
	Yardstick string  `json:"yardstick"`
	Unit      string  `json:"unit"` // of all points
	Points    []Point `json:"points,omitempty"`
	Checks    []Check `json:"checks,omitempty"`
	Skipped   string  `json:"skipped,omitempty"` // why nothing was measured
}

// Point is one measurement of p4dev and, where there is one, of the yardstick.
type Point struct {
	Series string  `json:"series,omitempty"` // which curve of the row it lies on
	X      float64 `json:"x,omitempty"`      // size of the table, number of masks
	Label  string  `json:"label"`
	Ours   Stat    `json:"p4dev"`
	Yard   *Stat   `json:"yardstick,omitempty"`
}

// Ratio is p4dev's measurement by the yardstick's, 0 without one.
func (p *Point) Ratio() float64 {
	if p.Yard == nil {
		return 0
	}
	return p.Ours.by(p.Yard)
}

// Check compares a ratio with what p4dev promises.
type Check struct {
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least,omitempty"` // Limit is the least, not the most
	Reached bool    `json:"reached"`
}

// atMost and atLeast add a check to a row.
func (r *Row) atMost(what string, value, limit float64) {
	r.Checks = append(r.Checks, Check{what, value, limit, false, value <= limit})
}

func (r *Row) atLeast(what string, value, limit float64) {
	r.Checks = append(r.Checks, Check{what, value, limit, true, value >= limit})
}

// point returns the point with a label.
func (r *Row) point(label string) *Point {
	i := slices.IndexFunc(r.Points, func(p Point) bool { return p.Label == label })
	if i < 0 {
		return &Point{}
	}
	return &r.Points[i]
}

// label names a point: "1M uniform".
func label(size int, kind string) string {
	switch {
	case size >= 1_000_000:
		return fmt.Sprintf("%dM %s", size/1_000_000, kind)
	case size >= 1000:
		return fmt.Sprintf("%dk %s", size/1000, kind)
	}
	return fmt.Sprintf("%d %s", size, kind)
}

// against adds the check of a curve: how a size does against a table of one entry, measured in turns with it.
func (r *Row) against(kind string, size int, limit float64) {
	one := besideOne(size, kind)
	if of := r.point(one).Ours; of.Median > 0 {
		r.atMost(fmt.Sprintf("%s / %s", label(size, kind), one), r.point(label(size, kind)).Ours.by(&of), limit)
	}
}

// besideOne names the measurement of one entry beside that of a size.
func besideOne(size int, kind string) string { return "1 beside " + label(size, kind) }

// Stat is a sample: its median and quartiles, and what was measured round by round.
type Stat struct {
	Median float64   `json:"median"`
	Low    float64   `json:"low"`
	High   float64   `json:"high"`
	Rounds []float64 `json:"rounds,omitempty"`
}

// by returns the ratio of two measurements, 0 where there is none: the median of the rounds' ratios where both were
// measured in the same rounds, since the machine's speed changes from round to round, else the medians' ratio.
func (s *Stat) by(of *Stat) float64 {
	if of.Median == 0 {
		return 0
	}
	if len(s.Rounds) != len(of.Rounds) || slices.Contains(of.Rounds, 0) {
		return s.Median / of.Median
	}
	ratios := make([]float64, len(s.Rounds))
	for i := range ratios {
		ratios[i] = s.Rounds[i] / of.Rounds[i]
	}
	return statOf(ratios).Median
}

// statOf returns the median and quartiles of a sample.
func statOf(sample []float64) Stat {
	s := slices.Sorted(slices.Values(sample))
	if len(s) == 0 {
		return Stat{}
	}
	at := func(q float64) float64 { return s[int(math.Round(q*float64(len(s)-1)))] }
	return Stat{at(0.5), at(0.25), at(0.75), sample}
}

// single is the Stat of something that was measured once.
func single(v float64) Stat { return statOf([]float64{v}) }

// String returns "118 (115-124)" with three digits.
func (s Stat) String() string {
	if s.Low == s.High {
		return digits(s.Median)
	}
	return fmt.Sprintf("%s (%s-%s)", digits(s.Median), digits(s.Low), digits(s.High))
}

// digits returns a number with about three digits.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case a >= 1e4:
		return fmt.Sprintf("%.1fk", v/1e3)
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// Text writes the report for people.
func (r *Report) Text(w io.Writer) error {
	fmt.Fprintf(w, "kernel %s, %s, %d CPUs, %d rounds; median (quartiles), ratios: median of the rounds'\n", r.Kernel, r.CPU, r.CPUs, r.Rounds)
	for i := range r.Rows {
		if err := r.Rows[i].text(w); err != nil {
			return err
		}
	}
	return nil
}

func (r *Row) text(w io.Writer) error {
	fmt.Fprintf(w, "\n%s: %s, %s\n", r.Name, r.What, r.Unit)
	if r.Skipped != "" {
		fmt.Fprintf(w, "  skipped: %s\n", strings.ReplaceAll(r.Skipped, "\n", "; "))
	}
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(r.Points) > 0 {
		fmt.Fprintf(tw, "  \tp4dev\t%s\tratio\n", r.Yardstick)
	}
	for _, p := range r.Points {
		yard, ratio := "", ""
		if p.Yard != nil {
			yard, ratio = p.Yard.String(), fmt.Sprintf("%.2f", p.Ratio())
		}
		fmt.Fprintf(tw, "  %s\t%v\t%s\t%s\n", p.Label, p.Ours, yard, ratio)
	}
	for _, c := range r.Checks {
		word, verdict := "at most", "reached"
		if c.AtLeast {
			word = "at least"
		}
		if !c.Reached {
			verdict = "not reached"
		}
		fmt.Fprintf(tw, "  %s\t%s\t%s %s\t%s\n", c.What, digits(c.Value), word, digits(c.Limit), verdict)
	}
	return tw.Flush()
}
