package swfallback

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// meters are the meters of features/selector.
type meters struct {
	*selector
	policer, shapers *pipeline.Meter
	policed          *pipeline.Table
}

func newMeters(t testing.TB, form bpfgen.Form) *meters {
	t.Helper()
	m := &meters{selector: newSelector(t, form)}
	m.policer = found[*pipeline.Meter](t, "policer")(m.Program().MeterByName("selector_ingress.policer"))
	m.shapers = found[*pipeline.Meter](t, "shapers")(m.Program().MeterByName("selector_ingress.shapers"))
	m.policed = table(t, m.Fallback, "selector_ingress.policed")
	return m
}

// meterPacket is a request of 10 bytes that goes through the meters of an index; the answer has the direct colour and
// the one of the array.
func meterPacket(index byte) []byte { return []byte{0, 9, 0, 9, 0, 9, 0, 9, 0, index} }

func colours(out []byte) [2]byte { return [2]byte{out[14], out[15]} }

// police makes the entry whose meter packets of an index go through.
func (m *meters) police(t testing.TB, index byte) *pipeline.Entry {
	return &pipeline.Entry{Table: m.policed, Match: []pipeline.Match{{Value: []byte{index}}},
		Call: call(t, m.policed, "selector_ingress.police")}
}

// The colours.
const (
	green  = 0
	yellow = 1
	red    = 2
	unset  = 3 // what the program has in its metadata before, of the direct one
)

// slow are rates that give nothing while a test runs: what counts are the bursts.
func slow(committed, peak uint64) *pipeline.MeterRates {
	return &pipeline.MeterRates{Committed: 0.001, CommittedBurst: committed, Peak: 0.001, PeakBurst: peak}
}

// TestColours: both meters take from the committed and the peak bucket (RFC 2698), one packets and the other bytes.
func TestColours(t *testing.T) { bothForms(t, testColours) }

func testColours(t *testing.T, form bpfgen.Form) {
	m := newMeters(t, form)
	must(t, m.Insert(m.police(t, 1), m.police(t, 2), m.police(t, 7)))
	must(t, m.SetDirectMeterRates(m.police(t, 1), slow(2, 3)))
	must(t, m.SetMeterRates(m.shapers, 1, slow(25, 45)))
	want := [][2]byte{{green, green}, {green, green}, {yellow, yellow}, {red, yellow}, {red, red}, {red, red}}
	for i := range want {
		if got := colours(send(t, m.Fallback, meterPacket(1)...)); got != want[i] {
			t.Errorf("packet %d: colours %v, want %v", i, got, want[i])
		}
	}
	for index, want := range map[byte][2]byte{2: {green, green}, 3: {unset, green}, 7: {green, 0}} {
		if got := colours(send(t, m.Fallback, meterPacket(index)...)); got != want {
			t.Errorf("index %d without rates: colours %v, want %v", index, got, want)
		}
	}

	must(t, m.SetMeterRates(m.shapers, 1, nil))
	must(t, m.Modify(m.police(t, 1))) // leaves the meter alone
	if got := colours(send(t, m.Fallback, meterPacket(1)...)); got != [2]byte{red, green} {
		t.Errorf("rates taken away from the array: colours %v", got)
	}
	must(t, m.Delete(m.police(t, 1)))
	must(t, m.Insert(m.police(t, 1)))
	if got := colours(send(t, m.Fallback, meterPacket(1)...)); got != [2]byte{green, green} {
		t.Errorf("new entry: colours %v", got)
	}
}

// TestMetersRefill: buckets fill with time and not over their size.
func TestMetersRefill(t *testing.T) { bothForms(t, testMetersRefill) }

