package interp_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// route is an entry of l3router's ipv4_lpm.
func route(tb testing.TB, sw *interp.Switch, prefix int, nexthop byte, addr ...byte) *pipeline.Entry {
	tb.Helper()
	table, err := sw.Program().TableByName("ipv4_lpm")
	if err != nil {
		tb.Fatal(err)
	}
	action, err := table.ActionByName("set_nexthop")
	if err != nil {
		tb.Fatal(err)
	}
	return &pipeline.Entry{Table: table, Match: []pipeline.Match{{Value: addr, Prefix: prefix}},
		Call: &pipeline.ActionCall{Action: action, Args: [][]byte{{0, nexthop}}}}
}

func TestEntryErrors(t *testing.T) {
	sw := load(t, "l3router", interp.Options{})
	a, b := route(t, sw, 8, 1, 10, 0, 0, 0), route(t, sw, 16, 2, 10, 1, 0, 0)
	if err := sw.Insert(a); err != nil {
		t.Fatal(err)
	}
	count := func(want int) {
		t.Helper()
		if got, err := sw.Entries(a.Table); err != nil || len(got) != want {
			t.Errorf("%d entries, %v; want %d", len(got), err, want)
		}
	}
	wrong := route(t, sw, 8, 1, 10, 0, 0, 1) // bits behind the prefix
	gone := route(t, sw, 24, 1, 10, 9, 9, 0)
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"insert again", sw.Insert(b, a), pipeline.ErrExists},
		{"insert misfit", sw.Insert(b, wrong), pipeline.ErrBadMatch},
		{"insert nothing", sw.Insert(b, nil), pipeline.ErrNoTable},
		{"modify none", sw.Modify(a, gone), pipeline.ErrNotFound},
		{"delete none", sw.Delete(a, gone), pipeline.ErrNotFound},
		{"foreign table", sw.Insert(&pipeline.Entry{Table: &pipeline.Table{}}), pipeline.ErrNoTable},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
		count(1) // all or nothing
	}
	next := route(t, sw, 8, 7, 10, 0, 0, 0)
	if err := sw.Modify(next); err != nil {
		t.Error(err)
	}
	if got := entry(t, sw, "ipv4_lpm"); got.Call.Args[0][1] != 7 {
		t.Errorf("after modify: %v", got.Call)
	}
	if err := sw.Delete(a); err != nil {
		t.Error(err)
	}
	count(0)
}

func TestTableFull(t *testing.T) {
	sw := load(t, "l3router", interp.Options{})
	table, err := sw.Program().TableByName("my_station")
	if err != nil {
		t.Fatal(err)
	}
	action, err := table.ActionByName("route")
	if err != nil {
		t.Fatal(err)
	}
	station := func(n int) *pipeline.Entry {
		return &pipeline.Entry{Table: table, Call: &pipeline.ActionCall{Action: action},
			Match: []pipeline.Match{{Value: []byte{0, 1}}, {Value: []byte{2, 0, 0, 0, byte(n >> 8), byte(n)}}}}
	}
	for i := range table.Size {
		if err := sw.Insert(station(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sw.Insert(station(table.Size)); !errors.Is(err, pipeline.ErrTableFull) {
		t.Errorf("got %v, want %v", err, pipeline.ErrTableFull)
	}
}

func TestImmutable(t *testing.T) {
	sw := load(t, "features/keys", interp.Options{})
	found := false
	for _, table := range sw.Program().Tables {
		if !table.Immutable || len(table.Entries) == 0 {
			continue
		}
		found = true
		if err := sw.Delete(table.Entries[0]); !errors.Is(err, pipeline.ErrImmutable) {
			t.Errorf("%s: delete: %v", table.Name, err)
		}
		if states, err := sw.Entries(table); err != nil || len(states) != len(table.Entries) {
			t.Errorf("%s: %d entries, %v; want the program's %d", table.Name, len(states), err, len(table.Entries))
		}
	}
	if !found {
		t.Error("no table with entries of the program")
	}
}

func TestDefaults(t *testing.T) {
	sw := load(t, "l3router", interp.Options{})
	table := route(t, sw, 0, 0, 0, 0, 0, 0).Table
	program, err := sw.Default(table)
	if err != nil {
		t.Fatal(err)
	}
	call := route(t, sw, 0, 9, 0, 0, 0, 0).Call
	if err := sw.SetDefault(table, call); err != nil {
		t.Fatal(err)
	}
	if got, _ := sw.Default(table); got == nil || got.Action != call.Action || got.Args[0][1] != 9 {
		t.Errorf("default after setting it: %v", got)
	}
	if err := sw.SetDefault(table, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := sw.Default(table); (got == nil) != (program == nil) || got != nil && got.Action != program.Action {
		t.Errorf("default after resetting it: %v, want %v", got, program)
	}
}

func TestProfileReferences(t *testing.T) {
	sw := load(t, "load_balancer", interp.Options{})
	play(t, sw, stf.ReadCommands, `
		act_prof_create_member backends to_backend 10.100.0.1 02:00:00:00:00:e0 4
		act_prof_create_group backends
		act_prof_add_member_to_group backends 0 0
		table_indirect_add_with_group backend 198.51.100.1 80 => 0`)
	p := sw.Program().Profiles[0]
	if err := sw.DeleteMember(p, 0); !errors.Is(err, pipeline.ErrInUse) {
		t.Errorf("delete a member of a group: %v", err)
	}
	if err := sw.DeleteGroup(p, 0); !errors.Is(err, pipeline.ErrInUse) {
		t.Errorf("delete a group of an entry: %v", err)
	}
	if err := sw.SetGroup(p, pipeline.Group{ID: 1, Members: []uint32{5}}); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("group of a member that does not exist: %v", err)
	}
	if err := sw.Delete(entry(t, sw, "backend")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sw.DeleteGroup(p, 0), sw.DeleteMember(p, 0)); err != nil {
		t.Error(err)
	}
	if err := sw.DeleteGroup(p, 0); !errors.Is(err, pipeline.ErrNotFound) {
		t.Errorf("delete a group twice: %v", err)
	}
}

// TestConcurrency changes a route while packets pass: each of them goes one way or the other.
func TestConcurrency(t *testing.T) {
	sw := configured(t, "l3router")
	packet := routed(t, sw)
	narrow := route(t, sw, 32, 1, 10, 1, 1, 1)
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for range 200 {
				if out, err := sw.Process(1, packet); err != nil || len(out) != 1 {
					t.Errorf("got %d packets, %v", len(out), err)
				}
			}
		})
	}
	wait.Go(func() {
		for range 200 {
			if err := errors.Join(sw.Insert(narrow), sw.Delete(narrow)); err != nil {
				t.Error(err)
			}
			sw.Sweep()
		}
	})
	wait.Wait()
}
