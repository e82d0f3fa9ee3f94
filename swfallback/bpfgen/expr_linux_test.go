package bpfgen

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// TestExpressions evaluates random expressions of random numbers in the kernel and in the interpreter. The seed
// is logged; P4DEV_TEST_SEED sets the first one, P4DEV_TEST_ROUNDS how many programs there are.
func TestExpressions(t *testing.T) {
	requireBPF(t)
	seed, rounds := envInt(t, "P4DEV_TEST_SEED", 1), envInt(t, "P4DEV_TEST_ROUNDS", 150)
	limited, refused := 0, 0
	for i := range rounds {
		g := &exprGen{rng: rand.New(rand.NewPCG(uint64(seed+i), 0)), widths: exprWidths, depth: 5}
		p := g.program()
		for _, form := range []Form{FormSpecial, FormGeneral} {
			o, err := Compile(p, Options{Verdict: true, MaxVariants: 4, Form: form})
			if limit := new(LimitError); errors.As(err, &limit) {
				t.Logf("seed %d, %v: %v", seed+i, form, err)
				limited++
				continue
			}
			if form == FormSpecial && errors.Is(err, errors.ErrUnsupported) { // stacks, fields of invalid headers
				refused++
				continue
			}
			if err != nil {
				t.Fatalf("seed %d, %v: %v\n%s", seed+i, form, err, g.text())
			}
			if !compareEngines(t, o, g.packets()) {
				t.Fatalf("seed %d, %v: the engines differ\n%s", seed+i, form, g.text())
			}
		}
	}
	if refused > rounds*2/3 {
		t.Errorf("%d of %d programs have no special form", refused, rounds)
	}
	if limited > rounds/10 {
		t.Errorf("%d of %d programs are beyond a limit", limited, rounds)
	}
}