func testMetersRefill(t *testing.T, form bpfgen.Form) {
	m := newMeters(t, form)
	must(t, m.Insert(m.police(t, 1)))
	take := func() byte { return colours(send(t, m.Fallback, meterPacket(1)...))[0] }
	rates := &pipeline.MeterRates{Committed: 0.001, CommittedBurst: 1, Peak: 50, PeakBurst: 2}
	for deadline := time.Now().Add(10 * time.Second); ; {
		must(t, m.SetDirectMeterRates(m.police(t, 1), rates)) // full buckets
		start := time.Now()
		got := [3]byte{take(), take(), take()}
		if slow := time.Since(start) > 15*time.Millisecond; slow && time.Now().Before(deadline) {
			continue // a token came meanwhile
		}
		if got != [3]byte{green, yellow, red} {
			t.Fatalf("full: colours %v", got)
		}
		break
	}
	time.Sleep(30 * time.Millisecond) // a token and a half of the peak rate, or more
	if got := take(); got != yellow {
		t.Errorf("after a token has come: colour %d", got)
	}
	time.Sleep(200 * time.Millisecond) // ten tokens, of which two fit
	if got := [3]byte{take(), take(), take()}; got[0] != yellow || got[1] != yellow {
		t.Errorf("full again: colours %v", got)
	}
}

func TestMeterRates(t *testing.T) { bothForms(t, testMeterRates) }

func testMeterRates(t *testing.T, form bpfgen.Form) {
	m := newMeters(t, form)
	must(t, m.Insert(m.police(t, 1)))
	want := &pipeline.MeterRates{Committed: 1e6, CommittedBurst: 2000, Peak: 2e6, PeakBurst: 1e9}
	must(t, m.SetMeterRates(m.shapers, 3, want))
	must(t, m.SetDirectMeterRates(m.police(t, 1), want))
	again := reopen(t, m.Fallback)
	shapers := found[*pipeline.Meter](t, "shapers")(again.Program().MeterByName("selector_ingress.shapers"))
	same(t, "rates", found[*pipeline.MeterRates](t, "rates")(again.MeterRates(shapers, 3)), want)
	same(t, "no rates", found[*pipeline.MeterRates](t, "rates")(again.MeterRates(shapers, 2)), nil)
	e := m.police(t, 1)
	e.Table = table(t, again, "selector_ingress.policed")
	same(t, "direct rates", found[*pipeline.MeterRates](t, "rates")(again.DirectMeterRates(e)), want)

	for name, refused := range map[string]struct{ got, want error }{
		"past the end":      {m.SetMeterRates(m.shapers, 4, want), pipeline.ErrBadRange},
		"peak too low":      {m.SetMeterRates(m.shapers, 0, &pipeline.MeterRates{Committed: 2, Peak: 1}), pipeline.ErrBadRange},
		"direct as array":   {m.SetMeterRates(m.policer, 0, want), pipeline.ErrNoObject},
		"no entry":          {m.SetDirectMeterRates(m.police(t, 9), want), pipeline.ErrNotFound},
		"table without one": {m.SetDirectMeterRates(refer(m.grouped, 1, nil, nil), want), pipeline.ErrNoObject},
	} {
		if !errors.Is(refused.got, refused.want) {
			t.Errorf("%s: %v, want %v", name, refused.got, refused.want)
		}
	}
}

// TestMetersOnManyCPUs: no token is taken twice or lost, whatever runs at the same time.
func TestMetersOnManyCPUs(t *testing.T) { bothForms(t, testMetersOnManyCPUs) }

func testMetersOnManyCPUs(t *testing.T, form bpfgen.Form) {
	const workers, each, committed, peak = 4, 300, 200, 500
	m := newMeters(t, form)
	must(t, m.Insert(m.police(t, 1)))
	must(t, m.SetDirectMeterRates(m.police(t, 1), slow(committed, peak)))
	run := unlocked(t, m.Fallback)
	var mu sync.Mutex
	got := make(map[byte]int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				out, err := run(meterPacket(1)...)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				got[colours(out)[0]]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	same(t, "packets by colour", got, map[byte]int{green: committed, yellow: peak - committed, red: workers*each - peak})
}
