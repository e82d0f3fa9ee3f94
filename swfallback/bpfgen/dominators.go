package bpfgen

// dominators returns the immediate dominator of every block, by its number, which it sets (Cooper, Harvey and Kennedy,
// A Simple, Fast Dominance Algorithm). The first block's is itself. Blocks must be in reverse post-order.
func dominators(f *fn) []*block {
	from := sources(f)
	dom := make([]*block, len(f.blocks))
	dom[0] = f.blocks[0]
	meet := func(a, b *block) *block {
		for a != b {
			for a.id > b.id {
				a = dom[a.id]
			}
			for b.id > a.id {
				b = dom[b.id]
			}
		}
		return a
	}
	for changed := true; changed; {
		changed = false
		for _, b := range f.blocks[1:] {
			var d *block
			for _, p := range from[b.id] {
				if dom[p.id] == nil {
					continue
				}
				if d == nil {
					d = p
				} else {
					d = meet(d, p)
				}
			}
			if d != nil && dom[b.id] != d {
				dom[b.id] = d
				changed = true
			}
		}
	}
	return dom
}

// sources lists the blocks from which a way leads to every block, by its number, which it sets.
func sources(f *fn) [][]*block {
	return intoBlocks(f, func(from *block, _ *edge) *block { return from })
}

// intoBlocks lists something of every way into every block, by the block's number, which it sets.
func intoBlocks[T any](f *fn, of func(from *block, e *edge) T) [][]T {
	for i, b := range f.blocks {
		b.id = i
	}
	in := emptyLists[T](preds(f))
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			in[e.to.id] = append(in[e.to.id], of(b, e))
		}
	}
	return in
}
