package bpfgen

import "slices"

// passBypass leads ways past blocks that turn out to do nothing, now that values have registers: they were made for the
// copies to a block's parameters, and what is copied is there already. The order of the blocks stays.
func passBypass(f *fn) error {
	for _, b := range f.blocks {
		for _, e := range b.term.edges() {
			for n := 0; n < len(f.blocks) && copiesNothing(e) && len(e.to.ops) == 0 && e.to.term.kind == termJump; n++ {
				next := &e.to.term.to[0]
				if !copiesNothing(next) || next.to == e.to {
					break
				}
				*e = *next
			}
		}
		if t := &b.term; t.kind == termBranch && t.to[0].to == t.to[1].to {
			*t = term{kind: termJump, to: [2]edge{t.to[0]}, src: t.src}
		}
	}
	rpo(f)
	f.blocks = slices.DeleteFunc(f.blocks, func(b *block) bool { return b.visit != f.visits })
	for i, b := range f.blocks {
		b.id = i
	}
	return nil
}

// copiesNothing reports whether a way gives a block's parameters what is in their registers.
func copiesNothing(e *edge) bool {
	for i, p := range e.to.params {
		if p.reg != nil && (e.args[i].remat() || *e.args[i].reg != *p.reg) {
			return false
		}
	}
	return true
}
