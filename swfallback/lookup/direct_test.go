package lookup

import (
	"math/rand/v2"
	"testing"
)

// directTable is an array beside a map that says what must be in it.
type directTable struct {
	*Direct
	t     *testing.T
	bits  int
	cells map[uint32][]uint64
	want  map[uint64]uint32
	next  uint32
	pages map[uint64]bool // that have been populated
}

func newDirectTable(t *testing.T, bits int) *directTable {
	d := &directTable{t: t, bits: bits, cells: make(map[uint32][]uint64), want: make(map[uint64]uint32), next: 8,
		pages: make(map[uint64]bool)}
	mem := NewMemory(8 << 20)
	mem.Populate = func(from, to uint64) error {
		for at := from; at < to; at += 4096 {
			d.pages[at/4096] = true
		}
		return nil
	}
	d.Direct = d.open(mem)
	return d
}

func (d *directTable) open(mem *Memory) *Direct {
	return OpenDirect(mem, 64, 8192, d.bits, func(c uint32) []uint64 { return d.cells[c] })
}

func (d *directTable) word(k uint64) []uint64 { return []uint64{k << (32 - d.bits)} }

// cell makes a cell with a key.
func (d *directTable) cell(k uint64) uint32 {
	d.next += 8
	d.cells[d.next] = d.word(k)
	return d.next
}

// compare compares all keys, and sees that no word without memory is looked at.
func (d *directTable) compare(x *Direct) {
	d.t.Helper()
	for k := range uint64(1) << d.bits {
		if got := x.Find(d.word(k)); got != d.want[k] {
			d.t.Fatalf("%d bits, key %d: cell %d, want %d", d.bits, k, got, d.want[k])
		}
	}
	for at := uint64(8192); at < 8192+4*x.usable(); at += 4096 {
		if !d.pages[at/4096] {
			d.t.Fatalf("%d bits: %d words usable, and no memory at %#x", d.bits, x.usable(), at)
		}
	}
}

func TestDirect(t *testing.T) {
	for _, bits := range []int{1, 5, 10, 13, 16} {
		d := newDirectTable(t, bits)
		r := rand.New(rand.NewPCG(3, uint64(bits)))
		for step := range 4000 {
			k := r.Uint64N(1<<bits) >> r.IntN(bits)
			old := d.want[k]
			switch {
			case old == 0 || r.IntN(4) == 0:
				c := d.cell(k)
				if got, err := d.Insert(d.word(k), c); err != nil || got != old {
					t.Fatalf("insert of key %d: %d, %v, want %d", k, got, err, old)
				}
				if old == 0 {
					d.want[k] = c
				}
			case r.IntN(2) == 0:
				d.want[k] = d.cell(k)
				d.Replace(d.word(k), d.want[k])
			default:
				d.Delete(d.word(k))
				delete(d.want, k)
			}
			if step%500 == 0 {
				d.compare(d.Direct)
			}
		}
		d.compare(d.open(d.mem))
	}
}

// TestDirectMissing changes keys that are not there: nothing happens, and no memory is taken.
func TestDirectMissing(t *testing.T) {
	d := newDirectTable(t, 16)
	for _, k := range []uint64{0, 1, 5000, 65535} {
		d.Replace(d.word(k), 8)
		d.Delete(d.word(k))
	}
	d.compare(d.Direct)
	if len(d.pages) > 0 {
		t.Errorf("%d pages are populated", len(d.pages))
	}
	d.want[1500] = d.cell(1500)
	if err := d.InsertAll([]uint32{d.want[1500]}); err != nil {
		t.Fatal(err)
	}
	if len(d.pages) != 2 {
		t.Errorf("%d pages for key 1500, want 2", len(d.pages))
	}
	d.compare(d.Direct)
}

// TestDirectRebuild gives an array wrong words, or takes its size from it, as a process may that dies.
func TestDirectRebuild(t *testing.T) {
	for _, root := range []uint64{0, 1024, 1 << 13} {
		d := newDirectTable(t, 13)
		var cells []uint32
		for k := uint64(0); k < 1<<13; k += 7 {
			c := d.cell(k)
			if _, err := d.Insert(d.word(k), c); err != nil {
				t.Fatal(err)
			}
			if k%3 == 0 && k < 6000 { // the others are no entries any more
				d.want[k] = c
				cells = append(cells, c)
			}
		}
		d.mem.Store(d.head, root)
		again := d.open(d.mem)
		if err := again.Rebuild(cells); err != nil {
			t.Fatal(err)
		}
		d.compare(again)
	}
}
