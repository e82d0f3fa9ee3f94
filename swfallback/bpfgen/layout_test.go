package bpfgen

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// randomEntry makes a valid entry of a table.
func randomEntry(r *rand.Rand, t *pipeline.Table) *pipeline.Entry {
	e := &pipeline.Entry{Table: t, SkipHW: r.IntN(2) == 0}
	for _, k := range t.Keys {
		m := pipeline.Match{Value: randomBits(r, k.Width)}
		switch k.Kind {
		case pipeline.MatchLPM:
			m.Prefix = r.IntN(k.Width + 1)
			m.Value = and(m.Value, prefixMask(k.Width, m.Prefix))
		case pipeline.MatchTernary:
			m.Mask = randomBits(r, k.Width)
			m.Value = and(m.Value, m.Mask)
		case pipeline.MatchOptional:
			m.Mask = prefixMask(k.Width, r.IntN(2)*k.Width)
			m.Value = and(m.Value, m.Mask)
		case pipeline.MatchRange:
			m.High = prefixMask(k.Width, k.Width)
		}
		e.Match = append(e.Match, m)
	}
	if t.NeedsPriority() {
		e.Priority = 1 + r.Int32N(1000)
	}
	switch id := r.Uint32(); {
	case t.Profile == nil:
		e.Call = randomCall(r, t)
	case t.Profile.Selector != nil && id%2 == 0:
		e.Group = &id
	default:
		e.Member = &id
	}
	return e
}

// randomCall makes a call of one of a table's actions.
func randomCall(r *rand.Rand, t *pipeline.Table) *pipeline.ActionCall {
	a := t.Actions[r.IntN(len(t.Actions))]
	call := &pipeline.ActionCall{Action: a}
	for _, p := range a.Params {
		call.Args = append(call.Args, randomBits(r, p.Width))
	}
	return call
}

func randomBits(r *rand.Rand, width int) []byte {
	b := make([]byte, (width+7)/8)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return and(b, prefixMask(width, width))
}

func and(a, b []byte) []byte {
	out := make([]byte, len(a))
	for i := range a {
		out[i] = a[i] & b[i]
	}
	return out
}

