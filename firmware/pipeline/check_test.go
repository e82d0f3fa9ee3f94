package pipeline_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// routes is a table with a key of every kind, two actions and a timeout.
func routes() *pipeline.Table {
	drop := &pipeline.Action{Name: "c.drop"}
	forward := &pipeline.Action{Name: "c.forward", Params: []*pipeline.ActionParam{
		{Index: 0, Name: "port", Width: 9},
		{Index: 1, Name: "dst_addr", Width: 48},
	}}
	miss := &pipeline.Action{Name: "c.miss"}
	return &pipeline.Table{
		Name: "c.routes",
		Keys: []*pipeline.Key{
			{Index: 0, Name: "vrf", Kind: pipeline.MatchExact, Width: 12},
			{Index: 1, Name: "ipv4.$valid$", Kind: pipeline.MatchValid, Width: 1},
			{Index: 2, Name: "ipv4.dst_addr", Kind: pipeline.MatchLPM, Width: 32},
			{Index: 3, Name: "flags", Kind: pipeline.MatchTernary, Width: 9},
			{Index: 4, Name: "proto", Kind: pipeline.MatchOptional, Width: 6},
			{Index: 5, Name: "port", Kind: pipeline.MatchRange, Width: 16},
		},
		Match:          pipeline.MatchRange,
		Actions:        []*pipeline.Action{drop, forward, miss},
		Scopes:         []pipeline.ActionScope{pipeline.ScopeAny, pipeline.ScopeTable, pipeline.ScopeDefault},
		SupportTimeout: true,
	}
}

func goodEntry(t *pipeline.Table) *pipeline.Entry {
	return &pipeline.Entry{
		Table: t,
		Match: []pipeline.Match{
			{Value: []byte{0x0f, 0xff}},
			{Value: []byte{1}},
			{Value: []byte{10, 1, 128, 0}, Prefix: 17},
			{Value: []byte{1, 0x80}, Mask: []byte{1, 0xc0}},
			{Value: []byte{17}, Mask: []byte{0x3f}},
			{Value: []byte{0, 80}, High: []byte{1, 187}},
		},
		Priority: 1,
		Call:     &pipeline.ActionCall{Action: t.Actions[1], Args: [][]byte{{1, 0xff}, {2, 0, 0, 0, 0, 1}}},
	}
}

