package lookup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
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

func (t *testRule) matches(key [4]byte) bool {
	for i := range key {
		if key[i]&t.mask[i] != t.value[i] {
			return false
		}
	}
	return true
}

// testRules are rules by their cells.
type testRules map[uint32]*testRule

func (t testRules) Words(c uint32, rule *RuleWords) {
	rule.Values[0], rule.Masks[0] = keyWord(t[c].value), keyWord(t[c].mask)
}

func (t testRules) Chunks(c uint32, values, masks *[MostChunks]byte) {
	copy(values[:], t[c].value[:])
	copy(masks[:], t[c].mask[:])
}

func keyWord(k [4]byte) uint64 { return uint64(binary.LittleEndian.Uint32(k[:])) }

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

// ruleKinds make rules that belong into different parts of the structure.
func ruleKinds() map[string]func(r *rand.Rand) *testRule {
	prefix := func(r *rand.Rand, least int) *testRule {
		var t testRule
		binary.BigEndian.PutUint32(t.mask[:], math.MaxUint32<<(32-least-r.IntN(33-least)))
		binary.BigEndian.PutUint32(t.value[:], r.Uint32()&r.Uint32())
		return &t
	}
	sparse := func(r *rand.Rand) *testRule {
		var t testRule
		for i := range t.mask {
			if r.IntN(2) > 0 {
				t.mask[i] = byte(r.IntN(256) & r.IntN(256))
			}
			t.value[i] = byte(r.IntN(3)) << r.IntN(7)
		}
		return &t
	}
	return map[string]func(r *rand.Rand) *testRule{
		"prefixes": func(r *rand.Rand) *testRule { return prefix(r, 9) },
		"sparse":   sparse,
		"mixed": func(r *rand.Rand) *testRule {
			if r.IntN(3) == 0 {
				return sparse(r)
			}
			return prefix(r, 0)
		},
	}
}

// ruleBed is rules under change, and their model.
type ruleBed struct {
	t      *testing.T
	mem    *Memory
	rules  *Rules
	shape  RuleShape
	from   uint64
	all    testRules
	random *rand.Rand
	make   func(*rand.Rand) *testRule
	next   uint32
	serial int
}

const (
	testHead = 64
	testCell = 16
)

func testShape(rules int) RuleShape {
	return RuleShape{Rules: rules, Words: 1, Chunks: 4, Rank: 0, Link: 8}
}

// ranked makes a cell as it is when it is new.
func ranked(mem *Memory, cell uint32, r *testRule) {
	mem.put(cell, uint64(r.priority)<<32)
	mem.put(cell+8, 0)
}

// newRuleBed has room for a number of rules at a time and of cells in all. They are never used again.
func newRuleBed(t *testing.T, rules, cells int, kind string) *ruleBed {
	b := &ruleBed{t: t, shape: testShape(rules), from: uint64(4096+testCell*cells+4095) &^ 4095,
		all: testRules{}, random: rand.New(rand.NewPCG(3, 3)), make: ruleKinds()[kind], next: 4096}
	b.mem = NewMemory(int(b.from) + RulesBytes(b.shape))
	b.open()
	return b
}

func (b *ruleBed) open() {
	b.rules = OpenRules(b.mem, testHead, b.from, b.mem.Size, b.shape, b.all)
}

// rule makes a cell.
func (b *ruleBed) rule() uint32 {
	rule := b.make(b.random)
	rule.priority, rule.serial = 1+b.random.IntN(30), b.serial
	for i := range rule.value {
		rule.value[i] &= rule.mask[i]
	}
	b.serial++
	b.next += testCell
	b.all[b.next-testCell] = rule
	ranked(b.mem, b.next-testCell, rule)
	return b.next - testCell
}

func (b *ruleBed) insert(n int) {
	b.t.Helper()
	var cells []uint32
	for range n {
		cells = append(cells, b.rule())
	}
	if err := b.rules.Insert(cells...); err != nil {
		b.t.Fatal(err)
	}
}

// any returns one of the cells.
func (b *ruleBed) any() uint32 {
	return slices.Sorted(maps.Keys(b.all))[b.random.IntN(len(b.all))]
}

func (b *ruleBed) remove() {
	c := b.any()
	b.rules.Delete(c)
	delete(b.all, c)
}

func (b *ruleBed) replace() {
	c := b.any()
	b.all[b.next] = b.all[c]
	ranked(b.mem, b.next, b.all[c])
	b.rules.Replace(c, b.next)
	delete(b.all, c)
	b.next += testCell
}

