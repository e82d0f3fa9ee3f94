package swfallback

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// TestCountsInLines: packets to many destinations with lines in few sets run on every CPU, while routes come and go on
// few slots and counters are read. No count is lost, counted twice or given to another route.
func TestCountsInLines(t *testing.T) {
	for _, form := range []bpfgen.Form{bpfgen.FormSpecial, bpfgen.FormGeneral} {
		t.Run(form.String(), func(t *testing.T) { newCounting(t, form).run(30, 10_000) })
	}
}

// counting is that test. Routes 10.0.0.0/16 to 10.7.0.0/16 stay, 10.8.0.0/16 to 10.15.0.0/16 come and go, 10.0.0.0/8 has
// what is left, and 12.0.0.0/16 and following, which come and go too, get no packets.
type counting struct {
	t     *testing.T
	f     *Fallback
	where []uint32          // destinations
	sent  [16]atomic.Uint64 // packets that have begun, by the second byte of their destination
	done  [16]atomic.Uint64 // and that have ended
	seen  map[string]pipeline.Count
}

const (
	countingSlots = 20        // of the table; at most 17 routes are there at once
	countingFrom  = 1<<14 - 3 // sets from here on have the destinations: the last that a reader comes to
)

func newCounting(t *testing.T, form bpfgen.Form) *counting {
	s := source(t, "l3router")
	small := fmt.Appendf(nil, `"max_size" : %d`, countingSlots)
	s.JSON, s.P4Info = bytes.ReplaceAll(s.JSON, []byte(`"max_size" : 1048576`), small), nil
	options := alwaysLines(bpfgen.Options{Form: form, Prefix: ethernetHeader})
	c := &counting{t: t, f: attachConfig(t, Config{Source: s, Options: options}), seen: map[string]pipeline.Count{}}
	if c.f.gen.object.Arena == "" {
		t.Skip("this kernel has no arenas")
	}
	for a := uint32(0x0a000000); a < 0x0a100000; a++ {
		if uint64(bits.ReverseBytes32(a))*lookup.HashMultiplier>>50 >= countingFrom {
			c.where = append(c.where, a)
		}
	}
	insert(t, c.f, hops()...)
	insert(t, c.f, "ipv4_lpm 10.0.0.0/8 => set_nexthop 1")
	for i := range 8 {
		insert(t, c.f, c.route(10, i))
	}
	return c
}

func (c *counting) route(net, i int) string {
	return fmt.Sprintf("ipv4_lpm %d.%d.0.0/16 => set_nexthop %d", net, i, i%8)
}

// run changes and reads for so many rounds and packets.
func (c *counting) run(rounds int, packets uint64) {
	stop, errs := make(chan struct{}), make(chan error, runtime.NumCPU())
	send := unlocked(c.t, c.f)
	for cpu := range runtime.NumCPU() {
		r := rand.New(rand.NewPCG(uint64(cpu), 1))
		go func() {
			errs <- onCPU(cpu, stop, func() error {
				a := c.where[r.IntN(len(c.where))]
				c.sent[a>>16&15].Add(1)
				_, err := send(packet4(1, a, 1, 2)...)
				c.done[a>>16&15].Add(1)
				return err
			})
		}()
	}
	start := time.Now()
	for n := 0; n < rounds || c.total() < packets; n++ {
		if time.Since(start) > 4*patience {
			c.t.Fatalf("%d rounds, %d packets", n, c.total())
		}
		c.change(n)
		if n%10 == 0 {
			c.f = reopen(c.t, c.f) // as another process
		}
	}
	close(stop)
	for range runtime.NumCPU() {
		must(c.t, <-errs)
	}
	counts := c.read()
	for i := range 8 {
		sent := c.sent[i].Load()
		if got := counts[fmt.Sprintf("10.%d.0.0/16", i)].Packets; got != sent {
			c.t.Errorf("10.%d.0.0/16 has counted %d of %d packets", i, got, sent)
		}
	}
	for _, n := range counts {
		if n.Bytes != 60*n.Packets {
			c.t.Errorf("%d packets of 60 bytes are %d bytes", n.Packets, n.Bytes)
		}
	}
}

// total is how many packets have ended.
func (c *counting) total() (n uint64) {
	for i := range c.done {
		n += c.done[i].Load()
	}
	return n
}

// change lets four routes that are used and four that are not come and go, on slots that others had.
func (c *counting) change(round int) {
	c.t.Helper()
	var list []string
	for i := range 4 {
		list = append(list, c.route(10, 8+(round+i)%8), c.route(12, i))
	}
	insert(c.t, c.f, list...)
	for range 5 {
		time.Sleep(time.Millisecond) // some packets find them
		c.read()
	}
	must(c.t, c.f.Delete(entries(c.t, c.f, list...)...))
	for name := range c.seen { // they start anew
		if c.goes(name) {
			delete(c.seen, name)
		}
	}
}

// goes reports whether a route is one that comes and goes.
func (c *counting) goes(name string) bool {
	var a, b int
	fmt.Sscanf(name, "%d.%d.", &a, &b)
	return a == 12 || b >= 8
}

// read reads all counters. None is less than before, of a route that stays less than had ended when this began, more than
// was sent, or of a route without packets.
func (c *counting) read() map[string]pipeline.Count {
	c.t.Helper()
	var done [16]uint64
	for i := range done {
		done[i] = c.done[i].Load()
	}
	states, err := c.f.Entries(table(c.t, c.f, "ipv4_lpm"))
	must(c.t, err)
	counts := map[string]pipeline.Count{}
	for _, s := range states {
		m := s.Entry.Match[0]
		name := fmt.Sprintf("%d.%d.0.0/%d", m.Value[0], m.Value[1], m.Prefix)
		counts[name] = s.Count
		before := c.seen[name]
		if s.Count.Packets < before.Packets || s.Count.Bytes < before.Bytes {
			c.t.Fatalf("%s: %+v after %+v", name, s.Count, before)
		}
		net := binary.BigEndian.Uint32(m.Value)
		if m.Prefix == 16 && (net>>24 != 10 && s.Count.Packets > 0 || s.Count.Packets > c.sent[net>>16&15].Load()) {
			c.t.Fatalf("%s: %d packets", name, s.Count.Packets)
		}
		if m.Prefix == 16 && !c.goes(name) && s.Count.Packets < done[net>>16&15] {
			c.t.Fatalf("%s: %d of at least %d packets", name, s.Count.Packets, done[net>>16&15])
		}
	}
	c.seen = counts
	return counts
}
