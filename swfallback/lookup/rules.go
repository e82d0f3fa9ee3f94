package lookup

import (
	"math"
	"slices"
)

// Rules finds the first of the rules that match a key, where rules have values and masks. Most rules lie in groups: a
// group has a mask of which those of all its rules have every bit, and a hash table by the bits of that mask, whose
// buckets are chains of cells. A few rules that fit into no group are in the list, a chain of its own. Only where these
// are too many do they go into vectors. A search goes through the groups, the list and the vectors and keeps the best
// rule that matches; it leaves out what cannot have a better one. A table of few rules has nothing but the list.
//
// The order is that of ranks, the higher one first. A rank is a word of the cell, at shape.Rank: the priority, which is
// above 0, and in the lower half the complement of the insertion's number, so that among equals the first one wins; 0
// while the rule has none. At shape.Link a cell has
//
//	0  next cell of the chain, 4 bytes, in one of two sets of groups
//	4  the same in the other
//
// The head's words: the root is the address of the set, and in the upper half where in a cell its chains have the next
// one; then the number of the last insertion and the root of the vectors. A set is described with ruleSet.
type Rules struct {
	mem     *Memory
	head    uint32
	shape   RuleShape
	rule    RuleReader
	halves  halves
	vectors vectors
	set     ruleSet
	sample  *ruleSample // of choose
	words   RuleWords   // of wordsOf
}

// RuleShape says what the rules of a table look like.
type RuleShape struct {
	Rules  int    // at most
	Words  int    // of a key that tell groups apart, at most MostWords
	Chunks int    // of a key that vectors look at, at most MostChunks
	Rank   uint32 // where in a cell its rank is: the upper half is there, the lower one zeros in a cell that is new
	Link   uint32 // where in a cell LinkSize bytes are for Rules
}

// RuleReader reads rules from their cells.
type RuleReader interface {
	// Words writes what a rule compares in each word of the key, as far as one mask can say it.
	Words(cell uint32, rule *RuleWords)
	// Chunks does the same with the chunks of the key.
	Chunks(cell uint32, values, masks *[MostChunks]byte)
}

// RuleWords is what a rule compares: no value has a bit that its mask has not.
type RuleWords struct{ Values, Masks [MostWords]uint64 }

const (
	// MostWords bounds the words of a key that tell groups apart.
	MostWords = 8
	// LinkSize is what a cell has for Rules, in bytes.
	LinkSize = 8
	// RulesVectors is where the head has the root of the vectors.
	RulesVectors = headTop
)

// RulesBytes returns the memory that rules take at most.
func RulesBytes(s RuleShape) int { return 2*setSize(s) + vectorBytes(s.Rules, s.Chunks) }

// OpenRules opens the rules of a head in the memory from from to to.
func OpenRules(mem *Memory, head uint32, from, to uint64, shape RuleShape, rule RuleReader) *Rules {
	r := &Rules{mem: mem, head: head, shape: shape, rule: rule}
	middle := min(from+uint64(2*setSize(shape)), to)
	r.halves = halves{from: from, to: middle}
	r.vectors = vectors{mem: mem, at: head + RulesVectors, halves: halves{from: middle, to: to}, chunks: shape.Chunks,
		rule: rule, rank: r.rank}
	r.vectors.open()
	if root := mem.Load(head + headRoot); root != 0 {
		r.set = r.setAt(root)
	}
	return r
}

// halves is memory of which one half is used and the next structure is built in the other.
type halves struct {
	from, to uint64
	ready    [2]uint64 // of each half: so many bytes are populated
}

// begin returns memory where the present structure is not, after the last program that may still read there.
func (h *halves) begin(mem *Memory, present uint32) (uint32, error) {
	half := (h.to - h.from) / 2 &^ 4095
	switch uint64(present) {
	case 0:
		return uint32(h.from), nil
	case h.from:
		return uint32(h.from + half), mem.wait()
	}
	return uint32(h.from), mem.wait()
}

// extend makes so many bytes from a half's beginning on usable.
func (h *halves) extend(mem *Memory, base uint32, bytes int) error {
	if half := (h.to - h.from) / 2 &^ 4095; uint64(bytes) > half {
		return ErrFull
	}
	side := 0
	if uint64(base) != h.from {
		side = 1
	}
	from, to := uint64(base)+h.ready[side], (uint64(base)+uint64(bytes)+4095)&^4095
	if from >= to {
		return nil
	}
	if err := mem.populate(from, to); err != nil {
		return err
	}
	h.ready[side] = to - uint64(base)
	return nil
}

// wordsOf returns what the rule of a cell compares, until it is called again.
func (r *Rules) wordsOf(cell uint32) *RuleWords {
	r.rule.Words(cell, &r.words) // always as many words
	return &r.words
}

// rank returns the rank of a cell.
func (r *Rules) rank(cell uint32) uint64 { return r.mem.Load(cell + r.shape.Rank) }

