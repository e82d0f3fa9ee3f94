package bpfgen

import (
	"errors"
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// lowerState makes the code of a parser state.
func (l *lowerer) lowerState(p *point, st *state) {
	l.src = &p.state.Source
	if l.home != nil && l.inLoop(p) {
		l.boundLoop(st)
	}
	l.parseBody(p, st, 0)
	l.blame(p.state)
}

// blame names the parser state in an error without a place: BMv2 JSON has none for most of a parser.
func (l *lowerer) blame(s *pipeline.ParserState) {
	if u := new(UnsupportedError); errors.As(l.err, &u) && u.Source == (pipeline.Source{}) {
		u.What = "parser state " + s.Name + ": " + u.What
	}
}

// parseBody runs a state's operations from the i-th on, then its select expression.
func (l *lowerer) parseBody(p *point, st *state, i int) {
	for ; i < len(p.state.Body); i++ {
		if l.cur == nil || l.err != nil {
			return
		}
		q := &p.state.Body[i]
		l.src = &q.Source
		next := func(st *state) { l.parseBody(p, st, i+1) }
		if l.home != nil {
			l.parseOpHomed(st, q)
			continue
		}
		switch q.Op {
		case pipeline.OpExtract:
			l.extract(st, q, next)
			return
		case pipeline.OpVerify:
			l.verifyOp(st, q, next)
			return
		case pipeline.OpAssert, pipeline.OpAssume:
			l.assert(st, q, nil, next)
			return
		case pipeline.OpAdvance, pipeline.OpShift:
			l.advance(st, q, next)
			return
		}
		if l.hasLookahead(q.Args...) {
			l.lookahead(st, q, next)
			return
		}
		l.primitive(st, q, nil)
	}
	l.src = &p.state.Source
	var keys []pipeline.Expr
	for _, k := range p.state.Key {
		keys = append(keys, k.Expr)
	}
	if l.home != nil {
		l.transition(p, st, 0)
		return
	}
	need := l.lookaheadBytes(st, keys)
	l.require(st, need, func(st *state) { l.transition(p, st, 0) })
}

// parseError ends parsing with an error.
func (l *lowerer) parseError(st *state, code *value) {
	l.setStd(st, "parser_error", code)
	l.goTo(l.verify, st)
}

// require goes on when the packet has so many bytes, and ends parsing with PacketTooShort when not.
func (l *lowerer) require(st *state, bytes int, then func(*state)) {
	if bytes <= st.checked {
		then(st)
		return
	}
	limit := l.aluC(opAdd, st.data, uint64(bytes))
	l.split(st, condGt, limit, st.end,
		func(st *state) { l.parseError(st, l.konst(l.errCode("PacketTooShort"))) },
		func(st *state) {
			st.checked = bytes
			then(st)
		})
}

// extract takes a header from the packet.
func (l *lowerer) extract(st *state, q *pipeline.Primitive, then func(*state)) {
	h := headerOf(q.Args[0])
	if h == nil {
		l.unsupported("extraction into a stack or union")
		return
	}
	if h.Union != nil || h.Type.Var != nil {
		l.unsupported("extraction of " + h.Name + ", a union's or with a varbit,")
		return
	}
	if h.Type.Width%8 != 0 {
		l.unsupported("header " + h.Name + " that is no whole number of bytes")
		return
	}
	for _, other := range st.layout {
		if other == h.Index {
			l.unsupported("second extraction of " + h.Name)
			return
		}
	}
	size := h.Type.Width / 8
	l.require(st, st.cursor+size, func(st *state) {
		st.h[h.Index] = hdrState{valid: valid, at: st.cursor}
		st.layout = append(st.layout, h.Index)
		l.clearFields(st, h.Index)
		st.cursor += size
		then(st)
	})
}

// verifyOp ends parsing with an error when a condition does not hold.
func (l *lowerer) verifyOp(st *state, q *pipeline.Primitive, then func(*state)) {
	l.test(st, q.Args[0], nil, then, func(st *state) {
		l.parseError(st, l.eval(st, q.Args[1], 32, nil)[0])
	})
}

// advance skips bits of the packet.
func (l *lowerer) advance(st *state, q *pipeline.Primitive, then func(*state)) {
	n, ok := constOf(q.Args[0])
	if q.Op == pipeline.OpShift {
		n *= 8
	}
	if !ok || n%8 != 0 {
		l.unsupported("advance by a variable")
		return
	}
	if n == 0 {
		then(st)
		return
	}
	l.unsupported("advance")
}

// hasLookahead reports whether an expression reads ahead of the cursor.
func (l *lowerer) hasLookahead(exprs ...pipeline.Expr) bool {
	found := false
	for _, e := range exprs {
		pipeline.Walk(e, func(e pipeline.Expr) {
			if _, ok := e.(*pipeline.Lookahead); ok {
				found = true
			}
		})
	}
	return found
}

// lookaheadBytes returns how many bytes of the packet expressions read ahead need.
func (l *lowerer) lookaheadBytes(st *state, exprs []pipeline.Expr) int {
	need := 0
	for _, e := range exprs {
		pipeline.Walk(e, func(e pipeline.Expr) {
			if a, ok := e.(*pipeline.Lookahead); ok {
				need = max(need, st.cursor+(a.Offset+a.Width+7)/8)
			}
		})
	}
	return need
}

// lookahead runs a primitive that reads ahead.
func (l *lowerer) lookahead(st *state, q *pipeline.Primitive, then func(*state)) {
	l.require(st, l.lookaheadBytes(st, q.Args), func(st *state) {
		l.primitive(st, q, nil)
		then(st)
	})
}

// transition tries the transitions of a state from the i-th on.
func (l *lowerer) transition(p *point, st *state, i int) {
	if l.cur == nil {
		return
	}
	if i == len(p.state.Next) { // P4_16 has error.NoMatch here; BMv2 accepts, and p4c writes no default that says otherwise
		l.goTo(l.verify, st)
		return
	}
	t := &p.state.Next[i]
	switch t.Kind {
	case pipeline.TransitionDefault:
		l.goTo(l.nextState(t.Next), st)
	case pipeline.TransitionValue:
		l.matchKey(p, st, i, 0, l.join(func(st *state) { l.transition(p, st, i+1) }))
	case pipeline.TransitionValueSet:
		l.inValueSet(p, t.Set, st, func(st *state) { l.goTo(l.nextState(t.Next), st) },
			l.join(func(st *state) { l.transition(p, st, i+1) }))
	}
}

// matchKey compares the components of a select expression with a transition, from the k-th on; no is what happens
// where they differ.
func (l *lowerer) matchKey(p *point, st *state, i, k int, no func(*state)) {
	t := &p.state.Next[i]
	if k == len(p.state.Key) {
		l.goTo(l.nextState(t.Next), st)
		return
	}
	key := p.state.Key[k]
	x := l.eval(st, key.Expr, key.Width, nil)
	want := l.constNum(t.Value[k], key.Width)
	if t.Mask != nil && t.Mask[k] != nil {
		mask := l.constNum(t.Mask[k], key.Width)
		x = append(num(nil), x...)
		for j := range x {
			x[j] = l.alu(opAnd, x[j], mask[j])
		}
		want = l.constNum(new(big.Int).And(t.Value[k], t.Mask[k]), key.Width)
	}
	l.matchLimbs(st, x, want, 0,
		func(st *state) { l.matchKey(p, st, i, k+1, no) }, no)
}

// matchLimbs compares two numbers limb by limb.
func (l *lowerer) matchLimbs(st *state, x, want num, j int, yes, no func(*state)) {
	if j == len(x) {
		yes(st)
		return
	}
	l.split(st, condEq, x[j], want[j], func(st *state) { l.matchLimbs(st, x, want, j+1, yes, no) }, no)
}
