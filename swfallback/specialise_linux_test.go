package swfallback

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// routerChange makes entries of l3router that agree with nearby packets: of several kinds of tables, so few that all can
// be part of the program.
func routerChange(r *rand.Rand) (match, action string) {
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("my_station 1 02:00:00:00:00:%02x", 1+r.IntN(2)*r.IntN(9)), "route"
	case 1:
		n := r.IntN(20)
		return fmt.Sprintf("ipv4_lpm %#x/%d", near(r)&^(1<<(32-n)-1), n), fmt.Sprintf("set_nexthop %d", r.IntN(4))
	case 2:
		a, n := near6(r), r.IntN(129)
		for bit := n; bit < 128; bit++ {
			a[bit/8] &^= 0x80 >> (bit % 8)
		}
		return fmt.Sprintf("ipv6_lpm 0x%x/%d", a, n), fmt.Sprintf("set_nexthop %d", r.IntN(4))
	case 3:
		return fmt.Sprintf("nexthop %d", r.IntN(4)), fmt.Sprintf("forward %d 02:00:00:00:00:02 02:00:00:00:00:03", 2+r.IntN(9))
	}
	masks := [...]uint32{0, 0xff000000, 0xffffffff, 0x00ff00ff}
	m, low := masks[r.IntN(4)], r.IntN(3)*r.IntN(300)
	return fmt.Sprintf("acl %d 0&&&0 %#x&&&%#x 0&&&0 0&&&0 0&&&0 %d..%d", 1+r.IntN(1<<20), near(r)&m, m, low,
		min(65535, low+r.IntN(3)*40000)), [...]string{"permit", "drop"}[r.IntN(2)]
}

// routerStep inserts, modifies or deletes an entry that routerChange makes.
func (w *twin) routerStep() {
	match, action := routerChange(w.random)
	if n := w.random.IntN(8); n < 4 || len(w.have) == 0 {
		if w.both("insert", match+" => "+action) {
			w.have = append(w.have, match)
		}
		return
	}
	i := w.random.IntN(len(w.have))
	verb, old := [...]string{"modify", "delete"}[w.random.IntN(2)], w.have[i]
	for of, _, _ := strings.Cut(old, " "); !strings.HasPrefix(match, of+" "); {
		match, action = routerChange(w.random)
	}
	if w.both(verb, old+" => "+action) && verb == "delete" {
		w.have = slices.Delete(w.have, i, i+1)
	}
}

