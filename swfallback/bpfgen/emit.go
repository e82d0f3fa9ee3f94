package bpfgen

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// emitter turns a program with registers into instructions.
type emitter struct {
	f     *fn
	out   asm.Instructions
	src   *pipeline.Source
	meta  asm.Metadata // with src
	last  *pipeline.Source
	label string // of the next instruction
	far   bool   // conditional jumps may be too far
	local int    // labels inside operations

	labels []string // of blocks
}

// nearJumps is the size of a program, in instructions, up to which every conditional jump reaches.
const nearJumps = 30000

// emit returns the instructions of a program.
func emit(f *fn) (asm.Instructions, error) {
	e := &emitter{f: f, out: make(asm.Instructions, 0, sizeOf(f))}
	e.all()
	if len(e.out) > nearJumps {
		e = &emitter{f: f, far: true}
		e.all()
	}
	if len(e.out) > 1000000 {
		return nil, &LimitError{What: "instructions of " + f.name, Got: len(e.out), Max: 1000000}
	}
	return e.out, nil
}

// sizeOf guesses how many instructions a program takes.
func sizeOf(f *fn) int {
	n := 0
	for _, b := range f.blocks {
		n += len(b.ops) + 2
		for _, v := range b.ops {
			if v.op == opCall {
				n += 2 * len(v.args)
			}
		}
	}
	return n
}

func (e *emitter) all() {
	e.makeLabels()
	for i, b := range e.f.blocks {
		e.label = e.labelOf(b)
		if i == 0 {
			e.label = e.f.name
			if r := e.f.ctx.reg; r != nil && *r != asm.R1 {
				e.put(asm.Mov.Reg(*r, asm.R1))
			}
		}
		for _, v := range b.ops {
			e.src = v.src
			e.operation(v)
		}
		e.src = b.term.src
		var next *block
		if i+1 < len(e.f.blocks) {
			next = e.f.blocks[i+1]
		}
		e.end(b, next)
	}
}

// labelOf names a block.
func (e *emitter) labelOf(b *block) string { return e.labels[b.id] }

