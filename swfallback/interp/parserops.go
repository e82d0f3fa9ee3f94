package interp

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// parserPrimitives are what only a parser state does (P4_16, "Data extraction").
var parserPrimitives = map[pipeline.Op]primitiveCompiler{
	pipeline.OpExtract:    {1, compileExtract},
	pipeline.OpExtractVar: {2, compileExtractVar},
	pipeline.OpSet:        {2, compileAssign},
	pipeline.OpVerify:     {2, compileVerify},
	pipeline.OpShift:      {1, compileShift},
	pipeline.OpAdvance:    {1, compileAdvance},
}

// target of an extraction: a header, and the stack whose next element it is, if any.
type target struct {
	headers []int // the candidates: one, or the elements of a stack
	next    func(*packet) *int
}

// choose returns the header to extract into; error.StackOutOfBounds where the stack is full.
func (t *target) choose(p *packet) (int, bool) {
	if t.next == nil {
		return t.headers[0], true
	}
	n := *t.next(p)
	if n >= len(t.headers) {
		p.reject(stackOutOfBounds)
		return 0, false
	}
	return t.headers[n], true
}

// done moves a stack's nextIndex on.
func (t *target) done(p *packet) {
	if t.next != nil {
		*t.next(p)++
	}
}

func (c *compiler) target(e pipeline.Expr) (*target, error) {
	switch e := e.(type) {
	case *pipeline.HeaderRef:
		h, err := c.header(e.Header)
		return &target{headers: []int{h}}, err
	case *pipeline.StackRef:
		s, elems, err := c.stack(e.Stack)
		return &target{elems, func(p *packet) *int { return &p.next[s] }}, err
	case *pipeline.UnionStackRef:
		s, elems, err := c.unionStack(e.Stack)
		if err != nil {
			return nil, err
		}
		headers, err := c.member(elems, e.Member)
		return &target{headers, func(p *packet) *int { return &p.nextUnion[s] }}, err
	}
	return nil, unsupported("target of an extraction", e)
}

// compileExtract: a header with a varbit field takes that one's length from its type (P4_14).
func compileExtract(c *compiler, prim *pipeline.Primitive) (step, error) {
	t, err := c.target(prim.Args[0])
	if err != nil {
		return nil, err
	}
	lengths := make([]number, len(t.headers))
	for i, h := range t.headers {
		m := c.sw.layout.headers[h].model
		if m.Type.Var == nil || m.Type.VarLength == nil {
			continue
		}
		c.self = m
		lengths[i], err = c.number(m.Type.VarLength)
		c.self = nil
		if err != nil {
			return nil, fmt.Errorf("compile length of %s: %w", m.Name, err)
		}
	}
	return func(p *packet) {
		h, ok := t.choose(p)
		if !ok {
			return
		}
		var length number
		if t.next != nil {
			length = lengths[*t.next(p)]
		} else {
			length = lengths[0]
		}
		if p.extract(h, length) {
			t.done(p)
		}
	}, nil
}

// compileExtractVar: P4_16's extract with two arguments.
func compileExtractVar(c *compiler, prim *pipeline.Primitive) (step, error) {
	t, err := c.target(prim.Args[0])
	if err != nil {
		return nil, err
	}
	for _, h := range t.headers {
		if at := &c.sw.layout.headers[h]; at.varAt < 0 {
			return nil, fmt.Errorf("header %s has no varbit field: %w", at.model.Name, errors.ErrUnsupported)
		}
	}
	length, err := c.number(prim.Args[1])
	return func(p *packet) {
		if h, ok := t.choose(p); ok && p.extract(h, length) {
			t.done(p)
		}
	}, err
}

// extract fills header h from the cursor on and makes it valid. length gives the bits of its varbit field
// and may read the header's own fixed fields in front of it; nil: none.
func (p *packet) extract(h int, length number) bool {
	at := &p.sw.layout.headers[h]
	rest := p.in[p.pos:]
	n := (at.width + 7) / 8
	if len(rest) < n {
		p.reject(packetTooShort)
		return false
	}
	var varBits int
	if length != nil {
		if at.varAt > 0 {
			copyBits(p.data, at.base, rest, 0, at.varAt)
		}
		var ok bool
		if varBits, ok = p.varLength(at, length(p), len(rest)-n); !ok {
			return false
		}
	}
	if at.varAt < 0 {
		copy(p.data[at.base/8:], rest[:n])
	} else {
		p.extractAround(h, rest, varBits)
	}
	p.setValid(h)
	if p.traced() {
		p.traceExtract(h, n+varBits/8)
	}
	p.pos += n + varBits/8
	return true
}

