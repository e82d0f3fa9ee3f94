package bpfgen

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// What finds cells is a function of its own for every table, called with the address of the key and returning the
// address of a cell, 0 for none: it is the same wherever the table is applied, and takes no more room there than the
// call of a helper.

// finderName names a table's function.
func finderName(t *pipeline.Table) string { return fmt.Sprintf("find%d", t.Index) }

// lookupArena finds a table's cell in the arena. The table's function is not called where there is nothing in the table,
// nor for most exact keys, nor for most of what a CPU remembers: with returns that the kernel guards a call costs as much
// as the rest of such a search.
func (l *lowerer) lookupArena(t *pipeline.Table, lay *TableLayout, st *state, hit func(*state, *value), miss func(*state)) {
	nums := l.keyNums(t, st)
	st.dropLoaded(l.index)
	none, there := l.f.newBlock(""), l.f.newBlock("")
	cell := l.blockParam(there, 32)
	root := l.load(l.cast(l.arenaAt(lay.Arena.Head)), 0, 8)
	l.unless(condEq, root, l.konst(0), none)
	words, sizes := l.keyWords(&lay.key, nums)
	if lay.Kind == LookupHash && lay.KeySize <= inlineKey {
		call := l.f.newBlock("")
		call.cold = true
		at, tag := l.hashPlace(lay, root, words)
		l.jump(there, l.probeHash(lay, at, tag, words, sizes, none, call))
		l.cur = call
	}
	if lay.Arena.Lines != 0 && sameWords(lay.trieWords(), sizes) {
		on := l.f.newBlock("")
		l.jump(there, l.lookAtLine(lay, words, on))
		l.cur = on
	}
	c := l.callFinder(lay, words, sizes, nums)
	l.unless(condEq, c, l.konst(0), none)
	l.jump(there, c)
	l.cur = none
	src, other := l.src, st.clone()
	miss(other)
	l.cur, l.src = there, src
	hit(st, l.cast(cell))
	l.cur = nil
}

// callFinder calls a table's function.
func (l *lowerer) callFinder(lay *TableLayout, words map[int]*value, sizes map[int]int, nums []num) *value {
	key := l.f.newSlot(lay.finderKey())
	switch lay.Kind {
	case LookupLPM:
		key.bias = 4 // as in lookupLPM; the length is not looked at
		fallthrough
	case LookupHash:
		l.storeWords(key, words, sizes)
	case LookupClassifier:
		l.storeRule(key, lay, words, nums)
	}
	c := l.call(0, l.frame(key, 0))
	c.finder, c.bits = lay, 32
	return c
}

// inlineKey is the longest exact key, in bytes, that is looked for in place.
const inlineKey = 16

// storeRule writes the key of a classifier's function to the stack.
func (l *lowerer) storeRule(key *slot, lay *TableLayout, words map[int]*value, nums []num) {
	for off := 0; off < 8*lay.key.words; off += 8 {
		if w, ok := words[off]; ok {
			l.store(l.frame(key, 0), off, 8, w)
		}
	}
	for i, at := range lay.rangesAt() {
		for j := range nums[i] {
			if at >= 0 {
				l.store(l.frame(key, 0), at+8*j, 8, nums[i][j])
			}
		}
	}
}

// finderKey is the size of the key that a table's function takes: as in maps, of a classifier its words and then the
// numbers of its ranges.
func (l *TableLayout) finderKey() int {
	if l.Kind != LookupClassifier {
		return l.KeySize
	}
	size := 8 * l.key.words
	for i, at := range l.rangesAt() {
		if at >= 0 {
			size = at + 8*limbs(l.Table.Keys[i].Width)
		}
	}
	return size
}

// rangesAt says where the numbers of ranges are in the key of a classifier's function, -1 for other components.
func (l *TableLayout) rangesAt() []int {
	at := make([]int, len(l.Table.Keys))
	next := 8 * l.key.words
	for i, k := range l.Table.Keys {
		if at[i] = -1; l.key.ranges[i] >= 0 {
			at[i] = next
			next += 8 * limbs(k.Width)
		}
	}
	return at
}

