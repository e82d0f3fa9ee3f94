package swfallback

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// twin is a target with tables in the arena and the interpreter beside it, with the same entries.
type twin struct {
	t      *testing.T
	f      *Fallback
	sw     *interp.Switch
	random *rand.Rand
	have   []string // entries as text, without their action
}

// newTwin makes a twin of a program of testdata and inserts entries.
func newTwin(t *testing.T, program string, options bpfgen.Options, setup ...string) *twin {
	t.Helper()
	return twinOf(t, Config{Source: small(source(t, program)), Options: options}, setup...)
}

// twinOf is newTwin for any program.
func twinOf(t *testing.T, config Config, setup ...string) *twin {
	t.Helper()
	config.Options.Verdict = true
	w := &twin{t: t, random: rand.New(rand.NewPCG(7, 7)), f: attachConfig(t, config)}
	if w.f.gen.object.Arena == "" {
		t.Skip("this kernel has no arenas")
	}
	var err error
	if w.sw, err = interp.New(w.f.Program(), interp.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, text := range setup {
		w.both("insert", text)
	}
	return w
}

// both does the same to both; they must agree on whether it can be done.
func (w *twin) both(verb, text string) bool {
	w.t.Helper()
	e := entry(w.t, w.f, text)
	type target interface {
		Insert(...*pipeline.Entry) error
		Modify(...*pipeline.Entry) error
		Delete(...*pipeline.Entry) error
	}
	do := func(x target) error {
		switch verb {
		case "insert":
			return x.Insert(e)
		case "modify":
			return x.Modify(e)
		}
		return x.Delete(e)
	}
	a, b := do(w.f), do(w.sw)
	if (a == nil) != (b == nil) {
		w.t.Fatalf("%s %s: %v, the interpreter says %v", verb, text, a, b)
	}
	return a == nil
}

// change makes a random change of entries that make makes.
func (w *twin) change(make func() (match, action string)) {
	match, action := make()
	switch n := w.random.IntN(8); {
	case n < 5 || len(w.have) == 0:
		if w.both("insert", match+" => "+action) {
			w.have = append(w.have, match)
		}
	case n < 6:
		w.both("modify", w.have[w.random.IntN(len(w.have))]+" => "+action)
	default:
		i := w.random.IntN(len(w.have))
		w.both("delete", w.have[i]+" => "+action)
		w.have[i] = w.have[len(w.have)-1]
		w.have = w.have[:len(w.have)-1]
	}
}

// compare gives both the same packet.
func (w *twin) compare(frame []byte) {
	w.t.Helper()
	got, err := w.f.Process(w.t.Context(), 1, frame)
	if err != nil {
		w.t.Fatal(err)
	}
	want, err := w.sw.Process(1, frame)
	if err != nil {
		w.t.Fatal(err)
	}
	forwarded := got.Fate == bpfgen.FateForwarded || got.Fate == bpfgen.FateHost
	if forwarded != (len(want) == 1) || forwarded && (got.Port != want[0].Port || string(got.Frame) != string(want[0].Packet)) {
		w.t.Fatalf("packet %x: got %+v, want %+v; entries:\n%s", frame, got, want, strings.Join(w.have, "\n"))
	}
}

// hop makes next hops that tell entries apart by their ports.
func hops() []string {
	list := []string{"my_station 1 02:00:00:00:00:01 => route"}
	for i := range 8 {
		list = append(list, fmt.Sprintf("nexthop %d => forward %d 02:00:00:00:00:02 02:00:00:00:00:03", i, 2+i))
	}
	return list
}

// packet4 is a UDP packet to port 1 with a right checksum.
func packet4(src, dst uint32, sport, dport uint16) []byte {
	f := make([]byte, 60)
	copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17})
	binary.BigEndian.PutUint32(f[26:], src)
	binary.BigEndian.PutUint32(f[30:], dst)
	binary.BigEndian.PutUint16(f[34:], sport)
	binary.BigEndian.PutUint16(f[36:], dport)
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum))
	return f
}

// withLines runs a test without lines and with them.
func withLines(t *testing.T, test func(*testing.T, bpfgen.Options)) {
	t.Run("search", func(t *testing.T) { test(t, bpfgen.Options{}) })
	t.Run("lines", func(t *testing.T) { test(t, alwaysLines(bpfgen.Options{})) })
}

// near returns numbers that share many of their first bits.
func near(r *rand.Rand) uint32 { return 0x0a000000 | r.Uint32()&r.Uint32()&r.Uint32()&0xffffff }

// near6 returns addresses that share many of their first bits.
func near6(r *rand.Rand) (b [16]byte) {
	copy(b[:], []byte{0x20, 1, 0x0d, 0xb8})
	for range r.IntN(4) {
		b[4+r.IntN(12)] = 1 << r.IntN(8)
	}
	return b
}

// packet6 is a packet to port 1 without payload.
func packet6(dst [16]byte) []byte {
	f := make([]byte, 62)
	copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 59, 64})
	copy(f[38:], dst[:])
	return f
}

func TestTrieInTheKernel(t *testing.T) { withLines(t, testTrieInTheKernel) }

