package swfallback

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// TestFewSets: a CPU whose lines serve one packet each uses few sets, and all of them again later; lines that serve
// many packets keep it from that. Every packet counts.
func TestFewSets(t *testing.T) {
	for _, counts := range []bool{true, false} {
		t.Run(fmt.Sprintf("counter %v", counts), func(t *testing.T) {
			p, err := small(source(t, "l3router")).Program()
			must(t, err)
			of, err := p.TableByName("ipv4_lpm")
			must(t, err)
			if !counts {
				p.Counters = slices.DeleteFunc(p.Counters, func(c *pipeline.Counter) bool { return c == of.Counter })
				of.Counter = nil
			}
			w := twinOf(t, Config{Program: p, Options: alwaysLines(bpfgen.Options{})}, hops()...)
			w.both("insert", "ipv4_lpm 10.0.0.0/8 => set_nexthop 1")
			w.both("insert", "ipv4_lpm 11.0.0.0/8 => set_nexthop 2")
			a := w.f.gen.object.Tables[table(t, w.f, "ipv4_lpm").Index].Arena
			if counts != (a.Counters != 0) {
				t.Fatalf("direct counters at %#x", a.Counters)
			}
			d := &desk{w, a.TurnAt(onFirstCPU(t))}
			d.spendCredit()
			d.earnCredit()
			w.compareCounts("ipv4_lpm")
		})
	}
}

// onFirstCPU keeps a test on one CPU, the first that it may use, and returns its number.
func onFirstCPU(t *testing.T) int {
	t.Helper()
	runtime.LockOSThread() // and stay locked: the thread goes with the goroutine
	var may, one unix.CPUSet
	must(t, unix.SchedGetaffinity(0, &may))
	cpu := 0
	for !may.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	must(t, unix.SchedSetaffinity(0, &one))
	return cpu
}

// desk is the desk of a CPU in the table ipv4_lpm, see bpfgen/lines.go.
type desk struct {
	*twin
	turn uint32 // address
}

// few and credit are the numbers behind the turn.
func (d *desk) few() uint32    { return d.f.gen.memory.Load32(d.turn + 8) }
func (d *desk) credit() uint64 { return d.f.gen.memory.Load(d.turn+8) >> 32 }

// send sends a packet to the first address whose line is in a set, and returns how many lines there are then.
func (d *desk) send(set uint64) int {
	d.compare(packet4(1, inSet(set, 1)[0], 1, 2))
	n, _ := d.lines("ipv4_lpm")
	return n
}

// spendCredit makes lines that serve one packet each.
func (d *desk) spendCredit() {
	before := 0
	for set := range uint64(16) { // each line is judged when as many have been made as are in front of it
		before = d.send(set)
	}
	if d.few() == 0 {
		d.t.Error("all sets are used after lines that served one packet each")
	}
	for set := range uint64(40) { // two lines in each of 16 sets are all there are
		if n := d.send(1000 + set); n > before+32 {
			d.t.Fatalf("%d lines, %d before: few sets hold 32", n, before)
		}
	}
}

// earnCredit has few sets for one more packet, and then makes lines that serve many.
func (d *desk) earnCredit() {
	d.f.gen.memory.Store(d.turn+8, 1)
	d.send(2000)
	if d.few() != 0 {
		d.t.Errorf("few sets are used for %d packets more", d.few())
	}
	lines := 0
	for range 20 {
		for set := range uint64(8) {
			lines = d.send(3000 + set)
		}
	}
	d.f.gen.memory.Store(d.turn, 2*2*3000) // the next line to be judged is one of those
	if n := d.send(4000); n != lines+1 || d.few() != 0 || d.credit() < 10 {
		d.t.Errorf("%d lines, then %d; few sets for %d packets, credit %d", lines, n, d.few(), d.credit())
	}
}
