package interp

import (
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// calculation is a hash or checksum with its input.
type calculation struct {
	model  *pipeline.Calculation
	append []func(p *packet, s *bitString)
	whole  bool // the payload follows the listed input
	hash   hashFunc
}

// output computes the calculation. Fields of invalid headers are left out, as in BMv2; the payload always
// comes last.
func (k *calculation) output(p *packet) uint64 {
	s := &p.sumBuffer
	s.reset()
	for _, part := range k.append {
		part(p, s)
	}
	if k.whole {
		s.buf = append(s.buf, p.payload[:min(len(p.payload), p.arch.truncation())]...)
	}
	return k.hash(s.buf)
}

func (c *compiler) calculation(m *pipeline.Calculation) (*calculation, error) {
	k, err := c.hashOf(m.Algo, m.Input)
	if err != nil {
		return nil, fmt.Errorf("compile calculation %s: %w", m.Name, err)
	}
	k.model = m
	return k, nil
}

// hashOf compiles an algorithm over a list of inputs.
func (c *compiler) hashOf(algorithm string, input []pipeline.Expr) (*calculation, error) {
	hash, err := c.sw.hash(algorithm)
	if err != nil {
		return nil, err
	}
	k := &calculation{hash: hash}
	for i := 0; i < len(input); i++ {
		if _, ok := input[i].(*pipeline.Payload); ok {
			k.whole = true
			continue
		}
		if n, part := c.neighbours(input[i:]); n > 1 {
			k.append = append(k.append, part)
			i += n - 1
			continue
		}
		part, err := c.calculationInput(input[i])
		if err != nil {
			return nil, err
		}
		k.append = append(k.append, part)
	}
	return k, nil
}

// neighbours takes the fields at the head of the list that follow each other in one header as one bit string.
// It returns how many there are.
func (c *compiler) neighbours(input []pipeline.Expr) (int, func(*packet, *bitString)) {
	var h, at, width, n int
	for _, e := range input {
		ref, ok := e.(*pipeline.FieldRef)
		if !ok {
			break
		}
		f, err := c.field(ref.Header, ref.Field)
		if err != nil || f.isVar || c.sw.layout.headers[f.header].varAt >= 0 ||
			n > 0 && (f.header != h || f.at != at+width) {
			break
		}
		if n == 0 {
			h, at = f.header, f.at
		}
		width, n = width+f.width, n+1
	}
	return n, func(p *packet, s *bitString) {
		if p.valid[h] {
			s.append(p.data, at, width)
		}
	}
}

func (c *compiler) calculationInput(e pipeline.Expr) (func(*packet, *bitString), error) {
	switch e := e.(type) {
	case *pipeline.FieldRef:
		f, err := c.field(e.Header, e.Field)
		return func(p *packet, s *bitString) { p.appendField(s, f) }, err
	case *pipeline.Const:
		if e.Value == nil || e.Width <= 0 {
			return nil, fmt.Errorf("constant without a width: %w", errNilReference)
		}
		bytes := wide(e.Value).bytes(e.Width)
		off := 8*len(bytes) - e.Width
		return func(_ *packet, s *bitString) { s.append(bytes, off, e.Width) }, nil
	case *pipeline.HeaderRef:
		h, err := c.header(e.Header)
		return func(p *packet, s *bitString) {
			if p.valid[h] {
				p.appendHeader(s, h)
			}
		}, err
	}
	return nil, unsupported("input of a calculation", e)
}

func (p *packet) appendField(s *bitString, f *field) {
	switch {
	case !p.valid[f.header]:
	case f.isVar:
		s.append(p.vars[f.header], 0, 8*len(p.vars[f.header]))
	default:
		s.append(p.data, f.at, f.width)
	}
}

// checksum ties a calculation to a field (v1model "verify_checksum", "update_checksum").
type checksum struct {
	model *pipeline.Checksum
	field *field
	calc  *calculation
	cond  test // nil: always
}

func (c *compiler) checksum(m *pipeline.Checksum) (*checksum, error) {
	if m.Target == nil || m.Calculation == nil {
		return nil, fmt.Errorf("compile checksum %s: %w", m.Name, errNilReference)
	}
	s := &checksum{model: m}
	var err error
	if s.field, err = c.field(m.Target.Header, m.Target.Field); err != nil {
		return nil, fmt.Errorf("compile checksum %s: %w", m.Name, err)
	}
	if err := within("calculation", m.Calculation.Index, c.sw.calculations); err != nil {
		return nil, fmt.Errorf("compile checksum %s: %w", m.Name, err)
	}
	s.calc = c.sw.calculations[m.Calculation.Index]
	if m.If != nil {
		if s.cond, err = c.test(m.If); err != nil {
			return nil, fmt.Errorf("compile checksum %s: %w", m.Name, err)
		}
	}
	return s, nil
}

// verify: a difference sets checksum_error and nothing else.
func (s *checksum) verify(p *packet) {
	if !p.valid[s.field.header] || s.cond != nil && !s.cond(p) {
		return
	}
	sum := s.calc.output(p)
	if p.load(s.field).uint64() != sum {
		p.badSum = true
	}
	if p.traced() {
		p.traceSum(s, false, sum)
	}
}

func (s *checksum) update(p *packet) {
	if s.cond != nil && !s.cond(p) {
		return
	}
	sum := s.calc.output(p)
	if p.traced() {
		p.traceSum(s, true, sum)
	}
	p.store(s.field, unsigned(sum))
	p.look()
}

// checksums compiles the program's checksums that want selects.
func (c *compiler) checksums(ms []*pipeline.Checksum, want func(*pipeline.Checksum) bool) ([]*checksum, error) {
	var out []*checksum
	for _, m := range ms {
		if !want(m) {
			continue
		}
		s, err := c.checksum(m)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// deparser writes the packet (P4_16, "Deparsing").
type deparser struct {
	model *pipeline.Deparser
	sums  []*checksum // updated first
	body  []step
	order []int
}

func (c *compiler) deparser(m *pipeline.Deparser) (*deparser, error) {
	d := &deparser{model: m}
	var err error
	if d.body, err = c.steps(m.Body); err != nil {
		return nil, fmt.Errorf("compile deparser %s: %w", m.Name, err)
	}
	for _, h := range m.Order {
		i, err := c.header(h)
		if err != nil {
			return nil, fmt.Errorf("compile deparser %s: %w", m.Name, err)
		}
		d.order = append(d.order, i)
	}
	return d, nil
}

// write returns the valid headers in order and the payload, in memory of its own.
func (d *deparser) write(p *packet) []byte {
	for _, s := range d.sums {
		s.update(p)
	}
	a := action{model: &pipeline.Action{Name: d.model.Name}, body: d.body}
	a.run(p, nil)
	n := len(p.payload)
	for _, h := range d.order {
		if p.valid[h] {
			n += p.headerBytes(h)
		}
	}
	out := bitString{buf: make([]byte, 0, n)}
	for _, h := range d.order {
		if p.valid[h] {
			p.appendHeader(&out, h)
			if p.traced() {
				p.trace(Emit{p.sw.layout.headers[h].model})
			}
		}
	}
	return append(out.buf, p.payload...)
}
