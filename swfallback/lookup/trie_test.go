package lookup

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// model is a table of prefixes as it should be.
type model struct {
	cells  map[model1]uint32
	prefix map[uint32]model1
}

func (m *model) Prefix(cell uint32) (Key, int) { return m.prefix[cell].k, m.prefix[cell].n }

func (m *model) Length(cell uint32) int { return m.prefix[cell].n }

func (m *model) CellOf(k Key, n int) (uint32, bool) {
	c, ok := m.cells[model1{k, n}]
	return c, ok
}

type model1 struct {
	k Key
	n int
}

func newTrie(width int) (*Trie, *model) {
	m := &model{make(map[model1]uint32), make(map[uint32]model1)}
	mem := NewMemory(32 << 20)
	return OpenTrie(mem, 64, 4096, mem.Size, width, m), m
}

func (m *model) find(k Key, width int) uint32 {
	for n := width; n >= 0; n-- {
		if c, ok := m.cells[model1{k.cut(n), n}]; ok {
			return c
		}
	}
	return 0
}

// randomKey returns keys that often share their first bits.
func randomKey(r *rand.Rand, width int) Key {
	k := Key{r.Uint64(), r.Uint64()}
	if r.IntN(4) > 0 { // one of few
		k = Key{0x20010db8_00000000 | uint64(r.IntN(3))<<20, uint64(r.IntN(3)) << 40}
		if r.IntN(2) > 0 {
			k.High ^= 1 << r.IntN(64)
			k.Low ^= 1 << r.IntN(64)
		}
	}
	return k.cut(width)
}

func TestTrie(t *testing.T) {
	for _, width := range []int{1, 9, 32, 48, 64, 65, 128} {
		r := rand.New(rand.NewPCG(1, uint64(width)))
		tr, m := newTrie(width)
		var have []model1
		next := uint32(8)
		for step := range 6000 {
			switch {
			case r.IntN(5) > 1 || len(have) == 0:
				n := r.IntN(width + 1)
				p := model1{randomKey(r, width).cut(n), n}
				if _, known := m.cells[p]; !known {
					have = append(have, p)
				}
				m.prefix[next] = p
				if err := tr.Insert(p.k, n, next); err != nil {
					t.Fatal(err)
				}
				m.cells[p] = next
				next += 8
			default:
				i := r.IntN(len(have))
				p := have[i]
				have[i], have = have[len(have)-1], have[:len(have)-1]
				cell := m.cells[p]
				delete(m.cells, p)
				if err := tr.Delete(p.k, p.n, cell); err != nil {
					t.Fatal(err)
				}
			}
			if step%700 == 699 {
				if err := tr.Reserve(len(have) * (1 << r.IntN(4))); err != nil {
					t.Fatal(err)
				}
			}
			for range 4 {
				k := randomKey(r, width)
				if len(have) > 0 && r.IntN(2) > 0 {
					k = have[r.IntN(len(have))].k
				}
				if got, want := tr.Find(k), m.find(k, width); got != want {
					t.Fatalf("width %d, step %d, key %x: cell %d, want %d", width, step, k, got, want)
				}
			}
		}
		for _, p := range have {
			cell := m.cells[p]
			delete(m.cells, p)
			if err := tr.Delete(p.k, p.n, cell); err != nil {
				t.Fatal(err)
			}
		}
		root, b := tr.root()
		for i := range uint32(1) << b {
			if w := tr.mem.Load(root + 8*i); w != 0 {
				t.Fatalf("width %d: word %d of an empty trie is %x", width, i, w)
			}
		}
	}
}

func TestTrieFull(t *testing.T) {
	mem := NewMemory(1 << 16)
	m := &model{prefix: make(map[uint32]model1)}
	tr := OpenTrie(mem, 64, 4096, mem.Size, 32, m)
	var err error
	for i := uint32(0); err == nil && i < 8000; i++ {
		p := model1{Key{High: uint64(i) << 39}, 32}
		m.prefix[8+8*i] = p
		err = tr.Insert(p.k, p.n, 8+8*i)
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}
