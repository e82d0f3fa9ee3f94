package interp

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// isBoolean reports whether an expression's value is a boolean.
func isBoolean(e pipeline.Expr) bool {
	switch e := e.(type) {
	case *pipeline.Bool:
		return true
	case *pipeline.Unary:
		switch e.Op {
		case pipeline.OpNot, pipeline.OpDataToBool, pipeline.OpValid, pipeline.OpValidUnion:
			return true
		case pipeline.OpBoolToData:
			return false
		}
	case *pipeline.Binary:
		_, number := arithmetic[e.Op]
		return !number
	case *pipeline.Cond:
		return isBoolean(e.Then)
	}
	return false
}

// test compiles an expression whose value is a boolean; a number is true unless it is 0.
func (c *compiler) test(e pipeline.Expr) (test, error) {
	switch e := e.(type) {
	case *pipeline.Bool:
		b := e.Value
		return func(*packet) bool { return b }, nil
	case *pipeline.Unary:
		return c.unaryTest(e)
	case *pipeline.Binary:
		return c.binaryTest(e)
	case *pipeline.Cond:
		if isBoolean(e) {
			return c.condTest(e)
		}
	}
	return c.numberTest(e)
}

func (c *compiler) numberTest(e pipeline.Expr) (test, error) {
	if isBoolean(e) {
		return nil, unsupported("number", e)
	}
	n, err := c.number(e)
	return func(p *packet) bool { return !n(p).isZero() }, err
}

func (c *compiler) unaryTest(e *pipeline.Unary) (test, error) {
	switch e.Op {
	case pipeline.OpNot:
		t, err := c.test(e.X)
		return func(p *packet) bool { return !t(p) }, err
	case pipeline.OpDataToBool, pipeline.OpBoolToData:
		return c.test(e.X)
	case pipeline.OpValid:
		h, err := c.headerExpr(e.X)
		return func(p *packet) bool { return p.isValid(h(p)) }, err
	case pipeline.OpValidUnion:
		u, err := c.unionExpr(e.X)
		return func(p *packet) bool { i := u(p); return i != noHeader && p.unionValid(i) }, err
	}
	return c.numberTest(e)
}

func (c *compiler) binaryTest(e *pipeline.Binary) (test, error) {
	if _, ok := arithmetic[e.Op]; ok {
		return c.numberTest(e)
	}
	if holds, ok := comparisons[e.Op]; ok {
		return c.comparison(e, holds)
	}
	switch e.Op {
	case pipeline.OpAnd, pipeline.OpOr, pipeline.OpEqBool, pipeline.OpNeBool:
		return c.connective(e)
	case pipeline.OpEqHeader, pipeline.OpNeHeader:
		return c.sameHeader(e)
	case pipeline.OpEqUnion, pipeline.OpNeUnion:
		return c.sameUnion(e)
	}
	return nil, fmt.Errorf("compile operation %q: not known", e.Op)
}

func (c *compiler) comparison(e *pipeline.Binary, holds func(int) bool) (test, error) {
	x, err := c.number(e.X)
	if err != nil {
		return nil, err
	}
	y, err := c.number(e.Y)
	return func(p *packet) bool { return holds(compare(x(p), y(p))) }, err
}

// connective: P4_16 evaluates && and || only as far as needed; no operand has a side effect.
func (c *compiler) connective(e *pipeline.Binary) (test, error) {
	x, err := c.test(e.X)
	if err != nil {
		return nil, err
	}
	y, err := c.test(e.Y)
	switch e.Op {
	case pipeline.OpAnd:
		return func(p *packet) bool { return x(p) && y(p) }, err
	case pipeline.OpOr:
		return func(p *packet) bool { return x(p) || y(p) }, err
	case pipeline.OpEqBool:
		return func(p *packet) bool { return x(p) == y(p) }, err
	}
	return func(p *packet) bool { return x(p) != y(p) }, err
}

func (c *compiler) sameHeader(e *pipeline.Binary) (test, error) {
	x, err := c.headerExpr(e.X)
	if err != nil {
		return nil, err
	}
	y, err := c.headerExpr(e.Y)
	same := e.Op == pipeline.OpEqHeader
	return func(p *packet) bool { return p.equalHeaders(x(p), y(p)) == same }, err
}

func (c *compiler) sameUnion(e *pipeline.Binary) (test, error) {
	x, err := c.unionExpr(e.X)
	if err != nil {
		return nil, err
	}
	y, err := c.unionExpr(e.Y)
	same := e.Op == pipeline.OpEqUnion
	return func(p *packet) bool {
		a, b := x(p), y(p)
		if a == noHeader || b == noHeader {
			return (a == b) == same
		}
		return p.equalUnions(a, b) == same
	}, err
}

func (c *compiler) condTest(e *pipeline.Cond) (test, error) {
	t, err := c.test(e.If)
	if err != nil {
		return nil, err
	}
	yes, err := c.test(e.Then)
	if err != nil {
		return nil, err
	}
	no, err := c.test(e.Else)
	return func(p *packet) bool {
		if t(p) {
			return yes(p)
		}
		return no(p)
	}, err
}
