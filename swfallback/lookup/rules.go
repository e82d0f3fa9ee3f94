package lookup

import (
	"math/bits"
	"slices"
	"sort"
	"unsafe"
)

// Rules finds the first of the rules that match a key, where rules have values and masks. For every 8 bits of the key,
// a chunk, and for each value that they may have there is a vector of bits: which rules do not exclude that value. A
// rule's place in the vectors is its place in the order of priorities; the first bit that all the vectors of a key
// have leads to its cell. In front of every vector is a summary with one bit for each of its words. The vectors may
// let rules through that do not match (they know nothing of the limits of ranges across chunks, nor of chunks beyond
// the first MostChunks), so whoever finds a cell compares the key with it and goes on where it differs.
//
// The head's root is the address of the vectors, and in the upper half their number of words N, with room for 64 N
// rules. From the address on there are the cells of the places, 4 bytes each, 0 for none; then for every chunk and
// value its summary of (N+63)/64 words and its vector of N words. The memory has room for two sets of vectors: a new
// set is built where the present one is not.
type Rules struct {
	mem      *Memory
	head     uint32
	from, to uint64
	chunks   int
	rule     RuleReader

	places  []uint32       // the cell of every place, 0: none
	place   map[uint32]int // of every cell; nil until it is asked for
	waiting map[int]bool   // places that programs may still read
	ready   [2]uint64      // of each half: so many bytes are populated
}

// RuleReader reads rules from their cells.
type RuleReader interface {
	// Priority returns the priority of a rule: the larger one comes first.
	Priority(cell uint32) int32
	// Chunks writes what a rule compares in each chunk, as far as one mask can say it.
	Chunks(cell uint32, values, masks *[MostChunks]byte)
}

// MostChunks bounds the chunks of a key that are looked at.
const MostChunks = 16

// OpenRules opens the rules of a head in the memory from from to to, for keys of chunks times 8 bits.
func OpenRules(mem *Memory, head uint32, from, to uint64, chunks int, rule RuleReader) *Rules {
	r := &Rules{mem: mem, head: head, from: from, to: to, chunks: chunks, rule: rule, waiting: make(map[int]bool)}
	base, words := r.root()
	r.places = make([]uint32, 64*words)
	for i := range r.places {
		r.places[i] = mem.load32(base + 4*uint32(i))
	}
	return r
}

// placeOf returns the place of a cell.
func (r *Rules) placeOf(cell uint32) (int, bool) {
	if r.place == nil {
		r.place = make(map[uint32]int, len(r.places))
		for i, c := range r.places {
			if c != 0 {
				r.place[c] = i
			}
		}
	}
	p, known := r.place[cell]
	return p, known
}

// put notes that a cell is in a place.
func (r *Rules) put(p int, cell uint32) {
	r.places[p] = cell
	if r.place != nil {
		r.place[cell] = p
	}
}

func (r *Rules) root() (base uint32, words int) {
	w := r.mem.Load(r.head + headRoot)
	return uint32(w), int(w >> 32)
}

// RulesBytes returns the memory that a number of rules takes at most, for both sets of vectors.
func RulesBytes(rules, chunks int) int { return 2 * (setBytes(wordsFor(rules), chunks) + 4096) }

func setBytes(words, chunks int) int { return 256*words + chunks*256*rowBytes(words) }

// rowBytes is the size of a vector with its summary.
func rowBytes(words int) int { return 8 * ((words+63)/64 + words) }

// wordsFor is how many words vectors have for a number of rules: every third place stays free.
func wordsFor(rules int) int { return max(1, (rules+rules/2+63)/64) }

// row returns the summary and the vector of a value of a chunk.
func (r *Rules) row(base uint32, words, chunk int, value byte) (summary, vector []uint64) {
	at := base + uint32(256*words) + uint32((256*chunk+int(value))*rowBytes(words))
	all := unsafe.Slice(r.mem.at(at), rowBytes(words)/8)
	n := (words + 63) / 64
	return all[:n], all[n:]
}

// each calls f for every value that a rule allows in a chunk.
func each(value, mask byte, f func(byte)) {
	free := ^mask
	for sub := free; ; sub = (sub - 1) & free {
		f(value&mask | sub)
		if sub == 0 {
			return
		}
	}
}

// fewRules is up to how many rules are put in one by one.
const fewRules = 16

// Insert adds rules. Among equals the new ones come last.
func (r *Rules) Insert(cells ...uint32) error {
	if len(cells) <= fewRules && len(r.places) > 0 {
		for len(cells) > 0 && r.squeeze(cells[0]) {
			cells = cells[1:]
		}
	}
	if len(cells) == 0 {
		return nil
	}
	return r.rebuild(append(r.inOrder(), cells...))
}

// inOrder returns all cells in the order of their places.
func (r *Rules) inOrder() []uint32 {
	return slices.DeleteFunc(slices.Clone(r.places), func(c uint32) bool { return c == 0 })
}

// squeeze puts a rule into a free place where it belongs, false where there is none.
func (r *Rules) squeeze(cell uint32) bool {
	priority := r.rule.Priority(cell)
	// Free places have no order of their own: they count with the next rule behind them.
	next := sort.Search(len(r.places), func(i int) bool {
		for ; i < len(r.places); i++ {
			if c := r.places[i]; c != 0 {
				return r.rule.Priority(c) < priority
			}
		}
		return true
	})
	for p := next - 1; p >= 0 && r.places[p] == 0; p-- {
		next = p
	}
	last := next
	for last < len(r.places) && r.places[last] == 0 {
		last++
	}
	best := (next + last) / 2
	switch { // at the ends more of the kind will come
	case next == 0:
		best = last - 1
	case last == len(r.places):
		best = next
	}
	for _, p := range []int{best, next, last - 1} {
		if p >= next && p < last && !r.waiting[p] {
			r.set(p, cell)
			return true
		}
	}
	return false
}