// finder makes the function that finds a table's cells.
func (o *Object) finder(lay *TableLayout) (*fn, error) {
	l := &lowerer{builder: &builder{f: newFn(finderName(lay.Table))}, obj: o}
	l.f.inner = true
	l.cur = l.f.newBlock("find " + lay.Table.Name)
	found := l.f.newBlock("found")
	cell := l.blockParam(found, 32)
	var lines lineSearch
	head := l.arenaAt(lay.Arena.Head)
	if lay.Arena.Lines != 0 {
		lines = l.searchLines(lay)
		head = l.aluC(opAdd, l.aluC(opShr, lines.word, 63), uint64(lay.Arena.Head)) // the sum is always the same
	}
	root := l.load(l.cast(head), 0, 8)
	l.leave(condEq, root, l.konst(0), found, l.konst(0))
	switch lay.Kind {
	case LookupHash:
		l.searchHash(lay, root, found)
	case LookupLPM:
		l.walkTrie(lay, root, found)
	case LookupClassifier:
		l.searchRules(lay, root, found)
	}
	l.cur = found
	if lay.Arena.Lines != 0 {
		cell = l.makeLine(lay, lines, cell)
	}
	l.exit(cell)
	if l.err != nil {
		return nil, l.err
	}
	prune(l.f)
	for _, ps := range passes() {
		if err := ps.run(l.f); err != nil {
			return nil, err
		}
	}
	return l.f, nil
}

// addFinders appends the functions that a program calls to its instructions, and returns the stack that they need.
func (o *Object) addFinders(f *fn, ins asm.Instructions) (asm.Instructions, int, error) {
	var called []*TableLayout
	for _, b := range f.blocks {
		for _, v := range b.ops {
			if v.finder != nil && !slices.Contains(called, v.finder) {
				called = append(called, v.finder)
			}
		}
	}
	if len(called) > 0 {
		linkTypes(ins, f.name)
	}
	slices.SortFunc(called, func(a, b *TableLayout) int { return a.Table.Index - b.Table.Index })
	stack := 0
	for _, lay := range called {
		inner, err := o.finder(lay)
		if err != nil {
			return nil, 0, err
		}
		o.stage(f.name+"/"+inner.name, inner)
		more, err := emit(inner)
		if err != nil {
			return nil, 0, err
		}
		setFinderType(more, lay)
		ins, stack = append(ins, more...), max(stack, (inner.stack+31)&^31)
	}
	return ins, stack, nil
}

// arenaAt is a fixed address in the arena, still to be cast.
func (l *lowerer) arenaAt(address uint32) *value {
	v := l.f.newValue(opMapValue)
	v.name, v.imm = l.obj.Arena, uint64(address)
	return v
}

// blockParam adds a parameter to a block.
func (l *lowerer) blockParam(b *block, bits int) *value {
	v := l.f.newValue(opParam)
	v.bits = bits
	b.params = append(b.params, v)
	return v
}

// leave goes to a block with values for its parameters where a comparison holds, and on where not.
func (l *lowerer) leave(c cond, x, y *value, to *block, args ...*value) {
	by, on := l.f.newBlock(""), l.f.newBlock("")
	l.branch(c, x, y, by, on)
	l.cur = by
	l.jump(to, args...)
	l.cur = on
}

// spent leaves a loop when the kernel's budget is used up.
func (l *lowerer) spent(to *block, args ...*value) {
	l.leave(condSpent, l.konst(0), l.konst(0), to, args...)
}

// searchHash is lookup.Hash's Find.
func (l *lowerer) searchHash(lay *TableLayout, root *value, found *block) {
	words, sizes := make(map[int]*value), make(map[int]int)
	for off := 0; off < lay.KeySize; off += 8 {
		sizes[off] = min(8, lay.KeySize-off)
		words[off] = l.load(l.f.ctx, off, sizes[off])
	}
	at, tag := l.hashPlace(lay, root, words)
	none, first := l.f.newBlock(""), l.f.newBlock("")
	l.jump(found, l.probeHash(lay, at, tag, words, sizes, none, first))
	l.cur = first
	head, again := l.f.newBlock("probe "+lay.Table.Name), l.f.newBlock("")
	next := l.blockParam(head, 64)
	l.jump(head, l.aluC(opAdd, at, 8))
	l.cur = head
	l.spent(found, l.konst(0))
	l.jump(found, l.probeHash(lay, next, tag, words, sizes, none, again))
	l.cur = again
	l.jump(head, l.aluC(opAdd, next, 8))
	l.cur = none
	l.jump(found, l.konst(0))
}

