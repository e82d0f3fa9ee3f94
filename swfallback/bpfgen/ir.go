package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// An op is an operation of the intermediate form.
type op uint8

// The operations. All numbers are unsigned and 64 bits wide.
const (
	opConst    op = iota // imm
	opParam              // parameter of a block
	opCtx                // the program's argument
	opFrame              // address of a stack slot
	opMap                // a map
	opMapValue           // address of the first value of an array map, plus imm
	opLoad               // size bytes at args[0]+imm, little-endian
	opStore              // size bytes of args[1] to args[0]+imm
	opCall               // a helper
	opFetchAdd           // adds args[0] to size bytes at args[1], at once for all CPUs; what was there
	opAdd
	opSub
	opMul
	opDiv // by 0: 0
	opMod // by 0: the dividend
	opAnd
	opOr
	opXor
	opShl // the count is below 64
	opShr
	opSar
	opSwap // the low size bytes reversed, zero above
	opMove // args[0], to have it in a register
	opSet  // 1 when args[0] cond args[1], else 0
	opCast // the address in the arena that the low half of args[0] names
)

var opNames = [...]string{"const", "param", "ctx", "frame", "map", "mapvalue", "load", "store", "call", "fetchadd", "add",
	"sub", "mul", "div", "mod", "and", "or", "xor", "shl", "shr", "sar", "swap", "move", "set", "cast"}

// pure reports whether the operation depends on its operands alone.
func (o op) pure() bool { return o >= opAdd }

// A cond is a comparison.
type cond uint8

// The comparisons; ^1 is not the inverse, see inverse.
const (
	condEq cond = iota
	condNe
	condLt
	condLe
	condGt
	condGe
	condSLt
	condSLe
	condSGt
	condSGe
	condSpent // the kernel's budget for a loop is used up (may_goto); has no operands
)

var condNames = [...]string{"==", "!=", "<", "<=", ">", ">=", "s<", "s<=", "s>", "s>=", "spent"}

// inverse returns the comparison that holds when c does not.
func (c cond) inverse() cond {
	return [...]cond{condNe, condEq, condGe, condGt, condLe, condLt, condSGe, condSGt, condSLe, condSLt}[c]
}

// swapped returns the comparison with its operands exchanged.
func (c cond) swapped() cond {
	return [...]cond{condEq, condNe, condGt, condGe, condLt, condLe, condSGt, condSGe, condSLt, condSLe}[c]
}

// holds evaluates a comparison.
func (c cond) holds(a, b uint64) bool {
	switch c {
	case condEq:
		return a == b
	case condNe:
		return a != b
	case condLt:
		return a < b
	case condLe:
		return a <= b
	case condGt:
		return a > b
	case condGe:
		return a >= b
	case condSLt:
		return int64(a) < int64(b)
	case condSLe:
		return int64(a) <= int64(b)
	case condSGt:
		return int64(a) > int64(b)
	}
	return int64(a) >= int64(b)
}

// A value is the result of an operation; in SSA form, it is defined once.
type value struct {
	id     int
	op     op
	cond   cond // opSet
	guard  bool // opAnd: a bound for the verifier, which stays although it changes nothing
	fresh  bool // opStore: nothing that was in the slot before matters any more
	ptr    bool // an address
	temp   bool // of an allocator: never spilled, because spilling made it or it has been
	args   []*value
	imm    uint64 // opConst: the number; memory: an offset, two's complement
	size   int    // bytes of opLoad, opStore and opSwap
	slot   *slot  // opFrame, and addresses that are computed from one
	name   string // opMap, opMapValue
	helper asm.BuiltinFunc
	finder *TableLayout // opCall: not a helper, but the function that finds this table's cells
	bits   int          // numbers only: at most so many low bits are ever set
	src    *pipeline.Source

	num  int           // of a pass: its number there
	seen int           // the last of fn.visits that came here
	by   *value        // of a substitution: what the value has been replaced by
	uses int           // of an allocator: how often it is used
	reg  *asm.Register // after register allocation
}

