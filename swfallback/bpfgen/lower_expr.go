package bpfgen

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// limbs returns how many values a number of width bits has.
func limbs(width int) int { return max(1, (width+63)/64) }

// constNum returns a constant of width bits.
func (l *lowerer) constNum(c *big.Int, width int) num {
	v := new(big.Int).And(c, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(width)), big.NewInt(1)))
	out := make(num, limbs(width))
	for i := range out {
		limb := new(big.Int).Rsh(v, uint(64*i))
		out[i] = l.konst(new(big.Int).And(limb, new(big.Int).SetUint64(^uint64(0))).Uint64())
	}
	return out
}

// fit brings a number to a width: cut off, or zeros added.
func (l *lowerer) fit(n num, width int) num {
	out := make(num, limbs(width))
	for i := range out {
		if i >= len(n) {
			out[i] = l.konst(0)
			continue
		}
		out[i] = l.mask(n[i], min(64, width-64*i))
	}
	return out
}

// cut returns bits lo to lo+width of a number as one value; width is at most 64, and a negative lo shifts zeros
// in below.
func (l *lowerer) cut(n num, lo, width int) *value {
	if lo <= -width {
		return l.konst(0)
	}
	if lo < 0 {
		return l.mask(l.aluC(opShl, l.cut(n, 0, width+lo), uint64(-lo)), width)
	}
	i, at := lo/64, lo%64
	if i >= len(n) {
		return l.konst(0)
	}
	v := l.aluC(opShr, n[i], uint64(at))
	if at > 0 && i+1 < len(n) && at+width > 64 {
		v = l.alu(opOr, v, l.aluC(opShl, n[i+1], uint64(64-at)))
	}
	return l.mask(v, width)
}

// read returns the value of a field.
func (l *lowerer) read(st *state, id int) num {
	fs := st.field(id)
	if fs.val != nil {
		return fs.val
	}
	ref := l.fields[id]
	hs := &st.h[ref.Header.Index]
	if fs.facts != nil && fs.facts.lo == fs.facts.hi {
		val := num{l.konst(fs.facts.lo)}
		st.edit(id).val = val
		return val
	}
	if l.home != nil {
		return l.readHome(st, id)
	}
	if hs.stale {
		l.unsupported("field of header " + ref.Header.Name + " that is not valid any more")
		return l.constNum(new(big.Int), ref.Field.Width)
	}
	if ref.Header.Metadata || hs.at < 0 || hs.valid == invalid {
		return l.constNum(new(big.Int), ref.Field.Width)
	}
	if ref.Field.Var {
		l.unsupported("varbit field " + ref.Field.Name)
		return l.zero()
	}
	val := l.readPacket(st, 8*hs.at+ref.Field.Offset, ref.Field.Width)
	st.edit(id).val = val
	return val
}

// readPacket reads bits of the packet; they are known to be there.
func (l *lowerer) readPacket(st *state, bit, width int) num {
	out := make(num, limbs(width))
	for i := range out {
		w := min(64, width-64*i)
		out[i] = l.readBits(st, bit+width-64*i-w, w)
	}
	return out
}

// readBits reads at most 64 bits of the packet.
func (l *lowerer) readBits(st *state, bit, width int) *value {
	return l.bitsAt(spot{st.data, 0}, st.checked, bit, width)
}

// actionEnv is where an action runs: with what arguments, and from which point.
type actionEnv struct {
	point  *point
	params []num     // known arguments, or
	entry  *value    // the value that holds them
	layout [][]piece // where, by parameter
	widths []int
	cache  []num
}

// param returns an argument.
func (l *lowerer) param(env *actionEnv, i int) num {
	if env.params != nil {
		return env.params[i]
	}
	if env.entry == nil || i >= len(env.layout) {
		l.unsupported("action parameter outside a table")
		return l.zero()
	}
	if env.cache[i] != nil {
		return env.cache[i]
	}
	var out num
	for _, p := range env.layout[i] {
		out = append(out, l.loadPiece(env.entry, p))
	}
	env.cache[i] = out
	return out
}

// loadPiece reads one piece from memory.
func (l *lowerer) loadPiece(base *value, p piece) *value {
	v := l.load(base, p.off, p.size)
	if p.wire {
		return l.mask(l.aluC(opShr, l.swap(v, p.size), uint64(8*p.size-p.width)), p.width)
	}
	v.bits = min(v.bits, p.width+p.shift)
	return l.mask(l.aluC(opShr, v, uint64(p.shift)), p.width)
}

