package p4rt_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
)

func newSchema(t testing.TB, p *pipeline.Program) *p4rt.Schema {
	t.Helper()
	s, err := p4rt.NewSchema(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func exactField(id uint32, v string) *p4v1.FieldMatch {
	return &p4v1.FieldMatch{FieldId: id, FieldMatchType: &p4v1.FieldMatch_Exact_{
		Exact: &p4v1.FieldMatch_Exact{Value: []byte(v)}}}
}

func lpmField(id uint32, v string, n int32) *p4v1.FieldMatch {
	return &p4v1.FieldMatch{FieldId: id, FieldMatchType: &p4v1.FieldMatch_Lpm{
		Lpm: &p4v1.FieldMatch_LPM{Value: []byte(v), PrefixLen: n}}}
}

func ternaryField(id uint32, v, mask string) *p4v1.FieldMatch {
	return &p4v1.FieldMatch{FieldId: id, FieldMatchType: &p4v1.FieldMatch_Ternary_{
		Ternary: &p4v1.FieldMatch_Ternary{Value: []byte(v), Mask: []byte(mask)}}}
}

func optionalField(id uint32, v string) *p4v1.FieldMatch {
	return &p4v1.FieldMatch{FieldId: id, FieldMatchType: &p4v1.FieldMatch_Optional_{
		Optional: &p4v1.FieldMatch_Optional{Value: []byte(v)}}}
}

func rangeField(id uint32, low, high string) *p4v1.FieldMatch {
	return &p4v1.FieldMatch{FieldId: id, FieldMatchType: &p4v1.FieldMatch_Range_{
		Range: &p4v1.FieldMatch_Range{Low: []byte(low), High: []byte(high)}}}
}

func action(id uint32, params ...string) *p4v1.TableAction {
	a := &p4v1.Action{ActionId: id}
	for i, p := range params {
		a.Params = append(a.Params, &p4v1.Action_Param{ParamId: uint32(i + 1), Value: []byte(p)})
	}
	return &p4v1.TableAction{Type: &p4v1.TableAction_Action{Action: a}}
}

func TestEncodeEntryIsCanonical(t *testing.T) {
	p := newTestProgram()
	s := newSchema(t, p.Program)
	drop := &pipeline.ActionCall{Action: p.drop}
	tests := []struct {
		name  string
		entry *pipeline.Entry
		want  *p4v1.TableEntry
	}{
		{"leading zeros go, zero stays one byte", &pipeline.Entry{Table: p.exact, Match: []pipeline.Match{{Value: []byte{0, 0}}},
			Call: &pipeline.ActionCall{Action: p.forward, Args: [][]byte{{0, 7}, {0, 0, 0, 0, 1, 2}}}},
			&p4v1.TableEntry{TableId: p.exact.ID, Match: []*p4v1.FieldMatch{exactField(1, "\x00")},
				Action: action(p.forward.ID, "\x07", "\x01\x02")}},
		{"bits behind the prefix are zero", &pipeline.Entry{Table: p.lpm, Call: drop, Match: []pipeline.Match{
			{Value: []byte{0, 5}}, {Value: []byte{10, 1, 2, 3}, Prefix: 8}}},
			&p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.drop.ID),
				Match: []*p4v1.FieldMatch{exactField(1, "\x05"), lpmField(2, "\x0a\x00\x00\x00", 8)}}},
		{"prefix of length 0 is left out", &pipeline.Entry{Table: p.lpm, Call: drop, Match: []pipeline.Match{
			{Value: []byte{0, 5}}, {Value: []byte{10, 1, 2, 3}}}},
			&p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.drop.ID), Match: []*p4v1.FieldMatch{exactField(1, "\x05")}}},
		{"masked bits are zero", &pipeline.Entry{Table: p.acl, Priority: 3, Call: drop, Match: []pipeline.Match{
			{Value: []byte{1, 2, 3, 4}, Mask: []byte{0, 0, 255, 0}}, {Value: []byte{6}, Mask: []byte{255}},
			{Value: []byte{0, 80}, High: []byte{1, 0}}}},
			&p4v1.TableEntry{TableId: p.acl.ID, Priority: 3, Action: action(p.drop.ID), Match: []*p4v1.FieldMatch{
				ternaryField(1, "\x03\x00", "\xff\x00"), optionalField(2, "\x06"), rangeField(3, "\x50", "\x01\x00")}}},
		{"what matches everything is left out", &pipeline.Entry{Table: p.acl, Priority: 3, Call: drop, Match: []pipeline.Match{
			{Value: []byte{1, 2, 3, 4}, Mask: []byte{0, 0, 0, 0}}, {Value: []byte{6}, Mask: []byte{0}},
			{Value: []byte{0, 0}, High: []byte{255, 255}}}},
			&p4v1.TableEntry{TableId: p.acl.ID, Priority: 3, Action: action(p.drop.ID)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := s.EncodeEntry(tt.entry)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeEntryErrors(t *testing.T) {
	p := newTestProgram()
	s := newSchema(t, p.Program)
	member := &p4v1.TableAction{Type: &p4v1.TableAction_ActionProfileMemberId{ActionProfileMemberId: 1}}
	acl := func(prio int32, m ...*p4v1.FieldMatch) *p4v1.TableEntry {
		return &p4v1.TableEntry{TableId: p.acl.ID, Priority: prio, Match: m, Action: action(p.drop.ID)}
	}
	exact := func(a *p4v1.TableAction, m ...*p4v1.FieldMatch) *p4v1.TableEntry {
		return &p4v1.TableEntry{TableId: p.exact.ID, Match: m, Action: a}
	}
	lpm := func(v string, n int32) *p4v1.TableEntry {
		return &p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.drop.ID),
			Match: []*p4v1.FieldMatch{exactField(1, "\x01"), lpmField(2, v, n)}}
	}
	tests := []struct {
		name  string
		entry *p4v1.TableEntry
		want  error
	}{
		{"unknown table", &p4v1.TableEntry{TableId: 99}, pipeline.ErrNoTable},
		{"exact left out", exact(action(p.drop.ID)), pipeline.ErrBadMatch},
		{"field twice", exact(action(p.drop.ID), exactField(1, "\x01"), exactField(1, "\x01")), pipeline.ErrBadMatch},
		{"unknown field", exact(action(p.drop.ID), exactField(1, "\x01"), exactField(9, "\x01")), pipeline.ErrBadMatch},
		{"kind of another field", exact(action(p.drop.ID), ternaryField(1, "\x01", "\x01")), pipeline.ErrBadMatch},
		{"empty value", exact(action(p.drop.ID), exactField(1, "")), pipeline.ErrBadRange},
		{"9 bits exceeded", exact(action(p.drop.ID), exactField(1, "\x02\x00")), pipeline.ErrBadRange},
		{"priority without need", &p4v1.TableEntry{TableId: p.exact.ID, Priority: 1, Action: action(p.drop.ID),
			Match: []*p4v1.FieldMatch{exactField(1, "\x01")}}, pipeline.ErrBadMatch},
		{"prefix 0 written out", lpm("\x00", 0), pipeline.ErrBadMatch},
		{"prefix too long", lpm("\x00", 33), pipeline.ErrBadMatch},
		{"bits behind the prefix", lpm("\x0a\x00\x00\x01", 8), pipeline.ErrBadMatch},
		{"no priority", acl(0, ternaryField(1, "\x01", "\x01")), pipeline.ErrNoPriority},
		{"negative priority", acl(-1, ternaryField(1, "\x01", "\x01")), pipeline.ErrNoPriority},
		{"mask 0 written out", acl(1, ternaryField(1, "\x00", "\x00")), pipeline.ErrBadMatch},
		{"bits outside the mask", acl(1, ternaryField(1, "\x03", "\x01")), pipeline.ErrBadMatch},
		{"empty range", acl(1, rangeField(3, "\x02", "\x01")), pipeline.ErrBadMatch},
		{"full range written out", acl(1, rangeField(3, "\x00", "\xff\xff")), pipeline.ErrBadMatch},
		{"no action", exact(nil, exactField(1, "\x01")), pipeline.ErrBadAction},
		{"unknown action", exact(action(77), exactField(1, "\x01")), pipeline.ErrNoAction},
		{"argument missing", exact(action(p.forward.ID, "\x01"), exactField(1, "\x01")), pipeline.ErrBadAction},
		{"argument too many", exact(action(p.drop.ID, "\x01"), exactField(1, "\x01")), pipeline.ErrBadAction},
		{"argument too wide", exact(action(p.forward.ID, "\x02\x00", "\x01"), exactField(1, "\x01")), pipeline.ErrBadRange},
		{"member in a direct table", exact(member, exactField(1, "\x01")), pipeline.ErrBadAction},
		{"action in an indirect table", &p4v1.TableEntry{TableId: p.indirect.ID, Action: action(p.drop.ID),
			Match: []*p4v1.FieldMatch{exactField(1, "\x01")}}, pipeline.ErrBadAction},
		{"table without a key", &p4v1.TableEntry{TableId: p.keyless.ID, Action: action(p.drop.ID)}, pipeline.ErrBadMatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if e, err := s.DecodeEntry(tt.entry); !errors.Is(err, tt.want) {
				t.Errorf("entry %v, error %v, want %v", e, err, tt.want)
			}
		})
	}
}

