package swfallback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// The same entries in a trie, a hash map and a classifier.
var kinds = map[string]struct {
	a, b, changed string // changed is a with another action
}{
	"ipv4_lpm": {
		"ipv4_lpm 10.0.0.0/8 => set_nexthop 7", "ipv4_lpm 10.0.0.0/16 => drop", "ipv4_lpm 10.0.0.0/8 => to_host",
	},
	"nexthop": {
		"nexthop 1 => forward 2 02:00:00:00:00:01 02:00:00:00:00:02", "nexthop 2 => drop", "nexthop 1 => to_host",
	},
	"acl": {
		"acl 5 1&&&0x1ff 10.0.0.1&&&0xffffffff 0&&&0 6&&&0xff 0&&&0 80..443 => drop",
		"acl 6 1&&&0x1ff 10.0.0.1&&&0xffffffff 0&&&0 6&&&0xff 0&&&0 80..443 => permit",
		"acl 5 1&&&0x1ff 10.0.0.1&&&0xffffffff 0&&&0 6&&&0xff 0&&&0 80..443 => permit",
	},
}

func TestInsertModifyDelete(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			f := attachProgram(t, "l3router")
			a, b, changed := entry(t, f, k.a), entry(t, f, k.b), entry(t, f, k.changed)
			checkEntries(t, f, name)
			if err := f.Modify(a); !errors.Is(err, pipeline.ErrNotFound) {
				t.Errorf("modify nothing: %v", err)
			}
			if err := f.Delete(a); !errors.Is(err, pipeline.ErrNotFound) {
				t.Errorf("delete nothing: %v", err)
			}
			if err := f.Insert(a, a); !errors.Is(err, pipeline.ErrExists) {
				t.Errorf("insert twice in one call: %v", err)
			}
			checkEntries(t, f, name)
			insert(t, f, k.a)
			if err := f.Insert(b, changed); !errors.Is(err, pipeline.ErrExists) {
				t.Errorf("insert what is there: %v", err)
			}
			checkEntries(t, f, name, k.a)
			insert(t, f, k.b)
			if err := f.Modify(changed); err != nil {
				t.Fatal(err)
			}
			checkEntries(t, f, name, k.changed, k.b)
			again := reopen(t, f)
			checkEntries(t, again, name, k.changed, k.b)
			if err := again.Delete(entry(t, again, k.b)); err != nil {
				t.Fatal(err)
			}
			checkEntries(t, f, name, k.changed)
			if err := f.Flush(table(t, f, name)); err != nil {
				t.Fatal(err)
			}
			checkEntries(t, again, name)
		})
	}
}

func TestChangesAreAllOrNothingAcrossTables(t *testing.T) {
	f := attachConfig(t, Config{Source: small(source(t, "l3router")), PlainMaps: true})
	insert(t, f, kinds["acl"].a)
	first, second := entry(t, f, kinds["ipv4_lpm"].a), entry(t, f, kinds["acl"].a)
	if err := f.Insert(first, second); !errors.Is(err, pipeline.ErrExists) {
		t.Fatalf("got %v", err)
	}
	checkEntries(t, f, "ipv4_lpm")

	// The kernel refuses in the middle: somebody has filled the map behind our back.
	s := f.gen.stores[table(t, f, "my_station").Index].table()
	for i := range s.entry.MaxEntries() {
		key := make([]byte, s.layout.KeySize)
		binary.BigEndian.PutUint32(key, 0x80000000+i)
		if err := s.entry.Update(key, make([]byte, s.layout.ValueSize), ebpf.UpdateAny); err != nil {
			t.Fatal(err)
		}
	}
	s.loaded, s.size = true, 1<<20 // the store believes that the map is empty
	f.gen.stores[table(t, f, "my_station").Index].(*keyStore).index = map[string]uint32{}
	err := f.Insert(first, entry(t, f, "my_station 1 02:00:00:00:00:01 => route"))
	if !errors.Is(err, pipeline.ErrTableFull) {
		t.Fatalf("got %v, want ErrTableFull", err)
	}
	checkEntries(t, f, "ipv4_lpm")
}

func TestTableFull(t *testing.T) {
	f := attachProgram(t, "l3router")
	var list []*pipeline.Entry
	for i := range 64 {
		list = append(list, entry(t, f, fmt.Sprintf("my_station %d 02:00:00:00:00:01 => route", i)))
	}
	if err := f.Insert(list...); err != nil {
		t.Fatal(err)
	}
	err := f.Insert(entry(t, f, "my_station 100 02:00:00:00:00:01 => route"))
	if !errors.Is(err, pipeline.ErrTableFull) {
		t.Errorf("got %v, want ErrTableFull", err)
	}
	if err := f.Delete(list[3]); err != nil {
		t.Fatal(err)
	}
	insert(t, f, "my_station 100 02:00:00:00:00:01 => route")
}

