package lookup

import (
	"math/rand/v2"
	"testing"
)

// TestIndex compares an index with a map, with hashes that often begin alike; those of two keys are the same.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	keys := make(map[uint32]uint64)
	x := NewIndex(func(cell uint32, key []uint64) bool { return keys[cell] == key[0] })
	want := make(map[uint64]uint32)
	sum := func(k uint64) uint64 { k /= 2; return k%3<<63 | k%5<<60 | k<<48>>8 }
	next := uint32(8)
	for range 20000 {
		k := uint64(r.IntN(900))
		key, cell := []uint64{k}, want[k]
		if got := x.Find(sum(k), key); got != cell {
			t.Fatalf("key %d: cell %d, want %d", k, got, cell)
		}
		keys[next] = k
		switch n := r.IntN(8); {
		case n < 2:
			alone := cell == 0 && want[k^1] == 0
			if got := x.InsertAlone(sum(k), next); got != alone {
				t.Fatalf("key %d inserted alone: %v, want %v", k, got, alone)
			}
			if alone {
				want[k] = next
			}
		case n < 4:
			if old := x.Insert(sum(k), key, next); old != cell {
				t.Fatalf("insert of key %d found cell %d, want %d", k, old, cell)
			}
			if cell == 0 {
				want[k] = next
			}
		case n < 5:
			x.Replace(sum(k), key, next)
			if cell != 0 {
				want[k] = next
			}
		default:
			x.Delete(sum(k), key)
			delete(want, k)
		}
		if x.Len() != len(want) {
			t.Fatalf("%d cells, want %d", x.Len(), len(want))
		}
		next += 8
	}
	x.Clear()
	for k := range want {
		if got := x.Find(sum(k), []uint64{k}); got != 0 {
			t.Errorf("key %d is in an empty index", k)
		}
	}
}
