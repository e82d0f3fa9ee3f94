package lookup

import (
	"math/rand/v2"
	"testing"
)

// testRule is a rule over a key of four bytes.
type testRule struct {
	value, mask [4]byte
	priority    int
	serial      int
}

type testRules map[uint32]*testRule

func (t testRules) Before(a, b uint32) bool { return t[a].priority > t[b].priority }

func (t testRules) Chunk(c uint32, i int) (byte, byte) { return t[c].value[i], t[c].mask[i] }

func (t *testRule) matches(key [4]byte) bool {
	for i := range key {
		if key[i]&t.mask[i] != t.value[i] {
			return false
		}
	}
	return true
}

// best is the rule that a key should find.
func (t testRules) best(key [4]byte) uint32 {
	var best uint32
	for c, r := range t {
		if !r.matches(key) {
			continue
		}
		if b := t[best]; b == nil || r.priority > b.priority || r.priority == b.priority && r.serial < b.serial {
			best = c
		}
	}
	return best
}

func TestRules(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	mem := NewMemory(16 << 20)
	all := testRules{}
	r := OpenRules(mem, 64, 4096, mem.Size, 4, all)
	key := func() (k [4]byte) {
		for i := range k {
			k[i] = byte(random.IntN(3)) << random.IntN(7)
		}
		return k
	}
	next, serial := uint32(16), 0
	for step := range 1200 {
		switch n := random.IntN(20); {
		case n == 0 && len(all) < 3000: // many
			var cells []uint32
			for range 40 {
				all[next] = newTestRule(random, key(), serial)
				cells, next, serial = append(cells, next), next+16, serial+1
			}
			if err := r.Insert(cells...); err != nil {
				t.Fatal(err)
			}
		case n < 10:
			all[next] = newTestRule(random, key(), serial)
			if err := r.Insert(next); err != nil {
				t.Fatal(err)
			}
			next, serial = next+16, serial+1
		case n < 12:
			for c := range all {
				all[next] = all[c]
				r.Replace(c, next)
				delete(all, c)
				next += 16
				break
			}
		default:
			for c := range all {
				r.Delete(c)
				delete(all, c)
				break
			}
		}
		if step%100 == 99 {
			if err := r.Settle(); err != nil {
				t.Fatal(err)
			}
			r = OpenRules(mem, 64, 4096, mem.Size, 4, all)
		}
		for range 3 {
			k := key()
			got := r.Find(k[:], func(c uint32) bool { return all[c].matches(k) })
			if want := all.best(k); got != want {
				t.Fatalf("step %d, key %x: cell %d, want %d", step, k, got, want)
			}
		}
	}
}

func newTestRule(r *rand.Rand, k [4]byte, serial int) *testRule {
	rule := &testRule{value: k, priority: r.IntN(30), serial: serial}
	for i := range rule.mask {
		if r.IntN(2) == 0 {
			continue // a byte that does not matter
		}
		sparse := byte(r.IntN(256))
		rule.mask[i] = sparse & byte(r.IntN(256))
		rule.value[i] &= rule.mask[i]
	}
	return rule
}
