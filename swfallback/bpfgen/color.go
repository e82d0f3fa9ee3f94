package bpfgen

import (
	"slices"

	"github.com/cilium/ebpf/asm"
)

// color gives every value a register, or returns those that have to be spilled first. Where a register is missing it
// goes on as if a value had been spilled there, so that one attempt finds many.
func (a *allocator) color() []*value {
	a.findHints()
	a.last, a.noted, a.failed = slices.Grow(a.last[:0], len(a.lv.vals))[:len(a.lv.vals)], a.noted[:0], a.failed[:0]
	clear(a.last)
	for _, b := range a.f.blocks {
		for _, v := range b.ops {
			v.reg = nil
		}
		for _, p := range b.params {
			p.reg = nil
		}
	}
	a.f.ctx.reg = nil
	for i, b := range a.lv.order {
		if !a.colorBlock(b, i == 0) {
			break
		}
	}
	return a.failed
}

// findHints finds for every value those that are handed over to it, or that it is handed over to.
func (a *allocator) findHints() {
	each := func(do func(v, w *value)) {
		for _, b := range a.f.blocks {
			for _, e := range b.term.edges() {
				for i, p := range e.to.params {
					if x := e.args[i]; kept(x) {
						do(p, x)
						do(x, p)
					}
				}
			}
		}
	}
	n := len(a.lv.vals)
	a.hintsTo = slices.Grow(a.hintsTo[:0], n)[:n]
	clear(a.hintsTo)
	each(func(v, _ *value) { a.hintsTo[v.num]++ })
	all := 0
	for i, k := range a.hintsTo {
		a.hintsTo[i] = all // where they begin, until they are there
		all += k
	}
	a.hints = slices.Grow(a.hints[:0], all)[:all]
	each(func(v, w *value) {
		a.hints[a.hintsTo[v.num]] = w
		a.hintsTo[v.num]++
	})
}

// hint returns the values that would do well to share a register with one.
func (a *allocator) hint(v *value) []*value {
	from := 0
	if v.num > 0 {
		from = a.hintsTo[v.num-1]
	}
	return a.hints[from:a.hintsTo[v.num]]
}

// colorBlock gives registers to what a block defines; what comes in has them already.
func (a *allocator) colorBlock(b *block, first bool) bool {
	a.block = b
	a.findLastUses(b)
	a.owner = [10]*value{}
	in := a.lv.atEnd(b)
	a.lv.backwards(b, in, nil)
	in.each(func(i int) {
		if r := a.lv.vals[i].reg; r != nil {
			a.owner[*r] = a.lv.vals[i]
		}
	})
	if first && a.needed(a.f.ctx, b) && !a.give(a.f.ctx, asm.R1) {
		return false
	}
	for _, p := range b.params {
		if !a.give(p, a.wish(p)) {
			return false
		}
	}
	for _, p := range b.params {
		a.release(p, -1)
	}
	for i, v := range b.ops {
		early, late := lateOperands(v)
		for _, x := range early {
			a.release(x, i)
		}
		if kept(v) {
			if !a.give(v, a.wish(v)) {
				return false
			}
		}
		for _, x := range late {
			a.release(x, i)
		}
		if kept(v) {
			a.release(v, i) // a result that nobody needs
		}
	}
	return true
}

// needed reports whether a value is used in the block or behind it.
func (a *allocator) needed(v *value, b *block) bool {
	return a.last[v.num] != 0 || a.lv.out(b).has(v.num)
}

// lastBase is added to positions in allocator.last, so that 0 stands for none.
const lastBase = 2

// findLastUses notes the position of the last use of every value that dies in the block: the operation's number,
// or their count for the end of the block. Values that live on have none; unused results have -1 or their own position.
func (a *allocator) findLastUses(b *block) {
	for _, n := range a.noted {
		a.last[n] = 0
	}
	a.noted = a.noted[:0]
	note := func(v *value, i int) {
		if kept(v) && !a.lv.out(b).has(v.num) {
			a.last[v.num] = i + lastBase
			a.noted = append(a.noted, v.num)
		}
	}
	for _, p := range b.params {
		note(p, -1)
	}
	for i, v := range b.ops {
		note(v, i)
		for _, x := range v.args {
			note(x, i)
		}
	}
	note(b.term.a, len(b.ops))
	note(b.term.b, len(b.ops))
	for _, e := range b.term.edges() {
		for _, x := range e.args {
			note(x, len(b.ops))
		}
	}
}

// release frees the register of a value whose last use is at position i.
func (a *allocator) release(v *value, i int) {
	if !kept(v) || v.reg == nil {
		return
	}
	if a.last[v.num] == i+lastBase && a.owner[*v.reg] == v {
		a.owner[*v.reg] = nil
	}
}

// lateOperands splits the operands of an operation into those whose register the result may take, and those
// that are still read after the result has been written to.
func lateOperands(v *value) (early, late []*value) {
	switch v.op {
	case opCall, opStore, opLoad, opMove, opSwap, opCast:
		return v.args, nil
	case opSet:
		return nil, v.args
	}
	if len(v.args) == 2 {
		return v.args[:1], v.args[1:]
	}
	return v.args, nil
}

// wish returns the register in which a value would be best.
func (a *allocator) wish(v *value) asm.Register {
	for _, w := range a.hint(v) {
		if w.reg != nil && a.owner[*w.reg] == nil {
			return *w.reg
		}
	}
	if v.op >= opAdd && v.op <= opMove && kept(v.args[0]) && v.args[0].reg != nil && a.owner[*v.args[0].reg] == nil {
		return *v.args[0].reg
	}
	return asm.R0
}

// give gives a value a register: the one wished for if that can be.
func (a *allocator) give(v *value, wish asm.Register) bool {
	across := a.crosses.has(v.num)
	if a.owner[wish] == nil && (!across || wish >= asm.R6) {
		return a.take(v, wish)
	}
	if !across {
		for _, r := range scratchRegs {
			if a.owner[r] == nil {
				return a.take(v, r)
			}
		}
	}
	for _, r := range savedRegs {
		if a.owner[r] == nil {
			return a.take(v, r)
		}
	}
	worst := a.victim(v, across)
	a.failed = append(a.failed, worst)
	if len(a.failed) >= a.batch {
		return false
	}
	if worst == v {
		return true
	}
	if worst.reg == nil || worst.temp || a.owner[*worst.reg] != worst {
		return false
	}
	r := *worst.reg
	worst.reg = nil
	return a.take(v, r)
}

func (a *allocator) take(v *value, r asm.Register) bool {
	v.reg = &a.regs[r]
	a.owner[r] = v
	return true
}

// victim chooses what to spill so that v finds a register: itself, or a value that has one of those it could
// take.
func (a *allocator) victim(v *value, across bool) *value {
	worst := v
	for r, w := range a.owner {
		if w == nil || w.temp || across && asm.Register(r) < asm.R6 {
			continue
		}
		worst = a.cheaper(worst, w)
	}
	if !worst.temp {
		return worst
	}
	// Everything here has been on the stack already: what the block hands over goes by the stack, too.
	for _, e := range a.block.term.edges() {
		if len(e.to.params) > 0 {
			return e.to.params[0]
		}
	}
	return worst
}