// sourceAt returns the place in the P4 program that a value has; nil is none.
func sourceAt(src *pipeline.Source) pipeline.Source {
	if src == nil {
		return pipeline.Source{}
	}
	return *src
}

// isConst reports whether the value is a constant.
func (v *value) isConst() bool { return v.op == opConst }

// remat reports whether the value is made anew wherever it is used, and never kept.
func (v *value) remat() bool {
	return v.op == opConst || v.op == opFrame || v.op == opMap || v.op == opMapValue
}

// A slot is an object on the stack.
type slot struct {
	id, size int
	bias     int    // distance of its start from a multiple of 8
	off      int    // from the frame pointer, negative; set by emission
	first    *value // of a liveness: the first store to it
}

// An edge leads to a block and gives its parameters their values.
type edge struct {
	to   *block
	args []*value
}

// termKind says how a block ends.
type termKind uint8

// The ends of a block.
const (
	termNone   termKind = iota
	termJump            // to[0]
	termBranch          // a cond b: to[0], else to[1]
	termExit            // return a
)

// term is the end of a block.
type term struct {
	kind termKind
	cond cond
	a, b *value
	to   [2]edge
	src  *pipeline.Source
}

// edges returns the ways out of the block.
func (t *term) edges() []*edge {
	switch t.kind {
	case termJump:
		return []*edge{&t.to[0]}
	case termBranch:
		return []*edge{&t.to[0], &t.to[1]}
	}
	return nil
}

// A block is a straight run of operations.
type block struct {
	id     int
	params []*value
	ops    []*value
	term   term
	note   string // what the block stands for, for a reader
	point  int    // which point of the program it belongs to
	cold   bool   // seldom reached: laid out at the end
	visit  int    // the last of fn.visits that came here
	place  int    // in reverse post-order, see markLoops
	loops  bool   // a way leads back here
}

// A fn is one program in intermediate form. blocks[0] is the entry.
type fn struct {
	name   string
	blocks []*block
	slots  []*slot
	inner  bool // a function that a program calls; ctx is its argument
	ctx    *value
	consts map[uint64]*value
	nextID int
	stack  int       // bytes of the stack in use
	point  int       // of blocks that are made
	circle int       // distance of a word for breaking circles of copies, 0: none yet
	visits int       // walks over the blocks
	walk   []walking // empty between walks

	values slab[value] // where values and so on are made
	made   slab[block]
	lists  slab[*value]
}

// newFn returns an empty program.
func newFn(name string) *fn {
	f := &fn{name: name, consts: make(map[uint64]*value)}
	f.ctx = f.newValue(opCtx)
	f.ctx.ptr = true
	return f
}

// newValue numbers a value.
func (f *fn) newValue(o op, args ...*value) *value {
	v := f.values.next()
	v.id, v.op, v.bits = f.nextID, o, 64
	v.args = f.list(args)
	f.nextID++
	return v
}

// list returns a copy of a list that nobody else has.
func (f *fn) list(values []*value) []*value {
	if len(values) == 0 {
		return nil
	}
	list := f.lists.take(len(values))
	copy(list, values)
	return list
}

// newBlock adds a block.
func (f *fn) newBlock(note string) *block {
	b := f.made.next()
	b.id, b.note, b.point = len(f.blocks), note, f.point
	f.blocks = append(f.blocks, b)
	return b
}

// newSlot adds an object of size bytes to the stack.
func (f *fn) newSlot(size int) *slot {
	s := &slot{id: len(f.slots), size: size}
	f.slots = append(f.slots, s)
	return s
}

// konst returns a constant.
func (f *fn) konst(c uint64) *value {
	if v, ok := f.consts[c]; ok {
		return v
	}
	v := f.newValue(opConst)
	v.imm, v.bits = c, bitLen(c)
	f.consts[c] = v
	return v
}

// bitLen returns how many bits c takes.
func bitLen(c uint64) int {
	n := 0
	for ; c != 0; c >>= 1 {
		n++
	}
	return n
}
