package swfallback

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// alwaysLines makes packets keep lines of tables with more than one entry.
func alwaysLines(o bpfgen.Options) bpfgen.Options {
	o.CacheAbove = 1
	return o
}

// setOf returns the number of the set of an address's lines.
func setOf(address uint32) uint64 {
	return uint64(bits.ReverseBytes32(address)) * lookup.HashMultiplier >> 50
}

// inSet returns addresses below 10.0.0.0/8 whose lines are in one set.
func inSet(set uint64, n int) (list []uint32) {
	for a := uint32(0x0a000001); len(list) < n; a += 257 {
		if setOf(a) == set {
			list = append(list, a)
		}
	}
	return list
}

// lines returns how many lines of a table on all CPUs have the present word, and whether lines are used.
func (w *twin) lines(name string) (n int, on bool) {
	a := w.f.gen.object.Tables[table(w.t, w.f, name).Index].Arena
	word := w.f.gen.memory.Load(a.Head + bpfgen.HeadLines)
	if word&1 == 0 {
		return 0, false
	}
	for at := a.Lines; at < a.LinesEnd; at += 64 {
		if w.f.gen.memory.Load(uint32(at)) == word {
			n++
		}
	}
	return n, true
}

// TestLines changes a table between packets to few addresses, some of which have lines in one set, and holds every
// packet against the interpreter, in the end also the counters.
func TestLines(t *testing.T) {
	for _, form := range []bpfgen.Form{bpfgen.FormAuto, bpfgen.FormGeneral} {
		t.Run(form.String(), func(t *testing.T) {
			w := newTwin(t, "l3router", alwaysLines(bpfgen.Options{Form: form}), hops()...)
			w.both("insert", "ipv4_lpm 10.0.0.0/8 => set_nexthop 1")
			w.both("insert", "ipv4_lpm 11.0.0.0/8 => set_nexthop 2")
			pool := append(inSet(setOf(0x0a000001), 7), 0x0b000001, 0x0b010001, 0x0a000002, 0x0c000001)
			most := 0
			for range 400 {
				w.change(func() (string, string) {
					n := 12 + w.random.IntN(21)
					a := pool[w.random.IntN(len(pool))] &^ (1<<(32-n) - 1)
					return fmt.Sprintf("ipv4_lpm %#x/%d", a, n), fmt.Sprintf("set_nexthop %d", w.random.IntN(9))
				})
				for range 6 {
					w.compare(packet4(1, pool[w.random.IntN(3)], 1, 2))
					w.compare(packet4(1, pool[w.random.IntN(len(pool))], 1, 2))
				}
				n, on := w.lines("ipv4_lpm")
				if !on {
					t.Fatal("no lines are used")
				}
				most = max(most, n)
			}
			if most < 3 {
				t.Errorf("%d lines at most: packets did not make any", most)
			}
			w.compareCounts("ipv4_lpm")
		})
	}
}

// compareCounts compares the direct counters of a table.
func (w *twin) compareCounts(name string) {
	w.t.Helper()
	count := func(list []pipeline.EntryState, err error) []string {
		if err != nil {
			w.t.Fatal(err)
		}
		var out []string
		for _, s := range list {
			out = append(out, fmt.Sprint(pipeline.FormatEntry(s.Entry), " ", s.Count.Packets))
		}
		slices.Sort(out)
		return out
	}
	of := table(w.t, w.f, name)
	same(w.t, "packets of entries", count(w.f.Entries(of)), count(w.sw.Entries(of)))
}

// TestLinesComeAndGo: lines are used from a number of entries on, and what was in them before counts no more.
func TestLinesComeAndGo(t *testing.T) {
	w := newTwin(t, "l3router", alwaysLines(bpfgen.Options{}), hops()...)
	w.both("insert", "ipv4_lpm 10.0.0.0/8 => set_nexthop 1")
	frame := packet4(1, 0x0a000001, 1, 2)
	for range 5 {
		w.compare(frame)
		if _, on := w.lines("ipv4_lpm"); on {
			t.Error("one entry has lines")
		}
		w.both("insert", "ipv4_lpm 10.0.0.0/16 => set_nexthop 2")
		w.compare(frame)
		w.compare(frame)
		if n, on := w.lines("ipv4_lpm"); !on || n == 0 {
			t.Errorf("two entries have %d lines, used: %v", n, on)
		}
		w.both("delete", "ipv4_lpm 10.0.0.0/16 => set_nexthop 2")
	}
	w.both("insert", "ipv4_lpm 10.0.0.0/16 => set_nexthop 2")
	w.compare(frame)
	again := reopen(t, w.f)
	must(t, again.Modify(entry(t, again, "ipv4_lpm 10.0.0.0/16 => set_nexthop 3")))
	must(t, w.sw.Modify(entry(t, w.f, "ipv4_lpm 10.0.0.0/16 => set_nexthop 3")))
	w.compare(frame)
	w.compareCounts("ipv4_lpm")
}

