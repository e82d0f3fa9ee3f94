package interp

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// arithmetic are the operations that make a number of two (BMv2 JSON 2.24, "expressions").
var arithmetic = map[pipeline.BinaryOp]func(x, y value) value{
	pipeline.OpAdd:           add,
	pipeline.OpSub:           subtract,
	pipeline.OpMul:           multiply,
	pipeline.OpDiv:           divide,
	pipeline.OpMod:           modulo,
	pipeline.OpShl:           shiftLeft,
	pipeline.OpShr:           shiftRight,
	pipeline.OpBitAnd:        bitAnd,
	pipeline.OpBitOr:         bitOr,
	pipeline.OpBitXor:        bitXor,
	pipeline.OpTwoComplement: twoComplement,
	pipeline.OpSatUnsigned:   saturateUnsigned,
	pipeline.OpSatSigned:     saturateSigned,
}

// comparisons of numbers, as a test of compare's result.
var comparisons = map[pipeline.BinaryOp]func(order int) bool{
	pipeline.OpEq: func(o int) bool { return o == 0 },
	pipeline.OpNe: func(o int) bool { return o != 0 },
	pipeline.OpGt: func(o int) bool { return o > 0 },
	pipeline.OpGe: func(o int) bool { return o >= 0 },
	pipeline.OpLt: func(o int) bool { return o < 0 },
	pipeline.OpLe: func(o int) bool { return o <= 0 },
}

// number compiles an expression whose value is a number; a boolean counts as 0 or 1.
func (c *compiler) number(e pipeline.Expr) (number, error) {
	if isBoolean(e) {
		t, err := c.test(e)
		if err != nil {
			return nil, err
		}
		return func(p *packet) value { return boolValue(t(p)) }, nil
	}
	switch e := e.(type) {
	case *pipeline.Const:
		return c.constant(e)
	case *pipeline.FieldRef:
		return c.fieldRef(e)
	case *pipeline.ValidRef:
		return c.validRef(e)
	case *pipeline.StackFieldRef:
		return c.lastField(e)
	case *pipeline.UnionStackFieldRef:
		return c.lastUnionField(e)
	case *pipeline.Access:
		return c.access(e)
	case *pipeline.Param:
		return c.param(e)
	case *pipeline.Lookahead:
		return c.lookahead(e)
	case *pipeline.RegisterElem:
		return c.registerElem(e)
	case *pipeline.Unary:
		return c.unaryNumber(e)
	case *pipeline.Binary:
		return c.binaryNumber(e)
	case *pipeline.Cond:
		return c.condNumber(e)
	}
	return nil, unsupported("number", e)
}

func (c *compiler) constant(e *pipeline.Const) (number, error) {
	if e.Value == nil {
		return nil, fmt.Errorf("compile constant: %w", errNilReference)
	}
	v := wide(e.Value)
	return func(*packet) value { return v }, nil
}

func (c *compiler) fieldRef(e *pipeline.FieldRef) (number, error) {
	f, err := c.field(e.Header, e.Field)
	if err != nil {
		return nil, err
	}
	if !f.isVar && !f.signed && f.width > 0 && f.width < 64 {
		at, width := f.at, f.width
		return func(p *packet) value { return value{n: int64(loadBits(p.data, at, width))} }, nil
	}
	return func(p *packet) value { return p.load(f) }, nil
}

func (c *compiler) validRef(e *pipeline.ValidRef) (number, error) {
	h, err := c.header(e.Header)
	return func(p *packet) value { return boolValue(p.valid[h]) }, err
}

// lastField is P4_16's stack.last.field: with an empty stack, error.StackOutOfBounds.
func (c *compiler) lastField(e *pipeline.StackFieldRef) (number, error) {
	s, elems, err := c.stack(e.Stack)
	if err != nil {
		return nil, err
	}
	fields, err := c.elementFields(elems, e.Field)
	return func(p *packet) value {
		if p.next[s] == 0 {
			p.reject(stackOutOfBounds)
			return value{}
		}
		return p.load(fields[p.next[s]-1])
	}, err
}

func (c *compiler) lastUnionField(e *pipeline.UnionStackFieldRef) (number, error) {
	s, elems, err := c.unionStack(e.Stack)
	if err != nil {
		return nil, err
	}
	members, err := c.member(elems, e.Member)
	if err != nil {
		return nil, err
	}
	fields, err := c.elementFields(members, e.Field)
	return func(p *packet) value {
		if p.nextUnion[s] == 0 {
			p.reject(stackOutOfBounds)
			return value{}
		}
		return p.load(fields[p.nextUnion[s]-1])
	}, err
}

func (c *compiler) access(e *pipeline.Access) (number, error) {
	at, err := c.accessed(e)
	return func(p *packet) value {
		if f := at(p); f != nil {
			return p.load(f)
		}
		return value{}
	}, err
}

// accessed finds the field of a computed header; nil where the header does not exist.
func (c *compiler) accessed(e *pipeline.Access) (func(*packet) *field, error) {
	h, err := c.headerExpr(e.Header)
	if err != nil {
		return nil, err
	}
	if e.Field == nil {
		return nil, fmt.Errorf("compile access: %w", errNilReference)
	}
	headers, i := c.sw.layout.headers, e.Field.Index
	return func(p *packet) *field {
		n := h(p)
		if n == noHeader || i >= len(headers[n].fields) {
			return nil
		}
		return &headers[n].fields[i]
	}, nil
}

func (c *compiler) param(e *pipeline.Param) (number, error) {
	i := e.Index
	return func(p *packet) value {
		if i >= len(p.args) {
			return value{}
		}
		return p.args[i]
	}, nil
}

