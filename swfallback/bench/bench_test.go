package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestStat(t *testing.T) {
	got := statOf([]float64{5, 1, 4, 2, 3})
	if got.Median != 3 || got.Low != 2 || got.High != 4 {
		t.Errorf("got %+v, want 3, 2 and 4", got)
	}
	if got.String() != "3 (2-4)" || single(1234567).String() != "1.23M" {
		t.Errorf("got %v and %v", got, single(1234567))
	}
}

// TestStatBy: rounds in which the machine is slow do not count more than others in a ratio.
func TestStatBy(t *testing.T) {
	ours, yard := statOf([]float64{10, 40, 12, 44, 15}), statOf([]float64{20, 80, 24, 22, 30})
	if got := ours.by(&yard); got != 0.5 {
		t.Errorf("in the same rounds: %v, want 0.5", got)
	}
	one := single(30)
	if got := ours.by(&one); got != 0.5 {
		t.Errorf("by one measurement: %v, want 15 by 30", got)
	}
	if got := ours.by(&Stat{}); got != 0 {
		t.Errorf("by nothing: %v", got)
	}
}

// curves is a report with one row of two curves.
func curves() *Report {
	row := Row{Name: "x", What: "a table", Yardstick: "C", Unit: "ns"}
	for _, n := range []float64{1, 1000, 1e6} {
		row.Points = append(row.Points, Point{Series: "hot", X: n, Label: label(int(n), "hot"), Ours: single(100 + n/1e5), Yard: &Stat{Median: 200}})
	}
	row.atMost("1M / 1", row.point("1M hot").Ours.Median/row.point("1 hot").Ours.Median, 1.2)
	row.atLeast("rate", 0.5, 1)
	return &Report{Rows: []Row{row}}
}

func TestChecks(t *testing.T) {
	row := &curves().Rows[0]
	if !row.Checks[0].Reached || row.Checks[1].Reached {
		t.Errorf("got %+v", row.Checks)
	}
	if r := row.Points[0].Ratio(); r < 0.49 || r > 0.51 {
		t.Errorf("ratio %v, want 0.5", r)
	}
	var out strings.Builder
	if err := curves().Text(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1M / 1", "at most 1.20", "not reached", "1k hot"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestSVG(t *testing.T) {
	var out bytes.Buffer
	if err := curves().SVG(&out); err != nil {
		t.Fatal(err)
	}
	circles := 0
	for d := xml.NewDecoder(&out); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 6 {
		t.Errorf("%d points, want 6", circles)
	}
	if err := new(Report).SVG(io.Discard); !errors.Is(err, ErrNoCurves) {
		t.Errorf("got %v, want ErrNoCurves", err)
	}
}

func TestUnknownRow(t *testing.T) {
	if _, err := Run(t.Context(), Config{Rows: []string{"nonsense"}}); err == nil {
		t.Error("no error")
	}
}
