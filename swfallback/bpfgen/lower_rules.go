package bpfgen

// rulesCode is the code of a search through lookup.Rules.
type rulesCode struct {
	*lowerer
	lay         *TableLayout
	nums        []num
	words       map[int]*value
	base        *value // of the cells
	summaries   *value // words of a summary
	rows        *slot  // addresses of the key's vectors, 4 bytes each
	found       *block
	scan1       *block // parameters: what is left of a word of the summaries, its number
	left1, sum1 *value
}

// searchRules is lookup.Rules' Find: the summaries of the key's vectors have in common which words are worth looking
// at, and those which rules.
func (l *lowerer) searchRules(lay *TableLayout, root *value, found *block) {
	c := &rulesCode{lowerer: l, lay: lay, found: found, rows: l.f.newSlot(4 * lay.Arena.Chunks)}
	c.readKey()
	c.base = l.mask(root, 32)
	n := l.aluC(opShr, root, 32)
	c.summaries = l.aluC(opShr, l.aluC(opAdd, n, 63), 6)
	stride := l.aluC(opShl, l.alu(opAdd, c.summaries, n), 3)
	row := l.alu(opAdd, c.base, l.aluC(opShl, n, 8))
	step := l.aluC(opShl, stride, 8)
	for i := range lay.Arena.chunks {
		at := l.alu(opAdd, row, l.alu(opMul, c.chunkOf(i), stride))
		l.store(l.frame(c.rows, 0), 4*i, 4, at)
		row = l.alu(opAdd, row, step)
	}
	head := l.f.newBlock("search " + lay.Table.Name)
	s := l.blockParam(head, 32)
	c.scan1 = l.f.newBlock("words of " + lay.Table.Name)
	c.left1, c.sum1 = l.blockParam(c.scan1, 64), l.blockParam(c.scan1, 32)
	l.jump(head, l.konst(0))
	l.cur = head
	l.leave(condGe, s, c.summaries, found, l.konst(0))
	l.jump(c.scan1, c.common(l.aluC(opShl, s, 3)), s)
	c.scanWords(head)
}

// readKey reads the words of the key and the numbers of its ranges. They are read again wherever they are needed.
func (c *rulesCode) readKey() {
	c.words, c.nums = make(map[int]*value), make([]num, len(c.lay.Table.Keys))
	for off := 0; off < 8*c.lay.key.words; off += 8 {
		c.words[off] = c.load(c.f.ctx, off, 8)
	}
	for i, at := range c.lay.rangesAt() {
		for j := range limbs(c.lay.Table.Keys[i].Width) {
			if at >= 0 {
				c.nums[i] = append(c.nums[i], c.load(c.f.ctx, at+8*j, 8))
			}
		}
	}
}

// chunkOf returns the key's bits in a chunk.
func (c *rulesCode) chunkOf(i int) *value {
	ch := &c.lay.Arena.chunks[i]
	v := c.words[ch.off]
	if ch.off < 0 {
		v = c.nums[ch.key][0]
	}
	return c.mask(c.aluC(opShr, v, uint64(ch.shift)), 8)
}

// common returns what the key's vectors have in common in the word at an offset.
func (c *rulesCode) common(off *value) *value {
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
func (c *rulesCode) lowest(w *value) *value {
	bit := c.alu(opAnd, w, c.alu(opSub, c.konst(0), w))
	index := c.aluC(opShr, c.aluC(opMul, bit, deBruijn), 58)
	return c.load(c.cast(c.aluC(opAdd, index, arenaConstants)), 0, 1)
}

// without takes the lowest bit away.
func (c *rulesCode) without(w *value) *value { return c.alu(opAnd, w, c.aluC(opSub, w, 1)) }

// scanWords goes through the words that a summary names, and back to head for the next one.
func (c *rulesCode) scanWords(head *block) {
	c.cur = c.scan1
	c.spent(c.found, c.konst(0))
	c.leave(condEq, c.left1, c.konst(0), head, c.aluC(opAdd, c.sum1, 1))
	word := c.alu(opAdd, c.aluC(opShl, c.sum1, 6), c.lowest(c.left1))
	rules := c.f.newBlock("rules of " + c.lay.Table.Name)
	left, at := c.blockParam(rules, 64), c.blockParam(rules, 32)
	left1, sum1 := c.blockParam(rules, 64), c.blockParam(rules, 32)
	off := c.aluC(opShl, c.alu(opAdd, c.summaries, word), 3)
	c.jump(rules, c.common(off), word, c.without(c.left1), c.sum1)
	c.cur = rules
	c.spent(c.found, c.konst(0))
	c.leave(condEq, left, c.konst(0), c.scan1, left1, sum1)
	place := c.alu(opAdd, c.aluC(opShl, at, 6), c.lowest(left))
	cell := c.load(c.cast(c.alu(opAdd, c.base, c.aluC(opShl, place, 2))), 0, 4)
	next := c.f.newBlock("")
	c.unless(condEq, cell, c.konst(0), next)
	rule := c.cast(cell)
	c.readKey()
	c.ruleMatches(scan{key: &c.lay.key, base: c.lay.valueBytes()}, rule, c.nums, c.words, next)
	c.jump(c.found, cell)
	c.cur = next
	c.jump(rules, c.without(left), at, left1, sum1)
}