// hashPlace returns where the search for a key begins, and the tag of its hash.
func (l *lowerer) hashPlace(lay *TableLayout, root *value, words map[int]*value) (at, tag *value) {
	sum := l.load(l.cast(l.arenaAt(lay.Arena.Head)), 8, 8)
	first := true
	for off := range lay.KeySize {
		w, ok := words[off]
		if !ok {
			continue
		}
		if !first {
			sum = l.alu(opXor, sum, l.aluC(opShr, sum, 32))
		}
		first = false
		sum = l.aluC(opMul, l.alu(opXor, sum, w), lookup.HashMultiplier)
	}
	tag = l.aluC(opOr, l.aluC(opShr, sum, 32), 1)
	index := l.alu(opShr, sum, l.aluC(opShr, root, 32))
	return l.alu(opAdd, l.aluC(opShl, index, 3), root), tag
}

// probeHash returns the cell of a key that a place has. It goes to none where there is none, and on to next where the
// place does not say.
func (l *lowerer) probeHash(lay *TableLayout, at, tag *value, words map[int]*value, sizes map[int]int, none, next *block) *value {
	w := l.load(l.cast(at), 0, 8)
	l.unless(condEq, w, l.konst(0), none)
	l.unless(condNe, l.aluC(opShr, w, 32), tag, next)
	cell := l.cast(w)
	for off := range lay.KeySize {
		if key, ok := words[off]; ok {
			l.unless(condNe, key, l.load(cell, lay.ValueSize+off, sizes[off]), next)
		}
	}
	return l.mask(w, 32)
}

// trieKey reads a key of up to 128 bits, left-aligned, that lies at base and off as in a map. low is nil where 64 are
// enough.
func (l *lowerer) trieKey(lay *TableLayout, base *value, off int) (high, low *value) {
	halves := [2]*value{l.konst(0), l.konst(0)}
	for _, w := range lay.trieWords() {
		v := l.load(base, off+w.at, w.size)
		if w.size > 1 {
			v = l.swap(v, w.size)
		}
		i, from := (w.at-4)/8, 8*((w.at-4)%8)
		halves[i] = l.alu(opOr, halves[i], l.aluC(opShl, v, uint64(64-from-8*w.size)))
	}
	if lay.Arena.Width <= 64 {
		return halves[0], nil
	}
	return halves[0], halves[1]
}

// trieStep is what one step of a walk starts from: the key from the present bit on, the word, and the cell of the
// longest prefix so far.
type trieStep struct{ high, low, word, best *value }

// trieEnds is where a walk ends: with a cell, or with few prefixes below a word, which have yet to be compared.
type trieEnds struct {
	found, few *block
	// Parameters of few: what is below the word, the key behind it, and the cell that counts where nothing matches.
	child, high, best *value
}

// straightSteps is up to how many steps a walk is written out.
const straightSteps = 6

// walkTrie is lookup.Trie's Find.
func (l *lowerer) walkTrie(lay *TableLayout, root *value, found *block) {
	high, low := l.trieKey(lay, l.f.ctx, 0)
	shift := l.aluC(opShr, root, 32) // 64 less the bits of the root
	index := l.alu(opShr, high, shift)
	s := trieStep{word: l.load(l.cast(l.alu(opAdd, l.aluC(opShl, index, 3), root)), 0, 8), best: l.konst(0)}
	s.high, s.low = l.shiftKey(high, low, l.alu(opSub, l.konst(64), shift), shift)
	ends := trieEnds{found: found, few: l.f.newBlock("few " + lay.Table.Name)}
	ends.child, ends.high, ends.best = l.blockParam(ends.few, 32), l.blockParam(ends.few, 64), l.blockParam(ends.few, 32)
	defer l.compareFew(lay, &ends)
	steps := (lay.Arena.Width - lookup.LeastRoot + 3) / 4
	if steps <= straightSteps {
		for range steps {
			s = l.stepDown(s, &ends)
		}
		s.best = l.better(s)
		l.jump(found, s.best)
		return
	}
	head := l.f.newBlock("walk " + lay.Table.Name)
	at := trieStep{high: l.blockParam(head, 64), word: l.blockParam(head, 64), best: l.blockParam(head, 32)}
	args := []*value{s.high, s.word, s.best}
	if low != nil {
		at.low = l.blockParam(head, 64)
		args = append(args, s.low)
	}
	l.jump(head, args...)
	l.cur = head
	l.spent(found, at.best)
	next := l.stepDown(at, &ends)
	args = []*value{next.high, next.word, next.best}
	if low != nil {
		args = append(args, next.low)
	}
	l.jump(head, args...)
}

