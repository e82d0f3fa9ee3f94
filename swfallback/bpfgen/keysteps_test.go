package bpfgen

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// TestKeySteps compares matches that steps have written with those written piece by piece, in tables of many widths and
// kinds, and whether steps write a match at all with what CheckEntry says of it.
func TestKeySteps(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var right, wrong, without int
	for range 600 {
		l := randomLayout(random)
		if l.key.steps == nil {
			without++
			continue
		}
		for range 50 {
			e := randomEntry(random, l.Table)
			if random.IntN(2) == 0 {
				spoil(random, &e.Match[random.IntN(len(e.Match))])
			}
			err := pipeline.CheckEntry(e)
			got := make([]byte, l.key.size)
			if written := l.key.putSteps(got, e.Match); written != (err == nil) {
				t.Fatalf("%v of %v: steps wrote it: %v; check: %v", e.Match, l.Table.Keys, written, err)
			}
			if err != nil {
				wrong++
				continue
			}
			right++
			want := make([]byte, l.key.size)
			if l.Kind == LookupClassifier {
				l.key.putMatch(want, l.Table.Keys, e.Match)
			} else if err := l.putKey(want, e); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v of %v: steps wrote %x, want %x", e.Match, l.Table.Keys, got, want)
			}
		}
	}
	if right < 10000 || wrong < 5000 || without < 50 {
		t.Errorf("%d right and %d wrong matches, %d tables without steps: too few", right, wrong, without)
	}
}

// randomLayout returns the layout of a table of some kind.
func randomLayout(random *rand.Rand) *TableLayout {
	kinds := [][]pipeline.MatchKind{
		{pipeline.MatchExact},
		{pipeline.MatchExact, pipeline.MatchLPM},
		{pipeline.MatchTernary, pipeline.MatchOptional, pipeline.MatchExact, pipeline.MatchLPM, pipeline.MatchTernary},
		{pipeline.MatchTernary, pipeline.MatchRange},
	}[random.IntN(4)]
	action := &pipeline.Action{Name: "a"}
	table := &pipeline.Table{Name: "t", Actions: []*pipeline.Action{action}, Size: 1}
	hasPrefix := false
	for i := range 1 + random.IntN(6) {
		width := 1 + random.IntN(70)
		if random.IntN(2) == 0 {
			width = 8 * (1 + random.IntN(16))
		}
		kind := kinds[random.IntN(len(kinds))]
		if kind == pipeline.MatchLPM {
			if hasPrefix {
				kind = pipeline.MatchExact
			}
			hasPrefix = true
		}
		field := &pipeline.Field{Name: "f", Width: width}
		table.Keys = append(table.Keys, &pipeline.Key{Index: i, Name: "f", Kind: kind, Width: width,
			Expr: &pipeline.FieldRef{Header: &pipeline.Header{Name: "h"}, Field: field}})
	}
	l, err := newTableLayout(table, &mapNames{}, nil)
	if err != nil {
		panic(err)
	}
	return l
}

// spoil changes a component, nearly always so that it is wrong.
func spoil(random *rand.Rand, m *pipeline.Match) {
	flip := func(b []byte) {
		if len(b) > 0 {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
	}
	switch random.IntN(8) {
	case 0, 1:
		flip(m.Value)
	case 2:
		flip(m.Mask)
	case 3:
		m.Value = append(m.Value, 0)
	case 4:
		m.Value = m.Value[1:]
	case 5:
		m.Prefix = random.IntN(300) - 100
	case 6:
		m.High = m.Value
	case 7:
		if m.Mask == nil {
			m.Mask = m.Value
		} else {
			m.Mask = m.Mask[:len(m.Mask)-1]
		}
	}
}