func envInt(t *testing.T, name string, def int) int {
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compareEngines runs packets in the kernel and in the interpreter and reports whether the results are equal.
func compareEngines(t *testing.T, o *Object, packets [][]byte) bool {
	t.Helper()
	sw, err := interp.New(o.Program, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ebpf.NewCollectionWithOptions(o.Spec, ebpf.CollectionOptions{Programs: ebpf.ProgramOptions{LogSizeStart: 1 << 24}})
	if err != nil {
		t.Errorf("load: %v", err)
		return false
	}
	defer c.Close()
	for _, packet := range packets {
		want, err := sw.Process(0, packet)
		if err != nil {
			t.Fatal(err)
		}
		run := &ebpf.RunOptions{Data: packet, DataOut: make([]byte, len(packet)+256)}
		if err := putPortOf(o, c, 1, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Programs[ProgramXDP].Run(run); err != nil {
			t.Fatal(err)
		}
		if len(want) != 1 || !bytes.Equal(want[0].Packet, run.DataOut) {
			t.Errorf("packet %x\nkernel      %x\ninterpreter %x", packet, run.DataOut, want)
			return false
		}
	}
	return true
}

// exprGen makes programs that assign an expression of the fields of one header to those of another.
type exprGen struct {
	rng    *rand.Rand
	widths []int
	depth  int // of an expression, at most
	in     *pipeline.Header
	meta   *pipeline.Header
	stack  *pipeline.Stack // in some programs
	out    *pipeline.Header
	body   []pipeline.Primitive
}

var exprWidths = []int{1, 3, 7, 8, 9, 16, 24, 31, 32, 33, 48, 62, 63, 64, 65, 96, 100, 127, 128, 129, 200, 256}

func (g *exprGen) program() *pipeline.Program {
	x := newTiny()
	g.in, g.out = g.header(x, "in", 6), g.header(x, "out", 2)
	g.meta = g.header(x, "meta", 2)
	g.meta.Metadata = true
	s := x.Parsers[0].States[0]
	x.Deparsers[0].Order = []*pipeline.Header{x.ethernet, g.in, g.out}
	for _, h := range []*pipeline.Header{g.in, g.out} {
		s.Body = append(s.Body, extract(&pipeline.HeaderRef{Header: h}))
	}
	if g.rng.IntN(3) == 0 {
		g.addStack(x)
		s.Body = append(s.Body, extract(&pipeline.StackRef{Stack: g.stack}), extract(&pipeline.StackRef{Stack: g.stack}))
		x.Deparsers[0].Order = append(x.Deparsers[0].Order, g.stack.Header...)
	}
	for _, f := range g.meta.Type.Fields[:2] {
		g.body = append(g.body, assign(&pipeline.FieldRef{Header: g.meta, Field: f}, g.number(1)))
	}
	for _, f := range g.out.Type.Fields[:2] {
		g.body = append(g.body, g.store(&pipeline.FieldRef{Header: g.out, Field: f}, 1+g.rng.IntN(g.depth)))
	}
	x.action("compute", nil, append(g.body, assign(x.std("egress_spec"), number(1)))...)
	x.ingress.Start = x.call("compute")
	return x.Program
}

func extract(target pipeline.Expr) pipeline.Primitive {
	return pipeline.Primitive{Op: pipeline.OpExtract, Args: []pipeline.Expr{target}}
}

// addStack adds a stack of three headers of two fields.
func (g *exprGen) addStack(x *tiny) {
	g.stack = &pipeline.Stack{Name: "stack"}
	first := g.header(x, "stack[0]", 2)
	for i := range 3 {
		h := first
		if i > 0 {
			h = &pipeline.Header{Index: len(x.Headers), Name: "stack[" + strconv.Itoa(i) + "]", Type: first.Type}
			x.Headers = append(x.Headers, h)
		}
		h.Stack = g.stack
		g.stack.Header = append(g.stack.Header, h)
	}
	g.stack.Type = first.Type
	x.Stacks = []*pipeline.Stack{g.stack}
}

// element is a header of the stack, at a computed index.
func (g *exprGen) element() pipeline.Expr {
	index := pipeline.Expr(&pipeline.Binary{Op: pipeline.OpBitAnd, X: g.field(), Y: number(3)})
	switch g.rng.IntN(4) {
	case 0:
		return &pipeline.HeaderRef{Header: g.stack.Header[g.rng.IntN(3)]}
	case 1:
		index = g.leaf()
	}
	return &pipeline.StackElem{Stack: &pipeline.StackRef{Stack: g.stack}, Index: index}
}

// header adds a header of n fields of any width and one that fills the last byte.
func (g *exprGen) header(x *tiny, name string, n int) *pipeline.Header {
	ht := &pipeline.HeaderType{Index: len(x.HeaderTypes), Name: name}
	add := func(width int, signed bool) {
		f := &pipeline.Field{Index: len(ht.Fields), Name: "f" + strconv.Itoa(len(ht.Fields)), Width: width, Offset: ht.Width, Signed: signed}
		ht.Fields = append(ht.Fields, f)
		ht.Width += width
	}
	for range n {
		add(g.widths[g.rng.IntN(len(g.widths))], g.rng.IntN(3) == 0)
	}
	if ht.Width%8 != 0 {
		add(8-ht.Width%8, false)
	}
	x.HeaderTypes = append(x.HeaderTypes, ht)
	h := &pipeline.Header{Index: len(x.Headers), Name: name, Type: ht}
	x.Headers = append(x.Headers, h)
	return h
}

func (g *exprGen) text() string {
	var s string
	for _, q := range g.body {
		s += q.String() + "\n"
	}
	for _, h := range []*pipeline.Header{g.in, g.out, g.meta} {
		for _, f := range h.Type.Fields {
			s += h.Name + "." + f.Name + ": " + strconv.Itoa(f.Width) + " signed " + strconv.FormatBool(f.Signed) + "\n"
		}
	}
	return s
}

// packets returns packets with numbers at the ends of their range more often than chance has it.
func (g *exprGen) packets() [][]byte {
	var out [][]byte
	for range 24 {
		v := new(big.Int)
		for _, f := range g.in.Type.Fields {
			v.Lsh(v, uint(f.Width)).Or(v, g.bits(f.Width))
		}
		p := append(make([]byte, 12), 0x12, 0x34)
		p = append(p, v.FillBytes(make([]byte, g.in.Type.Width/8))...)
		more := g.out.Type.Width / 8
		if g.stack != nil {
			more += g.stack.Type.Width/8*2 + 2
		}
		alike := byte(g.rng.IntN(256))
		for range more + g.rng.IntN(3) {
			if p = append(p, alike); g.rng.IntN(20) == 0 {
				alike = byte(g.rng.IntN(256))
			}
		}
		out = append(out, p)
	}
	return out
}

// bits returns a number of at most n bits.
func (g *exprGen) bits(n int) *big.Int {
	v := new(big.Int)
	for range n {
		v.Lsh(v, 1).SetBit(v, 0, uint(g.rng.IntN(2)))
	}
	switch g.rng.IntN(8) {
	case 0:
		v.SetInt64(0)
	case 1:
		v = ones(n)
	case 2:
		v.SetBit(new(big.Int), n-1, 1)
	case 3:
		v = ones(n - 1)
	case 4:
		v.SetInt64(int64(g.rng.IntN(4)))
		v.And(v, ones(n))
	}
	return v
}

// number makes an expression that is a number.
func (g *exprGen) number(depth int) pipeline.Expr {
	if depth == 0 || g.rng.IntN(8) == 0 {
		return g.leaf()
	}
	switch g.rng.IntN(12) {
	case 0:
		return &pipeline.Unary{Op: pipeline.OpComplement, X: g.number(depth - 1)}
	case 1:
		return &pipeline.Unary{Op: pipeline.OpNegate, X: g.number(depth - 1)}
	case 2:
		return &pipeline.Cond{If: g.boolean(depth - 1), Then: g.number(depth - 1), Else: g.number(depth - 1)}
	case 3:
		return &pipeline.Unary{Op: pipeline.OpBoolToData, X: g.boolean(depth - 1)}
	case 4, 5: // a mask, as p4c writes for every bit<N>
		return &pipeline.Binary{Op: pipeline.OpBitAnd, X: g.number(depth - 1), Y: &pipeline.Const{Value: ones(g.width())}}
	case 6:
		ops := []pipeline.BinaryOp{pipeline.OpTwoComplement, pipeline.OpSatSigned, pipeline.OpSatUnsigned}
		return &pipeline.Binary{Op: ops[g.rng.IntN(len(ops))], X: g.number(depth - 1), Y: number(int64(g.width()))}
	case 7, 8:
		return g.shift(depth)
	}
	ops := []pipeline.BinaryOp{pipeline.OpAdd, pipeline.OpSub, pipeline.OpMul, pipeline.OpBitAnd, pipeline.OpBitOr,
		pipeline.OpBitXor, pipeline.OpDiv, pipeline.OpMod}
	return &pipeline.Binary{Op: ops[g.rng.IntN(len(ops))], X: g.number(depth - 1), Y: g.number(depth - 1)}
}

// store gives a field a value: by an assignment, or by one of P4_14's primitives.
func (g *exprGen) store(dst *pipeline.FieldRef, depth int) pipeline.Primitive {
	ops := []pipeline.Op{pipeline.OpAddTo, pipeline.OpSubtract, pipeline.OpXor, pipeline.OpOrTo, pipeline.OpAndTo,
		pipeline.OpShiftRight, pipeline.OpAddToField, pipeline.OpSubtractFrom}
	i := g.rng.IntN(4 * len(ops))
	switch {
	case i >= len(ops):
		return assign(dst, g.number(depth))
	case i < len(ops)-2:
		return pipeline.Primitive{Op: ops[i], Args: []pipeline.Expr{dst, g.number(depth - 1), g.number(depth - 1)}}
	}
	return pipeline.Primitive{Op: ops[i], Args: []pipeline.Expr{dst, g.number(depth - 1)}}
}

func (g *exprGen) width() int { return g.widths[g.rng.IntN(len(g.widths))] }

// shift shifts by a constant, or by a field or expression.
func (g *exprGen) shift(depth int) pipeline.Expr {
	x := g.number(depth - 1)
	if g.rng.IntN(2) == 0 {
		o := []pipeline.BinaryOp{pipeline.OpShl, pipeline.OpShr}[g.rng.IntN(2)]
		return &pipeline.Binary{Op: o, X: x, Y: number(int64(g.rng.IntN(140)))}
	}
	if g.rng.IntN(2) == 0 {
		return &pipeline.Binary{Op: pipeline.OpShr, X: x, Y: g.number(depth - 1)}
	}
	by := &pipeline.Binary{Op: pipeline.OpBitAnd, X: g.leaf(), Y: &pipeline.Const{Value: ones(1 + g.rng.IntN(9))}}
	return &pipeline.Binary{Op: pipeline.OpBitAnd, X: &pipeline.Binary{Op: pipeline.OpShl, X: x, Y: by},
		Y: &pipeline.Const{Value: ones(g.width())}}
}

func (g *exprGen) leaf() pipeline.Expr {
	if g.rng.IntN(4) == 0 {
		v := g.bits(g.width())
		if g.rng.IntN(3) == 0 {
			v.Neg(v)
		}
		return &pipeline.Const{Value: v}
	}
	if g.stack != nil && g.rng.IntN(4) == 0 {
		f := g.stack.Type.Fields[g.rng.IntN(2)]
		switch ref := (&pipeline.StackRef{Stack: g.stack}); g.rng.IntN(6) {
		case 0:
			return &pipeline.Unary{Op: pipeline.OpLastStackIndex, X: ref}
		case 1:
			return &pipeline.Unary{Op: pipeline.OpStackSize, X: ref}
		}
		return &pipeline.Access{Header: g.element(), Type: g.stack.Type, Field: f}
	}
	return g.field()
}

// field is a field of the packet or of metadata.
func (g *exprGen) field() pipeline.Expr {
	if len(g.body) >= 2 && g.rng.IntN(4) == 0 {
		return &pipeline.FieldRef{Header: g.meta, Field: g.meta.Type.Fields[g.rng.IntN(2)]}
	}
	return &pipeline.FieldRef{Header: g.in, Field: g.in.Type.Fields[g.rng.IntN(len(g.in.Type.Fields))]}
}

// boolean makes an expression that is a boolean.
func (g *exprGen) boolean(depth int) pipeline.Expr {
	if depth <= 0 || g.rng.IntN(2) == 0 {
		ops := []pipeline.BinaryOp{pipeline.OpEq, pipeline.OpNe, pipeline.OpLt, pipeline.OpLe, pipeline.OpGt, pipeline.OpGe}
		return &pipeline.Binary{Op: ops[g.rng.IntN(len(ops))], X: g.number(max(0, depth-1)), Y: g.number(max(0, depth-1))}
	}
	if g.stack != nil && g.rng.IntN(3) == 0 {
		ops := []pipeline.BinaryOp{pipeline.OpEqHeader, pipeline.OpNeHeader}
		return &pipeline.Binary{Op: ops[g.rng.IntN(2)], X: g.element(), Y: g.element()}
	}
	switch g.rng.IntN(4) {
	case 0:
		return &pipeline.Unary{Op: pipeline.OpNot, X: g.boolean(depth - 1)}
	case 1:
		return &pipeline.Unary{Op: pipeline.OpDataToBool, X: g.number(depth - 1)}
	case 2:
		return &pipeline.Cond{If: g.boolean(depth - 1), Then: g.boolean(depth - 1), Else: g.boolean(depth - 1)}
	}
	ops := []pipeline.BinaryOp{pipeline.OpAnd, pipeline.OpOr, pipeline.OpEqBool, pipeline.OpNeBool}
	return &pipeline.Binary{Op: ops[g.rng.IntN(len(ops))], X: g.boolean(depth - 1), Y: g.boolean(depth - 1)}
}
