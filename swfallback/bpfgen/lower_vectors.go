package bpfgen

import "github.com/p4dev/p4dev/swfallback/lookup"

// vectorsCode is the code of a search through the vectors of lookup.Rules.
type vectorsCode struct {
	*rulesCode
	best        ruleBest
	base        *value // of the cells
	summaries   *value // words of a summary
	rows        *slot  // addresses of the key's vectors, 4 bytes each
	scan1       *block // parameters: what is left of a word of the summaries, its number
	left1, sum1 *value
}

// searchVectors looks for rules that are better than the best: the summaries of the key's vectors have in common which
// words are worth looking at, and those which rules.
func (r *rulesCode) searchVectors(best ruleBest) {
	c := &vectorsCode{rulesCode: r, best: best, rows: r.f.newSlot(4 * r.lay.Arena.Chunks)}
	root := c.load(c.cast(c.arenaAt(c.lay.Arena.Head+lookup.RulesVectors)), 0, 8)
	n := c.aluC(opShr, root, 32)
	c.leave(condEq, n, c.konst(0), c.found, best.cell)
	c.readKey()
	c.base = c.mask(root, 32)
	c.summaries = c.aluC(opShr, c.aluC(opAdd, n, 63), 6)
	stride := c.aluC(opShl, c.alu(opAdd, c.summaries, n), 3)
	row := c.alu(opAdd, c.base, c.aluC(opShl, n, 8))
	step := c.aluC(opShl, stride, 8)
	for i := range c.lay.Arena.chunks {
		at := c.alu(opAdd, row, c.alu(opMul, c.chunkOf(i), stride))
		c.store(c.frame(c.rows, 0), 4*i, 4, at)
		row = c.alu(opAdd, row, step)
	}
	head := c.f.newBlock("search " + c.lay.Table.Name)
	s := c.blockParam(head, 32)
	c.scan1 = c.f.newBlock("words of " + c.lay.Table.Name)
	c.left1, c.sum1 = c.blockParam(c.scan1, 64), c.blockParam(c.scan1, 32)
	c.jump(head, c.konst(0))
	c.cur = head
	c.leave(condGe, s, c.summaries, c.found, best.cell)
	c.jump(c.scan1, c.common(c.aluC(opShl, s, 3)), s)
	c.scanWords(head)
}

// chunkOf returns the key's bits in a chunk.
func (c *vectorsCode) chunkOf(i int) *value {
	ch := &c.lay.Arena.chunks[i]
	v := c.words[ch.off]
	if ch.off < 0 {
		v = c.nums[ch.key][0]
	}
	return c.mask(c.aluC(opShr, v, uint64(ch.shift)), 8)
}

// common returns what the key's vectors have in common in the word at an offset.
func (c *vectorsCode) common(off *value) *value {
	var all *value
	for i := range c.lay.Arena.chunks {
		row := c.load(c.frame(c.rows, 0), 4*i, 4)
		w := c.load(c.cast(c.alu(opAdd, row, off)), 0, 8)
		if all == nil {
			all = w
		} else {
			all = c.alu(opAnd, all, w)
		}
	}
	return all
}

// lowest returns the number of the lowest bit of a word that is not 0.
func (c *vectorsCode) lowest(w *value) *value {
	bit := c.alu(opAnd, w, c.alu(opSub, c.konst(0), w))
	index := c.aluC(opShr, c.aluC(opMul, bit, deBruijn), 58)
	return c.load(c.cast(c.aluC(opAdd, index, arenaConstants)), 0, 1)
}

// without takes the lowest bit away.
func (c *vectorsCode) without(w *value) *value { return c.alu(opAnd, w, c.aluC(opSub, w, 1)) }

// scanWords goes through the words that a summary names, and back to head for the next one.
func (c *vectorsCode) scanWords(head *block) {
	c.cur = c.scan1
	c.spent(c.found, c.best.cell)
	c.leave(condEq, c.left1, c.konst(0), head, c.aluC(opAdd, c.sum1, 1))
	word := c.alu(opAdd, c.aluC(opShl, c.sum1, 6), c.lowest(c.left1))
	rules := c.f.newBlock("rules of " + c.lay.Table.Name)
	left, at := c.blockParam(rules, 64), c.blockParam(rules, 32)
	left1, sum1 := c.blockParam(rules, 64), c.blockParam(rules, 32)
	off := c.aluC(opShl, c.alu(opAdd, c.summaries, word), 3)
	c.jump(rules, c.common(off), word, c.without(c.left1), c.sum1)
	c.cur = rules
	c.spent(c.found, c.best.cell)
	c.leave(condEq, left, c.konst(0), c.scan1, left1, sum1)
	place := c.alu(opAdd, c.aluC(opShl, at, 6), c.lowest(left))
	cell := c.load(c.cast(c.alu(opAdd, c.base, c.aluC(opShl, place, 2))), 0, 4)
	next := c.f.newBlock("")
	c.unless(condEq, cell, c.konst(0), next)
	rule := c.cast(cell)
	c.leave(condGe, c.best.rank, c.load(rule, valueRank, 8), c.found, c.best.cell)
	c.compare(rule, next)
	c.jump(c.found, cell)
	c.cur = next
	c.jump(rules, c.without(left), at, left1, sum1)
}
