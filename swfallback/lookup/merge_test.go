package lookup

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMerge makes the same changes to two tries, in one many at once and in the other one by one. Both find what a plain
// table of prefixes finds.
func TestMerge(t *testing.T) {
	for _, width := range []int{9, 32, 48, 65, 128} {
		r := rand.New(rand.NewPCG(4, uint64(width)))
		many, m := newTrie(width)
		single, _ := newTrie(width)
		single.cells = m
		next := uint32(8)
		for round := range 60 {
			var list []Prefix
			for range 1 + r.IntN(1<<(3+r.IntN(7))) {
				n := r.IntN(width + 1)
				if r.IntN(2) > 0 {
					n = width - r.IntN(width/3)
				}
				p := model1{randomKey(r, width).cut(n), n}
				if _, known := m.cells[p]; known {
					continue
				}
				m.cells[p], m.prefix[next] = next, p
				list = append(list, Prefix{p.k, int32(n), next})
				next += 8
			}
			if round%5 == 4 {
				for _, x := range []*Trie{many, single} {
					if err := x.Reserve(len(m.cells) * 3); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, p := range list {
				if err := single.Insert(p.Key, int(p.Length), p.Cell); err != nil {
					t.Fatal(err)
				}
			}
			if err := many.InsertAll(slices.Clone(list)); err != nil {
				t.Fatal(err)
			}
			for p, cell := range m.cells { // some go again
				if r.IntN(8) > 0 {
					continue
				}
				delete(m.cells, p)
				for _, x := range []*Trie{many, single} {
					if err := x.Delete(p.k, p.n, cell); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, x := range []*Trie{many, single} {
				checkEdges(t, x, m, width, 300)
			}
			if width <= 64 && round%10 == 9 { // longer ways skip in more than one node, where depends on what was there before
				compareNodes(t, many, m)
			}
			for range 200 {
				k := randomKey(r, width)
				if len(list) > 0 && r.IntN(2) > 0 {
					k = list[r.IntN(len(list))].Key
				}
				if got, want := many.Find(k), m.find(k, width); got != want {
					t.Fatalf("width %d, round %d, key %x: cell %d, want %d", width, round, k, got, want)
				}
			}
		}
		for _, x := range []*Trie{many, single} {
			checkEdges(t, x, m, width, len(m.cells))
		}
	}
}

// checkEdges looks up where some prefixes begin and where they have just ended: nowhere else can the cell that is found
// be another one than at the address before.
func checkEdges(t *testing.T, tr *Trie, m *model, width, some int) {
	t.Helper()
	for p := range m.cells {
		if some--; some < 0 {
			return
		}
		for _, k := range []Key{p.k, p.k.after(p.n)} {
			k = k.cut(width)
			if got, want := tr.Find(k), m.find(k, width); got != want {
				t.Fatalf("width %d, key %x at an edge of %x/%d: cell %d, want %d", width, k, p.k, p.n, got, want)
			}
		}
	}
}

// after returns the first key behind a prefix.
func (k Key) after(length int) Key {
	if length > 64 {
		low, carry := bits.Add64(k.Low, 1<<(128-length), 0)
		return Key{k.High + carry, low}
	}
	if length == 0 {
		return Key{}
	}
	return Key{High: k.High + 1<<(64-length)}
}

// compareNodes compares a trie that was changed with one that is made of the same prefixes.
func compareNodes(t *testing.T, changed *Trie, m *model) {
	t.Helper()
	_, b := changed.root()
	mem := NewMemory(32 << 20)
	fresh := OpenTrie(mem, 64, 4096, mem.Size, 64, m)
	fresh.most = b
	if err := fresh.Reserve(2<<b + 1); err != nil {
		t.Fatal(err)
	}
	var list []Prefix
	for p, cell := range m.cells {
		list = append(list, Prefix{p.k, int32(p.n), cell})
	}
	if err := fresh.InsertAll(list); err != nil {
		t.Fatal(err)
	}
	if got, least := changed.nodes(), fresh.nodes(); got < least || got > len(list) {
		t.Fatalf("%d nodes for %d prefixes, %d in a new trie", got, len(list), least)
	}
}

// nodes counts the nodes that are in use.
func (t *Trie) nodes() int {
	var count func(words []uint64) int
	count = func(words []uint64) int {
		n := 0
		for _, w := range words {
			if child := uint32(w); child != 0 && child&(Lone|Bunch) == 0 {
				n += 1 + count(t.words(child))
			}
		}
		return n
	}
	root, b := t.root()
	return count(t.mem.Words(root, 1<<b))
}

// TestMergeReuses fills a memory that has room for little more than what is live: nodes that were divided are used
// again, after a wait for programs.
func TestMergeReuses(t *testing.T) {
	const n = 4096
	r := rand.New(rand.NewPCG(6, 6))
	waits := 0
	mem := NewMemory(TrieBytes(n))
	mem.Wait = func() error { waits++; return nil }
	m := &model{prefix: make(map[uint32]model1)}
	tr := OpenTrie(mem, 64, 4096, mem.Size, 128, m)
	for round := range 40 {
		list := make([]Prefix, n)
		for i := range list {
			list[i] = Prefix{Key{r.Uint64() & r.Uint64() & r.Uint64(), r.Uint64() & r.Uint64()}, 128, uint32(8 + 8*i)}
			m.prefix[list[i].Cell] = model1{list[i].Key, 128}
		}
		for some := range slices.Chunk(list, 500) {
			if err := tr.InsertAll(slices.Clone(some)); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		for _, p := range list {
			if got := tr.Find(p.Key); got != p.Cell {
				t.Fatalf("round %d: cell %d, want %d", round, got, p.Cell)
			}
		}
		for _, p := range list {
			if err := tr.Delete(p.Key, 128, p.Cell); err != nil {
				t.Fatal(err)
			}
		}
	}
	if waits == 0 {
		t.Error("nothing was waited for")
	}
}
