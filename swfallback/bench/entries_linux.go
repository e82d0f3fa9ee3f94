package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// filling is a table with the entries that go into it, and the same as elements of one of the kernel's own maps.
type filling struct {
	name         string
	program      *pipeline.Program
	table        string
	entries      func(*pipeline.Table) []*pipeline.Entry
	kind         ebpf.MapType // that the elements go into
	keys, values []byte
	n            int
}

func fillings() ([]filling, error) {
	const n = 1_000_000
	exact, t := exactTable(n)
	list := addresses(n)
	f := filling{name: "exact", program: exact, table: t.Name, n: n, kind: ebpf.Hash,
		entries: func(t *pipeline.Table) []*pipeline.Entry { return exactEntries(t, list) }}
	f.keys, f.values = plainElements(list)
	all := []filling{f}
	source, err := sourceOf("l3router")
	if err != nil {
		return nil, err
	}
	for _, lpm := range []*lpmTable{table4(), table6()} {
		program, err := source.Program()
		if err != nil {
			return nil, err
		}
		f := filling{name: lpm.table, program: program, table: lpm.table, n: len(lpm.routes), kind: ebpf.LPMTrie,
			entries: func(t *pipeline.Table) []*pipeline.Entry { return lpm.entries(t, lpm.routes) }}
		f.keys, f.values = lpm.elements(lpm.routes, 1)
		all = append(all, f)
	}
	const few = 10_240
	ternary, t := ternaryTable(few, pipeline.MatchTernary)
	f = filling{name: "ternary, 192 masks", program: ternary, table: t.Name, n: few, kind: ebpf.Hash,
		entries: func(t *pipeline.Table) []*pipeline.Entry { return ruleEntries(t, rules(few, 192, false)) }}
	for i, r := range rules(few, 192, false) {
		f.keys, f.values = append(append(f.keys, r.value.bytesOf()...), r.mask.bytesOf()...), append(f.values, words(uint32(i), 2)...)
	}
	return append(all, f), nil
}

// plain makes a map of the kernel's own for the elements.
func (f *filling) plain(kind ebpf.MapType) (*ebpf.Map, error) {
	spec := &ebpf.MapSpec{Name: "plain", Type: kind, KeySize: uint32(len(f.keys) / f.n), ValueSize: uint32(len(f.values) / f.n),
		MaxEntries: uint32(f.n)}
	if kind == ebpf.LPMTrie {
		spec.Flags = 1 // BPF_F_NO_PREALLOC, which tries must have
	}
	return ebpf.NewMap(spec)
}

// batch is how many entries go into a table with one call.
const batch = 1 << 16

// insertRow compares rates of insertion: CPU time of the one thread that does it.
func insertRow(ctx context.Context, l *lab, out *Row) error {
	all, err := fillings()
	if err != nil {
		return err
	}
	for _, f := range all {
		var ours, again, filled, made []float64
		rounds := min(l.rounds, 3)
		if f.n <= batch { // a fill takes about a millisecond, and what it finds in caches differs much
			rounds = 5 * l.rounds
		}
		for range rounds {
			if err := ctx.Err(); err != nil {
				return err
			}
			fill, whole, err := f.insertPlain()
			if err != nil {
				return err
			}
			filled, made = append(filled, fill), append(made, whole)
			first, second, err := l.insertOurs(ctx, &f)
			if err != nil {
				return err
			}
			ours, again = append(ours, first), append(again, second)
		}
		name := fmt.Sprintf("%s, %s", f.name, strings.TrimSpace(label(f.n, "entries")))
		fill, whole := statOf(filled), statOf(made)
		for _, p := range []Point{
			{Label: name, Ours: statOf(ours), Yard: &fill},
			{Label: name + ", map made in the time", Ours: statOf(ours), Yard: &whole},
			{Label: name + ", again", Ours: statOf(again), Yard: &fill},
		} {
			out.Points = append(out.Points, p)
			if f.n > batch && p.Yard == &fill {
				out.atLeast(p.Label+", M per second", p.Ours.Median, 1)
			}
			out.atLeast(p.Label+", p4dev / plain hash map", p.Ratio(), 0.7)
		}
	}
	return nil
}