// TestEntryRoundTrip: whatever entry is encoded is read back as the same entry, and the second encoding equals
// the first (read-write symmetry).
func TestEntryRoundTrip(t *testing.T) {
	p := newTestProgram()
	s := newSchema(t, p.Program)
	rapid.Check(t, func(t *rapid.T) {
		table := rapid.SampledFrom([]*pipeline.Table{p.exact, p.lpm, p.acl, p.indirect}).Draw(t, "table")
		e := drawEntry(t, p, table)
		first, err := s.EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := s.DecodeEntry(first)
		if err != nil {
			t.Fatalf("decode %v: %v", first, err)
		}
		again, err := s.EncodeEntry(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, again, protocmp.Transform()); diff != "" {
			t.Fatalf("second encoding (-first +second):\n%s", diff)
		}
		for i := range e.Match {
			if got, want := len(back.Match[i].Value), (table.Keys[i].Width+7)/8; got != want {
				t.Fatalf("key %d has %d bytes, want %d", i, got, want)
			}
		}
	})
}

func drawEntry(t *rapid.T, p *testProgram, table *pipeline.Table) *pipeline.Entry {
	e := &pipeline.Entry{Table: table}
	for _, k := range table.Keys {
		size := (k.Width + 7) / 8
		draw := func() []byte {
			b := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "bytes")
			if k.Width%8 != 0 {
				b[0] &= 1<<(k.Width%8) - 1
			}
			return b
		}
		m := pipeline.Match{Value: draw()}
		switch k.Kind {
		case pipeline.MatchLPM:
			m.Prefix = rapid.IntRange(0, k.Width).Draw(t, "prefix")
		case pipeline.MatchTernary:
			m.Mask = draw()
		case pipeline.MatchOptional:
			m.Mask = []byte{0}
			if rapid.Bool().Draw(t, "present") {
				m.Mask = []byte{255}
			}
		case pipeline.MatchRange:
			m.High = draw()
			if string(m.High) < string(m.Value) {
				m.Value, m.High = m.High, m.Value
			}
		}
		if k.Kind.NeedsPriority() {
			e.Priority = 7
		}
		e.Match = append(e.Match, m)
	}
	if table.Profile != nil {
		id := rapid.Uint32().Draw(t, "group")
		e.Group = &id
		return e
	}
	e.Call = &pipeline.ActionCall{Action: p.drop}
	return e
}
