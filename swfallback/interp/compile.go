package interp

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A compiler turns the expressions and primitives of a program into functions over a packet, once, when
// the Switch is made: a packet then meets no name, no map of the model and no question that could be
// answered before. Whatever is wrong with the program is found here.
type compiler struct {
	sw *Switch
	// self is the header whose type's VarLength is being compiled.
	self *pipeline.Header
	// inParser allows what only a parser may do.
	inParser bool
}

type (
	number func(*packet) value // a numeric expression
	test   func(*packet) bool  // a boolean expression
	place  func(*packet) int   // an index: of a header, or of a union
	step   func(*packet)       // a primitive; a jump sets packet.pc
)

// place of an object in its slice, checked.
func within[T any](what string, i int, all []T) error {
	if i < 0 || i >= len(all) {
		return fmt.Errorf("resolve %s %d: out of range", what, i)
	}
	return nil
}

var errNilReference = errors.New("reference to nothing")

// header returns the index of a header that is used as a whole.
func (c *compiler) header(h *pipeline.Header) (int, error) {
	i, err := c.headerIndex(h)
	if err != nil {
		return 0, err
	}
	fields := c.sw.layout.headers[i].fields
	for j := range fields {
		fields[j].used = true
	}
	return i, nil
}

func (c *compiler) headerIndex(h *pipeline.Header) (int, error) {
	if h == nil {
		h = c.self
	}
	if h == nil {
		return 0, fmt.Errorf("resolve header: %w", errNilReference)
	}
	return h.Index, within("header", h.Index, c.sw.layout.headers)
}

// field returns the place of a field, which must belong to the header's type.
func (c *compiler) field(h *pipeline.Header, f *pipeline.Field) (*field, error) {
	i, err := c.headerIndex(h)
	if err != nil {
		return nil, err
	}
	return c.fieldOf(i, f)
}

func (c *compiler) fieldOf(header int, f *pipeline.Field) (*field, error) {
	at, err := c.fieldPlace(header, f)
	if err == nil {
		at.used = true
	}
	return at, err
}

func (c *compiler) fieldPlace(header int, f *pipeline.Field) (*field, error) {
	if f == nil {
		return nil, fmt.Errorf("resolve field: %w", errNilReference)
	}
	fields := c.sw.layout.headers[header].fields
	if err := within("field", f.Index, fields); err != nil {
		return nil, err
	}
	return &fields[f.Index], nil
}

// elementFields returns the places of one field in every element of a stack.
func (c *compiler) elementFields(elems []int, f *pipeline.Field) ([]*field, error) {
	var out []*field
	for _, h := range elems {
		at, err := c.fieldOf(h, f)
		if err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	return out, nil
}

func (c *compiler) stack(s *pipeline.Stack) (int, []int, error) {
	if s == nil {
		return 0, nil, fmt.Errorf("resolve stack: %w", errNilReference)
	}
	if err := within("stack", s.Index, c.sw.layout.stacks); err != nil {
		return 0, nil, err
	}
	return s.Index, c.sw.layout.stacks[s.Index].elems, nil
}

func (c *compiler) unionStack(s *pipeline.UnionStack) (int, []int, error) {
	if s == nil {
		return 0, nil, fmt.Errorf("resolve stack of unions: %w", errNilReference)
	}
	if err := within("stack of unions", s.Index, c.sw.layout.unions); err != nil {
		return 0, nil, err
	}
	return s.Index, c.sw.layout.unions[s.Index].elems, nil
}

// member returns the header that is member m of each of the unions.
func (c *compiler) member(unions []int, m int) ([]int, error) {
	var out []int
	for _, u := range unions {
		if err := within("member of union", m, c.sw.unions[u]); err != nil {
			return nil, err
		}
		out = append(out, c.sw.unions[u][m])
	}
	return out, nil
}

// numbers compiles a list of operands.
func (c *compiler) numbers(es []pipeline.Expr) ([]number, error) {
	var out []number
	for _, e := range es {
		n, err := c.number(e)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// unsupported says that an expression cannot stand where it stands.
func unsupported(role string, e pipeline.Expr) error {
	return fmt.Errorf("compile %s: %T cannot be one: %w", role, e, errors.ErrUnsupported)
}