func TestForeignAndWrongEntries(t *testing.T) {
	f, other := attachProgram(t, "l3router"), attachProgram(t, "l3router")
	foreign := entry(t, other, kinds["nexthop"].a)
	if err := f.Insert(foreign); !errors.Is(err, pipeline.ErrNoTable) {
		t.Errorf("entry of another program: %v", err)
	}
	if _, err := f.Entries(foreign.Table); !errors.Is(err, pipeline.ErrNoTable) {
		t.Errorf("table of another program: %v", err)
	}
	wrong := entry(t, f, kinds["nexthop"].a)
	wrong.Match[0].Value = []byte{1}
	for verb, do := range map[string]func(...*pipeline.Entry) error{"insert": f.Insert, "modify": f.Modify, "delete": f.Delete} {
		if err := do(wrong); !errors.Is(err, pipeline.ErrBadMatch) {
			t.Errorf("%s with a short value: %v", verb, err)
		}
		if err := do(nil); !errors.Is(err, pipeline.ErrNoTable) {
			t.Errorf("%s nil: %v", verb, err)
		}
	}
}

// TestWrongEntryAmongMany inserts the size of a table with one entry that is wrong, behind many that are right.
func TestWrongEntryAmongMany(t *testing.T) {
	texts := map[string]string{
		"ipv4_lpm": "ipv4_lpm 10.%d.0.0/16 => set_nexthop 7",
		"nexthop":  "nexthop %d => drop",
		"acl":      "acl 5 1&&&0x1ff 10.0.0.1&&&0xffffffff 0&&&0 6&&&0xff 0&&&0 %d..443 => drop",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			f := attachProgram(t, "l3router")
			var list []*pipeline.Entry
			for i := range 200 {
				list = append(list, entry(t, f, fmt.Sprintf(text, i)))
			}
			for what, edit := range map[string]func(*pipeline.Entry){
				"value":    func(e *pipeline.Entry) { e.Match[0].Value = []byte{1, 2, 3, 4, 5} },
				"argument": func(e *pipeline.Entry) { e.Call = &pipeline.ActionCall{Action: e.Call.Action, Args: [][]byte{{}}} },
				"priority": func(e *pipeline.Entry) { e.Priority = -1 },
			} {
				wrong := *list[150]
				wrong.Match = slices.Clone(wrong.Match)
				edit(&wrong)
				want := pipeline.CheckEntry(&wrong)
				some := slices.Clone(list)
				some[150] = &wrong
				err := f.Insert(some...)
				if err == nil || !strings.Contains(err.Error(), want.Error()) {
					t.Errorf("%s: got %v, want %v", what, err, want)
				}
				checkEntries(t, f, name)
			}
			if err := f.Insert(list...); err != nil {
				t.Fatal(err)
			}
			if got, err := f.Entries(list[0].Table); err != nil || len(got) != len(list) {
				t.Errorf("%d entries, %v, want %d", len(got), err, len(list))
			}
			wrong := *list[0]
			wrong.Priority = -1
			rest := append(make([]*pipeline.Entry, 0), &wrong)
			for len(rest) <= f.gen.stores[wrong.Table.Index].table().size {
				rest = append(rest, list[0])
			}
			if err := f.Insert(rest...); err == nil || errors.Is(err, pipeline.ErrTableFull) {
				t.Errorf("one wrong entry of too many: %v, want what is wrong with it", err)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	f := attachProgram(t, "l3router")
	acl := table(t, f, "acl")
	call, err := pipeline.ParseCall(acl, "drop", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		set  *pipeline.ActionCall
		want string
	}{{nil, "router_ingress.permit"}, {call, "router_ingress.drop"}, {nil, "router_ingress.permit"}} {
		if err := f.SetDefault(acl, step.set); err != nil {
			t.Fatal(err)
		}
		got, err := reopen(t, f).gen.changedDefault(acl)
		_ = got
		if err == nil {
			t.Error("a table of another program has a default")
		}
		if call, err := f.Default(acl); err != nil || call.Action.Name != step.want {
			t.Errorf("got %v, %v, want %s", call, err, step.want)
		}
	}
	if err := f.SetDefault(acl, &pipeline.ActionCall{Action: table(t, f, "nexthop").Actions[0]}); !errors.Is(err, pipeline.ErrNoAction) {
		t.Errorf("another table's action: %v", err)
	}
}

// TestCountersFollowTheirEntry writes counts into the map as packets would.
func TestCountersFollowTheirEntry(t *testing.T) {
	f := attachProgram(t, "l3router")
	insert(t, f, kinds["ipv4_lpm"].a, kinds["ipv4_lpm"].b)
	count := func(f *Fallback, e *pipeline.Entry) pipeline.Count {
		states, err := f.Entries(e.Table)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if pipeline.EntryKey(s.Entry) == pipeline.EntryKey(e) {
				return s.Count
			}
		}
		t.Fatalf("%s is not there", pipeline.FormatEntry(e))
		return pipeline.Count{}
	}
	a := entry(t, f, kinds["ipv4_lpm"].a)
	s := f.gen.stores[a.Table.Index]
	slot, err := s.slotOf(a)
	if err != nil {
		t.Fatal(err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	perCPU := make([]countValue, cpus)
	for i := range perCPU {
		perCPU[i] = countValue{1, 100}
	}
	switch c := s.table().counter.(type) {
	case mapCounter:
		must(t, c.m.Put(slot, perCPU))
	case *arenaCounter:
		for cpu, v := range perCPU {
			c.mem.Store(c.table.CounterAt(slot, cpu), v.Packets)
			c.mem.Store(c.table.CounterAt(slot, cpu)+8, v.Bytes)
		}
	}
	want := pipeline.Count{Packets: uint64(cpus), Bytes: uint64(100 * cpus)}
	if got := count(f, a); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := f.Modify(entry(t, f, kinds["ipv4_lpm"].changed)); err != nil {
		t.Fatal(err)
	}
	again := reopen(t, f)
	if got := count(again, entry(t, again, kinds["ipv4_lpm"].a)); got != want {
		t.Errorf("after modify, reopened: got %v, want %v", got, want)
	}
	// The slot is free again, also for another process, and its next entry starts at 0.
	if err := f.Delete(a); err != nil {
		t.Fatal(err)
	}
	insert(t, again, "ipv4_lpm 192.168.0.0/16 => drop")
	if got := count(again, entry(t, again, "ipv4_lpm 192.168.0.0/16 => drop")); got != (pipeline.Count{}) {
		t.Errorf("a new entry starts at %v", got)
	}
	if used := again.gen.stores[a.Table.Index].table().slots.high; used != 2 {
		t.Errorf("slots up to %d are used, want 2", used)
	}
}

func TestIdleTime(t *testing.T) {
	f := attachProgram(t, "l2switch")
	e := entry(t, f, "dmac 10 02:00:00:00:00:01 => forward 1")
	e.IdleTimeout = 3 * time.Second
	if err := f.Insert(e); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	states, err := reopen(t, f).Entries(e.Table)
	if err == nil {
		t.Errorf("a table of another program lists %v", states)
	}
	states, err = f.Entries(e.Table)
	if err != nil || len(states) != 1 {
		t.Fatalf("%v, %v", states, err)
	}
	if idle := states[0].IdleFor; idle < 10*time.Millisecond || idle > time.Minute {
		t.Errorf("idle for %v", idle)
	}
	if states[0].Entry.IdleTimeout != e.IdleTimeout {
		t.Errorf("time-out %v", states[0].Entry.IdleTimeout)
	}
}

func TestMulticastGroups(t *testing.T) {
	f := attachProgram(t, "l2switch")
	group := pipeline.MulticastGroup{ID: 5, Replicas: []pipeline.Replica{{Port: 1}, {Port: 2, Instance: 7}}}
	if err := f.SetMulticastGroup(group); err != nil {
		t.Fatal(err)
	}
	groups, err := reopen(t, f).MulticastGroups()
	if err != nil || fmt.Sprint(groups) != fmt.Sprint([]pipeline.MulticastGroup{group}) {
		t.Errorf("groups %v, %v", groups, err)
	}
	if err := f.SetMulticastGroup(pipeline.MulticastGroup{ID: 5}); err != nil {
		t.Fatal(err)
	}
	if groups, err := f.MulticastGroups(); err != nil || len(groups) != 0 {
		t.Errorf("left: %v, %v", groups, err)
	}
	if err := f.SetMulticastGroup(pipeline.MulticastGroup{}); !errors.Is(err, pipeline.ErrBadRange) {
		t.Errorf("group 0: %v", err)
	}
	group.Replicas = make([]pipeline.Replica, f.gen.object.Options.MaxReplicas+1)
	if err := f.SetMulticastGroup(group); err == nil {
		t.Error("a group of too many replicas")
	}
	if err := attachProgram(t, "l3router").SetMulticastGroup(group); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a program without groups: %v", err)
	}
}

// TestCloneSessions needs a program that clones to be compiled.
func TestCloneSessions(t *testing.T) {
	f := attachProgram(t, "features/replicate")
	if err := f.SetCloneSession(pipeline.CloneSession{ID: 3, Multicast: 5, Truncate: 64}); err != nil {
		t.Fatal(err)
	}
	group := pipeline.MulticastGroup{ID: 5, Replicas: []pipeline.Replica{{Port: 1}, {Port: 2, Instance: 7}}}
	if err := f.SetMulticastGroup(group); err != nil {
		t.Fatal(err)
	}
	sessions, err := reopen(t, f).CloneSessions()
	if err != nil || len(sessions) != 1 || sessions[0].Multicast != 5 || sessions[0].Truncate != 64 || sessions[0].Replicas != nil {
		t.Errorf("sessions %v, %v", sessions, err)
	}
	inner, err := f.gen.cloneSessions()
	if err != nil || fmt.Sprint(inner[0].Replicas) != fmt.Sprint(group.Replicas) {
		t.Errorf("the session did not follow its group: %v, %v", inner, err)
	}
	if err := f.SetCloneSession(pipeline.CloneSession{ID: 3}); err != nil {
		t.Fatal(err)
	}
	if sessions, err := f.CloneSessions(); err != nil || len(sessions) != 0 {
		t.Errorf("left: %v, %v", sessions, err)
	}
	if err := f.SetCloneSession(pipeline.CloneSession{ID: 1 << 15}); !errors.Is(err, pipeline.ErrBadRange) {
		t.Errorf("session 32768: %v", err)
	}
}

// routes makes n routes of 24 to 32 bits.
func routes(t testing.TB, f *Fallback, n int) []*pipeline.Entry {
	lpm := table(t, f, "ipv4_lpm")
	call, err := pipeline.ParseCall(lpm, "set_nexthop", []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*pipeline.Entry, n)
	for i := range list {
		list[i] = &pipeline.Entry{
			Table: lpm, Call: call,
			Match: []pipeline.Match{{Value: binary.BigEndian.AppendUint32(nil, uint32(i)<<4), Prefix: 28}},
		}
	}
	return list
}

func nexthops(t testing.TB, f *Fallback, n int) []*pipeline.Entry {
	nexthop := table(t, f, "nexthop")
	call, err := pipeline.ParseCall(nexthop, "forward", []string{"1", "02:00:00:00:00:01", "02:00:00:00:00:02"})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]*pipeline.Entry, n)
	for i := range list {
		list[i] = &pipeline.Entry{
			Table: nexthop, Call: call,
			Match: []pipeline.Match{{Value: binary.BigEndian.AppendUint16(nil, uint16(i))}},
		}
	}
	return list
}