// layouts returns the layouts of a program's tables and profiles.
func layouts(t *testing.T, name string) *Object {
	t.Helper()
	o := &Object{Program: openProgram(t, name), Options: Options{}.filled(),
		Spec: &ebpf.CollectionSpec{Maps: make(map[string]*ebpf.MapSpec)}}
	if err := o.layMaps(); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestEntriesRoundTrip encodes and decodes entries of every table of the programs.
func TestEntriesRoundTrip(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	t.Logf("seed %d", seed)
	kinds := make(map[LookupKind]int)
	for _, name := range programs(t) {
		for _, l := range layouts(t, name).Tables {
			if l == nil || l.Kind == LookupKeyless {
				continue
			}
			tab := l.Table
			kinds[l.Kind]++
			for range 20 {
				e := randomEntry(r, tab)
				if err := pipeline.CheckEntry(e); err != nil {
					t.Fatalf("%s: %v", tab.Name, err)
				}
				checkRoundTrip(t, l, e, randomCall(r, tab), 1+r.Uint32N(1000))
			}
		}
	}
	for _, k := range []LookupKind{LookupHash, LookupLPM, LookupClassifier} {
		if kinds[k] == 0 {
			t.Errorf("no %s table in any program", k)
		}
	}
}

func checkRoundTrip(t *testing.T, l *TableLayout, e *pipeline.Entry, miss *pipeline.ActionCall, slot uint32) {
	t.Helper()
	got, gotSlot := decodeEntry(t, l, e, slot)
	if gotSlot != slot {
		t.Errorf("%s: slot %d, want %d", l.Table.Name, gotSlot, slot)
	}
	same := cmp.Comparer(func(a, b *pipeline.Action) bool { return a == b })
	tables := cmp.Comparer(func(a, b *pipeline.Table) bool { return a == b })
	if diff := cmp.Diff(e, got, same, tables); diff != "" {
		t.Errorf("%s: entry differs after a round trip (-want +got):\n%s", l.Table.Name, diff)
	}
	def, err := l.AppendDefault(nil, miss)
	if err != nil {
		t.Fatal(err)
	}
	call, err := l.DecodeDefault(def)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(miss, call, same); diff != "" {
		t.Errorf("%s: default differs after a round trip (-want +got):\n%s", l.Table.Name, diff)
	}
}

func decodeEntry(t *testing.T, l *TableLayout, e *pipeline.Entry, slot uint32) (*pipeline.Entry, uint32) {
	t.Helper()
	if l.Kind == LookupClassifier {
		spec, err := l.BuildClassifier([]*pipeline.Entry{e}, []uint32{slot})
		if err != nil {
			t.Fatal(err)
		}
		entries, slots, err := l.DecodeClassifier([][]byte{spec.Contents[0].Value.([]byte)})
		if err != nil {
			t.Fatal(err)
		}
		return entries[0], slots[0]
	}
	key, err := l.AppendKey(nil, e)
	if err != nil {
		t.Fatal(err)
	}
	value, err := l.AppendValue(nil, e, slot)
	if err != nil {
		t.Fatal(err)
	}
	got, gotSlot, err := l.Decode(key, value)
	if err != nil {
		t.Fatal(err)
	}
	return got, gotSlot
}

// TestPutCell writes cells over others and sees that they are what AppendCell makes, that none is live before it is
// revived, that what is wrong with an entry is found, and that the check is told of a match only where that is right.
func TestPutCell(t *testing.T) {
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	kinds := make(map[LookupKind]int)
	for _, name := range programs(t) {
		o, err := Compile(openProgram(t, name), Options{Arena: true, CPUs: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range o.Tables {
			if l == nil || l.Arena == nil {
				continue
			}
			kinds[l.Kind]++
			cell := make([]byte, l.Arena.Stride)
			for range 40 {
				checkCell(t, r, l, cell)
			}
		}
	}
	for _, k := range []LookupKind{LookupHash, LookupLPM, LookupClassifier} {
		if kinds[k] == 0 {
			t.Errorf("no %s table in any program", k)
		}
	}
}

// checkCell writes an entry, often a wrong one, over a cell.
func checkCell(t *testing.T, r *rand.Rand, l *TableLayout, cell []byte) {
	t.Helper()
	e := randomEntry(r, l.Table)
	if r.IntN(2) == 0 {
		spoil(r, &e.Match[r.IntN(len(e.Match))])
	}
	wrong := pipeline.CheckEntry(e)
	err := l.PutCell(cell, e, 5, func(e *pipeline.Entry, matched bool) error {
		if l.CellLive(cell) {
			t.Errorf("%s: the cell is live while it is written", l.Table.Name)
		}
		if matched && wrong != nil {
			t.Errorf("%s: %v is taken for right: %v", l.Table.Name, e.Match, wrong)
		}
		return wrong
	})
	if l.CellLive(cell) {
		t.Errorf("%s: the cell is live before it is revived", l.Table.Name)
	}
	if wrong != nil || err != nil {
		if !errors.Is(err, wrong) {
			t.Errorf("%s: %v: got %v, want %v", l.Table.Name, e.Match, err, wrong)
		}
		return
	}
	want, err := l.AppendCell(nil, e, 5)
	if err != nil {
		t.Fatal(err)
	}
	l.ReviveCell(cell)
	if !l.CellLive(want) || !bytes.Equal(cell, want) {
		t.Errorf("%s: cell %x, want %x", l.Table.Name, cell, want)
	}
	l.KillCell(cell)
}

func TestKeysDiffer(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, l := range layouts(t, "l2switch").Tables {
		if l == nil || l.Kind != LookupHash {
			continue
		}
		tab := l.Table
		e := randomEntry(r, tab)
		for i, k := range tab.Keys {
			for bit := range k.Width {
				f := *e
				f.Match = append([]pipeline.Match(nil), e.Match...)
				v := append([]byte(nil), e.Match[i].Value...)
				v[len(v)-1-bit/8] ^= 1 << (bit % 8)
				f.Match[i] = pipeline.Match{Value: v}
				a, _ := l.AppendKey(nil, e)
				b, _ := l.AppendKey(nil, &f)
				if cmp.Equal(a, b) {
					t.Errorf("%s: bit %d of %s does not show in the key", tab.Name, bit, k.Name)
				}
			}
		}
	}
}

func TestReplicasRoundTrip(t *testing.T) {
	l := &ReplicaLayout{ValueSize: replicaHeader + 8*4, Max: 4}
	want := pipeline.CloneSession{Truncate: 60, Multicast: 9, Replicas: []pipeline.Replica{{Port: 1, Instance: 7}, {Port: 511}}}
	value, err := l.AppendReplicas(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.DecodeReplicas(value)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("replicas differ (-want +got): %v\n%s", err, diff)
	}
	if _, err := l.AppendReplicas(nil, pipeline.CloneSession{Replicas: make([]pipeline.Replica, 5)}); err == nil {
		t.Error("five replicas fit into four places")
	}
}

func TestProfilesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	same := cmp.Comparer(func(a, b *pipeline.Action) bool { return a == b })
	for _, l := range layouts(t, "features/selector").Profiles {
		for range 20 {
			want := randomCall(r, l.Profile.Tables[0])
			value, err := l.AppendMember(nil, want)
			if err != nil || len(value) != l.MemberSize {
				t.Fatalf("%d bytes, %v", len(value), err)
			}
			if got, err := l.DecodeMember(value); err != nil || !cmp.Equal(want, got, same) {
				t.Errorf("%s: member %v, want %v, %v", l.Profile.Name, got, want, err)
			}
		}
		if l.GroupMap == "" {
			continue
		}
		for _, want := range [][]uint32{{}, {7}, {1, 2, 2, 1 << 31}} {
			value, err := l.AppendGroup(nil, want)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := l.DecodeGroup(value); err != nil || !cmp.Equal(want, got) {
				t.Errorf("%s: group %v, want %v, %v", l.Profile.Name, got, want, err)
			}
		}
		if _, err := l.AppendGroup(nil, make([]uint32, l.MaxMembers+1)); !errors.Is(err, pipeline.ErrBadRange) {
			t.Errorf("%d members: %v", l.MaxMembers+1, err)
		}
	}
}

func TestMetersRoundTrip(t *testing.T) {
	for _, want := range []*pipeline.MeterRates{
		nil,
		{},
		{Committed: 1, CommittedBurst: 2, Peak: 3, PeakBurst: 4},
		{Committed: 0.5, CommittedBurst: 1, Peak: 1234.125, PeakBurst: 1e9},
		{Committed: 1.25e9, CommittedBurst: 1e9, Peak: 12.5e9, PeakBurst: 1e12},
	} {
		got, err := DecodeMeter(AppendMeter(nil, want, 99))
		if err != nil || !cmp.Equal(want, got) {
			t.Errorf("rates %+v, want %+v, %v", got, want, err)
		}
	}
	huge := &pipeline.MeterRates{Committed: 1e18, CommittedBurst: 1 << 63, Peak: 1e19, PeakBurst: 1<<64 - 1}
	if got, err := DecodeMeter(AppendMeter(nil, huge, 0)); err != nil || got.PeakBurst != mostFractions/1000000 {
		t.Errorf("rates %+v, %v", got, err)
	}
}