// key makes a key that rules are likely to match.
func (b *ruleBed) key() (k [4]byte) {
	binary.BigEndian.PutUint32(k[:], b.random.Uint32()&b.random.Uint32())
	if b.random.IntN(4) > 0 && len(b.all) > 0 {
		r := b.all[b.any()]
		for i := range k {
			k[i] = k[i]&^r.mask[i] | r.value[i]
		}
	}
	return k
}

func (b *ruleBed) find(k [4]byte) uint32 {
	return b.rules.Find([]uint64{keyWord(k)}, k[:], func(c uint32) bool { return b.all[c].matches(k) })
}

// A slowSearch has read the root when a change begins, and goes on within it or behind it.
type slowSearch struct {
	bed  *ruleBed
	root uint64
	keys map[[4]byte]uint32 // what they should find
}

// watch begins searches that are overtaken by changes, until these wait for them.
func (b *ruleBed) watch() *slowSearch {
	s := &slowSearch{bed: b}
	b.mem.Wait = func() error {
		s.end()
		s.begin(0) // and another one, which begins when the others have ended
		return nil
	}
	return s
}

func (s *slowSearch) begin(keys int) {
	s.root = s.bed.mem.Load(testHead)
	for range keys {
		k := s.bed.key()
		s.keys[k] = s.bed.all.best(k)
	}
}

// end finds what the keys should find, where the change does not concern them.
func (s *slowSearch) end() {
	s.bed.t.Helper()
	for k, want := range s.keys {
		if s.root == 0 || s.bed.all.best(k) != want {
			continue
		}
		matches := func(c uint32) bool { r := s.bed.all[c]; return r != nil && r.matches(k) }
		set := s.bed.rules.setAt(s.root)
		got, rank := set.find([]uint64{keyWord(k)}, matches)
		if c := s.bed.rules.vectors.find(k[:], rank, matches); c != 0 {
			got = c
		}
		if got != want {
			s.bed.t.Fatalf("overtaken search of key %x: cell %d, want %d", k, got, want)
		}
	}
}

// compare looks for keys.
func (b *ruleBed) compare(n int) {
	b.t.Helper()
	for range n {
		k := b.key()
		if got, want := b.find(k), b.all.best(k); got != want {
			b.t.Fatalf("%d rules, key %x: cell %d, want %d", len(b.all), k, got, want)
		}
	}
}

// check compares what is in the structure with what should be, and that all chains are in order and short.
func (b *ruleBed) check() {
	b.t.Helper()
	s := &b.rules.set
	chains := []uint32{s.base}
	for i := range s.groups() {
		at, shift := b.mem.Load32(s.group(i)), b.mem.Load32(s.group(i)+4)
		for j := range uint32(1) << (64 - shift) {
			chains = append(chains, at+4*j)
		}
	}
	for _, at := range chains {
		n, last := 0, uint64(math.MaxUint64)
		for c := b.mem.Load32(at); c != 0; c = b.mem.Load32(c + s.next) {
			if b.rules.rank(c) >= last {
				b.t.Fatalf("rank %#x of cell %d behind %#x", b.rules.rank(c), c, last)
			}
			n, last = n+1, b.rules.rank(c)
		}
		if n > max(mostChain, mostList) {
			b.t.Fatalf("a chain of %d rules", n)
		}
	}
	all := slices.Sorted(slices.Values(b.rules.all()))
	want := make([]uint32, 0, len(b.all))
	for c := range b.all {
		want = append(want, c)
	}
	if slices.Sort(want); !slices.Equal(all, want) {
		b.t.Fatalf("cells %v, want %v", all, want)
	}
	if n := s.count(setRules); n != len(want) {
		b.t.Fatalf("%d rules by the set, want %d", n, len(want))
	}
}

func TestRules(t *testing.T) {
	for kind := range ruleKinds() {
		t.Run(kind, func(t *testing.T) { testRulesOf(t, kind) })
	}
}

func testRulesOf(t *testing.T, kind string) {
	b := newRuleBed(t, 4000, 20_000, kind)
	var parts struct{ list, groups, vectors bool }
	slow := b.watch()
	for step := range 1500 {
		slow.keys = make(map[[4]byte]uint32)
		slow.begin(10)
		switch n := b.random.IntN(40); {
		case n == 0 && len(b.all) < 2000:
			b.insert(b.random.IntN(200))
		case n == 1 && len(b.all) > 0:
			left := b.random.IntN(len(b.all))
			if b.random.IntN(2) == 0 {
				left = min(left, 8)
			}
			for len(b.all) > left {
				b.remove()
			}
		case n == 2:
			b.mem.Store(testHead+headSeed, max(b.mem.Load(testHead+headSeed), math.MaxUint32-uint64(b.random.IntN(20))))
		case n < 22 || len(b.all) == 0:
			b.insert(1)
		case n < 28:
			b.replace()
		default:
			b.remove()
		}
		slow.end()
		if step%50 == 49 {
			b.check()
			if err := b.rules.Settle(); err != nil {
				t.Fatal(err)
			}
			b.open()
			b.check()
		}
		b.compare(3)
		parts.list = parts.list || b.mem.Load32(b.rules.set.base) != 0
		parts.groups = parts.groups || b.rules.set.groups() > 0
		parts.vectors = parts.vectors || b.rules.vectors.count > 0
	}
	if !parts.list || parts.groups != (kind != "sparse") || !parts.vectors && kind != "prefixes" {
		t.Errorf("used %+v", parts)
	}
}

