package lookup

import (
	"math/rand/v2"
	"testing"
)

func TestHash(t *testing.T) {
	for _, n := range []int{1, 2, 3} {
		r := rand.New(rand.NewPCG(2, uint64(n)))
		mem := NewMemory(8 << 20)
		keys := make(map[uint32][]uint64)
		h := OpenHash(mem, 64, 4096, mem.Size, r.Uint64(), func(c uint32) []uint64 { return keys[c] })
		want := make(map[[3]uint64]uint32)
		next := uint32(8)
		random := func() (k [3]uint64) {
			for i := range n {
				k[i] = uint64(r.IntN(40)) << 32
			}
			if n == 1 {
				k[0] = uint64(r.IntN(5000)) << 17
			}
			return k
		}
		for range 20000 {
			k := random()
			cell, known := want[k]
			if got := h.Find(k[:n]); got != cell {
				t.Fatalf("key %x: cell %d, want %d", k, got, cell)
			}
			switch {
			case !known:
				keys[next] = k[:n]
				if old, err := h.Insert(k[:n], next); err != nil || old != 0 {
					t.Fatal(err)
				}
				want[k] = next
			case r.IntN(3) > 0:
				h.Delete(k[:n])
				delete(want, k)
			case r.IntN(2) > 0:
				if old, err := h.Insert(k[:n], next); err != nil || old != cell {
					t.Fatalf("key %x is there with cell %d; got %d, %v", k, cell, old, err)
				}
			default:
				keys[next] = k[:n]
				h.Replace(k[:n], next)
				want[k] = next
			}
			next += 8
		}
		again := OpenHash(mem, 64, 4096, mem.Size, 0, h.key)
		if again.live != len(want) || again.used != h.used {
			t.Errorf("opened again: %d and %d words, want %d and %d", again.live, again.used, len(want), h.used)
		}
		for k, cell := range want {
			if got := again.Find(k[:n]); got != cell {
				t.Errorf("key %x: cell %d, want %d", k, got, cell)
			}
		}
	}
}
