package lookup

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// testRule is a rule over a key of four bytes.
type testRule struct {
	value, mask [4]byte
	priority    int
	serial      int
}

type testRules map[uint32]*testRule

func (t testRules) Priority(c uint32) int32 { return int32(t[c].priority) }

func (t testRules) Chunks(c uint32, values, masks *[MostChunks]byte) {
	copy(values[:], t[c].value[:])
	copy(masks[:], t[c].mask[:])
}

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

// TestRuleSet builds the vectors of many rules at once and again bit by bit.
func TestRuleSet(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	for _, n := range []int{1, 17, 2730, 2731, 6000} {
		mem := NewMemory(4096 + RulesBytes(n, 4))
		all := testRules{}
		var cells []uint32
		for i := range n {
			c := uint32(16 + 16*i)
			all[c] = newTestRule(random, [4]byte{byte(random.IntN(4)), byte(random.IntN(256)), byte(random.IntN(3)), 0}, i)
			cells = append(cells, c)
		}
		r := OpenRules(mem, 64, 4096, mem.Size, 4, all)
		if err := r.rebuild(cells); err != nil {
			t.Fatal(err)
		}
		base, words := r.root()
		rows := mem.Words(base+uint32(256*words), 4*256*rowBytes(words)/8)
		built := slices.Clone(rows)
		clear(rows)
		for p, c := range r.places {
			if c != 0 {
				r.set(p, c)
			}
		}
		if !slices.Equal(built, rows) {
			t.Errorf("%d rules: vectors built at once differ from those built bit by bit", n)
		}
		for i, c := range slices.DeleteFunc(slices.Clone(r.places), func(c uint32) bool { return c == 0 }) {
			if i > 0 && all[c].priority > all[cells[0]].priority {
				t.Errorf("%d rules: cell %d with priority %d lies behind one with %d", n, c, all[c].priority, all[cells[0]].priority)
			}
			cells[0] = c
		}
	}
}