// TestSpecialise compares a program that is specialised again and again with the interpreter, while entries and default
// actions change: before and after a change, what it counts, and what another process reads of it.
func TestSpecialise(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testSpecialise(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func testSpecialise(t *testing.T, r *rand.Rand) {
	w := newTwin(t, "l3router", bpfgen.Options{}, "my_station 1 02:00:00:00:00:01 => route")
	w.random = r
	made := 0
	for range 25 {
		for range r.IntN(4) {
			w.routerStep()
		}
		if r.IntN(4) == 0 {
			w.setDefault("acl", [...]string{"permit", "drop"}[r.IntN(2)])
		}
		other := w.f
		if r.IntN(3) == 0 {
			other = reopen(t, w.f)
		}
		done, err := other.Specialise(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := other.Specialise(t.Context()); err != nil || !again.Again || !slices.Equal(again.Tables, done.Tables) {
			t.Fatalf("again: %+v, %v, after %+v", again, err, done)
		}
		if !done.Again && other == w.f {
			made++
		}
		w.packets(30)
		if r.IntN(2) == 0 {
			w.routerStep()
			w.packets(10)
		}
	}
	if made < 5 {
		t.Errorf("specialised %d times", made)
	}
	for _, name := range []string{"my_station", "ipv4_lpm", "ipv6_lpm", "nexthop", "acl"} {
		w.sameCounts(name)
	}
}

// packets compares what becomes of packets.
func (w *twin) packets(n int) {
	w.t.Helper()
	for range n {
		w.compare(packet4(near(w.random), near(w.random), uint16(w.random.IntN(5)), uint16(w.random.IntN(700))))
		w.compare(packet6(near6(w.random)))
	}
}

// setDefault sets a default action without arguments in both.
func (w *twin) setDefault(name, action string) {
	w.t.Helper()
	of := table(w.t, w.f, name)
	i := slices.IndexFunc(of.Actions, func(a *pipeline.Action) bool { return strings.HasSuffix(a.Name, action) })
	if i < 0 {
		w.t.Fatalf("table %s has no action %s", name, action)
	}
	call := &pipeline.ActionCall{Action: of.Actions[i]}
	if err := errors.Join(w.f.SetDefault(of, call), w.sw.SetDefault(of, call)); err != nil {
		w.t.Fatal(err)
	}
}

// sameCounts compares entries and what they have counted.
func (w *twin) sameCounts(name string) {
	w.t.Helper()
	got, err := w.f.Entries(table(w.t, w.f, name))
	if err != nil {
		w.t.Fatal(err)
	}
	want, err := w.sw.Entries(table(w.t, w.f, name))
	if err != nil {
		w.t.Fatal(err)
	}
	if a, b := states(got), states(want); !slices.Equal(a, b) {
		w.t.Errorf("%s: got\n%q\nwant\n%q", name, a, b)
	}
}

// TestSpecialisedIsOutdated: the first packet after a change of a table finds it, and a change of one that holds too much
// leaves the others specialised.
func TestSpecialisedIsOutdated(t *testing.T) {
	w := newTwin(t, "l3router", bpfgen.Options{}, "my_station 1 02:00:00:00:00:01 => route",
		"nexthop 1 => forward 2 02:00:00:00:00:02 02:00:00:00:00:03", "nexthop 2 => forward 3 02:00:00:00:00:02 02:00:00:00:00:03")
	for i := range bpfgen.MostKnown + 1 {
		w.both("insert", fmt.Sprintf("ipv4_lpm 10.%d.0.0/16 => set_nexthop 1", i))
	}
	done, err := w.f.Specialise(t.Context())
	if err != nil || slices.Contains(done.Tables, "router_ingress.ipv4_lpm") || !slices.Contains(done.Tables, "router_ingress.nexthop") {
		t.Fatalf("%+v, %v", done, err)
	}
	goes := func(want uint32) {
		t.Helper()
		v, err := w.f.Process(t.Context(), 1, packet4(1, 10<<24|1, 6, 1))
		if err != nil || v.Port != want {
			t.Errorf("to port %d, %v; want %d", v.Port, err, want)
		}
	}
	goes(2)
	w.both("modify", "ipv4_lpm 10.0.0.0/16 => set_nexthop 2")
	if goes(3); !w.f.gen.trusted() {
		t.Error("a change of a table that is not known outdates what is known")
	}
	for port := uint32(4); port < 8; port++ {
		w.both("modify", fmt.Sprintf("nexthop 2 => forward %d 02:00:00:00:00:02 02:00:00:00:00:03", port))
		if goes(port); w.f.gen.trusted() {
			t.Fatal("packets go by what is not so any more")
		}
		if _, err := w.f.Specialise(t.Context()); err != nil {
			t.Fatal(err)
		}
		if goes(port); !w.f.gen.trusted() {
			t.Fatal("packets do not go by what is known")
		}
	}
	again := reopen(t, w.f)
	if err := again.Delete(entry(t, again, "nexthop 2 => forward 4 02:00:00:00:00:02 02:00:00:00:00:03")); err != nil {
		t.Fatal(err)
	}
	if v, err := w.f.Process(t.Context(), 1, packet4(1, 10<<24|1, 6, 1)); err != nil || v.Fate != bpfgen.FateHost {
		t.Errorf("after another process deleted the next hop: %+v, %v", v, err)
	}
}

// TestSpecialiseRefuses programs that cannot be specialised, and leaves them as they are.
func TestSpecialiseRefuses(t *testing.T) {
	for name, config := range map[string]Config{
		"general":    {Options: bpfgen.Options{Form: bpfgen.FormGeneral}},
		"plain maps": {PlainMaps: true},
	} {
		config.Source = small(source(t, "l3router"))
		f := attachConfig(t, config)
		if done, err := f.Specialise(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
}

// TestKeepSpecialised specialises when tables rest, and once only.
func TestKeepSpecialised(t *testing.T) {
	w := newTwin(t, "l3router", bpfgen.Options{}, "my_station 1 02:00:00:00:00:01 => route")
	enough := errors.New("enough")
	ctx, end := context.WithCancelCause(t.Context())
	n := 0
	err := w.f.keepSpecialised(ctx, time.Millisecond, 0, func(s Specialised) {
		if n++; n == 3 {
			end(enough)
			return
		}
		w.both("insert", fmt.Sprintf("nexthop %d => forward 2 02:00:00:00:00:02 02:00:00:00:00:03", n))
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%d times, %v", n, err)
	}
}