// eval computes the low width bits of an expression's exact value. The bits above, up to whole limbs, are 0.
func (l *lowerer) eval(st *state, e pipeline.Expr, width int, env *actionEnv) num {
	if x := l.extentOf(e, env); width > 64 && limbs(x.bits()) < limbs(width) {
		n, signed := l.exact(st, e, env)
		return l.grow(n, signed, width)
	}
	switch e := e.(type) {
	case *pipeline.Const:
		return l.constNum(e.Value, width)
	case *pipeline.Bool:
		return l.fit(num{l.konst(b2u(e.Value))}, width)
	case *pipeline.FieldRef:
		return l.ofField(l.read(st, l.id(e)), e.Field, width)
	case *pipeline.ValidRef:
		return l.fit(num{l.validBit(st, e.Header)}, width)
	case *pipeline.Param:
		return l.fit(l.param(env, e.Index), width)
	case *pipeline.Lookahead:
		if l.home != nil {
			return l.fit(l.lookaheadHomed(st, e), width)
		}
		return l.fit(l.readPacket(st, 8*st.cursor+e.Offset, e.Width), width)
	case *pipeline.StackFieldRef:
		if l.home != nil {
			return l.ofField(l.lastField(st, e.Stack.Header, l.home.next[e.Stack.Index], e.Field), e.Field, width)
		}
	case *pipeline.UnionStackFieldRef:
		if l.home != nil {
			return l.ofField(l.lastField(st, membersOf(e.Stack, e.Member), l.home.nextUnion[e.Stack.Index], e.Field), e.Field, width)
		}
	case *pipeline.Access:
		if l.home != nil {
			return l.ofField(l.access(st, e, env), e.Field, width)
		}
	case *pipeline.Unary:
		return l.evalUnary(st, e, width, env)
	case *pipeline.Binary:
		return l.evalBinary(st, e, width, env)
	case *pipeline.Cond:
		return l.evalCond(st, e, width, env)
	}
	l.unsupported(fmt.Sprintf("operand %T", e))
	return l.fit(l.zero(), width)
}

// ofField brings the bits of a field to a width.
func (l *lowerer) ofField(v num, f *pipeline.Field, width int) num {
	if f.Signed && f.Width < width {
		v = l.extend(v, f.Width, width)
	}
	return l.fit(v, width)
}

// validBit returns a header's validity as a number.
func (l *lowerer) validBit(st *state, h *pipeline.Header) *value {
	if h.Metadata {
		return l.konst(1)
	}
	if l.home != nil {
		return l.isValid(l.hold(h))
	}
	switch hs := &st.h[h.Index]; hs.valid {
	case valid:
		return l.konst(1)
	case unknown:
		return hs.bit
	}
	return l.konst(0)
}

func (l *lowerer) evalUnary(st *state, e *pipeline.Unary, width int, env *actionEnv) num {
	switch e.Op {
	case pipeline.OpComplement:
		v := slices.Clone(l.eval(st, e.X, width, env))
		for i := range v {
			v[i] = l.aluC(opXor, v[i], ^uint64(0))
		}
		return l.fit(v, width)
	case pipeline.OpNegate:
		return l.fit(l.negate(l.eval(st, e.X, width, env)), width)
	case pipeline.OpLastStackIndex, pipeline.OpStackSize:
		if l.home != nil {
			return l.fit(num{l.stackNumber(e)}, width)
		}
	case pipeline.OpBoolToData, pipeline.OpNot, pipeline.OpDataToBool, pipeline.OpValid:
		x := pipeline.Expr(e)
		if e.Op == pipeline.OpBoolToData {
			x = e.X
		}
		return l.fit(num{l.truth(st, x, env)}, width)
	}
	l.unsupported(fmt.Sprintf("operation %s on %d bits", e.Op, width))
	return l.fit(l.zero(), width)
}

// evalCond chooses between two values without going two ways.
func (l *lowerer) evalCond(st *state, e *pipeline.Cond, width int, env *actionEnv) num {
	t := l.truth(st, e.If, env)
	yes, no := l.eval(st, e.Then, width, env), l.eval(st, e.Else, width, env)
	return l.fit(l.chooseNum(t, yes, no), width)
}