// TestLinesWhileChanged: packets run on every CPU while their route changes. A packet that starts after a change
// returned sees it; one that runs meanwhile goes the old way or the new one.
func TestLinesWhileChanged(t *testing.T) {
	w := newTwin(t, "l3router", alwaysLines(bpfgen.Options{Prefix: ethernetHeader}), hops()...)
	insert(t, w.f, "ipv4_lpm 10.0.0.0/8 => set_nexthop 0", "ipv4_lpm 11.0.0.0/8 => set_nexthop 0", "ipv6_lpm 0x20010db8000000000000000000000000/32 => set_nexthop 0")
	for i := range 8 { // a port in the source address tells which next hop it was
		must(t, w.f.Modify(entry(t, w.f, fmt.Sprintf("nexthop %d => forward 2 02:00:00:00:00:%02x 02:00:00:00:00:03", i, 16+i))))
	}
	states := []func() error{ // each leads to the next hop of its number
		func() error { return w.f.Modify(entry(t, w.f, "ipv4_lpm 10.0.0.0/8 => set_nexthop 0")) },
		func() error { return w.f.Modify(entry(t, w.f, "ipv4_lpm 10.0.0.0/8 => set_nexthop 1")) },
		func() error { return w.f.Insert(entry(t, w.f, "ipv4_lpm 10.0.0.0/16 => set_nexthop 2")) },
		func() error { return w.f.Insert(entry(t, w.f, "ipv4_lpm 10.0.0.0/24 => set_nexthop 3")) },
		func() error { return w.f.Insert(entry(t, w.f, "ipv4_lpm 10.0.0.1/32 => set_nexthop 4")) },
		func() error { return w.f.Modify(entry(t, w.f, "ipv4_lpm 10.0.0.1/32 => set_nexthop 5")) },
		func() error { // what is below goes first, then the longest one
			return w.f.Delete(entries(t, w.f, "ipv4_lpm 10.0.0.0/16 => set_nexthop 2", "ipv4_lpm 10.0.0.0/24 => set_nexthop 3")...)
		},
		func() error {
			return w.f.Delete(entry(t, w.f, "ipv4_lpm 10.0.0.1/32 => set_nexthop 5"))
		},
	}
	hop := []byte{0, 1, 2, 3, 4, 5, 5, 1}
	var begun, done atomic.Int64 // numbers of changes
	stop := make(chan struct{})
	errs := make(chan error, runtime.NumCPU())
	run := unlocked(t, w.f)
	for cpu := range runtime.NumCPU() {
		go func() { errs <- onCPU(cpu, stop, func() error { return seesChange(run, &begun, &done, hop) }) }()
	}
	changes := 0
	for start := time.Now(); time.Since(start) < 2*time.Second; changes++ {
		begun.Store(int64(changes + 1))
		must(t, states[(changes+1)%len(states)]())
		done.Store(int64(changes + 1))
		if changes%3 == 0 {
			time.Sleep(time.Millisecond) // lines are made of what is there now
		}
	}
	close(stop)
	for range runtime.NumCPU() {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if changes < 50 {
		t.Errorf("only %d changes", changes)
	}
}

// seesChange runs one packet while changes are made.
func seesChange(run func(packet ...byte) ([]byte, error), begun, done *atomic.Int64, hop []byte) error {
	first := done.Load()
	out, err := run(packet4(1, 0x0a000001, 1, 2)...)
	last := begun.Load()
	if err != nil {
		return err
	}
	for n := first; n <= last; n++ {
		if out[11] == 16+hop[n%int64(len(hop))] {
			return nil
		}
	}
	return fmt.Errorf("between changes %d and %d a packet went to next hop %d", first, last, int(out[11])-16)
}

// onCPU calls f on one CPU, if this process may run there, until it fails or stop is closed.
func onCPU(cpu int, stop chan struct{}, f func() error) error {
	runtime.LockOSThread() // and stay locked: the thread goes with the goroutine
	var set unix.CPUSet
	set.Set(cpu)
	if unix.SchedSetaffinity(0, &set) != nil {
		return nil
	}
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// TestLinesAndTimeouts: a packet whose route is remembered counts as a hit.
func TestLinesAndTimeouts(t *testing.T) {
	s := small(source(t, "l3router"))
	s.JSON = bytes.ReplaceAll(s.JSON, []byte(`"support_timeout" : false`), []byte(`"support_timeout" : true`))
	f := attachConfig(t, Config{Source: s, Options: alwaysLines(bpfgen.Options{Verdict: true})})
	if f.gen.object.Arena == "" {
		t.Skip("this kernel has no arenas")
	}
	insert(t, f, hops()...)
	const after = 400 * time.Millisecond
	for _, text := range []string{"ipv4_lpm 10.0.0.0/8 => set_nexthop 1", "ipv4_lpm 11.0.0.0/8 => set_nexthop 2"} {
		e := entry(t, f, text)
		e.IdleTimeout = after
		must(t, f.Insert(e))
	}
	for start := time.Now(); time.Since(start) < 2*after; time.Sleep(after / 20) {
		send(t, f, packet4(1, 0x0a000001, 1, 2)...)
	}
	idle, err := f.Sweep()
	if err != nil || len(idle) != 1 || binary.BigEndian.Uint32(idle[0].Match[0].Value) != 0x0b000000 {
		t.Errorf("idle: %v, %v", idle, err)
	}
}
