package bmv2_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// use does with a program what every reader of one may rely on to work.
func use(t *testing.T, prog *pipeline.Program, err error) {
	t.Helper()
	if err != nil {
		var one *bmv2.ImportError
		if !errors.As(err, &one) || prog != nil {
			t.Fatalf("got %v and %v", prog, err)
		}
		return
	}
	if err := pipeline.WriteText(io.Discard, prog); err != nil {
		t.Fatal(err)
	}
	for _, tab := range prog.Tables {
		for _, e := range tab.Entries {
			if err := pipeline.CheckEntry(e); err != nil && !errors.Is(err, pipeline.ErrBadMatch) {
				t.Fatal(err)
			}
		}
	}
	for _, p := range prog.Parsers {
		if err := graph.FromParser(p).Text(io.Discard); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzImport(f *testing.F) {
	files := append(programs(f, ownPrograms), programs(f, "testdata/malformed")...)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		prog, err := bmv2.Import(data)
		use(t, prog, err)
	})
}

// TestMutations imports programs with one to three values changed: exchanged for another value of the same
// program, for something small, or dropped. Bytes changed at random would hardly ever get past the syntax.
func TestMutations(t *testing.T) {
	seed := rand.Uint64()
	if s, err := strconv.ParseUint(os.Getenv("P4DEV_TEST_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("P4DEV_TEST_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	imported := 0
	for _, name := range []string{"features/unions", "features/value_set", "features/selector", "features/keys", "features/state"} {
		data, err := os.ReadFile(filepath.Join(ownPrograms, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for range rounds {
			m := &mutator{rnd: rnd}
			mutated := m.mutate(t, data)
			prog, err := bmv2.Import(mutated)
			use(t, prog, err)
			if err == nil {
				imported++
			}
		}
	}
	if imported == 0 || imported == 5*rounds {
		t.Errorf("%d of %d mutated programs were imported", imported, 5*rounds)
	}
}

// mutator changes a JSON document.
type mutator struct {
	rnd   *rand.Rand
	slots []func(any) // each sets one value of the document
	vals  []any
}

func (m *mutator) mutate(t *testing.T, data []byte) []byte {
	t.Helper()
	var doc any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	m.collect(doc)
	small := []any{nil, true, json.Number("0"), json.Number("-1"), json.Number("99999999999"), json.Number("1.5"), "", "0x1",
		"-0x80", "default", []any{}, map[string]any{}, []any{"scalars", "$valid$"}}
	for range 1 + m.rnd.IntN(3) {
		slot := m.slots[m.rnd.IntN(len(m.slots))]
		if m.rnd.IntN(2) == 0 {
			slot(small[m.rnd.IntN(len(small))])
		} else {
			slot(m.vals[m.rnd.IntN(len(m.vals))])
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		// A value that was put into itself.
		return data
	}
	return out
}

func (m *mutator) collect(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if k == "source_info" {
				continue
			}
			m.slots = append(m.slots, func(x any) { v[k] = x })
			if m.rnd.IntN(8) == 0 {
				m.slots = append(m.slots, func(any) { delete(v, k) })
			}
			m.vals = append(m.vals, e)
			m.collect(e)
		}
	case []any:
		for i, e := range v {
			m.slots = append(m.slots, func(x any) { v[i] = x })
			m.vals = append(m.vals, e)
			m.collect(e)
		}
	}
}
