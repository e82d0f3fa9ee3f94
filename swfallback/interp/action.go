package interp

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// action is a compiled action: its primitives in order (P4_16, "Actions").
type action struct {
	model *pipeline.Action
	body  []step
}

// maxJumps bounds the jumps of one run of an action: a loop that never ends ends the packet.
const maxJumps = 1 << 20

// run runs the action with the arguments of an entry. P4_16's exit ends it at once.
func (a *action) run(p *packet, args []value) {
	p.args = args
	jumps := 0
	for p.pc = 0; p.pc < len(a.body); {
		at := p.pc
		p.pc++
		a.body[at](p)
		if p.exit || p.failure != nil {
			break
		}
		if p.pc != at+1 {
			if jumps++; jumps > maxJumps {
				p.failure = fmt.Errorf("run action %s: %w", a.model.Name, ErrLoop)
				break
			}
		}
	}
	p.args = nil
}

// A primitiveCompiler compiles one primitive's arguments, whose number has been checked.
type primitiveCompiler struct {
	args    int // how many arguments; -1: the compiler checks itself
	compile func(c *compiler, prim *pipeline.Primitive) (step, error)
}

func (c *compiler) action(a *pipeline.Action) (*action, error) {
	body, err := c.steps(a.Body)
	if err != nil {
		return nil, fmt.Errorf("compile action %s: %w", a.Name, err)
	}
	return &action{model: a, body: body}, nil
}

func (c *compiler) steps(prims []pipeline.Primitive) ([]step, error) {
	var out []step
	for i := range prims {
		s, err := c.primitive(&prims[i])
		if err != nil {
			return nil, fmt.Errorf("compile %s (%s): %w", prims[i].Op, prims[i].Source, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (c *compiler) primitive(prim *pipeline.Primitive) (step, error) {
	table := corePrimitives
	if _, ok := table[prim.Op]; !ok {
		table = c.sw.arch.primitives()
	}
	if _, ok := table[prim.Op]; !ok && c.inParser {
		table = parserPrimitives
	}
	pc, ok := table[prim.Op]
	if !ok {
		return nil, fmt.Errorf("no such primitive here: %w", errors.ErrUnsupported)
	}
	if pc.args >= 0 && pc.args != len(prim.Args) {
		return nil, fmt.Errorf("%d arguments, want %d", len(prim.Args), pc.args)
	}
	return pc.compile(c, prim)
}

// assign stores a number somewhere.
type assign func(*packet, value)

// destination compiles an expression that can be assigned to.
func (c *compiler) destination(e pipeline.Expr) (assign, error) {
	switch e := e.(type) {
	case *pipeline.FieldRef:
		return c.fieldDestination(e)
	case *pipeline.Access:
		at, err := c.accessed(e)
		return func(p *packet, v value) {
			if f := at(p); f != nil {
				p.store(f, v)
			}
		}, err
	case *pipeline.StackFieldRef:
		return c.lastFieldDestination(e)
	case *pipeline.RegisterElem:
		return c.registerDestination(e)
	}
	return nil, unsupported("destination", e)
}

func (c *compiler) fieldDestination(e *pipeline.FieldRef) (assign, error) {
	f, err := c.field(e.Header, e.Field)
	if err != nil {
		return nil, err
	}
	if at, width := f.at, f.width; !f.isVar && width > 0 && width <= 64 {
		return func(p *packet, v value) { storeBits(p.data, at, width, v.uint64()) }, nil
	}
	return func(p *packet, v value) { p.store(f, v) }, nil
}

func (c *compiler) lastFieldDestination(e *pipeline.StackFieldRef) (assign, error) {
	s, elems, err := c.stack(e.Stack)
	if err != nil {
		return nil, err
	}
	fields, err := c.elementFields(elems, e.Field)
	return func(p *packet, v value) {
		if n := p.next[s]; n > 0 {
			p.store(fields[n-1], v)
		}
	}, err
}

func (c *compiler) registerDestination(e *pipeline.RegisterElem) (assign, error) {
	r, err := c.register(e.Register)
	if err != nil {
		return nil, err
	}
	index, err := c.number(e.Index)
	return func(p *packet, v value) { r.write(index(p), v) }, err
}

// store2 compiles "destination, operands...": op makes the stored value of the operands.
func store2(op func(x, y value) value) primitiveCompiler {
	return primitiveCompiler{3, func(c *compiler, prim *pipeline.Primitive) (step, error) {
		dst, err := c.destination(prim.Args[0])
		if err != nil {
			return nil, err
		}
		x, err := c.number(prim.Args[1])
		if err != nil {
			return nil, err
		}
		y, err := c.number(prim.Args[2])
		return func(p *packet) { dst(p, op(x(p), y(p))) }, err
	}}
}

// update2 compiles "destination, operand": op makes the stored value of the destination and the operand.
func update2(op func(x, y value) value) primitiveCompiler {
	three := store2(op)
	return primitiveCompiler{2, func(c *compiler, prim *pipeline.Primitive) (step, error) {
		return three.compile(c, &pipeline.Primitive{Args: []pipeline.Expr{prim.Args[0], prim.Args[0], prim.Args[1]}})
	}}
}
