package interp

import (
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// TestMeter follows RFC 2698, section 3: both buckets start full and fill up with time.
func TestMeter(t *testing.T) {
	start := time.Unix(1000, 0)
	var m meter
	if got := m.mark(start, 1e9); got != green {
		t.Fatalf("without rates: colour %d", got)
	}
	m.configure(&pipeline.MeterRates{Committed: 10, CommittedBurst: 2, Peak: 20, PeakBurst: 3}, start)
	steps := []struct {
		after time.Duration // since start
		want  int64
	}{
		{0, green}, {0, green}, // the committed burst
		{0, yellow},                     // the peak burst's third packet
		{0, red},                        // nothing is left
		{50 * time.Millisecond, yellow}, // a peak token came after 1/20 s, no committed one
		{100 * time.Millisecond, green}, // one of each
		{100 * time.Millisecond, red},   // again nothing
		{10 * time.Second, green},       // full, and no fuller
		{10 * time.Second, green},
		{10 * time.Second, yellow},
		{10 * time.Second, red},
		{9 * time.Second, red}, // a clock that goes back gives nothing
	}
	for i, s := range steps {
		if got := m.mark(start.Add(s.after), 1); got != s.want {
			t.Fatalf("step %d at %v: colour %d, want %d", i, s.after, got, s.want)
		}
	}
}
