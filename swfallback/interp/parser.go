package interp

import (
	"fmt"
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Errors of core.p4, in its order. The number that a program's parser_error holds for each comes from
// Program.Errors; programs that do not list them get the order of core.p4.
const (
	noParserError = iota - 1
	packetTooShort
	noMatch
	stackOutOfBounds
	headerTooShort
	parserTimeout
	parserInvalidArgument
	coreErrors int = iota - 1
)

var coreErrorNames = [coreErrors]string{"PacketTooShort", "NoMatch", "StackOutOfBounds", "HeaderTooShort",
	"ParserTimeout", "ParserInvalidArgument"}

// maxStates bounds the states that one packet enters: more is error.ParserTimeout.
const maxStates = 1 << 16

// coreErrorCodes returns the value of parser_error for each of the core errors.
func coreErrorCodes(errors []pipeline.EnumMember) [coreErrors]uint64 {
	var codes [coreErrors]uint64
	for i, name := range coreErrorNames {
		codes[i] = uint64(i) + 1 // NoError is 0
		for _, m := range errors {
			if m.Name == name {
				codes[i] = m.Value
			}
		}
	}
	return codes
}

// reject ends the parser with one of the core errors.
func (p *packet) reject(e int) {
	if p.parserErr == noParserError {
		p.parserErr, p.errCode = e, p.sw.errorCodes[e]
	}
}

// rejectWith ends the parser with an error of the program (P4_16 "verify").
func (p *packet) rejectWith(code uint64) {
	if p.parserErr == noParserError {
		p.parserErr, p.errCode = coreErrors, code
	}
}

// parser is a compiled parser graph (P4_16, "Packet parsing").
type parser struct {
	model *pipeline.Parser
	start *parserState
	sums  []*checksum // verified when the graph has been left
}

type parserState struct {
	model       *pipeline.ParserState
	body        []step
	key         []keyPart
	transitions []transition
}

// transition is an edge; exactly one of its three kinds.
type transition struct {
	always      bool
	value, mask []byte // over the whole key; mask nil: all of it
	set         *valueSet
	next        *parserState // nil: accept
}

// parse runs the parser over p.in. An error ends it where it stands, and control goes on with what has
// been extracted: in v1model reject is not drop, parser_error says why.
func (ps *parser) parse(p *packet) {
	p.pos, p.parserErr, p.errCode, p.badSum = 0, noParserError, 0, false
	entered := 0
	for s := ps.start; s != nil && p.failure == nil; {
		if entered++; entered > maxStates {
			p.reject(parserTimeout)
			break
		}
		if p.traced() {
			p.trace(ParserState{s.model, p.pos})
		}
		var ok bool
		if s, ok = s.run(p); !ok {
			break
		}
	}
	p.payload = p.in[p.pos:]
	p.exit = false
	for _, sum := range ps.sums {
		sum.verify(p)
	}
	if p.traced() {
		p.trace(ParserDone{p.errCode, p.sw.errorName(p), p.pos, p.badSum})
	}
}

// run runs the state's operations and takes the first transition that matches. Where none does P4_16 has
// error.NoMatch ("Select expressions"); BMv2 accepts, and p4c writes no default that would say otherwise.
func (s *parserState) run(p *packet) (*parserState, bool) {
	for _, op := range s.body {
		op(p)
		if p.parserErr != noParserError || p.failure != nil {
			return nil, false
		}
	}
	p.key = p.key[:0]
	for i := range s.key {
		p.key = s.key[i](p, p.key)
	}
	if p.parserErr != noParserError {
		return nil, false
	}
	for i := range s.transitions {
		if t := &s.transitions[i]; t.matches(p.key) {
			return t.next, true
		}
	}
	return nil, true
}

func (t *transition) matches(key []byte) bool {
	switch {
	case t.always:
		return true
	case t.set != nil:
		return t.set.contains(key)
	case t.mask == nil:
		return string(t.value) == string(key)
	}
	return matchesMasked(key, t.value, t.mask)
}

// matchesMasked compares key with value where mask has ones; value has none elsewhere.
func matchesMasked(key, value, mask []byte) bool {
	for i, m := range mask {
		if key[i]&m != value[i] {
			return false
		}
	}
	return true
}

func (c *compiler) parser(m *pipeline.Parser) (*parser, error) {
	states := make([]*parserState, len(m.States))
	for i := range states {
		states[i] = &parserState{model: m.States[i]}
	}
	state := func(s *pipeline.ParserState) (*parserState, error) {
		if s == nil {
			return nil, nil
		}
		return states[min(max(s.Index, 0), len(states)-1)], within("state", s.Index, states)
	}
	c.inParser = true
	defer func() { c.inParser = false }()
	for i, s := range m.States {
		if err := c.parserState(states[i], s, state); err != nil {
			return nil, fmt.Errorf("compile parser state %s: %w", s.Name, err)
		}
	}
	start, err := state(m.Start)
	return &parser{model: m, start: start}, err
}

func (c *compiler) parserState(to *parserState, s *pipeline.ParserState, state func(*pipeline.ParserState) (*parserState, error)) error {
	var err error
	if to.body, err = c.steps(s.Body); err != nil {
		return err
	}
	for _, k := range s.Key {
		part, err := c.selectPart(k)
		if err != nil {
			return err
		}
		to.key = append(to.key, part)
	}
	for i := range s.Next {
		t, err := c.transition(s, &s.Next[i])
		if err != nil {
			return err
		}
		if t.next, err = state(s.Next[i].Next); err != nil {
			return err
		}
		to.transitions = append(to.transitions, t)
	}
	return nil
}

// selectPart is a component of a select expression, in (width+7)/8 bytes.
func (c *compiler) selectPart(k pipeline.SelectKey) (keyPart, error) {
	if ref, ok := k.Expr.(*pipeline.FieldRef); ok {
		f, err := c.field(ref.Header, ref.Field)
		if err == nil && !f.isVar && f.width == k.Width {
			return func(p *packet, key []byte) []byte { return appendBits(key, p.data, f.at, f.width) }, nil
		}
	}
	n, err := c.number(k.Expr)
	width := k.Width
	return func(p *packet, key []byte) []byte { return append(key, n(p).bytes(width)...) }, err
}

func (c *compiler) transition(s *pipeline.ParserState, t *pipeline.Transition) (transition, error) {
	switch t.Kind {
	case pipeline.TransitionDefault:
		return transition{always: true}, nil
	case pipeline.TransitionValueSet:
		if t.Set == nil {
			return transition{}, fmt.Errorf("resolve value set: %w", errNilReference)
		}
		return transition{set: c.sw.valueSets[t.Set.Index]}, within("value set", t.Set.Index, c.sw.valueSets)
	}
	if len(t.Value) != len(s.Key) || t.Mask != nil && len(t.Mask) != len(s.Key) {
		return transition{}, fmt.Errorf("compile transition: %d values for a key of %d", len(t.Value), len(s.Key))
	}
	var out transition
	masked := false
	for i, k := range s.Key {
		if t.Value[i] == nil {
			return transition{}, fmt.Errorf("compile transition: %w", errNilReference)
		}
		value := wide(new(big.Int).Set(t.Value[i])).bytes(k.Width)
		mask := small(-1).bytes(k.Width)
		if t.Mask != nil && t.Mask[i] != nil {
			masked = true
			mask = wide(new(big.Int).Set(t.Mask[i])).bytes(k.Width)
		}
		for j := range value {
			value[j] &= mask[j]
		}
		out.value, out.mask = append(out.value, value...), append(out.mask, mask...)
	}
	if !masked {
		out.mask = nil
	}
	return out, nil
}
