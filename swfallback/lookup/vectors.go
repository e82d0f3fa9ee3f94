package lookup

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
	"unsafe"
)

// vectors finds the first of the rules that match a key, for rules that fit into no group. For every 8 bits of the key,
// a chunk, and for each value that they may have there is a vector of bits: which rules do not exclude that value. A
// rule's place in the vectors is its place in the order of ranks; the first bit that all the vectors of a key
// have leads to its cell. In front of every vector is a summary with one bit for each of its words. The vectors may
// let rules through that do not match (they know nothing of the limits of ranges across chunks, nor of chunks beyond
// the first MostChunks), so whoever finds a cell compares the key with it and goes on where it differs.
//
// The root is the address of the vectors, and in the upper half their number of words N, with room for 64 N
// rules; 0 words: there are no rules. From the address on there are the cells of the places, 4 bytes each, 0 for none;
// then for every chunk and value its summary of (N+63)/64 words and its vector of N words. The memory has room for two
// sets of vectors: a new set is built where the present one is not.
type vectors struct {
	mem    *Memory
	at     uint32 // of the root
	halves halves
	chunks int
	rule   RuleReader
	rank   func(cell uint32) uint64

	places  []uint32       // the cell of every place, 0: none
	count   int            // cells that have a place
	place   map[uint32]int // of every cell; nil until it is asked for
	waiting map[int]bool   // places that programs may still read
}

// MostChunks bounds the chunks of a key that are looked at.
const MostChunks = 16

// open reads the places.
func (r *vectors) open() {
	r.waiting = make(map[int]bool)
	base, words := r.root()
	r.places = make([]uint32, 64*words)
	for i := range r.places {
		if r.places[i] = r.mem.Load32(base + 4*uint32(i)); r.places[i] != 0 {
			r.count++
		}
	}
}

// placeOf returns the place of a cell.
func (r *vectors) placeOf(cell uint32) (int, bool) {
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

// has reports whether a cell has a place.
func (r *vectors) has(cell uint32) bool {
	_, known := r.placeOf(cell)
	return known
}

// put notes that a cell is in a place.
func (r *vectors) put(p int, cell uint32) {
	r.places[p] = cell
	if r.place != nil {
		r.place[cell] = p
	}
}

func (r *vectors) root() (base uint32, words int) {
	w := r.mem.Load(r.at)
	return uint32(w), int(w >> 32)
}

// vectorBytes returns the memory that a number of rules takes at most, for both sets of vectors.
func vectorBytes(rules, chunks int) int { return 2 * (setBytes(wordsFor(rules), chunks) + 4096) }

func setBytes(words, chunks int) int { return 256*words + chunks*256*rowBytes(words) }

// rowBytes is the size of a vector with its summary.
func rowBytes(words int) int { return 8 * ((words+63)/64 + words) }

// wordsFor is how many words vectors have for a number of rules: every third place stays free.
func wordsFor(rules int) int { return max(1, (rules+rules/2+63)/64) }

// row returns the summary and the vector of a value of a chunk.
func (r *vectors) row(base uint32, words, chunk int, value byte) (summary, vector []uint64) {
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

// insert adds rules.
func (r *vectors) insert(cells ...uint32) error {
	if len(cells) <= fewRules && r.count > 0 {
		for len(cells) > 0 && r.squeeze(cells[0]) {
			cells = cells[1:]
		}
	}
	if len(cells) == 0 {
		return nil
	}
	return r.rebuild(append(r.all(), cells...))
}

// all returns all cells in the order of their places.
func (r *vectors) all() []uint32 {
	return slices.DeleteFunc(slices.Clone(r.places), func(c uint32) bool { return c == 0 })
}

// squeeze puts a rule into a free place where it belongs, false where there is none.
func (r *vectors) squeeze(cell uint32) bool {
	rank := r.rank(cell)
	// Free places have no order of their own: they count with the next rule behind them.
	next := sort.Search(len(r.places), func(i int) bool {
		for ; i < len(r.places); i++ {
			if c := r.places[i]; c != 0 {
				return r.rank(c) < rank
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
func (r *vectors) set(p int, cell uint32) {
	base, words := r.root()
	r.put(p, cell)
	r.count++
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

// remove takes out a rule.
func (r *vectors) remove(cell uint32) {
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
	r.count--
	delete(r.place, cell)
	r.waiting[p] = true
}

// replace gives a rule another cell with the same match and rank.
func (r *vectors) replace(old, cell uint32) {
	p, known := r.placeOf(old)
	if !known {
		return
	}
	base, _ := r.root()
	delete(r.place, old)
	r.put(p, cell)
	r.mem.store32(base+4*uint32(p), cell)
}

// settle makes the places of rules that were taken out usable again.
func (r *vectors) settle() error {
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
func (r *vectors) rebuild(cells []uint32) error {
	cells = r.byRank(cells)
	words := wordsFor(max(len(cells), 1))
	present, _ := r.root()
	base, err := r.halves.begin(r.mem, present)
	if err != nil {
		return err
	}
	if err := r.halves.extend(r.mem, base, setBytes(words, r.chunks)); err != nil {
		return err
	}
	r.places, r.place, r.count = make([]uint32, 64*words), nil, len(cells)
	set := newVectorSet(len(cells), r.chunks)
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
	r.mem.Store(r.at, uint64(words)<<32|uint64(base))
	return nil
}

// keep takes out all rules but the given ones, which are there.
func (r *vectors) keep(cells []uint32) error {
	if r.count == len(cells) {
		return nil
	}
	if len(cells) > 0 {
		return r.rebuild(cells)
	}
	base, _ := r.root()
	r.mem.Store(r.at, uint64(base))
	r.places, r.place, r.count = nil, nil, 0
	return nil
}

// byRank returns cells in the order of their ranks.
func (r *vectors) byRank(cells []uint32) []uint32 {
	return slices.SortedFunc(slices.Values(cells), func(a, b uint32) int { return cmp.Compare(r.rank(b), r.rank(a)) })
}

// spread says where the i-th of n rules is put: some places stay free in front of all and behind, the others between
// them.
func spread(i, n, places int) int {
	edge := (places - n) / 4
	return edge + i*(places-2*edge)/n
}

// find returns the first cell that the vectors let through and that matches, 0 where there is none. It looks only at
// ranks above a limit.
func (r *vectors) find(key []byte, limit uint64, matches func(cell uint32) bool) uint32 {
	base, words := r.root()
	for s := range (words + 63) / 64 {
		for sum := r.both(base, words, key, func(summary, _ []uint64) uint64 { return loadWord(&summary[s]) }); sum != 0; sum &= sum - 1 {
			w := 64*s + bits.TrailingZeros64(sum)
			for v := r.both(base, words, key, func(_, vector []uint64) uint64 { return loadWord(&vector[w]) }); v != 0; v &= v - 1 {
				cell := r.mem.Load32(base + 4*uint32(64*w+bits.TrailingZeros64(v)))
				if cell == 0 {
					continue
				}
				if r.rank(cell) <= limit {
					return 0
				}
				if matches(cell) {
					return cell
				}
			}
		}
	}
	return 0
}

// both is what all vectors of a key have in common in one word.
func (r *vectors) both(base uint32, words int, key []byte, pick func(summary, vector []uint64) uint64) uint64 {
	all := ^uint64(0)
	for i := range r.chunks {
		all &= pick(r.row(base, words, i, key[i]))
	}
	return all
}