// TestRulesOfFew has nothing but the list, again when the rules have become few.
func TestRulesOfFew(t *testing.T) {
	b := newRuleBed(t, 1000, 2000, "prefixes")
	b.insert(mostList)
	if b.rules.set.groups() != 0 || b.rules.vectors.count != 0 {
		t.Errorf("%d groups and %d rules in vectors for %d rules", b.rules.set.groups(), b.rules.vectors.count, mostList)
	}
	b.insert(1)
	if b.rules.set.groups() == 0 {
		t.Error("no groups for one rule more")
	}
	for len(b.all) > 3 {
		b.remove()
	}
	b.insert(1)
	if b.rules.set.groups() != 0 {
		t.Error("groups for 4 rules")
	}
	b.check()
	b.compare(100)
}

// TestRulesRebuilt takes over from a process that died where it asked for memory or waited for programs.
func TestRulesRebuilt(t *testing.T) {
	for kind := range ruleKinds() {
		for call := range 12 {
			t.Run(fmt.Sprint(kind, call), func(t *testing.T) { testRulesRebuilt(t, kind, call) })
		}
	}
}

func testRulesRebuilt(t *testing.T, kind string, call int) {
	b := newRuleBed(t, 1000, 2000, kind)
	b.insert(100 + 20*call)
	for range 60 {
		b.remove()
	}
	old := testRules{}
	for c, r := range b.all {
		old[c] = r
	}
	dead := errors.New("dead")
	hook := func() {
		if call--; call < 0 {
			panic(dead)
		}
	}
	b.mem.Wait = func() error { hook(); return nil }
	b.mem.Populate = func(uint64, uint64) error { hook(); return nil }
	func() {
		defer func() {
			if r := recover(); r != nil && r != dead {
				panic(r)
			}
		}()
		b.open()
		b.insert(300)
	}()
	b.mem.Wait, b.mem.Populate = nil, nil
	for range 50 { // packets find what was there
		k := b.key()
		got := b.find(k)
		if want := old.best(k); got != want && b.all[got].serial < 100 {
			t.Fatalf("key %x: cell %d, want %d or a new one", k, got, want)
		}
	}
	b.open()
	var cells []uint32
	for c := range b.all {
		cells = append(cells, c)
	}
	slices.Sort(cells) // as they were inserted
	if err := b.rules.Rebuild(cells); err != nil {
		t.Fatal(err)
	}
	b.check()
	b.compare(200)
	b.insert(50)
	b.remove()
	b.check()
	b.compare(100)
}

// TestRulesFull fills a memory that is too small.
func TestRulesFull(t *testing.T) {
	for kind := range ruleKinds() {
		b := newRuleBed(t, 60, 6000, kind)
		var err error
		for range 1000 {
			if err = b.rules.Insert(b.rule(), b.rule(), b.rule()); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("%s: %d rules: error %v, want ErrFull", kind, len(b.all), err)
		}
		var before []uint32
		for len(b.all) > b.shape.Rules {
			delete(b.all, b.any())
		}
		for c := range b.all {
			before = append(before, c)
		}
		slices.Sort(before)
		if err := b.rules.Rebuild(before); err != nil {
			t.Fatal(err)
		}
		b.check()
		b.compare(100)
	}
}

// TestVectorSet builds the vectors of many rules at once and again bit by bit.
func TestVectorSet(t *testing.T) {
	for _, n := range []int{1, 17, 2730, 2731, 6000} {
		b := newRuleBed(t, n, n, "mixed")
		for range n {
			b.rule()
		}
		var cells []uint32
		for c := range b.all {
			cells = append(cells, c)
		}
		slices.Sort(cells)
		b.rules.number(cells)
		r := &b.rules.vectors
		if err := r.rebuild(cells); err != nil {
			t.Fatal(err)
		}
		base, words := r.root()
		rows := b.mem.Words(base+uint32(256*words), 4*256*rowBytes(words)/8)
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
		if all := r.all(); !slices.IsSortedFunc(all, func(x, y uint32) int { return b.all[y].priority - b.all[x].priority }) {
			t.Errorf("%d rules: cells are not in the order of their priorities", n)
		}
	}
}
