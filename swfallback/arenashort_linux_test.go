package swfallback

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// shortKeys are numbers at both ends of an array's pages.
func shortKeys(bits int) []int {
	list := []int{0, 1, 2, 77, 1022, 1023, 1024, 1025, 2048, 40000, 65534, 65535}
	if bits > 16 {
		list = append(list, 65536, 1<<bits-1025, 1<<bits-1024, 1<<bits-1)
	}
	return list
}

// direct returns how many bits the keys of a table's array have, 0 where it has none.
func (w *twin) direct(name string) int {
	return w.f.gen.object.Tables[table(w.t, w.f, name).Index].Arena.Direct
}

// TestShortKeysInTheKernel changes next hops, whose numbers have 16 bits.
func TestShortKeysInTheKernel(t *testing.T) {
	setup := []string{"my_station 1 02:00:00:00:00:01 => route"}
	keys := shortKeys(16)
	for i, k := range keys {
		setup = append(setup, fmt.Sprintf("ipv4_lpm 10.0.0.%d/32 => set_nexthop %d", i, k))
	}
	w := newTwin(t, "l3router", bpfgen.Options{}, setup...)
	if got := w.direct("nexthop"); got != 16 {
		t.Fatalf("the keys of nexthop's array have %d bits", got)
	}
	if got := w.direct("my_station"); got != 0 {
		t.Fatalf("my_station has an array for %d bits", got)
	}
	for range 1500 {
		w.change(func() (string, string) {
			return fmt.Sprintf("nexthop %d", keys[w.random.IntN(len(keys))]),
				fmt.Sprintf("forward %d 02:00:00:00:00:02 02:00:00:00:00:03", 2+w.random.IntN(9))
		})
		w.compare(packet4(1, 0x0a000000+w.random.Uint32N(uint32(len(keys))), 1, 2))
	}
}

// TestLabelsInTheKernel does so with labels, whose numbers have 20 bits.
func TestLabelsInTheKernel(t *testing.T) {
	w := newTwin(t, "mpls_edge", bpfgen.Options{})
	if got := w.direct("lfib"); got != 20 {
		t.Fatalf("the keys of lfib's array have %d bits", got)
	}
	keys := shortKeys(20)
	for range 1500 {
		w.change(func() (string, string) {
			return fmt.Sprintf("lfib %d", keys[w.random.IntN(len(keys))]),
				fmt.Sprintf("swap %d 02:00:00:00:00:03 %d", w.random.IntN(1<<20), 2+w.random.IntN(9))
		})
		f := make([]byte, 60)
		copy(f, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 0x47})
		binary.BigEndian.PutUint32(f[14:], uint32(keys[w.random.IntN(len(keys))])<<12|0x140)
		copy(f[18:], packet4(1, 2, 3, 4)[14:])
		w.compare(f)
	}
}

// TestDeadProcessWithShortKeys takes over from a process that died while it took out one entry and gave another one a
// new cell.
func TestDeadProcessWithShortKeys(t *testing.T) {
	setup := append(hops(), "ipv4_lpm 10.0.0.1/32 => set_nexthop 1", "ipv4_lpm 10.0.0.3/32 => set_nexthop 3",
		"ipv4_lpm 10.0.0.9/32 => set_nexthop 65535")
	w := newTwin(t, "l3router", bpfgen.Options{}, setup...)
	s := w.f.gen.stores[table(t, w.f, "nexthop").Index].(*arenaStore)
	cells := w.cells("nexthop")
	s.cells.kill(cells[3])
	double, err := s.cells.take()
	if err != nil {
		t.Fatal(err)
	}
	copy(s.cells.bytes(double), s.cells.bytes(cells[1]))
	w.f.gen.memory.Store(s.layout.Arena.Head+headDirty, 1)
	if err := w.sw.Delete(entry(t, w.f, "nexthop 3 => drop")); err != nil {
		t.Fatal(err)
	}
	const last = "nexthop 65535 => forward 9 02:00:00:00:00:02 02:00:00:00:00:03"
	again := reopen(t, w.f)
	insert(t, again, last)
	if err := w.sw.Insert(entry(t, w.f, last)); err != nil {
		t.Fatal(err)
	}
	for _, dst := range []uint32{0x0a000001, 0x0a000003, 0x0a000009} {
		w.compare(packet4(1, dst, 1, 2))
	}
	want := append(append([]string{}, hops()[1:4]...), hops()[5:]...)
	checkEntries(t, again, "nexthop", append(want, last)...)
}
