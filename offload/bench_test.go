package offload_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// benchTable returns a program with one table and n entries of it.
func benchTable(kind pipeline.MatchKind, n int) (*testProgram, []*pipeline.Entry) {
	p := &testProgram{Program: &pipeline.Program{}, act: &pipeline.Action{Name: "act", Params: []*pipeline.ActionParam{{Width: 8}}}}
	p.Actions = []*pipeline.Action{p.act}
	t := p.table("t", &pipeline.Key{Name: "k", Kind: kind, Width: 32})
	t.Default = p.call(0)
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]bool{}
	var list []*pipeline.Entry
	for len(list) < n {
		e := &pipeline.Entry{Table: t, Call: p.call(byte(random.Uint32()))}
		m := pipeline.Match{Value: make([]byte, 4)}
		v := random.Uint32()
		switch kind {
		case pipeline.MatchLPM:
			m.Prefix = 8 + random.IntN(25)
			v = v >> (32 - m.Prefix) << (32 - m.Prefix)
		case pipeline.MatchTernary:
			mask := random.Uint32() | random.Uint32()
			m.Mask = binary.BigEndian.AppendUint32(nil, mask)
			v &= mask
			e.Priority = int32(1 + len(list))
		}
		binary.BigEndian.PutUint32(m.Value, v)
		e.Match = []pipeline.Match{m}
		if key := pipeline.EntryKey(e); !seen[key] {
			seen[key] = true
			list = append(list, e)
		}
	}
	return p, list
}

// fastSide is a target over a map, so that the benchmark measures the manager.
type fastSide struct {
	entries map[string]*pipeline.Entry
	order   []string
	def     *pipeline.ActionCall
	limit   int
}

func (s *fastSide) InsertEach(list ...*pipeline.Entry) []error {
	errs := make([]error, len(list))
	for i, e := range list {
		if len(s.entries) >= s.limit {
			errs[i] = pipeline.ErrTableFull
			continue
		}
		s.entries[pipeline.EntryKey(e)] = e
		s.order = append(s.order, pipeline.EntryKey(e))
	}
	return errs
}

func (s *fastSide) Insert(list ...*pipeline.Entry) error {
	s.InsertEach(list...)
	return nil
}

func (s *fastSide) Modify(...*pipeline.Entry) error { return nil }

func (s *fastSide) Delete(list ...*pipeline.Entry) error {
	for _, e := range list {
		delete(s.entries, pipeline.EntryKey(e))
	}
	return nil
}

func (s *fastSide) SetDefault(_ *pipeline.Table, call *pipeline.ActionCall) error {
	s.def = call
	return nil
}

func (s *fastSide) Default(t *pipeline.Table) (*pipeline.ActionCall, error) { return s.def, nil }

func (s *fastSide) Entries(*pipeline.Table) ([]pipeline.EntryState, error) {
	list := make([]pipeline.EntryState, 0, len(s.entries))
	for _, key := range s.order {
		if e := s.entries[key]; e != nil {
			list = append(list, pipeline.EntryState{Entry: e})
		}
	}
	return list, nil
}

func (s *fastSide) ReadCounter(*pipeline.Counter, int) (pipeline.Count, error) {
	return pipeline.Count{}, nil
}

func (s *fastSide) Capability(*pipeline.Table) offload.Capability {
	return offload.Capability{Holds: true, Size: s.limit}
}

func (s *fastSide) Clear() error { return nil }

// BenchmarkInsert inserts a whole table in one call, into hardware that has room for all or for half of it.
func BenchmarkInsert(b *testing.B) {
	for _, c := range []struct {
		kind pipeline.MatchKind
		n    int
	}{{pipeline.MatchExact, 100_000}, {pipeline.MatchLPM, 100_000}, {pipeline.MatchTernary, 2_000}} {
		for _, room := range []int{c.n, c.n / 2} {
			b.Run(fmt.Sprintf("%v/%d/room=%d", c.kind, c.n, room), func(b *testing.B) {
				p, list := benchTable(c.kind, c.n)
				b.ReportAllocs()
				for b.Loop() {
					sw := &fastSide{entries: map[string]*pipeline.Entry{}, def: p.call(0), limit: 1 << 30}
					hw := &fastSide{entries: map[string]*pipeline.Entry{}, limit: room}
					m, err := offload.NewManager(offload.Config{Program: p.Program, Software: sw, Hardware: hw, Gate: verified})
					if err != nil {
						b.Fatal(err)
					}
					if err := m.Insert(list...); err != nil {
						b.Fatal(err)
					}
					if c.kind == pipeline.MatchExact && len(hw.entries) != room {
						b.Fatalf("%d entries in hardware, room for %d", len(hw.entries), room)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.n), "ns/entry")
			})
		}
	}
}