// insertPlain fills a plain hash map in batches and returns millions of elements per second: as it is filled, and with
// the time that it takes to make the map, when it gets its memory.
func (f *filling) insertPlain() (filled, made float64, err error) {
	before := threadTime()
	m, err := f.plain(ebpf.Hash)
	if err != nil {
		return 0, 0, err
	}
	defer m.Close()
	start := threadTime()
	for done := 0; done < f.n; done += batch {
		n := min(batch, f.n-done)
		k, v := len(f.keys)/f.n, len(f.values)/f.n
		if _, err := bpfrun.UpdateBatch(m, f.keys[done*k:][:n*k], f.values[done*v:][:n*v], n); err != nil {
			return 0, 0, err
		}
	}
	end := threadTime()
	return float64(f.n) / (end - start).Seconds() / 1e6, float64(f.n) / (end - before).Seconds() / 1e6, nil
}

// insertOurs fills the table of a program of its own, then empties it and fills it again twice: the last time all memory
// has been touched before, as that of the kernel's map has been when it was made.
func (l *lab) insertOurs(ctx context.Context, f *filling) (first, again float64, err error) {
	t, err := l.attach(ctx, f.program, bpfgen.Options{}, nil)
	if err != nil {
		return 0, 0, err
	}
	table, err := t.Program().TableByName(f.table)
	if err != nil {
		return 0, 0, err
	}
	entries := f.entries(table)
	if first, err = fill(t, entries); err != nil {
		return 0, 0, err
	}
	for range 2 {
		if err := t.Delete(entries...); err != nil {
			return 0, 0, err
		}
		if again, err = fill(t, entries); err != nil {
			return 0, 0, err
		}
	}
	return first, again, nil
}

// fill inserts entries in batches and returns millions of them per second.
func fill(t *target, entries []*pipeline.Entry) (float64, error) {
	runtime.GC()
	start := threadTime()
	for some := range slices.Chunk(entries, batch) {
		if err := t.Insert(some...); err != nil {
			return 0, err
		}
	}
	return float64(len(entries)) / (threadTime() - start).Seconds() / 1e6, nil
}

// loadRow measures the time from the bytes of a program to a program attached to two ports.
func loadRow(ctx context.Context, l *lab, out *Row) error {
	for _, name := range []string{"l3router", "l2switch", "vxlan_gateway"} {
		var sample []float64
		for range l.rounds {
			d, err := l.load(ctx, name)
			if err != nil {
				return err
			}
			sample = append(sample, float64(d.Microseconds())/1000)
		}
		out.Points = append(out.Points, Point{Label: name, Ours: statOf(sample)})
	}
	out.atMost("l3router, ms", out.point("l3router").Ours.Median, 50)
	return nil
}

func (l *lab) load(ctx context.Context, name string) (time.Duration, error) {
	bed, err := newWire()
	if err != nil {
		return 0, err
	}
	defer bed.close()
	var elapsed time.Duration
	err = bed.ns.Do(func() error {
		start := time.Now()
		source, err := sourceOf(name)
		if err != nil {
			return err
		}
		program, err := source.Program()
		if err != nil {
			return err
		}
		l2 := &lab{rounds: 1, place: l.place, serial: l.serial}
		defer func() { l.serial = l2.serial }()
		if _, err := l2.attach(ctx, program, bpfgen.Options{}, bed.ports()); err != nil {
			return err
		}
		elapsed = time.Since(start)
		return l2.close()
	})
	return elapsed, err
}

// updateRow measures how long it takes until packets see a new entry of a large table.
func updateRow(ctx context.Context, l *lab, out *Row) error {
	all, err := fillings()
	if err != nil {
		return err
	}
	for _, f := range all {
		t, err := l.attach(ctx, f.program, bpfgen.Options{}, nil)
		if err != nil {
			return err
		}
		table, err := t.Program().TableByName(f.table)
		if err != nil {
			return err
		}
		entries := f.entries(table)
		single := entries[len(entries)-32:]
		if err := t.Insert(entries[:len(entries)-32]...); err != nil {
			return err
		}
		var sample []float64
		for _, e := range single {
			start := threadTime()
			if err := t.Insert(e); err != nil {
				return err
			}
			sample = append(sample, float64((threadTime()-start).Nanoseconds())/1e6)
		}
		p := Point{Label: "one more of " + label(f.n, f.name), Ours: statOf(sample)}
		out.Points = append(out.Points, p)
		limit := 10.0
		if f.name == "exact" {
			limit = 1
		}
		out.atMost(f.name+", ms", p.Ours.Median, limit)
	}
	return nil
}
