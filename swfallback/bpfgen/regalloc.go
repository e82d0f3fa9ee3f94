package bpfgen

import (
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Registers: r0 to r5 do not survive a call, r6 to r9 do, r10 is the frame pointer. The program is in SSA form,
// so walking it in dominance order and giving every value a free register where it is defined is enough, once
// what does not fit has been moved to the stack: first the values that live across calls, of which four fit,
// then whatever finds no register.

// savedRegs and scratchRegs are the registers in the order in which they are given away.
var (
	savedRegs   = []asm.Register{asm.R6, asm.R7, asm.R8, asm.R9}
	scratchRegs = []asm.Register{asm.R0, asm.R1, asm.R2, asm.R3, asm.R4, asm.R5}
)

// allocator gives values registers.
type allocator struct {
	f       *fn
	lv      *liveness
	crosses set               // values that live across a call
	chosen  set               // those of them that are to be spilled
	across  set               // at work: what lives across one call
	owner   [10]*value        // who has a register
	hints   []*value          // values that would do well to share a register with another
	hintsTo []int             // by number: where in hints those of a value end
	last    []int             // by number: where a value is used last in the block at work
	noted   []int             // numbers that have a last
	regs    *[10]asm.Register // their own numbers, to point at
	failed  []*value          // to be spilled before the next attempt
	batch   int               // how many that may be; one by one is best, and slow
	block   *block            // at work
}

// maxSpills bounds the attempts.
const maxSpills = 400

// passRegisters gives every value a register.
func passRegisters(f *fn) error {
	var last *pipeline.Source
	a := &allocator{f: f, lv: new(liveness), regs: new([10]asm.Register)}
	for r := range a.regs {
		a.regs[r] = asm.Register(r)
	}
	for i := range maxSpills {
		a.batch = 1 + i/16
		a.lv.compute(f)
		spill := a.overCalls()
		if len(spill) == 0 {
			if spill = a.color(); len(spill) == 0 {
				return nil
			}
			if spill[0].temp {
				break
			}
		}
		for _, v := range spill {
			a.spill(v)
			last = v.src
		}
	}
	return &LimitError{What: "values on the stack of " + f.name, Got: maxSpills + 1, Max: maxSpills, Source: sourceAt(last)}
}

// overCalls finds the values that live across calls, and those to spill where there are more than registers that
// survive.
func (a *allocator) overCalls() []*value {
	a.crosses, a.chosen = a.crosses.resized(a.lv.words), a.chosen.resized(a.lv.words)
	a.countUses()
	var spill []*value
	for _, b := range a.f.blocks {
		a.lv.backwards(b, a.lv.atEnd(b), func(v *value, live set) {
			if v.op == opCall {
				spill = a.overCall(v, live, spill)
			}
		})
	}
	return spill
}

// overCall appends the values to spill so that enough registers are left for those that live across a call.
func (a *allocator) overCall(call *value, live set, spill []*value) []*value {
	across := append(a.across[:0], live...)
	a.across = across
	across.remove(call.num)
	a.crosses.join(across, nil)
	for w := range across {
		across[w] &^= a.chosen[w]
	}
	for across.count() > len(savedRegs) {
		var worst *value
		across.each(func(i int) { worst = a.cheaper(worst, a.lv.vals[i]) })
		across.remove(worst.num)
		a.chosen.add(worst.num)
		spill = append(spill, worst)
	}
	return spill
}

// countUses counts how often every value is used.
func (a *allocator) countUses() {
	for _, v := range a.lv.vals {
		v.uses = 0
	}
	use := func(v *value) {
		if v != nil {
			v.uses++
		}
	}
	for _, b := range a.f.blocks {
		for _, v := range b.ops {
			for _, x := range v.args {
				use(x)
			}
		}
		use(b.term.a)
		use(b.term.b)
		for _, e := range b.term.edges() {
			for _, x := range e.args {
				use(x)
			}
		}
	}
}

// cheaper returns the value that costs less on the stack.
func (a *allocator) cheaper(x, y *value) *value {
	if x == nil || x.temp {
		return y
	}
	if y.temp || x.uses <= y.uses {
		return x
	}
	return y
}

// reloadReach is for how many operations a value that lives on the stack is kept in a register behind a use.
const reloadReach = 1

// spill keeps a value on the stack: it is stored behind its definition and loaded before every use.
func (a *allocator) spill(v *value) {
	sp := &spiller{a: a, v: v, slot: a.f.newSlot(8)}
	a.spillParam(v, sp.frame)
	for i, b := range a.f.blocks {
		if mentions(b, v) || v == a.f.ctx && i == 0 {
			sp.rewrite(b, v == a.f.ctx && i == 0)
		}
	}
	v.temp = true
}

// mentions reports whether a block makes or uses a value.
func mentions(b *block, v *value) bool {
	if b.term.a == v || b.term.b == v {
		return true
	}
	for i := range b.term.to {
		if slices.Contains(b.term.to[i].args, v) {
			return true
		}
	}
	return slices.ContainsFunc(b.ops, func(o *value) bool { return o == v || slices.Contains(o.args, v) })
}

// spiller moves one value to the stack.
type spiller struct {
	a    *allocator
	v    *value
	slot *slot
	b    *block // at work
	here *value // the value in a register, since the last call
}

// frame returns the value's place.
func (sp *spiller) frame() *value {
	fr := sp.a.f.newValue(opFrame)
	fr.slot, fr.ptr = sp.slot, true
	return fr
}

// get returns the value in a register, loaded where it is not in one.
func (sp *spiller) get() *value {
	if sp.here == nil {
		w, v := sp.a.f.newValue(opLoad, sp.frame()), sp.v
		w.size, w.bits, w.ptr, w.slot = 8, v.bits, v.ptr, v.slot
		w.temp = true
		sp.b.ops = append(sp.b.ops, w)
		sp.here = w
	}
	return sp.here
}

// store appends the store of the value, which is in its register.
func (sp *spiller) store() {
	st := sp.a.f.newValue(opStore, sp.frame(), sp.v)
	st.size, st.fresh, st.src = 8, true, sp.v.src
	sp.b.ops = append(sp.b.ops, st)
	sp.here = sp.v
}

// rewrite changes a block; comesIn says that the value is there at its start.
func (sp *spiller) rewrite(b *block, comesIn bool) {
	ops := b.ops
	b.ops = make([]*value, 0, len(ops)+4)
	sp.b, sp.here = b, nil
	if comesIn {
		sp.store()
	}
	since := 0
	for _, o := range ops {
		if since++; since > reloadReach {
			sp.here = nil
		}
		if slices.Contains(o.args, sp.v) {
			since = 0
		}
		replaceIn(o.args, sp.v, sp.get)
		b.ops = append(b.ops, o)
		switch {
		case o == sp.v:
			sp.store()
			since = 0
		case o.op == opCall:
			sp.here = nil
		}
	}
	if since > reloadReach {
		sp.here = nil
	}
	replaceInTerm(&b.term, sp.v, sp.get)
}

// replaceIn replaces a value among operands by one made once.
func replaceIn(args []*value, v *value, with func() *value) {
	var w *value
	for i, x := range args {
		if x == v {
			if w == nil {
				w = with()
			}
			args[i] = w
		}
	}
}

func replaceInTerm(t *term, v *value, with func() *value) {
	operands := []*value{t.a, t.b}
	for _, e := range t.edges() {
		operands = append(operands, e.args...)
	}
	replaceIn(operands, v, with)
	t.a, t.b, operands = operands[0], operands[1], operands[2:]
	for _, e := range t.edges() {
		n := copy(e.args, operands)
		operands = operands[n:]
	}
}

// spillParam makes a parameter one that is handed over on the stack: every way into its block stores it.
func (a *allocator) spillParam(v *value, frame func() *value) {
	if v.op != opParam {
		return
	}
	for _, b := range a.f.blocks {
		for _, e := range b.term.edges() {
			i := slices.Index(e.to.params, v)
			if i < 0 {
				continue
			}
			arg := e.args[i]
			if arg.remat() && !(arg.isConst() && fitsImm(arg.imm)) {
				arg = moveTo(a.f, b, arg, nil)
				arg.temp = true
			}
			if arg.temp && arg.op == opLoad && !slices.ContainsFunc(b.ops, func(v *value) bool { return slices.Contains(v.args, arg) }) {
				// It was loaded for this; now that is time enough here.
				b.ops = slices.DeleteFunc(b.ops, func(v *value) bool { return v == arg })
				b.ops = append(b.ops, arg)
			}
			st := a.f.newValue(opStore, frame(), arg)
			st.size, st.fresh = 8, true
			b.ops = append(b.ops, st)
			e.args = slices.Delete(slices.Clone(e.args), i, i+1)
		}
	}
	for _, b := range a.f.blocks {
		if i := slices.Index(b.params, v); i >= 0 {
			b.params = slices.Delete(b.params, i, i+1)
		}
	}
}