// cpuTime is the time that the process has spent on all CPUs, in user space and in the kernel: what a machine with
// other work leaves comparable.
func cpuTime(b *testing.B) time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkInsert inserts, reads and deletes whole tables, each in one call.
func BenchmarkInsert(b *testing.B) {
	for name, list := range map[string]func(testing.TB, *Fallback) []*pipeline.Entry{
		"hash": func(t testing.TB, f *Fallback) []*pipeline.Entry { return nexthops(t, f, 65536) },
		"trie": func(t testing.TB, f *Fallback) []*pipeline.Entry { return routes(t, f, 1<<20) },
	} {
		b.Run(name, func(b *testing.B) {
			f := attachSource(b, source(b, "l3router"))
			all := list(b, f)
			b.ReportAllocs()
			var inserting, dumping, deleting time.Duration
			for b.Loop() {
				start := cpuTime(b)
				if err := f.Insert(all...); err != nil {
					b.Fatal(err)
				}
				inserting += cpuTime(b) - start
				start = cpuTime(b)
				if got, err := f.Entries(all[0].Table); err != nil || len(got) != len(all) {
					b.Fatalf("%d entries, %v", len(got), err)
				}
				dumping += cpuTime(b) - start
				start = cpuTime(b)
				if err := f.Delete(all...); err != nil {
					b.Fatal(err)
				}
				deleting += cpuTime(b) - start
			}
			perSecond := func(d time.Duration) float64 { return float64(len(all)*b.N) / d.Seconds() }
			b.ReportMetric(perSecond(inserting), "inserts/cpu-s")
			b.ReportMetric(perSecond(dumping), "reads/cpu-s")
			b.ReportMetric(perSecond(deleting), "deletes/cpu-s")
		})
	}
}
