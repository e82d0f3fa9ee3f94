package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// ErrNoCurves says that a report has no row with a curve.
var ErrNoCurves = errors.New("no row with curves was measured")

// Sizes of a chart in pixels.
const (
	chartWidth  = 460.0
	chartHeight = 300.0
	edgeLeft    = 62.0
	edgeRight   = 14.0
	edgeTop     = 34.0
	edgeBottom  = 92.0
)

// curve is one line of a chart.
type curve struct {
	name   string
	dashed bool // a yardstick's
	x, y   []float64
}

// SVG draws a chart for every row whose points lie on curves: p4dev's in full lines, the yardstick's dashed, both
// axes logarithmic. ErrNoCurves where there is none.
func (r *Report) SVG(w io.Writer) error {
	var rows []*Row
	for i := range r.Rows {
		if slices.ContainsFunc(r.Rows[i].Points, func(p Point) bool { return p.X > 0 }) {
			rows = append(rows, &r.Rows[i])
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("bench: draw curves: %w", ErrNoCurves)
	}
	out := bufio.NewWriter(w)
	columns := min(len(rows), 2)
	lines := (len(rows) + columns - 1) / columns
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" font-family="sans-serif" font-size="11">`+"\n",
		float64(columns)*chartWidth, float64(lines)*chartHeight)
	fmt.Fprintln(out, `<rect width="100%" height="100%" fill="#fff"/>`)
	for i, row := range rows {
		fmt.Fprintf(out, `<g transform="translate(%.0f,%.0f)">`+"\n", float64(i%columns)*chartWidth, float64(i/columns)*chartHeight)
		row.draw(out)
		fmt.Fprintln(out, `</g>`)
	}
	fmt.Fprintln(out, `</svg>`)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("bench: draw curves: %w", err)
	}
	return nil
}

// curves sorts the points of a row into lines.
func (r *Row) curves() []*curve {
	var list []*curve
	add := func(name string, dashed bool, x, y float64) {
		i := slices.IndexFunc(list, func(c *curve) bool { return c.name == name })
		if i < 0 {
			i = len(list)
			list = append(list, &curve{name: name, dashed: dashed})
		}
		list[i].x, list[i].y = append(list[i].x, x), append(list[i].y, y)
	}
	for _, p := range r.Points {
		if p.X <= 0 {
			continue
		}
		add("p4dev, "+p.Series, false, p.X, p.Ours.Median)
		if p.Yard != nil {
			add(r.Yardstick+", "+p.Series, true, p.X, p.Yard.Median)
		}
	}
	return list
}

// axis maps a range of numbers to pixels by their logarithm.
type axis struct{ low, high, from, to float64 }

// newAxis spans whole decades around the numbers.
func newAxis(values []float64, from, to float64) axis {
	low, high := math.Inf(1), 1.0
	for _, v := range values {
		low, high = min(low, max(v, 1)), max(high, v)
	}
	a := axis{math.Floor(math.Log10(low)), math.Ceil(math.Log10(high)), from, to}
	a.high = max(a.high, a.low+1)
	return a
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(max(v, 1))-a.low)/(a.high-a.low)*(a.to-a.from)
}

// draw writes one chart.
func (r *Row) draw(out io.Writer) {
	list := r.curves()
	var xs, ys []float64
	for _, c := range list {
		xs, ys = append(xs, c.x...), append(ys, c.y...)
	}
	x := newAxis(xs, edgeLeft, chartWidth-edgeRight)
	y := newAxis(ys, chartHeight-edgeBottom, edgeTop)
	fmt.Fprintf(out, `<text x="%.0f" y="18" font-weight="bold">%s, %s</text>`+"\n", edgeLeft-50, r.What, r.Unit)
	for e := x.low; e <= x.high; e++ {
		at := x.at(math.Pow(10, e))
		fmt.Fprintf(out, `<path d="M%.1f %.1fV%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n",
			at, y.from, y.to, at, y.from+14, digits(math.Pow(10, e)))
	}
	for e := y.low; e <= y.high; e++ {
		at := y.at(math.Pow(10, e))
		fmt.Fprintf(out, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="end">%s</text>`+"\n",
			x.from, at, x.to, x.from-6, at+4, digits(math.Pow(10, e)))
	}
	colours := [...]string{"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"}
	for i, c := range list {
		drawCurve(out, c, x, y, colours[i%len(colours)], i)
	}
}

// drawCurve writes a line with its points, and its name below the chart.
func drawCurve(out io.Writer, c *curve, x, y axis, colour string, place int) {
	dash := ""
	if c.dashed {
		dash = ` stroke-dasharray="5 3"`
	}
	fmt.Fprint(out, `<path d="`)
	for i := range c.x {
		fmt.Fprintf(out, "%c%.1f %.1f", "ML"[min(i, 1)], x.at(c.x[i]), y.at(c.y[i]))
	}
	fmt.Fprintf(out, `" fill="none" stroke="%s" stroke-width="1.6"%s/>`+"\n", colour, dash)
	for i := range c.x {
		fmt.Fprintf(out, `<circle cx="%.1f" cy="%.1f" r="2.4" fill="%s"/>`, x.at(c.x[i]), y.at(c.y[i]), colour)
	}
	left, top := x.from+float64(place%2)*195, y.from+32+float64(place/2)*16
	fmt.Fprintf(out, "\n"+`<path d="M%.1f %.1fh22" stroke="%s" stroke-width="1.6"%s/><text x="%.1f" y="%.1f">%s</text>`+"\n",
		left, top, colour, dash, left+27, top+4, c.name)
}
