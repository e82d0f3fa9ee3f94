package swfallback

import (
	"bytes"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// selector is the program features/selector with its objects.
type selector struct {
	*Fallback
	paths, shared     *pipeline.ActionProfile
	grouped, profiled *pipeline.Table
}

func newSelector(t testing.TB, form bpfgen.Form) *selector {
	t.Helper()
	s := &selector{Fallback: testRuns(t, source(t, "features/selector"), form)}
	p := s.Program()
	s.paths = found[*pipeline.ActionProfile](t, "paths")(p.ProfileByName("selector_ingress.paths"))
	s.shared = found[*pipeline.ActionProfile](t, "shared")(p.ProfileByName("selector_ingress.shared_actions"))
	s.grouped, s.profiled = table(t, s.Fallback, "selector_ingress.grouped"), table(t, s.Fallback, "selector_ingress.profiled")
	return s
}

// path makes a member of paths.
func (s *selector) path(t testing.TB, id uint32, value string) pipeline.Member {
	return pipeline.Member{ID: id, Call: call(t, s.grouped, "selector_ingress.set_group", value)}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refer makes an entry with a key of 16 bits that refers to a member or a group.
func refer(table *pipeline.Table, key byte, member, group *uint32) *pipeline.Entry {
	return &pipeline.Entry{Table: table, Match: []pipeline.Match{{Value: []byte{0, key}}}, Member: member, Group: group}
}

// groupPacket is a request with a key of table grouped and a flow; groupValue is what the action wrote into the answer.
func groupPacket(key, flow byte) []byte { return []byte{0, 9, 0, 9, 0, key, 0, flow, 0, 9} }

func groupValue(out []byte) byte { return out[12] }

func TestProfiles(t *testing.T) { bothForms(t, testProfiles) }

func testProfiles(t *testing.T, form bpfgen.Form) {
	s := newSelector(t, form)
	zero, one := uint32(0), uint32(1)
	must(t, s.SetMember(s.paths, s.path(t, 0, "0xa0")))
	must(t, s.SetMember(s.paths, s.path(t, 1, "0xa1")))
	must(t, s.SetGroup(s.paths, pipeline.Group{ID: 1, Members: []uint32{1, 0}}))
	must(t, s.SetGroup(s.paths, pipeline.Group{ID: 2}))
	must(t, s.Insert(refer(s.grouped, 1, &zero, nil), refer(s.grouped, 2, nil, &one)))

	wrong := call(t, s.profiled, "selector_ingress.set_profile", "1")
	for name, refused := range map[string]struct{ got, want error }{
		"member of another profile's action": {s.SetMember(s.paths, pipeline.Member{ID: 5, Call: wrong}), pipeline.ErrNoAction},
		"group without selector":             {s.SetGroup(s.shared, pipeline.Group{ID: 1}), pipeline.ErrBadAction},
		"group of no member":                 {s.SetGroup(s.paths, pipeline.Group{ID: 3, Members: []uint32{7}}), pipeline.ErrNotFound},
		"group that is too large":            {s.SetGroup(s.paths, pipeline.Group{ID: 3, Members: make([]uint32, 1<<9)}), pipeline.ErrBadRange},
		"entry without member":               {s.Insert(refer(s.grouped, 3, &[]uint32{7}[0], nil)), pipeline.ErrNotFound},
		"entry without group":                {s.Modify(refer(s.grouped, 1, nil, &[]uint32{7}[0])), pipeline.ErrNotFound},
		"member in a group":                  {s.DeleteMember(s.paths, 1), pipeline.ErrInUse},
		"member in an entry and a group":     {s.DeleteMember(s.paths, 0), pipeline.ErrInUse},
		"group in an entry":                  {s.DeleteGroup(s.paths, 1), pipeline.ErrInUse},
		"no member":                          {s.DeleteMember(s.paths, 7), pipeline.ErrNotFound},
		"no group":                           {s.DeleteGroup(s.paths, 7), pipeline.ErrNotFound},
		"no profile":                         {s.DeleteGroup(nil, 7), pipeline.ErrNoObject},
	} {
		if !errors.Is(refused.got, refused.want) {
			t.Errorf("%s: %v, want %v", name, refused.got, refused.want)
		}
	}
	for id := uint32(2); id < uint32(s.paths.Size); id++ {
		must(t, s.SetMember(s.paths, s.path(t, id, "0")))
	}
	if err := s.SetMember(s.paths, s.path(t, 99, "0")); !errors.Is(err, pipeline.ErrTableFull) {
		t.Errorf("one member too many: %v", err)
	}

	again := reopen(t, s.Fallback)
	paths := found[*pipeline.ActionProfile](t, "paths")(again.Program().ProfileByName("selector_ingress.paths"))
	same(t, "groups", found[[]pipeline.Group](t, "groups")(again.Groups(paths)),
		[]pipeline.Group{{ID: 1, Members: []uint32{0, 1}}, {ID: 2, Members: []uint32{}}})
	members := found[[]pipeline.Member](t, "members")(again.Members(paths))
	if len(members) != s.paths.Size || members[1].ID != 1 || members[1].Call.Args[0][0] != 0xa1 {
		t.Errorf("members %v", members)
	}
	states := found[[]pipeline.EntryState](t, "entries")(again.Entries(table(t, again, "selector_ingress.grouped")))
	if len(states) != 2 || states[0].Entry.Member == nil == (states[0].Entry.Group == nil) {
		t.Errorf("entries %v", states)
	}

	must(t, s.Delete(refer(s.grouped, 2, nil, nil)))
	must(t, s.DeleteGroup(s.paths, 1))
	must(t, s.DeleteMember(s.paths, 1))
}

// TestModifiedMember: an entry follows its member, and may change to another one or to a group.
func TestModifiedMember(t *testing.T) { bothForms(t, testModifiedMember) }

func testModifiedMember(t *testing.T, form bpfgen.Form) {
	s := newSelector(t, form)
	zero, one := uint32(0), uint32(1)
	must(t, s.SetMember(s.paths, s.path(t, 0, "0xa0")))
	must(t, s.SetMember(s.paths, s.path(t, 1, "0xa1")))
	must(t, s.SetGroup(s.paths, pipeline.Group{ID: 0}))
	must(t, s.Insert(refer(s.grouped, 1, &zero, nil)))
	check := func(want byte) {
		t.Helper()
		if got := groupValue(send(t, s.Fallback, groupPacket(1, 0)...)); got != want {
			t.Errorf("value %#x, want %#x", got, want)
		}
	}
	check(0xa0)
	must(t, s.SetMember(s.paths, s.path(t, 0, "0xb0")))
	check(0xb0)
	must(t, s.Modify(refer(s.grouped, 1, &one, nil)))
	check(0xa1)
	must(t, s.Modify(refer(s.grouped, 1, nil, &zero)))
	check(0) // the group is empty
	must(t, s.SetGroup(s.paths, pipeline.Group{ID: 0, Members: []uint32{1}}))
	check(0xa1)
	states := found[[]pipeline.EntryState](t, "entries")(s.Entries(s.grouped))
	if states[0].Count.Packets != 5 {
		t.Errorf("%d packets counted, want 5", states[0].Count.Packets)
	}
}

// TestGroupsChangeUnderPackets: while a group, its members and an entry change all the time, every packet runs one of the
// members that are there.
func TestGroupsChangeUnderPackets(t *testing.T) { bothForms(t, testGroupsChangeUnderPackets) }

func testGroupsChangeUnderPackets(t *testing.T, form bpfgen.Form) {
	s := newSelector(t, form)
	zero := uint32(0)
	for id, value := range []string{"0xa0", "0xa1", "0xa2", "0xa3"} {
		must(t, s.SetMember(s.paths, s.path(t, uint32(id), value)))
	}
	must(t, s.SetGroup(s.paths, pipeline.Group{ID: 0, Members: []uint32{0, 1}}))
	must(t, s.Insert(refer(s.grouped, 1, nil, &zero)))

	var done atomic.Bool
	ended := make(chan error, 1)
	var packets atomic.Uint64
	go func() {
		defer done.Store(true)
		ended <- s.churn(t, 100, &packets)
	}()
	run := unlocked(t, s.Fallback)
	seen := make(map[byte]int)
	for i := 0; !done.Load(); i++ {
		out, err := run(groupPacket(1, byte(i))...)
		must(t, err)
		seen[groupValue(out)]++
		packets.Add(1)
	}
	must(t, <-ended)
	for value := range seen {
		if value < 0xa0 || value > 0xa3 {
			t.Errorf("value %#x in %v", value, seen)
		}
	}
	if len(seen) < 4 {
		t.Errorf("only %v", seen)
	}
}

// churn lets a group go back and forth between members that come and go. Each group stays until a packet has met it.
func (s *selector) churn(t testing.TB, rounds int, packets *atomic.Uint64) error {
	zero := uint32(0)
	met := func() error {
		for n, end := packets.Load(), time.Now().Add(10*time.Second); packets.Load() < n+2; runtime.Gosched() {
			if time.Now().After(end) {
				return errors.New("no packets")
			}
		}
		return nil
	}
	for range rounds {
		err := errors.Join(
			s.SetMember(s.paths, s.path(t, 2, "0xa2")),
			s.SetMember(s.paths, s.path(t, 3, "0xa3")),
			s.SetGroup(s.paths, pipeline.Group{ID: 0, Members: []uint32{2, 3, 3}}),
			met(),
			s.Modify(refer(s.grouped, 1, &[]uint32{1}[0], nil)),
			s.SetGroup(s.paths, pipeline.Group{ID: 0, Members: []uint32{0, 1}}),
			s.Modify(refer(s.grouped, 1, nil, &zero)),
			s.DeleteMember(s.paths, 3),
			s.DeleteMember(s.paths, 2),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// TestReplaceCarriesObjects: members, groups, value sets and the rates of meters are there after Replace.
func TestReplaceCarriesObjects(t *testing.T) { bothForms(t, testReplaceCarriesObjects) }

func testReplaceCarriesObjects(t *testing.T, form bpfgen.Form) {
	m := newMeters(t, form)
	one := uint32(1)
	must(t, m.SetMember(m.paths, m.path(t, 4, "0xa4")))
	must(t, m.SetGroup(m.paths, pipeline.Group{ID: 1, Members: []uint32{4}}))
	must(t, m.SetGroup(m.paths, pipeline.Group{ID: 2}))
	must(t, m.Insert(refer(m.grouped, 1, nil, &one), m.police(t, 1), m.police(t, 2)))
	must(t, m.SetDirectMeterRates(m.police(t, 2), slow(0, 1)))
	must(t, m.SetMeterRates(m.shapers, 2, slow(0, 0)))
	carried := found[Carried](t, "replace")(m.Replace(t.Context(), nil, source(t, "features/selector")))
	same(t, "carried", carried, Carried{Entries: 3, Members: 1, MemberGroups: 2, Meters: 2, Dropped: map[string]int{}})
	if got := groupValue(send(t, m.Fallback, groupPacket(1, 0)...)); got != 0xa4 {
		t.Errorf("member %#x", got)
	}
	for index, want := range map[byte][2]byte{1: {green, green}, 2: {yellow, red}} {
		if got := colours(send(t, m.Fallback, meterPacket(index)...)); got != want {
			t.Errorf("index %d: colours %v, want %v", index, got, want)
		}
	}

	smaller := source(t, "features/selector")
	smaller.JSON = bytes.ReplaceAll(smaller.JSON, []byte("selector_ingress.set_group"), []byte("selector_ingress.set_other"))
	smaller.P4Info = bytes.ReplaceAll(smaller.P4Info, []byte("selector_ingress.set_group"), []byte("selector_ingress.set_other"))
	carried = found[Carried](t, "replace")(m.Replace(t.Context(), nil, smaller))
	same(t, "carried without the action", carried, Carried{Entries: 2, MemberGroups: 1, Meters: 2,
		Dropped: map[string]int{"selector_ingress.grouped": 1}})
}

func TestReplaceCarriesValueSets(t *testing.T) { bothForms(t, testReplaceCarriesValueSets) }

func testReplaceCarriesValueSets(t *testing.T, form bpfgen.Form) {
	f := testRuns(t, source(t, "features/value_set"), form)
	set := found[*pipeline.ValueSet](t, "services")(f.Program().ValueSetByName("vs_parser.services"))
	must(t, f.SetValueSet(set, [][]pipeline.Match{service(exactly(6), exactly(1, 2))}))
	carried := found[Carried](t, "replace")(f.Replace(t.Context(), nil, source(t, "features/value_set")))
	same(t, "carried", carried, Carried{ValueSets: 1, Dropped: map[string]int{}})
	if got := path(send(t, f, servicePacket(6, 0x102)...)); got != 2 {
		t.Errorf("path %d", got)
	}
}