func TestCheckEntry(t *testing.T) {
	number := uint32(1)
	tests := []struct {
		name string
		edit func(*pipeline.Entry)
		want error // nil: the entry is right
	}{
		{"good", func(*pipeline.Entry) {}, nil},
		{"any", func(e *pipeline.Entry) {
			for i, k := range e.Table.Keys[2:] {
				e.Match[2+i], _ = pipeline.AnyMatch(k)
			}
		}, nil},
		{"host prefix", func(e *pipeline.Entry) { e.Match[2] = pipeline.Match{Value: []byte{10, 1, 1, 1}, Prefix: 32} }, nil},
		{"largest priority", func(e *pipeline.Entry) { e.Priority = math.MaxInt32 }, nil},
		{"timeout", func(e *pipeline.Entry) { e.IdleTimeout = time.Second }, nil},
		{"no table", func(e *pipeline.Entry) { e.Table = nil }, pipeline.ErrNoTable},
		{"too few matches", func(e *pipeline.Entry) { e.Match = e.Match[1:] }, pipeline.ErrBadMatch},
		{"no matches", func(e *pipeline.Entry) { e.Match = nil }, pipeline.ErrBadMatch},
		{"short value", func(e *pipeline.Entry) { e.Match[0].Value = []byte{1} }, pipeline.ErrBadMatch},
		{"long value", func(e *pipeline.Entry) { e.Match[0].Value = []byte{0, 0, 1} }, pipeline.ErrBadMatch},
		{"value too wide", func(e *pipeline.Entry) { e.Match[0].Value = []byte{0x10, 0} }, pipeline.ErrBadRange},
		{"exact with mask", func(e *pipeline.Entry) { e.Match[0].Mask = []byte{0, 0} }, pipeline.ErrBadMatch},
		{"exact with prefix", func(e *pipeline.Entry) { e.Match[0].Prefix = 12 }, pipeline.ErrBadMatch},
		{"exact with high", func(e *pipeline.Entry) { e.Match[0].High = []byte{0, 0} }, pipeline.ErrBadMatch},
		{"valid is 2", func(e *pipeline.Entry) { e.Match[1].Value = []byte{2} }, pipeline.ErrBadRange},
		{"prefix too long", func(e *pipeline.Entry) { e.Match[2].Prefix = 33 }, pipeline.ErrBadRange},
		{"prefix below 0", func(e *pipeline.Entry) { e.Match[2].Prefix = -1 }, pipeline.ErrBadRange},
		{"bit behind prefix", func(e *pipeline.Entry) { e.Match[2].Prefix = 16 }, pipeline.ErrBadMatch},
		{"last bit behind prefix", func(e *pipeline.Entry) { e.Match[2] = pipeline.Match{Value: []byte{0, 0, 0, 1}, Prefix: 31} },
			pipeline.ErrBadMatch},
		{"lpm with mask", func(e *pipeline.Entry) { e.Match[2].Mask = []byte{255, 0, 0, 0} }, pipeline.ErrBadMatch},
		{"no mask", func(e *pipeline.Entry) { e.Match[3].Mask = nil }, pipeline.ErrBadMatch},
		{"mask too wide", func(e *pipeline.Entry) { e.Match[3].Mask = []byte{2, 0xc0} }, pipeline.ErrBadRange},
		{"value outside mask", func(e *pipeline.Entry) { e.Match[3].Mask = []byte{1, 0} }, pipeline.ErrBadMatch},
		{"partial optional", func(e *pipeline.Entry) { e.Match[4].Mask = []byte{0x1f} }, pipeline.ErrBadMatch},
		{"range without high", func(e *pipeline.Entry) { e.Match[5].High = nil }, pipeline.ErrBadMatch},
		{"range backwards", func(e *pipeline.Entry) { e.Match[5].High = []byte{0, 79} }, pipeline.ErrBadMatch},
		{"no priority", func(e *pipeline.Entry) { e.Priority = 0 }, pipeline.ErrNoPriority},
		{"priority below 0", func(e *pipeline.Entry) { e.Priority = -1 }, pipeline.ErrNoPriority},
		{"no action", func(e *pipeline.Entry) { e.Call = nil }, pipeline.ErrBadAction},
		{"other table's action", func(e *pipeline.Entry) { e.Call.Action = &pipeline.Action{Name: "c.forward"} },
			pipeline.ErrNoAction},
		{"default action only", func(e *pipeline.Entry) { e.Call = &pipeline.ActionCall{Action: e.Table.Actions[2]} },
			pipeline.ErrBadAction},
		{"too few arguments", func(e *pipeline.Entry) { e.Call.Args = e.Call.Args[1:] }, pipeline.ErrBadAction},
		{"short argument", func(e *pipeline.Entry) { e.Call.Args[0] = []byte{1} }, pipeline.ErrBadAction},
		{"argument too wide", func(e *pipeline.Entry) { e.Call.Args[0] = []byte{2, 0} }, pipeline.ErrBadRange},
		{"member without profile", func(e *pipeline.Entry) { e.Member = &number }, pipeline.ErrBadAction},
		{"timeout below 0", func(e *pipeline.Entry) { e.IdleTimeout = -1 }, pipeline.ErrBadRange},
		{"nowhere", func(e *pipeline.Entry) { e.SkipHW, e.SkipSW = true, true }, pipeline.ErrBadRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := goodEntry(routes())
			tt.edit(e)
			if err := pipeline.CheckEntry(e); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if pipeline.CheckEntry(nil) == nil {
		t.Error("nil is no entry, but passes")
	}
}

// TestCheckEntryAll sees that no finding hides another.
func TestCheckEntryAll(t *testing.T) {
	e := goodEntry(routes())
	e.Match[0].Value = nil
	e.Match[2].Prefix = 40
	e.Priority = 0
	e.Call.Action = nil
	err := pipeline.CheckEntry(e)
	for _, want := range []error{pipeline.ErrBadMatch, pipeline.ErrBadRange, pipeline.ErrNoPriority, pipeline.ErrBadAction} {
		if !errors.Is(err, want) {
			t.Errorf("%v is missing in %v", want, err)
		}
	}
}

// TestCheckRest sees that CheckRest finds all but the matches.
func TestCheckRest(t *testing.T) {
	e := goodEntry(routes())
	e.Match[0].Value = nil
	if err := pipeline.CheckRest(e); err != nil {
		t.Errorf("only a match is wrong: got %v", err)
	}
	e.Priority = 0
	e.Call.Action = nil
	err := pipeline.CheckRest(e)
	for _, want := range []error{pipeline.ErrNoPriority, pipeline.ErrBadAction} {
		if !errors.Is(err, want) {
			t.Errorf("%v is missing in %v", want, err)
		}
	}
	if errors.Is(err, pipeline.ErrBadMatch) {
		t.Errorf("the match is in %v", err)
	}
}

func TestCheckEntryOtherTables(t *testing.T) {
	exact := routes()
	exact.Keys = exact.Keys[:1]
	exact.SupportTimeout = false
	e := goodEntry(exact)
	e.Match = e.Match[:1]
	e.Priority = 0
	if err := pipeline.CheckEntry(e); err != nil {
		t.Errorf("exact table: %v", err)
	}
	e.Priority = 1
	if err := pipeline.CheckEntry(e); !errors.Is(err, pipeline.ErrBadRange) {
		t.Errorf("priority in an exact table: got %v", err)
	}
	e.Priority, e.IdleTimeout = 0, time.Second
	if err := pipeline.CheckEntry(e); !errors.Is(err, pipeline.ErrBadRange) {
		t.Errorf("timeout in a table without: got %v", err)
	}
	keyless := routes()
	keyless.Keys = nil
	e = goodEntry(keyless)
	e.Match, e.Priority = nil, 0
	if err := pipeline.CheckEntry(e); !errors.Is(err, pipeline.ErrBadMatch) {
		t.Errorf("table without a key: got %v", err)
	}
}

func TestCheckEntryProfile(t *testing.T) {
	number := uint32(7)
	tests := []struct {
		name     string
		selector *pipeline.Selector
		member   *uint32
		group    *uint32
		call     bool
		ok       bool
	}{
		{name: "member", member: &number, ok: true},
		{name: "group", selector: &pipeline.Selector{}, group: &number, ok: true},
		{name: "group without selector", group: &number},
		{name: "both", selector: &pipeline.Selector{}, member: &number, group: &number},
		{name: "neither"},
		{name: "action", member: &number, call: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := routes()
			table.Profile = &pipeline.ActionProfile{Name: "c.p", Selector: tt.selector, Tables: []*pipeline.Table{table}}
			e := goodEntry(table)
			e.Member, e.Group = tt.member, tt.group
			if !tt.call {
				e.Call = nil
			}
			err := pipeline.CheckEntry(e)
			if (err == nil) != tt.ok || err != nil && !errors.Is(err, pipeline.ErrBadAction) {
				t.Errorf("got %v, right: %v", err, tt.ok)
			}
		})
	}
}

func TestCheckDefault(t *testing.T) {
	table := routes()
	drop, forward, miss := table.Actions[0], table.Actions[1], table.Actions[2]
	args := [][]byte{{0, 1}, {0, 0, 0, 0, 0, 1}}
	tests := []struct {
		name  string
		call  *pipeline.ActionCall
		fixed bool
		want  error
	}{
		{"program's own", nil, true, nil},
		{"drop", &pipeline.ActionCall{Action: drop}, false, nil},
		{"default only", &pipeline.ActionCall{Action: miss}, false, nil},
		{"entries only", &pipeline.ActionCall{Action: forward, Args: args}, false, pipeline.ErrBadAction},
		{"constant", &pipeline.ActionCall{Action: drop}, true, pipeline.ErrImmutable},
		{"foreign", &pipeline.ActionCall{Action: &pipeline.Action{}}, false, pipeline.ErrNoAction},
		{"empty", &pipeline.ActionCall{}, false, pipeline.ErrBadAction},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table.DefaultConst = tt.fixed
			if err := pipeline.CheckDefault(table, tt.call); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCheckMember(t *testing.T) {
	table := routes()
	p := &pipeline.ActionProfile{Name: "p", Tables: []*pipeline.Table{table}}
	m := &pipeline.Member{ID: 1, Call: &pipeline.ActionCall{Action: table.Actions[0]}}
	if err := pipeline.CheckMember(p, m); err != nil {
		t.Error(err)
	}
	m.Call.Args = [][]byte{{1}}
	if err := pipeline.CheckMember(p, m); !errors.Is(err, pipeline.ErrBadAction) {
		t.Errorf("an argument too many: got %v", err)
	}
	p.Tables = nil
	if err := pipeline.CheckMember(p, m); !errors.Is(err, pipeline.ErrNoAction) {
		t.Errorf("a profile that no table uses: got %v", err)
	}
}

// TestCheckEntryAllocs holds the promise that inserting a million entries does not cost a million allocations
// here.
func TestCheckEntryAllocs(t *testing.T) {
	e := goodEntry(routes())
	if n := testing.AllocsPerRun(100, func() {
		if pipeline.CheckEntry(e) != nil {
			t.Fatal("the entry is right")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEntryKey(t *testing.T) {
	base := goodEntry(routes())
	same := goodEntry(routes())
	same.Call = &pipeline.ActionCall{Action: same.Table.Actions[0]}
	if pipeline.EntryKey(base) != pipeline.EntryKey(same) {
		t.Error("the action is part of the identity")
	}
	for name, edit := range map[string]func(*pipeline.Entry){
		"priority": func(e *pipeline.Entry) { e.Priority = 2 },
		"exact":    func(e *pipeline.Entry) { e.Match[0].Value = []byte{0, 1} },
		"prefix":   func(e *pipeline.Entry) { e.Match[2].Prefix = 18 },
		"mask":     func(e *pipeline.Entry) { e.Match[3].Mask = []byte{1, 0xe0} },
		"high":     func(e *pipeline.Entry) { e.Match[5].High = []byte{1, 188} },
	} {
		e := goodEntry(routes())
		edit(e)
		if pipeline.EntryKey(base) == pipeline.EntryKey(e) {
			t.Errorf("%s is not part of the identity", name)
		}
	}
}

func BenchmarkCheckEntry(b *testing.B) {
	e := goodEntry(routes())
	b.ReportAllocs()
	for b.Loop() {
		if err := pipeline.CheckEntry(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEntryKey(b *testing.B) {
	e := goodEntry(routes())
	b.ReportAllocs()
	for b.Loop() {
		_ = pipeline.EntryKey(e)
	}
}

// TestCheckTernary compares what CheckEntry says of ternary components with what numbers say.
func TestCheckTernary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	// number returns a number of about width bits in about as many bytes.
	number := func(width int) []byte {
		b := make([]byte, max(0, (width+7)/8+random.IntN(8)/7-random.IntN(8)/7))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if over := 8*len(b) - width; over > 0 && over < 8 && random.IntN(4) > 0 {
			b[0] &= 0xff >> over
		}
		return b
	}
	const tries = 20_000
	right := 0
	for range tries {
		width := 1 + random.IntN(80)
		drop := &pipeline.Action{Name: "c.drop"}
		table := &pipeline.Table{Name: "c.rules", Match: pipeline.MatchTernary, Actions: []*pipeline.Action{drop},
			Keys: []*pipeline.Key{{Name: "bits", Kind: pipeline.MatchTernary, Width: width}}}
		m := pipeline.Match{Value: number(width), Mask: number(width)}
		if random.IntN(4) > 0 {
			for i := range min(len(m.Value), len(m.Mask)) {
				m.Value[i] &= m.Mask[i]
			}
		}
		switch random.IntN(16) {
		case 0:
			m.Prefix = 1
		case 1:
			m.High = []byte{}
		}
		value, mask := new(big.Int).SetBytes(m.Value), new(big.Int).SetBytes(m.Mask)
		size := (width + 7) / 8
		want := len(m.Value) == size && len(m.Mask) == size && mask.BitLen() <= width &&
			new(big.Int).AndNot(value, mask).Sign() == 0 && m.Prefix == 0 && m.High == nil
		err := pipeline.CheckEntry(&pipeline.Entry{Table: table, Match: []pipeline.Match{m}, Priority: 1,
			Call: &pipeline.ActionCall{Action: drop}})
		if (err == nil) != want {
			t.Fatalf("%d bits, %x &&& %x, prefix %d, high %v: %v, want right %t", width, m.Value, m.Mask, m.Prefix, m.High, err, want)
		}
		if want {
			right++
		}
	}
	if right < tries/10 || right > tries*9/10 {
		t.Errorf("%d of %d matches are right", right, tries)
	}
}

func TestNumber(t *testing.T) {
	b := []byte{0x81, 0x72, 0x63, 0x54, 0x45, 0x36, 0x27, 0x18}
	for n := range len(b) + 1 {
		if got, want := pipeline.Number(b[:n]), new(big.Int).SetBytes(b[:n]).Uint64(); got != want {
			t.Errorf("Number(%x) = %#x, want %#x", b[:n], got, want)
		}
	}
}