func testTrieInTheKernel(t *testing.T, o bpfgen.Options) {
	w := newTwin(t, "l3router", o, hops()...)
	for step := range 1200 {
		w.change(func() (string, string) {
			n := w.random.IntN(33)
			a := near(w.random) &^ (1<<(32-n) - 1)
			return fmt.Sprintf("ipv4_lpm %#x/%d", a, n), fmt.Sprintf("set_nexthop %d", w.random.IntN(9))
		})
		if step%3 == 0 {
			w.compare(packet4(1, near(w.random), 1, 2))
		}
	}
	for range 300 {
		w.compare(packet4(1, near(w.random), 1, 2))
	}
}

func TestWideTrieInTheKernel(t *testing.T) { withLines(t, testWideTrieInTheKernel) }

func testWideTrieInTheKernel(t *testing.T, o bpfgen.Options) {
	w := newTwin(t, "l3router", o, hops()...)
	for step := range 1200 {
		w.change(func() (string, string) {
			a, n := near6(w.random), w.random.IntN(129)
			for bit := n; bit < 128; bit++ {
				a[bit/8] &^= 0x80 >> (bit % 8)
			}
			return fmt.Sprintf("ipv6_lpm 0x%x/%d", a, n), fmt.Sprintf("set_nexthop %d", w.random.IntN(9))
		})
		if step%2 == 0 {
			w.compare(packet6(near6(w.random)))
		}
	}
}

// TestHashInTheKernel has so many addresses that many are not where their hash says.
func TestHashInTheKernel(t *testing.T) {
	w := newTwin(t, "l2switch", bpfgen.Options{}, "port_vlan 1 0 => set_pvid 10", "smac 10 02:00:00:00:00:01 1 => NoAction")
	for range 1500 {
		w.change(func() (string, string) {
			return fmt.Sprintf("dmac 10 02:00:00:00:%02x:%02x", w.random.IntN(16), w.random.IntN(32)), fmt.Sprintf("forward %d", 2+w.random.IntN(8))
		})
		f := make([]byte, 60)
		copy(f, []byte{2, 0, 0, 0, byte(w.random.IntN(16)), byte(w.random.IntN(32)), 2, 0, 0, 0, 0, 1, 0x88, 0xb5})
		w.compare(f)
	}
}

func TestRulesInTheKernel(t *testing.T) {
	w := newTwin(t, "l3router", bpfgen.Options{}, append(hops(), "ipv4_lpm 0/0 => set_nexthop 1")...)
	for step := range 900 {
		w.change(func() (string, string) {
			r := w.random
			masks := [...]uint32{0, 0xff000000, 0xffffff00, 0xffffffff, 0x00ff00ff}
			m1, m2 := masks[r.IntN(5)], masks[r.IntN(5)]
			low, port := r.IntN(300), 3*r.IntN(2)
			action := [...]string{"permit", "drop"}[r.IntN(2)]
			return fmt.Sprintf("acl %d 0&&&0 %#x&&&%#x %#x&&&%#x 0&&&0 %d&&&%d %d..%d", 1+r.IntN(40), near(r)&m1, m1, near(r)&m2, m2,
				port&r.IntN(4), port, low, low+r.IntN(300)), action
		})
		if step%2 == 0 {
			w.compare(packet4(near(w.random), near(w.random), uint16(w.random.IntN(5)), uint16(w.random.IntN(700))))
		}
	}
}

// TestDeadProcess takes over from a process that died in the middle of a change.
func TestDeadProcess(t *testing.T) {
	w := newTwin(t, "l3router", bpfgen.Options{}, append(hops(), "ipv4_lpm 10.0.0.0/8 => set_nexthop 1", "ipv4_lpm 10.1.0.0/16 => set_nexthop 2")...)
	s := w.f.gen.stores[table(t, w.f, "ipv4_lpm").Index].(*arenaStore)
	double, err := s.cells.take() // an entry was about to be changed
	if err != nil {
		t.Fatal(err)
	}
	copy(s.cells.bytes(double), s.cells.bytes(w.cells("ipv4_lpm")[0]))
	a := s.layout.Arena
	w.f.gen.memory.Store(a.Head, 0) // the structure is lost
	w.f.gen.memory.Store(a.Head+headDirty, 1)
	again := reopen(t, w.f)
	if err := again.Insert(entry(t, again, "ipv4_lpm 10.1.2.0/24 => set_nexthop 3")); err != nil {
		t.Fatal(err)
	}
	w.sw.Insert(entry(t, w.f, "ipv4_lpm 10.1.2.0/24 => set_nexthop 3"))
	for _, dst := range []uint32{0x0a000001, 0x0a010001, 0x0a010201} {
		w.compare(packet4(1, dst, 1, 2))
	}
	checkEntries(t, again, "ipv4_lpm", "ipv4_lpm 10.0.0.0/8 => set_nexthop 1", "ipv4_lpm 10.1.0.0/16 => set_nexthop 2",
		"ipv4_lpm 10.1.2.0/24 => set_nexthop 3")
}

// cells returns the cells of all entries of a table.
func (w *twin) cells(name string) (list []uint32) {
	s := w.f.gen.stores[table(w.t, w.f, name).Index].(*arenaStore)
	for i := range s.cells.high {
		if c := s.cells.at(i); s.layout.CellLive(s.cells.bytes(c)) {
			list = append(list, c)
		}
	}
	return list
}