// number gives new cells their ranks.
func (r *Rules) number(cells []uint32) {
	last := r.mem.Load(r.head + headSeed)
	if last+uint64(len(cells)) >= math.MaxUint32 {
		last = r.renumber()
	}
	r.mem.Store(r.head+headSeed, last+uint64(len(cells)))
	for i, c := range cells {
		r.mem.put32(c+r.shape.Rank, ^uint32(last+1+uint64(i)))
	}
}

// renumber numbers all rules anew, in the same order, and returns the last number. Until that is done a packet may meet
// equals in another order.
func (r *Rules) renumber() uint64 {
	all := r.vectors.byRank(r.all())
	for i := range r.set.groups() {
		r.mem.Store(r.set.group(i)+GroupRank, math.MaxUint64)
	}
	for i, c := range all {
		r.mem.store32(c+r.shape.Rank, ^uint32(1+i))
	}
	return uint64(len(all))
}

// Insert adds rules. Among equals the new ones come last. After an error the rules must be rebuilt.
func (r *Rules) Insert(cells ...uint32) error {
	if len(cells) == 0 {
		return nil
	}
	r.number(cells)
	if r.set.outgrown(len(cells)) {
		return r.rebuild(append(r.all(), cells...))
	}
	var rest []uint32
	for _, c := range cells {
		if !r.set.insert(c) {
			rest = append(rest, c)
		}
	}
	r.set.add(setRules, len(cells))
	if len(rest) == 0 {
		return nil
	}
	if r.set.unfit(r.vectors.count + len(rest)) {
		return r.rebuild(append(r.all(), rest...))
	}
	return r.vectors.insert(rest...)
}

// all returns all cells.
func (r *Rules) all() []uint32 {
	if r.set.base == 0 {
		return nil
	}
	return append(r.set.all(), r.vectors.all()...)
}

// Delete takes out a rule.
func (r *Rules) Delete(cell uint32) {
	if r.set.base == 0 {
		return
	}
	r.set.add(setRules, -1)
	if at := r.set.locate(cell); at != 0 {
		r.mem.store32(at, r.mem.Load32(cell+r.set.next))
		return
	}
	r.vectors.remove(cell)
}

// Replace gives a rule another cell with the same match and priority.
func (r *Rules) Replace(old, cell uint32) {
	if r.set.base == 0 {
		return
	}
	r.mem.Store(cell+r.shape.Rank, r.rank(old))
	if at := r.set.locate(old); at != 0 {
		r.mem.store32(cell+r.set.next, r.mem.Load32(old+r.set.next))
		r.mem.store32(at, cell)
		return
	}
	r.vectors.replace(old, cell)
}

// Settle makes the memory of rules that were taken out usable again.
func (r *Rules) Settle() error { return r.vectors.settle() }

// rebuild chooses groups for all rules.
func (r *Rules) rebuild(cells []uint32) error {
	next, rest, err := r.build(cells)
	if err != nil {
		return err
	}
	apart := slices.DeleteFunc(slices.Clone(rest), r.vectors.has)
	if err := r.vectors.insert(apart...); err != nil {
		return err
	}
	return r.exchange(next, rest)
}

// exchange puts a set in the place of the present one. What it has not is in the vectors already; what only it has
// leaves the vectors when no program looks for it there any more.
func (r *Rules) exchange(next ruleSet, rest []uint32) error {
	r.set = next
	r.mem.Store(r.head+headRoot, uint64(next.next)<<32|uint64(next.base))
	if len(rest) == r.vectors.count {
		return nil
	}
	if err := r.mem.wait(); err != nil {
		return err
	}
	return r.vectors.keep(rest)
}

// Rebuild makes the rules those of the given cells, whatever the structure was in. They keep their ranks as far as they
// have one.
func (r *Rules) Rebuild(cells []uint32) error {
	var fresh, apart []uint32
	for _, c := range cells {
		if uint32(r.rank(c)) == 0 {
			fresh = append(fresh, c)
		}
		if r.vectors.has(c) {
			apart = append(apart, c)
		}
	}
	r.number(fresh)
	next, rest, err := r.build(slices.Clone(cells))
	if err != nil {
		return err
	}
	apart = append(apart, slices.DeleteFunc(slices.Clone(rest), r.vectors.has)...)
	if r.vectors.count > 0 || len(apart) > 0 {
		if err := r.vectors.rebuild(apart); err != nil {
			return err
		}
	}
	return r.exchange(next, rest)
}

// Find returns the cell of the first rule that matches a key, 0 where there is none. The key is given as words and as
// chunks.
func (r *Rules) Find(words []uint64, chunks []byte, matches func(cell uint32) bool) uint32 {
	root := r.mem.Load(r.head + headRoot)
	if root == 0 {
		return 0
	}
	set := r.setAt(root)
	best, rank := set.find(words, matches)
	if cell := r.vectors.find(chunks, rank, matches); cell != 0 {
		return cell
	}
	return best
}
