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
	place   map[uint32]int // of every cell
	waiting map[int]bool   // places that programs may still read
	ready   uint64         // of both halves: so many bytes are populated
}

// RuleReader reads rules from their cells.
type RuleReader interface {
	// Before reports whether a cell comes before another one; neither of two that are equal does.
	Before(a, b uint32) bool
	// Chunk returns what a rule compares in a chunk, as far as one mask can say it.
	Chunk(cell uint32, i int) (value, mask byte)
}

// MostChunks bounds the chunks of a key that are looked at.
const MostChunks = 16

// OpenRules opens the rules of a head in the memory from from to to, for keys of chunks times 8 bits.
func OpenRules(mem *Memory, head uint32, from, to uint64, chunks int, rule RuleReader) *Rules {
	r := &Rules{mem: mem, head: head, from: from, to: to, chunks: chunks, rule: rule, place: make(map[uint32]int),
		waiting: make(map[int]bool)}
	base, words := r.root()
	r.places = make([]uint32, 64*words)
	for i := range r.places {
		if c := mem.load32(base + 4*uint32(i)); c != 0 {
			r.places[i], r.place[c] = c, i
		}
	}
	return r
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
	// Free places have no order of their own: they count with the next rule behind them.
	next := sort.Search(len(r.places), func(i int) bool {
		for ; i < len(r.places); i++ {
			if c := r.places[i]; c != 0 {
				return r.rule.Before(cell, c)
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
	r.places[p], r.place[cell] = cell, p
	r.mem.store32(base+4*uint32(p), cell)
	for i := range r.chunks {
		value, mask := r.rule.Chunk(cell, i)
		each(value, mask, func(v byte) {
			summary, vector := r.row(base, words, i, v)
			storeWord(&vector[p/64], vector[p/64]|1<<(p%64))
			storeWord(&summary[p/4096], summary[p/4096]|1<<(p/64%64))
		})
	}
}

// Delete takes out a rule.
func (r *Rules) Delete(cell uint32) {
	p, known := r.place[cell]
	if !known {
		return
	}
	base, words := r.root()
	for i := range r.chunks {
		value, mask := r.rule.Chunk(cell, i)
		each(value, mask, func(v byte) {
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
	p, known := r.place[old]
	if !known {
		return
	}
	base, _ := r.root()
	delete(r.place, old)
	r.places[p], r.place[cell] = cell, p
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
	slices.SortStableFunc(cells, func(a, b uint32) int {
		switch {
		case r.rule.Before(a, b):
			return -1
		case r.rule.Before(b, a):
			return 1
		}
		return 0
	})
	words := wordsFor(max(len(cells), 1))
	base, err := r.space(setBytes(words, r.chunks))
	if err != nil {
		return err
	}
	clear(r.places)
	r.places = append(r.places[:0], make([]uint32, 64*words)...)
	clear(r.place)
	at := make([]int, len(cells))
	for i, c := range cells {
		at[i] = spread(i, len(cells), len(r.places))
		r.places[at[i]], r.place[c] = c, at[i]
		r.mem.store32(base+4*uint32(at[i]), c)
	}
	for i := range r.chunks {
		r.buildChunk(base, words, i, cells, at)
	}
	clear(r.waiting)
	r.mem.Store(r.head+headRoot, uint64(words)<<32|uint64(base))
	return nil
}

// spread says where the i-th of n rules is put: some places stay free in front of all and behind, the others between
// them.
func spread(i, n, places int) int {
	edge := (places - n) / 4
	return edge + i*(places-2*edge)/n
}

// space returns zeroed memory where the present set is not.
func (r *Rules) space(bytes int) (uint32, error) {
	half := (r.to - r.from) / 2 &^ 4095
	if uint64(bytes) > half {
		return 0, ErrFull
	}
	if uint64(bytes) > r.ready {
		n := uint64(bytes+4095) &^ 4095
		for _, start := range []uint64{r.from, r.from + half} {
			if err := r.mem.populate(start+r.ready, start+n); err != nil {
				return 0, err
			}
		}
		r.ready = n
	}
	if err := r.mem.wait(); err != nil { // the set before the present one may still be read
		return 0, err
	}
	base := r.from
	if at, _ := r.root(); uint64(at) == r.from {
		base += half
	}
	clear(r.mem.Bytes(uint32(base), bytes))
	return uint32(base), nil
}

// buildChunk fills the vectors of one chunk: those of rules that compare nothing in it are copied.
func (r *Rules) buildChunk(base uint32, words, chunk int, cells []uint32, at []int) {
	any := make([]uint64, words)
	for i, c := range cells {
		if _, mask := r.rule.Chunk(c, chunk); mask == 0 {
			any[at[i]/64] |= 1 << (at[i] % 64)
		}
	}
	for v := range 256 {
		_, vector := r.row(base, words, chunk, byte(v))
		copy(vector, any)
	}
	for i, c := range cells {
		value, mask := r.rule.Chunk(c, chunk)
		if mask == 0 {
			continue
		}
		each(value, mask, func(v byte) {
			_, vector := r.row(base, words, chunk, v)
			vector[at[i]/64] |= 1 << (at[i] % 64)
		})
	}
	for v := range 256 {
		summary, vector := r.row(base, words, chunk, byte(v))
		for i, w := range vector {
			if w != 0 {
				summary[i/64] |= 1 << (i % 64)
			}
		}
	}
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
