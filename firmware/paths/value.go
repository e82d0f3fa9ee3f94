package paths

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// operand is what a select or an expression reads: bits of the packet, or a constant.
type operand struct {
	offset, width int // bits
	constant      *big.Int
}

// locate says where an expression's bits are; false where it is computed, or reads what is not there.
func (w *walk) locate(x pipeline.Expr) (operand, bool) {
	field := func(h *pipeline.Header, f *pipeline.Field) (operand, bool) {
		at, ok := w.at[h]
		return operand{offset: at + f.Offset, width: f.Width}, ok && !f.Var
	}
	switch x := x.(type) {
	case *pipeline.FieldRef:
		if o, ok := w.set[place{x.Header, x.Field}]; ok {
			return o, true
		}
		if !x.Header.Metadata {
			return field(x.Header, x.Field)
		}
		return operand{width: x.Field.Width, constant: new(big.Int)}, true // zero at the start
	case *pipeline.StackFieldRef:
		if i := w.next[x.Stack]; i > 0 {
			return field(x.Stack.Header[i-1], x.Field)
		}
	case *pipeline.UnionStackFieldRef:
		if h := w.last[x.Stack]; h != nil {
			return field(h, x.Field)
		}
	case *pipeline.Lookahead:
		w.grow(w.cursor + x.Offset + x.Width)
		return operand{offset: w.cursor + x.Offset, width: x.Width}, true
	case *pipeline.Const:
		return operand{width: x.Width, constant: x.Value}, x.Width > 0
	case *pipeline.Binary:
		return w.slice(x)
	}
	return operand{}, false
}

// slice locates a part of an operand: bits shifted down, or masked by ones.
func (w *walk) slice(x *pipeline.Binary) (operand, bool) {
	c, ok := x.Y.(*pipeline.Const)
	if !ok || x.Op != pipeline.OpShr && x.Op != pipeline.OpBitAnd {
		return operand{}, false
	}
	o, ok := w.locate(x.X)
	if !ok || o.constant != nil || c.Value.Sign() < 0 {
		return operand{}, false
	}
	n := c.Value.BitLen()
	switch {
	case x.Op == pipeline.OpShr && c.Value.IsInt64() && c.Value.Int64() < int64(o.width):
		o.width -= int(c.Value.Int64())
	case x.Op == pipeline.OpBitAnd && new(big.Int).Add(c.Value, big.NewInt(1)).BitLen() == n+1: // 2^n - 1
		drop := max(0, o.width-n)
		o.offset, o.width = o.offset+drop, o.width-drop
	default:
		return operand{}, false
	}
	return o, o.width > 0
}

// read returns the number that an operand has now.
func (w *walk) read(o operand) *big.Int {
	if o.constant != nil {
		return o.constant
	}
	v := new(big.Int)
	for i := range o.width {
		bit := o.offset + i
		v.Lsh(v, 1)
		if bit/8 < len(w.data) && w.data[bit/8]>>(7-bit%8)&1 != 0 {
			v.SetBit(v, 0, 1)
		}
	}
	return v
}

// write sets the bits of an operand that mask has, nil for all, unless they are fixed to something else.
func (w *walk) write(o operand, v, mask *big.Int) bool {
	for i := range o.width {
		from := o.width - 1 - i
		if mask != nil && mask.Bit(from) == 0 {
			continue
		}
		if o.constant != nil {
			if o.constant.Bit(from) != v.Bit(from) {
				return false
			}
			continue
		}
		bit := o.offset + i
		shift := 7 - bit%8
		if w.fixed[bit/8]>>shift&1 != 0 {
			if uint(w.data[bit/8]>>shift&1) != v.Bit(from) {
				return false
			}
			continue
		}
		w.data[bit/8] = w.data[bit/8]&^(1<<shift) | byte(v.Bit(from))<<shift
	}
	return true
}

// fix makes the bits of an operand stay as they are.
func (w *walk) fix(o operand) {
	if o.constant != nil {
		return
	}
	for bit := o.offset; bit < o.offset+o.width; bit++ {
		w.fixed[bit/8] |= 1 << (7 - bit%8)
	}
}

