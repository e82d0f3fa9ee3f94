package bpfgen

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// TestRuleSteps compares rules that steps have written with those that putMatch has, in tables of many widths.
func TestRuleSteps(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	stepped := 0
	const tables = 300
	for range tables {
		header := &pipeline.Header{Name: "h"}
		var keys []*pipeline.Key
		for i := range 1 + random.IntN(6) {
			width := 1 + random.IntN(70)
			if random.IntN(2) == 0 {
				width = 8 * (1 + random.IntN(8))
			}
			field := &pipeline.Field{Name: "f", Width: width}
			keys = append(keys, &pipeline.Key{Index: i, Name: "f", Kind: pipeline.MatchTernary, Width: width,
				Expr: &pipeline.FieldRef{Header: header, Field: field}})
		}
		l := packClassifier(&pipeline.Table{Keys: keys})
		for range 50 {
			match := make([]pipeline.Match, len(keys))
			for i, k := range keys {
				m := pipeline.Match{Value: make([]byte, (k.Width+7)/8), Mask: make([]byte, (k.Width+7)/8)}
				for j := range m.Mask {
					m.Mask[j] = byte(random.Uint32())
					if j == 0 && k.Width%8 != 0 {
						m.Mask[j] &= 1<<(k.Width%8) - 1
					}
					m.Value[j] = byte(random.Uint32()) & m.Mask[j]
				}
				match[i] = m
			}
			want, got := make([]byte, l.size), make([]byte, l.size)
			l.putMatch(want, keys, match)
			if !l.putSteps(got, match) {
				break
			}
			stepped++
			if !bytes.Equal(got, want) {
				t.Fatalf("%v: steps wrote %x, want %x", match, got, want)
			}
			if keys[0].Width%8 != 0 {
				match[0].Mask[0] |= 0x80
				if l.putSteps(make([]byte, l.size), match) {
					t.Fatalf("steps wrote %v, whose mask has more than %d bits", match[0], keys[0].Width)
				}
			}
			match[0].Mask = match[0].Mask[1:]
			if l.putSteps(got, match) {
				t.Fatalf("steps wrote %v, whose mask is too short", match[0])
			}
		}
	}
	if stepped < 50*tables/4 {
		t.Errorf("steps wrote %d matches of %d", stepped, 50*tables)
	}
}