// better returns the cell of a step's word, or the best one so far where it has none.
func (l *lowerer) better(s trieStep) *value {
	leaf := l.aluC(opShr, s.word, 32)
	meet := l.f.newBlock("")
	best := l.blockParam(meet, 32)
	l.leave(condEq, leaf, l.konst(0), meet, s.best)
	l.jump(meet, leaf)
	l.cur = meet
	return best
}

// stepDown follows a word to the next one.
func (l *lowerer) stepDown(s trieStep, ends *trieEnds) trieStep {
	best := l.better(s)
	child := l.mask(s.word, 32)
	l.leave(condEq, child, l.konst(0), ends.found, best)
	l.leave(condNe, l.aluC(opAnd, child, lookup.Lone|lookup.Bunch), l.konst(0), ends.few, child, s.high, best)
	down := l.f.newBlock("")
	high, node := l.blockParam(down, 64), l.blockParam(down, 32)
	var low *value
	args := []*value{s.high, child}
	if s.low != nil {
		low = l.blockParam(down, 64)
		args = append(args, s.low)
	}
	l.leave(condEq, l.aluC(opAnd, child, lookup.Skips), l.konst(0), down, args...)
	header := l.cast(child)
	want, rest, skip := l.load(header, -1, 8), l.load(header, 11, 4), l.load(header, 7, 4)
	l.leave(condNe, l.alu(opShr, l.alu(opXor, s.high, want), rest), l.konst(0), ends.found, best)
	h, lo := l.shiftKey(s.high, s.low, skip, rest)
	args = []*value{h, l.aluC(opSub, child, 1)}
	if lo != nil {
		args = append(args, lo)
	}
	l.jump(down, args...)
	l.cur = down
	index := l.aluC(opShl, l.aluC(opShr, high, 60), 3)
	next := trieStep{word: l.load(l.cast(l.alu(opAdd, index, node)), lookup.NodeHeader, 8), best: best}
	next.high, next.low = l.shiftKey(high, low, l.konst(4), l.konst(60))
	return next
}

// compareFew compares the prefixes below a word that has no node.
func (l *lowerer) compareFew(lay *TableLayout, ends *trieEnds) {
	l.cur = ends.few
	lone := l.f.newBlock("")
	l.unless(condEq, l.aluC(opAnd, ends.child, lookup.Bunch), l.konst(0), lone)
	bunch := l.cast(ends.child)
	tag := l.aluC(opOr, l.aluC(opAnd, l.aluC(opShr, ends.high, 32), lookup.TagMask), 1)
	for i := range lookup.BunchSize {
		w := l.load(bunch, 8*i-lookup.Bunch, 8)
		has := l.aluC(opShr, w, 32)
		differ := l.alu(opShr, l.alu(opXor, has, tag), l.aluC(opAnd, has, 63&^lookup.TagMask))
		l.leave(condEq, differ, l.konst(0), ends.found, l.mask(w, 32))
	}
	l.jump(ends.found, ends.best)
	l.cur = lone
	l.compareLone(lay, ends)
}

// compareLone compares the only prefix below a word, all of it.
func (l *lowerer) compareLone(lay *TableLayout, ends *trieEnds) {
	cell := l.cast(ends.child)
	off := lay.ValueSize - lookup.Lone
	length := l.load(cell, off, 4)
	high, low := l.trieKey(lay, l.f.ctx, 0)
	h, lo := l.trieKey(lay, cell, off)
	high = l.alu(opXor, high, h)
	same := l.f.newBlock("")
	if low != nil {
		more := l.f.newBlock("")
		l.unless(condLe, length, l.konst(64), more)
		l.leave(condNe, high, l.konst(0), ends.found, ends.best)
		rest := l.alu(opShr, l.alu(opXor, low, lo), l.alu(opSub, l.konst(128), length))
		l.leave(condNe, rest, l.konst(0), ends.found, ends.best)
		l.jump(same)
		l.cur = more
	}
	l.leave(condNe, l.alu(opShr, high, l.alu(opSub, l.konst(64), length)), l.konst(0), ends.found, ends.best)
	l.jump(same)
	l.cur = same
	l.jump(ends.found, l.aluC(opSub, ends.child, lookup.Lone))
}

// shiftKey drops the first n bits of a key; rest is 64 less n.
func (l *lowerer) shiftKey(high, low, n, rest *value) (*value, *value) {
	if low == nil {
		return l.alu(opShl, high, n), nil
	}
	return l.alu(opOr, l.alu(opShl, high, n), l.alu(opShr, low, rest)), l.alu(opShl, low, n)
}
