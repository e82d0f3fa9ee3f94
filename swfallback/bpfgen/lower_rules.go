package bpfgen

import "github.com/p4dev/p4dev/swfallback/lookup"

// rulesCode is the code of a search through lookup.Rules.
type rulesCode struct {
	*lowerer
	lay    *TableLayout
	nums   []num
	words  map[int]*value
	list   *value // first cell of the list
	last   *value // address behind the groups
	next   *value // where in a cell its chain has the next one
	groups *block // parameters: a group, the best cell so far and its rank
	chain  *block // parameters: the group that comes next, a cell, the best cell so far and its rank
	found  *block
}

// ruleBest is the best rule that a search has found so far.
type ruleBest struct{ cell, rank *value }

func (l *lowerer) bestParams(b *block) ruleBest {
	return ruleBest{l.blockParam(b, 32), l.blockParam(b, 64)}
}

// searchRules is lookup.Rules' Find: one loop over the groups, in which the list comes last, another one over the cells
// of a chain.
func (l *lowerer) searchRules(lay *TableLayout, root *value, found *block) {
	c := &rulesCode{lowerer: l, lay: lay, found: found}
	set := l.mask(root, 32)
	c.next = l.aluC(opShr, root, 32)
	header := l.load(l.cast(set), 0, 8)
	c.list = l.mask(header, 32)
	size := l.aluC(opMul, l.aluC(opShr, header, 32), uint64(c.groupSize()))
	first := l.aluC(opAdd, set, lookup.RuleGroups)
	c.last = l.alu(opAdd, first, size)
	c.groups, c.chain = l.f.newBlock("groups of "+lay.Table.Name), l.f.newBlock("chain of "+lay.Table.Name)
	group := l.blockParam(c.groups, 64)
	best := l.bestParams(c.groups)
	after, cell := l.blockParam(c.chain, 64), l.blockParam(c.chain, 32)
	bestOfChain := l.bestParams(c.chain)
	l.jump(c.groups, first, l.konst(0), l.konst(0))
	l.cur = c.groups
	c.searchGroup(group, best)
	l.cur = c.chain
	c.walkChain(after, cell, bestOfChain)
}

func (c *rulesCode) groupSize() int { return lookup.GroupSize(c.lay.Arena.Words) }

// searchGroup finds the chain of a group where the key belongs.
func (c *rulesCode) searchGroup(group *value, best ruleBest) {
	c.spent(c.found, best.cell)
	vectors := c.f.newBlock("vectors of " + c.lay.Table.Name)
	rest := c.bestParams(vectors)
	c.leave(condGt, group, c.last, vectors, best.cell, best.rank)
	next := c.aluC(opAdd, group, uint64(c.groupSize()))
	c.leave(condEq, group, c.last, c.chain, next, c.list, best.cell, best.rank)
	g := c.cast(group)
	c.leave(condGe, best.rank, c.load(g, lookup.GroupRank, 8), c.groups, next, best.cell, best.rank)
	sum := c.konst(0)
	for i := range c.lay.Arena.Words {
		if i > 0 {
			sum = c.alu(opXor, sum, c.aluC(opShr, sum, 32))
		}
		w := c.alu(opAnd, c.load(c.f.ctx, 8*i, 8), c.load(g, lookup.GroupMask+8*i, 8))
		sum = c.aluC(opMul, c.alu(opXor, sum, w), lookup.HashMultiplier)
	}
	index := c.alu(opShr, sum, c.load(g, 4, 4))
	bucket := c.alu(opAdd, c.load(g, 0, 4), c.aluC(opShl, index, 2))
	c.jump(c.chain, next, c.load(c.cast(bucket), 0, 4), best.cell, best.rank)
	c.cur = vectors
	c.searchVectors(rest)
}

// walkChain compares the key with a cell and goes on to the next one, as long as it can be better than the best.
func (c *rulesCode) walkChain(after, cell *value, best ruleBest) {
	c.spent(c.found, best.cell)
	c.leave(condEq, cell, c.konst(0), c.groups, after, best.cell, best.rank)
	rule := c.cast(cell)
	rank := c.load(rule, valueRank, 8)
	c.leave(condGe, best.rank, rank, c.groups, after, best.cell, best.rank)
	next := c.f.newBlock("")
	c.compare(rule, next)
	c.jump(c.groups, after, cell, rank)
	c.cur = next
	c.jump(c.chain, after, c.load(c.cast(c.alu(opAdd, cell, c.next)), 0, 4), best.cell, best.rank)
}

// compare compares the key with a rule; it leaves for next where they differ.
func (c *rulesCode) compare(rule *value, next *block) {
	c.readKey()
	c.ruleMatches(scan{key: &c.lay.key, base: c.lay.valueBytes()}, rule, c.nums, c.words, next)
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