// extractAround takes the header's fixed fields from around its varbit field.
func (p *packet) extractAround(h int, rest []byte, varBits int) {
	at := &p.sw.layout.headers[h]
	copyBits(p.data, at.base, rest, 0, at.varAt)
	copyBits(p.data, at.base+at.varAt, rest, at.varAt+varBits, at.width-at.varAt)
	if at.varAt&7 == 0 {
		p.vars[h] = rest[at.varAt/8 : (at.varAt+varBits)/8]
		return
	}
	p.vars[h] = make([]byte, varBits/8)
	copyBits(p.vars[h], 0, rest, at.varAt, varBits)
}

// varLength checks the length of a varbit field in the order of BMv2: whole bytes, enough packet, the bound
// of the whole header (BMv2 JSON "max_length").
func (p *packet) varLength(at *header, v value, left int) (int, bool) {
	bits, ok := v.index(1 << 30)
	bound := at.model.Type.MaxBytes
	switch {
	case !ok && v.sign() >= 0:
		p.reject(packetTooShort)
	case !ok || bits%8 != 0:
		p.reject(parserInvalidArgument)
	case bits/8 > left:
		p.reject(packetTooShort)
	case bound > 0 && (at.width+bits)/8 > bound:
		p.reject(headerTooShort)
	default:
		return bits, true
	}
	return 0, false
}

// compileVerify: P4_16, "verify".
func compileVerify(c *compiler, prim *pipeline.Primitive) (step, error) {
	cond, err := c.test(prim.Args[0])
	if err != nil {
		return nil, err
	}
	code, err := c.number(prim.Args[1])
	return func(p *packet) {
		if !cond(p) {
			p.rejectWith(code(p).uint64())
		}
	}, err
}

func compileShift(c *compiler, prim *pipeline.Primitive) (step, error) {
	n, err := c.number(prim.Args[0])
	return func(p *packet) { p.advance(n(p)) }, err
}

// compileAdvance: the number of bits must be one of whole bytes, as in BMv2.
func compileAdvance(c *compiler, prim *pipeline.Primitive) (step, error) {
	n, err := c.number(prim.Args[0])
	return func(p *packet) {
		bits := n(p)
		if bits.uint64()%8 != 0 || bits.sign() < 0 {
			p.reject(parserInvalidArgument)
			return
		}
		p.advance(shiftRight(bits, small(3)))
	}, err
}

// advance moves the cursor; error.PacketTooShort past the end.
func (p *packet) advance(bytes value) {
	n, ok := bytes.index(len(p.in) - p.pos + 1)
	if !ok {
		p.reject(packetTooShort)
		return
	}
	p.pos += n
}

// valueSet is a parser value set (P4_16, "Parser value sets").
type valueSet struct {
	model   *pipeline.ValueSet
	members []transition // values and masks over the padded key
	ranges  [][]keyRange // per member
}

func (s *valueSet) contains(key []byte) bool {
	for i := range s.members {
		m := &s.members[i]
		if len(m.mask) == len(key) && matchesMasked(key, m.value, m.mask) && inRanges(key, s.ranges[i]) {
			return true
		}
	}
	return false
}

// SetValueSet replaces the members of a value set. A member has one Match per component of the set's key:
// with High a range, with Mask masked, else exact. ErrTableFull: more members than its size.
func (sw *Switch) SetValueSet(m *pipeline.ValueSet, members [][]pipeline.Match) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	if m == nil || m.Index >= len(sw.valueSets) || sw.valueSets[m.Index].model != m {
		return fmt.Errorf("interp: set value set: %w", pipeline.ErrNoObject)
	}
	if m.Size > 0 && len(members) > m.Size {
		return fmt.Errorf("interp: set value set %s: %d members: %w", m.Name, len(members), pipeline.ErrTableFull)
	}
	set := valueSet{model: m}
	for _, member := range members {
		if len(member) != len(m.Key) {
			return fmt.Errorf("interp: set value set %s: %d components, want %d: %w", m.Name, len(member), len(m.Key), pipeline.ErrBadMatch)
		}
		var b matchBytes
		for i, width := range m.Key {
			kind := pipeline.MatchExact
			switch {
			case member[i].High != nil:
				kind = pipeline.MatchRange
			case member[i].Mask != nil:
				kind = pipeline.MatchTernary
			}
			if err := b.add(kind, width, &member[i]); err != nil {
				return fmt.Errorf("interp: set value set %s: %w", m.Name, err)
			}
		}
		set.members = append(set.members, transition{value: b.value, mask: b.mask})
		set.ranges = append(set.ranges, b.ranges)
	}
	*sw.valueSets[m.Index] = set
	return nil
}