// lookahead reads behind the cursor: P4_16, "Parser operations", error.PacketTooShort at the end.
func (c *compiler) lookahead(e *pipeline.Lookahead) (number, error) {
	if e.Offset < 0 || e.Width < 0 {
		return nil, fmt.Errorf("compile lookahead of %d bits at %d: out of range", e.Width, e.Offset)
	}
	return func(p *packet) value {
		if !p.peek(e.Offset, e.Width) {
			return value{}
		}
		return bigEndian(p.tmp)
	}, nil
}

// peek puts bits behind the cursor into p.tmp, right-aligned.
func (p *packet) peek(offset, width int) bool {
	from, n := 8*p.pos+offset, (width+7)/8
	if from+width > 8*len(p.in) {
		p.reject(packetTooShort)
		return false
	}
	p.tmp = append(p.tmp[:0], make([]byte, n)...)
	copyBits(p.tmp, 8*n-width, p.in, from, width)
	return true
}

func (c *compiler) registerElem(e *pipeline.RegisterElem) (number, error) {
	r, err := c.register(e.Register)
	if err != nil {
		return nil, err
	}
	index, err := c.number(e.Index)
	return func(p *packet) value {
		if i, ok := index(p).index(len(r.elems)); ok {
			return r.elems[i]
		}
		return value{}
	}, err
}

func (c *compiler) unaryNumber(e *pipeline.Unary) (number, error) {
	if e.Op == pipeline.OpLastStackIndex || e.Op == pipeline.OpStackSize {
		return c.stackSize(e)
	}
	x, err := c.number(e.X)
	if err != nil {
		return nil, err
	}
	switch e.Op {
	case pipeline.OpBoolToData:
		return x, nil
	case pipeline.OpComplement:
		return func(p *packet) value { return complement(x(p)) }, nil
	case pipeline.OpNegate:
		return func(p *packet) value { return negate(x(p)) }, nil
	}
	return nil, fmt.Errorf("compile operation %q: not known", e.Op)
}

// stackSize counts the elements that the parser extracted or push made, P4_16's nextIndex; lastIndex is one
// less.
func (c *compiler) stackSize(e *pipeline.Unary) (number, error) {
	less := int64(0)
	if e.Op == pipeline.OpLastStackIndex {
		less = 1
	}
	switch x := e.X.(type) {
	case *pipeline.StackRef:
		s, _, err := c.stack(x.Stack)
		return func(p *packet) value { return small(int64(p.next[s]) - less) }, err
	case *pipeline.UnionStackRef:
		s, _, err := c.unionStack(x.Stack)
		return func(p *packet) value { return small(int64(p.nextUnion[s]) - less) }, err
	}
	return nil, unsupported("stack", e.X)
}

func (c *compiler) binaryNumber(e *pipeline.Binary) (number, error) {
	op, ok := arithmetic[e.Op]
	if !ok {
		return nil, fmt.Errorf("compile operation %q: not known", e.Op)
	}
	x, err := c.number(e.X)
	if err != nil {
		return nil, err
	}
	y, err := c.number(e.Y)
	return func(p *packet) value { return op(x(p), y(p)) }, err
}

func (c *compiler) condNumber(e *pipeline.Cond) (number, error) {
	t, err := c.test(e.If)
	if err != nil {
		return nil, err
	}
	yes, err := c.number(e.Then)
	if err != nil {
		return nil, err
	}
	no, err := c.number(e.Else)
	return func(p *packet) value {
		if t(p) {
			return yes(p)
		}
		return no(p)
	}, err
}

// headerExpr compiles an expression whose value is a header.
func (c *compiler) headerExpr(e pipeline.Expr) (place, error) {
	switch e := e.(type) {
	case *pipeline.HeaderRef:
		h, err := c.header(e.Header)
		return func(*packet) int { return h }, err
	case *pipeline.StackElem:
		ref, ok := e.Stack.(*pipeline.StackRef)
		if !ok {
			return nil, unsupported("stack", e.Stack)
		}
		_, elems, err := c.stack(ref.Stack)
		if err != nil {
			return nil, err
		}
		return c.element(elems, e.Index)
	case *pipeline.UnionAccess:
		return c.unionMember(e)
	}
	return nil, unsupported("header", e)
}

// element is the element of a stack at a computed index, noHeader past its end.
func (c *compiler) element(elems []int, index pipeline.Expr) (place, error) {
	n, err := c.number(index)
	return func(p *packet) int {
		if i, ok := n(p).index(len(elems)); ok {
			return elems[i]
		}
		return noHeader
	}, err
}

func (c *compiler) unionMember(e *pipeline.UnionAccess) (place, error) {
	u, err := c.unionExpr(e.Union)
	if err != nil {
		return nil, err
	}
	unions, m := c.sw.unions, e.Member
	return func(p *packet) int {
		if i := u(p); i != noHeader && m >= 0 && m < len(unions[i]) {
			return unions[i][m]
		}
		return noHeader
	}, nil
}

// unionExpr compiles an expression whose value is a union: its index, or noHeader.
func (c *compiler) unionExpr(e pipeline.Expr) (place, error) {
	switch e := e.(type) {
	case *pipeline.UnionRef:
		if e.Union == nil {
			return nil, fmt.Errorf("resolve union: %w", errNilReference)
		}
		u := e.Union.Index
		return func(*packet) int { return u }, within("union", u, c.sw.unions)
	case *pipeline.UnionStackElem:
		ref, ok := e.Stack.(*pipeline.UnionStackRef)
		if !ok {
			return nil, unsupported("stack of unions", e.Stack)
		}
		_, elems, err := c.unionStack(ref.Stack)
		if err != nil {
			return nil, err
		}
		return c.element(elems, e.Index)
	}
	return nil, unsupported("union", e)
}
