package bpfgen

import (
	"fmt"

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