// set puts a cell into a free place: packets find it when the last of its bits is there.
func (r *Rules) set(p int, cell uint32) {
	base, words := r.root()
	r.put(p, cell)
	r.mem.store32(base+4*uint32(p), cell)
	var values, masks [MostChunks]byte
	r.rule.Chunks(cell, &values, &masks)
	for i := range r.chunks {
		each(values[i], masks[i], func(v byte) {
			summary, vector := r.row(base, words, i, v)
			storeWord(&vector[p/64], vector[p/64]|1<<(p%64))
			storeWord(&summary[p/4096], summary[p/4096]|1<<(p/64%64))
		})
	}
}

// Delete takes out a rule.
func (r *Rules) Delete(cell uint32) {
	p, known := r.placeOf(cell)
	if !known {
		return
	}
	base, words := r.root()
	var values, masks [MostChunks]byte
	r.rule.Chunks(cell, &values, &masks)
	for i := range r.chunks {
		each(values[i], masks[i], func(v byte) {
			summary, vector := r.row(base, words, i, v)
			storeWord(&vector[p/64], vector[p/64]&^(1<<(p%64)))
			if vector[p/64] == 0 {
				storeWord(&summary[p/4096], summary[p/4096]&^(1<<(p/64%64)))
			}
		})
	}
	r.mem.store32(base+4*uint32(p), 0)
	r.places[p] = 0
	delete(r.place, cell)
	r.waiting[p] = true
}

// Replace gives a rule another cell with the same match and priority.
func (r *Rules) Replace(old, cell uint32) {
	p, known := r.placeOf(old)
	if !known {
		return
	}
	base, _ := r.root()
	delete(r.place, old)
	r.put(p, cell)
	r.mem.store32(base+4*uint32(p), cell)
}

// Settle makes the places of rules that were taken out usable again.
func (r *Rules) Settle() error {
	if len(r.waiting) == 0 {
		return nil
	}
	if err := r.mem.wait(); err != nil {
		return err
	}
	clear(r.waiting)
	return nil
}

// rebuild builds a new set of vectors and puts it in the place of the present one.
func (r *Rules) rebuild(cells []uint32) error {
	cells = r.byPriority(cells)
	words := wordsFor(max(len(cells), 1))
	base, err := r.space(setBytes(words, r.chunks))
	if err != nil {
		return err
	}
	r.places, r.place = make([]uint32, 64*words), nil
	set := newRuleSet(len(cells), r.chunks)
	for i, c := range cells {
		at := spread(i, len(cells), len(r.places))
		r.places[at] = c
		set.add(at, c, r.rule)
	}
	for i, c := range r.places {
		r.mem.store32(base+4*uint32(i), c)
	}
	rows := r.mem.Words(base+uint32(256*words), r.chunks*256*rowBytes(words)/8)
	for i := range r.chunks {
		n := 256 * rowBytes(words) / 8
		set.build(i, rows[i*n:][:n])
	}
	clear(r.waiting)
	r.mem.Store(r.head+headRoot, uint64(words)<<32|uint64(base))
	return nil
}

// byPriority returns cells in the order of their priorities, equals as they were.
func (r *Rules) byPriority(cells []uint32) []uint32 {
	keys := make([]uint64, len(cells))
	for i, c := range cells {
		keys[i] = uint64(uint32(^r.rule.Priority(c))^1<<31)<<32 | uint64(i)
	}
	slices.Sort(keys)
	sorted := make([]uint32, len(cells))
	for i, k := range keys {
		sorted[i] = cells[uint32(k)]
	}
	return sorted
}

// spread says where the i-th of n rules is put: some places stay free in front of all and behind, the others between
// them.
func spread(i, n, places int) int {
	edge := (places - n) / 4
	return edge + i*(places-2*edge)/n
}

// space returns memory where the present set is not.
func (r *Rules) space(bytes int) (uint32, error) {
	half := (r.to - r.from) / 2 &^ 4095
	if uint64(bytes) > half {
		return 0, ErrFull
	}
	base, side := r.from, 0
	present, _ := r.root()
	if uint64(present) == r.from {
		base, side = base+half, 1
	}
	if n := uint64(bytes+4095) &^ 4095; n > r.ready[side] {
		if err := r.mem.populate(base+r.ready[side], base+n); err != nil {
			return 0, err
		}
		r.ready[side] = n
	}
	if present == 0 {
		return uint32(base), nil
	}
	return uint32(base), r.mem.wait() // the set before the present one may still be read
}

// Find returns the first cell that the vectors let through and that matches, 0 where there is none.
func (r *Rules) Find(key []byte, matches func(cell uint32) bool) uint32 {
	base, words := r.root()
	for s := range (words + 63) / 64 {
		for sum := r.both(base, words, key, func(summary, _ []uint64) uint64 { return summary[s] }); sum != 0; sum &= sum - 1 {
			w := 64*s + bits.TrailingZeros64(sum)
			for v := r.both(base, words, key, func(_, vector []uint64) uint64 { return vector[w] }); v != 0; v &= v - 1 {
				cell := r.mem.load32(base + 4*uint32(64*w+bits.TrailingZeros64(v)))
				if cell != 0 && matches(cell) {
					return cell
				}
			}
		}
	}
	return 0
}

// both is what all vectors of a key have in common in one word.
func (r *Rules) both(base uint32, words int, key []byte, pick func(summary, vector []uint64) uint64) uint64 {
	all := ^uint64(0)
	for i := range r.chunks {
		all &= pick(r.row(base, words, i, key[i]))
	}
	return all
}
