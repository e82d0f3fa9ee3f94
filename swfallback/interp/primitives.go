package interp

import (
	"fmt"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// corePrimitives are those that every architecture has (BMv2 JSON 2.24, "primitives").
var corePrimitives = map[pipeline.Op]primitiveCompiler{
	pipeline.OpAssign:           {2, compileAssign},
	pipeline.OpAssignVar:        {2, compileAssignVar},
	pipeline.OpAssignHeader:     {2, compileAssignHeader},
	pipeline.OpAssignUnion:      {2, compileAssignUnion},
	pipeline.OpAssignStack:      {2, compileAssignStack},
	pipeline.OpAssignUnionStack: {2, compileAssignUnionStack},
	pipeline.OpPush:             {2, compilePush},
	pipeline.OpPop:              {2, compilePop},
	pipeline.OpJump:             {1, compileJump},
	pipeline.OpJumpIfZero:       {2, compileJumpIfZero},
	pipeline.OpExit:             {0, compileExit},
	pipeline.OpAssume:           {1, compileAssert},
	pipeline.OpAssert:           {1, compileAssert},
	pipeline.OpLogMsg:           {-1, compileLogMsg},
}

func compileAssign(c *compiler, prim *pipeline.Primitive) (step, error) {
	if s, ok := c.fieldCopy(prim.Args[0], prim.Args[1]); ok {
		return s, nil
	}
	dst, err := c.destination(prim.Args[0])
	if err != nil {
		return nil, err
	}
	src, err := c.number(prim.Args[1])
	return func(p *packet) { dst(p, src(p)) }, err
}

// fieldCopy assigns a field to another of the same width without making a number of it.
func (c *compiler) fieldCopy(dst, src pipeline.Expr) (step, bool) {
	d, ok := dst.(*pipeline.FieldRef)
	s, ok2 := src.(*pipeline.FieldRef)
	if !ok || !ok2 {
		return nil, false
	}
	to, err := c.field(d.Header, d.Field)
	from, err2 := c.field(s.Header, s.Field)
	if err != nil || err2 != nil || to.isVar || from.isVar || to.width != from.width || to.width == 0 {
		return nil, false
	}
	if to.width <= 64 {
		return func(p *packet) { storeBits(p.data, to.at, to.width, loadBits(p.data, from.at, from.width)) }, true
	}
	overlap := to.at < from.at+from.width && from.at < to.at+to.width
	return func(p *packet) { copyBits(p.data, to.at, p.data, from.at, from.width) }, !overlap
}

// compileAssignVar copies a varbit field, its length included.
func compileAssignVar(c *compiler, prim *pipeline.Primitive) (step, error) {
	d, ok := prim.Args[0].(*pipeline.FieldRef)
	s, ok2 := prim.Args[1].(*pipeline.FieldRef)
	if !ok || !ok2 {
		return nil, unsupported("varbit field", prim.Args[0])
	}
	to, err := c.field(d.Header, d.Field)
	if err != nil {
		return nil, err
	}
	from, err := c.field(s.Header, s.Field)
	if err != nil {
		return nil, err
	}
	if !to.isVar || !from.isVar {
		return nil, unsupported("varbit field", prim.Args[0])
	}
	return func(p *packet) { p.vars[to.header] = p.vars[from.header] }, nil
}

func compileAssignHeader(c *compiler, prim *pipeline.Primitive) (step, error) {
	dst, err := c.headerExpr(prim.Args[0])
	if err != nil {
		return nil, err
	}
	src, err := c.headerExpr(prim.Args[1])
	return func(p *packet) { p.assignHeader(dst(p), src(p)) }, err
}

func compileAssignUnion(c *compiler, prim *pipeline.Primitive) (step, error) {
	dst, err := c.unionExpr(prim.Args[0])
	if err != nil {
		return nil, err
	}
	src, err := c.unionExpr(prim.Args[1])
	return func(p *packet) {
		if d, s := dst(p), src(p); d != noHeader && s != noHeader {
			p.assignUnion(d, s)
		}
	}, err
}

func compileAssignStack(c *compiler, prim *pipeline.Primitive) (step, error) {
	d, ok := prim.Args[0].(*pipeline.StackRef)
	s, ok2 := prim.Args[1].(*pipeline.StackRef)
	if !ok || !ok2 {
		return nil, unsupported("stack", prim.Args[0])
	}
	to, dst, err := c.stack(d.Stack)
	if err != nil {
		return nil, err
	}
	from, src, err := c.stack(s.Stack)
	if err == nil && len(dst) != len(src) {
		err = fmt.Errorf("stacks of %d and %d elements", len(dst), len(src))
	}
	return func(p *packet) {
		p.next[to] = p.next[from]
		for i, h := range dst {
			p.assignHeader(h, src[i])
		}
	}, err
}

func compileAssignUnionStack(c *compiler, prim *pipeline.Primitive) (step, error) {
	d, ok := prim.Args[0].(*pipeline.UnionStackRef)
	s, ok2 := prim.Args[1].(*pipeline.UnionStackRef)
	if !ok || !ok2 {
		return nil, unsupported("stack of unions", prim.Args[0])
	}
	to, dst, err := c.unionStack(d.Stack)
	if err != nil {
		return nil, err
	}
	from, src, err := c.unionStack(s.Stack)
	if err == nil && len(dst) != len(src) {
		err = fmt.Errorf("stacks of %d and %d elements", len(dst), len(src))
	}
	return func(p *packet) {
		p.nextUnion[to] = p.nextUnion[from]
		for i, u := range dst {
			p.assignUnion(u, src[i])
		}
	}, err
}

func compilePush(c *compiler, prim *pipeline.Primitive) (step, error) {
	return c.shiftStack(prim, pushFront)
}

func compilePop(c *compiler, prim *pipeline.Primitive) (step, error) {
	return c.shiftStack(prim, popFront)
}

type stackShift func(elems []int, next *int, n int, move func(dst, src int), invalidate func(int))

func (c *compiler) shiftStack(prim *pipeline.Primitive, shift stackShift) (step, error) {
	count, err := c.number(prim.Args[1])
	if err != nil {
		return nil, err
	}
	size := func(p *packet, elems []int) int {
		if n, ok := count(p).index(len(elems)); ok {
			return n
		}
		return len(elems)
	}
	switch ref := prim.Args[0].(type) {
	case *pipeline.StackRef:
		s, elems, err := c.stack(ref.Stack)
		return func(p *packet) {
			shift(elems, &p.next[s], size(p, elems), p.moveHeader, p.setInvalid)
		}, err
	case *pipeline.UnionStackRef:
		s, elems, err := c.unionStack(ref.Stack)
		return func(p *packet) {
			shift(elems, &p.nextUnion[s], size(p, elems), p.moveUnion, p.invalidateUnion)
		}, err
	}
	return nil, unsupported("stack", prim.Args[0])
}

func compileJump(c *compiler, prim *pipeline.Primitive) (step, error) {
	to, err := c.number(prim.Args[0])
	return func(p *packet) { p.jump(to(p)) }, err
}

func compileJumpIfZero(c *compiler, prim *pipeline.Primitive) (step, error) {
	cond, err := c.test(prim.Args[0])
	if err != nil {
		return nil, err
	}
	to, err := c.number(prim.Args[1])
	return func(p *packet) {
		if !cond(p) {
			p.jump(to(p))
		}
	}, err
}

// jump: an index past the last primitive ends the action.
func (p *packet) jump(to value) {
	if i, ok := to.index(1 << 30); ok {
		p.pc = i
	}
}

func compileExit(*compiler, *pipeline.Primitive) (step, error) {
	return func(p *packet) { p.exit = true }, nil
}

// compileAssert: v1model lets a failed assert or assume end the program; here it ends the packet.
func compileAssert(c *compiler, prim *pipeline.Primitive) (step, error) {
	cond, err := c.test(prim.Args[0])
	failure := &AssertError{Source: prim.Source}
	return func(p *packet) {
		if !cond(p) {
			p.failure = failure
		}
	}, err
}

// compileLogMsg: {} in the format stands for the next operand, \{ and \} for braces.
func compileLogMsg(c *compiler, prim *pipeline.Primitive) (step, error) {
	if len(prim.Args) == 0 || len(prim.Args) > 2 {
		return nil, fmt.Errorf("%d arguments, want a format and a list", len(prim.Args))
	}
	format, ok := prim.Args[0].(*pipeline.String)
	if !ok {
		return nil, unsupported("format", prim.Args[0])
	}
	var operands []number
	if len(prim.Args) == 2 {
		list, ok := prim.Args[1].(*pipeline.List)
		if !ok {
			return nil, unsupported("list", prim.Args[1])
		}
		var err error
		if operands, err = c.numbers(list.Elems); err != nil {
			return nil, err
		}
	}
	parts := strings.Split(format.Value, "{}")
	unescape := strings.NewReplacer(`\{`, "{", `\}`, "}")
	return func(p *packet) {
		var b strings.Builder
		for i, part := range parts {
			b.WriteString(unescape.Replace(part))
			if i < len(operands) && i < len(parts)-1 {
				b.WriteString(operands[i](p).int().String())
			}
		}
		p.sw.opts.Log.Info(b.String())
	}, nil
}