// value computes an expression with what the packet holds now, and fixes the bits that it reads.
func (w *walk) value(x pipeline.Expr) (*big.Int, bool) {
	w.complete()
	return w.eval(x)
}

func (w *walk) eval(x pipeline.Expr) (*big.Int, bool) {
	switch x := x.(type) {
	case *pipeline.Const:
		return x.Value, true
	case *pipeline.Bool:
		return number(x.Value), true
	case *pipeline.Unary:
		return w.unary(x)
	case *pipeline.Binary:
		return w.binary(x)
	case *pipeline.Cond:
		c, ok := w.eval(x.If)
		switch {
		case !ok:
			return nil, false
		case c.Sign() != 0:
			return w.eval(x.Then)
		}
		return w.eval(x.Else)
	case *pipeline.ValidRef:
		_, ok := w.at[x.Header]
		return number(ok), true
	}
	o, ok := w.locate(x)
	if !ok {
		return nil, false
	}
	w.fix(o)
	return w.read(o), true
}

func number(b bool) *big.Int {
	if b {
		return big.NewInt(1)
	}
	return new(big.Int)
}

func (w *walk) unary(x *pipeline.Unary) (*big.Int, bool) {
	if x.Op == pipeline.OpValid {
		h, ok := x.X.(*pipeline.HeaderRef)
		if !ok {
			return nil, false
		}
		_, valid := w.at[h.Header]
		return number(valid), true
	}
	v, ok := w.eval(x.X)
	if !ok {
		return nil, false
	}
	switch x.Op {
	case pipeline.OpComplement:
		return new(big.Int).Not(v), true
	case pipeline.OpNegate:
		return new(big.Int).Neg(v), true
	case pipeline.OpNot:
		return number(v.Sign() == 0), true
	case pipeline.OpDataToBool, pipeline.OpBoolToData:
		return number(v.Sign() != 0), true
	}
	return nil, false
}

func (w *walk) binary(x *pipeline.Binary) (*big.Int, bool) {
	a, okA := w.eval(x.X)
	b, okB := w.eval(x.Y)
	if !okA || !okB {
		return nil, false
	}
	if f, ok := comparisons[x.Op]; ok {
		return number(f(a.Cmp(b))), true
	}
	switch x.Op {
	case pipeline.OpAnd:
		return number(a.Sign() != 0 && b.Sign() != 0), true
	case pipeline.OpOr:
		return number(a.Sign() != 0 || b.Sign() != 0), true
	case pipeline.OpShl, pipeline.OpShr:
		return shift(x.Op, a, b)
	}
	if f, ok := arithmetic[x.Op]; ok {
		return f(new(big.Int), a, b), true
	}
	return nil, false
}

func shift(op pipeline.BinaryOp, a, b *big.Int) (*big.Int, bool) {
	if !b.IsUint64() || b.Uint64() > maxPacket {
		return nil, false
	}
	if op == pipeline.OpShl {
		return new(big.Int).Lsh(a, uint(b.Uint64())), true
	}
	return new(big.Int).Rsh(a, uint(b.Uint64())), true
}

var comparisons = map[pipeline.BinaryOp]func(order int) bool{
	pipeline.OpEq: func(o int) bool { return o == 0 }, pipeline.OpNe: func(o int) bool { return o != 0 },
	pipeline.OpEqBool: func(o int) bool { return o == 0 }, pipeline.OpNeBool: func(o int) bool { return o != 0 },
	pipeline.OpGt: func(o int) bool { return o > 0 }, pipeline.OpGe: func(o int) bool { return o >= 0 },
	pipeline.OpLt: func(o int) bool { return o < 0 }, pipeline.OpLe: func(o int) bool { return o <= 0 },
}

var arithmetic = map[pipeline.BinaryOp]func(z, a, b *big.Int) *big.Int{
	pipeline.OpAdd: (*big.Int).Add, pipeline.OpSub: (*big.Int).Sub, pipeline.OpMul: (*big.Int).Mul,
	pipeline.OpBitAnd: (*big.Int).And, pipeline.OpBitOr: (*big.Int).Or, pipeline.OpBitXor: (*big.Int).Xor,
	pipeline.OpTwoComplement: func(z, a, b *big.Int) *big.Int { return z.Set(truncate(a, int(min(b.Uint64(), maxPacket)))) },
}