// makeLabels names all blocks, in one piece of memory.
func (e *emitter) makeLabels() {
	var text []byte
	ends := make([]int, len(e.f.blocks))
	for i := range ends {
		text = append(append(text, e.prefix()...), 'b')
		text = strconv.AppendInt(text, int64(i), 10)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	e.labels = make([]string, len(ends))
	for i, end := range ends {
		e.labels[i], from = all[from:end], end
	}
}

// prefix is what the labels of a function that is called begin with.
func (e *emitter) prefix() string {
	if e.f.inner {
		return e.f.name + "."
	}
	return ""
}

// put appends an instruction.
func (e *emitter) put(ins asm.Instruction) {
	if e.label != "" {
		ins = ins.WithSymbol(e.label)
		e.label = ""
	}
	e.out = append(e.out, e.withSource(ins))
}

// withSource adds the place in the P4 program to an instruction.
func (e *emitter) withSource(ins asm.Instruction) asm.Instruction {
	src := e.src
	if src == nil || src.File == "" && src.Line == 0 {
		if len(e.out) > 0 {
			return ins
		}
		src = new(pipeline.Source) // the kernel wants line information from the first one on
	}
	if src.File == "" {
		named := *src
		named.File = e.f.name
		src = &named
	}
	if ins.Metadata != (asm.Metadata{}) {
		return ins.WithSource(src)
	}
	if src != e.last {
		e.last, e.meta = src, asm.Metadata{}
		ins = ins.WithSource(src)
		e.meta = ins.Metadata
	}
	ins.Metadata = e.meta
	return ins
}

// operation emits one operation.
func (e *emitter) operation(v *value) {
	switch v.op {
	case opMove:
		e.load(*v.reg, v.args[0])
	case opLoad:
		base, off := e.address(v.args[0], v.imm)
		e.put(asm.LoadMem(*v.reg, base, off, width(v.size)))
	case opStore:
		e.store(v)
	case opCall:
		e.call(v)
	case opFetchAdd:
		e.move(*v.reg, v.args[0])
		ins := asm.FetchAdd.Mem(*v.args[1].reg, *v.reg, width(v.size), 0)
		ins.Constant = int64(asm.FetchAdd >> 8) // cilium/ebpf 0.22 does not write it out by itself
		e.put(ins)
	case opSwap:
		e.move(*v.reg, v.args[0])
		e.put(asm.HostTo(asm.BE, *v.reg, width(v.size)))
	case opSet:
		e.set(v)
	case opCast:
		e.cast(v)
	default:
		e.alu(v)
	}
}

// width returns eBPF's name of a size in bytes.
func width(size int) asm.Size {
	switch size {
	case 1:
		return asm.Byte
	case 2:
		return asm.Half
	case 4:
		return asm.Word
	}
	return asm.DWord
}

// address returns register and offset of a memory operand.
func (e *emitter) address(base *value, off uint64) (asm.Register, int16) {
	if base.op == opFrame {
		return asm.RFP, int16(base.slot.off + base.slot.bias + int(base.imm) + int(off))
	}
	return *base.reg, int16(off)
}

func (e *emitter) store(v *value) {
	base, off := e.address(v.args[0], v.imm)
	if x := v.args[1]; x.isConst() {
		e.put(asm.Instruction{OpCode: asm.StoreImmOp(width(v.size)), Dst: base, Offset: off, Constant: int64(int32(x.imm))})
		return
	}
	e.put(asm.StoreMem(base, off, *v.args[1].reg, width(v.size)))
}

// move copies a value into a register, unless it is there already.
func (e *emitter) move(dst asm.Register, v *value) {
	if v.remat() {
		e.load(dst, v)
	} else if *v.reg != dst {
		e.put(asm.Mov.Reg(dst, *v.reg))
	}
}

// load makes a constant or an address in a register.
func (e *emitter) load(dst asm.Register, v *value) {
	switch v.op {
	case opConst:
		switch {
		case fitsImm(v.imm):
			e.put(asm.Mov.Imm(dst, int32(v.imm)))
		case v.imm < 1<<32:
			e.put(asm.Mov.Imm32(dst, int32(v.imm)))
		default:
			e.put(asm.LoadImm(dst, int64(v.imm), asm.DWord))
		}
	case opFrame:
		e.put(asm.Mov.Reg(dst, asm.RFP))
		e.put(asm.Add.Imm(dst, int32(v.slot.off+v.slot.bias+int(v.imm))))
	case opMap:
		e.put(asm.LoadMapPtr(dst, 0).WithReference(v.name))
	case opMapValue:
		e.put(asm.LoadMapValue(dst, 0, uint32(v.imm)).WithReference(v.name))
	default:
		e.move(dst, v)
	}
}

// aluOps are eBPF's names of the operations.
var aluOps = map[op]asm.ALUOp{opAdd: asm.Add, opSub: asm.Sub, opMul: asm.Mul, opDiv: asm.Div, opMod: asm.Mod,
	opAnd: asm.And, opOr: asm.Or, opXor: asm.Xor, opShl: asm.LSh, opShr: asm.RSh, opSar: asm.ArSh}

func (e *emitter) alu(v *value) {
	dst, x, y := *v.reg, v.args[0], v.args[1]
	if v.op == opAnd && y.isConst() && isLowMask(y.imm) && y.imm > 1<<31-1 {
		e.lowMask(dst, x, bitLen(y.imm))
		return
	}
	e.move(dst, x)
	if y.isConst() {
		e.put(aluOps[v.op].Imm(dst, int32(y.imm)))
		return
	}
	e.put(aluOps[v.op].Reg(dst, *y.reg))
}

// lowMask keeps the low n bits, of which there are more than an immediate operand can name.
func (e *emitter) lowMask(dst asm.Register, x *value, n int) {
	if n == 32 {
		e.put(asm.Mov.Reg32(dst, *x.reg))
		return
	}
	e.move(dst, x)
	e.put(asm.LSh.Imm(dst, int32(64-n)))
	e.put(asm.RSh.Imm(dst, int32(64-n)))
}

// jumpOps are eBPF's names of the comparisons.
var jumpOps = [...]asm.JumpOp{condEq: asm.JEq, condNe: asm.JNE, condLt: asm.JLT, condLe: asm.JLE, condGt: asm.JGT,
	condGe: asm.JGE, condSLt: asm.JSLT, condSLe: asm.JSLE, condSGt: asm.JSGT, condSGe: asm.JSGE}

// jump returns a conditional jump.
func jump(c cond, x, y *value, to string) asm.Instruction {
	if c == condSpent {
		return asm.JCOND.Imm(asm.R0, 0, to)
	}
	if y.isConst() {
		return jumpOps[c].Imm(*x.reg, int32(y.imm), to)
	}
	return jumpOps[c].Reg(*x.reg, *y.reg, to)
}

// set emits a comparison with a number for a result.
func (e *emitter) set(v *value) {
	to := e.newLabel()
	e.put(asm.Mov.Imm(*v.reg, 1))
	e.put(jump(v.cond, v.args[0], v.args[1], to))
	e.put(asm.Mov.Imm(*v.reg, 0))
	e.label = to
}

// cast emits the move that makes an address in the arena of a number: addr_space_cast.
func (e *emitter) cast(v *value) {
	src := *v.reg
	if x := v.args[0]; x.remat() {
		e.load(src, x)
	} else {
		src = *x.reg
	}
	ins := asm.Mov.Reg(*v.reg, src)
	ins.Offset, ins.Constant = 1, 1
	e.put(ins)
}

// newLabel returns a label for use inside an operation.
func (e *emitter) newLabel() string {
	e.local++
	return fmt.Sprintf("%sl%d", e.prefix(), e.local)
}

// call emits a helper call: the arguments go to r1 on, the result comes from r0.
func (e *emitter) call(v *value) {
	var moves []regMove
	for i, a := range v.args {
		moves = append(moves, regMove{dst: asm.R1 + asm.Register(i), src: a})
	}
	e.parallel(moves)
	if v.finder != nil {
		e.put(asm.Call.Label(finderName(v.finder.Table)))
	} else {
		e.put(v.helper.Call())
	}
	if v.reg != nil && *v.reg != asm.R0 {
		e.put(asm.Mov.Reg(*v.reg, asm.R0))
	}
}

// regMove is one of several copies that happen at the same time.
type regMove struct {
	dst asm.Register
	src *value
}

// copying is a copy between registers that is still to be made.
type copying struct{ dst, src asm.Register }

// parallel emits copies that happen at the same time.
func (e *emitter) parallel(moves []regMove) {
	var todo []copying
	for _, m := range moves {
		if !m.src.remat() && *m.src.reg != m.dst {
			todo = append(todo, copying{m.dst, *m.src.reg})
		}
	}
	for len(todo) > 0 {
		if i := unblocked(todo); i >= 0 {
			e.put(asm.Mov.Reg(todo[i].dst, todo[i].src))
			todo = slices.Delete(todo, i, i+1)
			continue
		}
		todo = e.circle(todo)
	}
	for _, m := range moves {
		if m.src.remat() {
			e.load(m.dst, m.src)
		}
	}
}

// unblocked returns a copy whose destination no other one still reads, -1 where all are in circles.
func unblocked(todo []copying) int {
	return slices.IndexFunc(todo, func(m copying) bool {
		return !slices.ContainsFunc(todo, func(o copying) bool { return o != m && o.src == m.dst })
	})
}

// circle emits one circle of copies, by way of the stack, and returns the others. There are only circles.
func (e *emitter) circle(todo []copying) []copying {
	first := todo[0]
	e.put(asm.StoreMem(asm.RFP, e.circleSlot(), first.src, asm.DWord))
	todo = todo[1:]
	for free := first.src; free != first.dst; {
		i := slices.IndexFunc(todo, func(m copying) bool { return m.dst == free })
		e.put(asm.Mov.Reg(free, todo[i].src))
		free = todo[i].src
		todo = slices.Delete(todo, i, i+1)
	}
	e.put(asm.LoadMem(first.dst, asm.RFP, e.circleSlot(), asm.DWord))
	return todo
}

// circleSlot is where a circle of copies is broken.
func (e *emitter) circleSlot() int16 {
	if e.f.circle == 0 {
		e.f.stack += 8
		e.f.circle = e.f.stack
	}
	return int16(-e.f.circle)
}

// end emits the end of a block; next is the block that follows.
func (e *emitter) end(b, next *block) {
	t := &b.term
	switch t.kind {
	case termExit:
		e.move(asm.R0, t.a)
		e.put(asm.Return())
	case termJump:
		e.edge(&t.to[0], next)
	case termBranch:
		yes, no := t.to[0].to, t.to[1].to
		c := t.cond
		if yes == next && c != condSpent {
			c, yes, no = c.inverse(), no, yes
		}
		if e.far && c != condSpent {
			skip := e.newLabel()
			e.put(jump(c.inverse(), t.a, t.b, skip))
			e.put(asm.LongJump(e.labelOf(yes)))
			e.label = skip
			e.put(asm.LongJump(e.labelOf(no)))
			return
		}
		e.put(jump(c, t.a, t.b, e.labelOf(yes)))
		if no != next {
			e.put(asm.Ja.Label(e.labelOf(no)))
		}
	}
	if e.label != "" {
		e.put(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Ja)}) // does nothing: a place for the label
	}
}

// edge emits the copies to a block's parameters and the jump to it.
func (e *emitter) edge(ed *edge, next *block) {
	var moves []regMove
	for i, p := range ed.to.params {
		if p.reg != nil {
			moves = append(moves, regMove{dst: *p.reg, src: ed.args[i]})
		}
	}
	e.parallel(moves)
	if ed.to == next {
		return
	}
	if e.far {
		e.put(asm.LongJump(e.labelOf(ed.to)))
	} else {
		e.put(asm.Ja.Label(e.labelOf(ed.to)))
	}
}
