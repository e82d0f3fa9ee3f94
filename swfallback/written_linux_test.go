package swfallback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// writtenRouter is l3router with constant entries in all the tables of the ways through ingress: exact, lpm, and ternary
// with a range.
func writtenRouter(t *testing.T, r *rand.Rand, most int) *pipeline.Program {
	p, err := small(source(t, "l3router")).Program()
	if err != nil {
		t.Fatal(err)
	}
	give := func(name string, priority func() int32, make func() (match []string, action string, args []string)) {
		table, err := p.TableByName(name)
		if err != nil {
			t.Fatal(err)
		}
		table.Immutable = true
		seen := map[string]bool{}
		for range 1 + r.IntN(most) {
			match, action, args := make()
			e, err := pipeline.ParseEntry(p, name, match, action, args, priority())
			if err != nil {
				t.Fatal(err)
			}
			if key := pipeline.EntryKey(e); !seen[key] {
				seen[key] = true
				table.Entries = append(table.Entries, e)
			}
		}
	}
	none := func() int32 { return 0 }
	give("my_station", none, func() ([]string, string, []string) {
		return []string{"1", fmt.Sprintf("02:00:00:00:00:%02x", 1+r.IntN(2)*r.IntN(9))}, "route", nil
	})
	give("ipv4_lpm", none, func() ([]string, string, []string) {
		n := r.IntN(20)
		return []string{fmt.Sprintf("%#x/%d", near(r)&^(1<<(32-n)-1), n)}, "set_nexthop", []string{fmt.Sprint(r.IntN(4))}
	})
	give("ipv6_lpm", none, func() ([]string, string, []string) {
		a, n := near6(r), r.IntN(129)
		for bit := n; bit < 128; bit++ {
			a[bit/8] &^= 0x80 >> (bit % 8)
		}
		return []string{fmt.Sprintf("0x%x/%d", a, n)}, "set_nexthop", []string{fmt.Sprint(r.IntN(4))}
	})
	give("nexthop", none, func() ([]string, string, []string) {
		return []string{fmt.Sprint(r.IntN(4))}, "forward", []string{fmt.Sprint(2 + r.IntN(9)), "02:00:00:00:00:02", "02:00:00:00:00:03"}
	})
	give("acl", func() int32 { return 1 + r.Int32N(1<<20) }, func() ([]string, string, []string) {
		masks := [...]uint32{0, 0xff000000, 0xffffffff, 0x00ff00ff}
		m, low := masks[r.IntN(4)], r.IntN(3)*r.IntN(300)
		return []string{"0&&&0", fmt.Sprintf("%#x&&&%#x", near(r)&m, m), "0&&&0", "0&&&0", "0&&&0",
			fmt.Sprintf("%d..%d", low, min(65535, low+r.IntN(3)*40000))}, [...]string{"permit", "drop"}[r.IntN(2)], nil
	})
	return p
}

// TestWrittenEntries compares constant entries with the interpreter's, in both forms: where packets go, what is listed
// and what is counted.
func TestWrittenEntries(t *testing.T) {
	for _, form := range []bpfgen.Form{bpfgen.FormSpecial, bpfgen.FormGeneral} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(form, seed), func(t *testing.T) { testWritten(t, form, rand.New(rand.NewPCG(seed, 8))) })
		}
	}
}

func testWritten(t *testing.T, form bpfgen.Form, r *rand.Rand) {
	p := writtenRouter(t, r, 8)
	w := &twin{t: t, random: r}
	w.f = attachConfig(t, Config{Program: p, Options: bpfgen.Options{Form: form, Verdict: true}})
	var err error
	if w.sw, err = interp.New(p, interp.Options{}); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		w.compare(packet4(near(r), near(r), uint16(r.IntN(5)), uint16(r.IntN(700))))
		w.compare(packet6(near6(r)))
	}
	for _, name := range []string{"my_station", "ipv4_lpm", "ipv6_lpm", "nexthop", "acl"} {
		table := table(t, w.f, name)
		layout := w.f.gen.object.Tables[table.Index]
		if !layout.Written {
			t.Errorf("%s is not written out", name)
		}
		if m := w.f.gen.object.Spec.Maps[layout.CounterMap]; m != nil && int(m.MaxEntries) != len(table.Entries)+1 {
			t.Errorf("%s: %d counters for %d entries", name, m.MaxEntries, len(table.Entries))
		}
		got, err := w.f.Entries(table)
		if err != nil {
			t.Fatal(err)
		}
		want, err := w.sw.Entries(table)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := states(got), states(want); !slices.Equal(a, b) || len(a) != len(table.Entries) {
			t.Errorf("%s: got\n%q\nwant\n%q", name, a, b)
		}
		if err := w.f.Delete(table.Entries[0]); !errors.Is(err, pipeline.ErrImmutable) {
			t.Errorf("%s: delete: %v", name, err)
		}
	}
}

// states are entries with their counts as text, sorted.
func states(list []pipeline.EntryState) (out []string) {
	for _, s := range list {
		out = append(out, fmt.Sprint(pipeline.FormatEntry(s.Entry), s.Count))
	}
	slices.Sort(out)
	return out
}

// TestManyConstantEntries keeps those in maps that are too many to be written out.
func TestManyConstantEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	p := writtenRouter(t, r, 8)
	acl, err := p.TableByName("acl")
	if err != nil {
		t.Fatal(err)
	}
	for i := len(acl.Entries); i < 12; i++ {
		e := *acl.Entries[0]
		e.Priority = int32(1<<21 + i)
		acl.Entries = append(acl.Entries, &e)
	}
	f := attachConfig(t, Config{Program: p, Options: bpfgen.Options{}})
	if layout := f.gen.object.Tables[acl.Index]; layout.Written || layout.Map == "" {
		t.Errorf("12 entries: %+v", layout)
	}
	got, err := f.Entries(acl)
	if err != nil || len(got) != 12 {
		t.Errorf("%d entries, %v", len(got), err)
	}
}
