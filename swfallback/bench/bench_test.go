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
	if want := (Stat{Median: 3, Low: 2, High: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got.String() != "3 (2-4)" || single(1234567).String() != "1.23M" {
		t.Errorf("got %v and %v", got, single(1234567))
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
