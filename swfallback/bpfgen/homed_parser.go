package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// In general form the packet itself is read and written by helpers alone, so that it need not lie in one piece, and
// how far the parser has come need not be known.

// loadPacket copies n bytes of the packet, from off on, to memory; the result is 0, or negative where the packet is
// shorter. n is not 0.
func (l *lowerer) loadPacket(off *value, to spot, n *value) *value {
	fn := asm.FnXdpLoadBytes
	if l.tc {
		fn = asm.FnSkbLoadBytes
	}
	return l.call(fn, l.f.ctx, l.frameOffset(off), l.address(to), n)
}

// storePacket copies n bytes of memory into the packet.
func (l *lowerer) storePacket(off *value, from spot, n *value) *value {
	if l.tc {
		return l.call(asm.FnSkbStoreBytes, l.f.ctx, l.frameOffset(off), l.address(from), n, l.konst(recomputeCsum))
	}
	return l.call(asm.FnXdpStoreBytes, l.f.ctx, l.frameOffset(off), l.address(from), n)
}

// recomputeCsum is BPF_F_RECOMPUTE_CSUM of linux/bpf.h.
const recomputeCsum = 1

// frameOffset turns an offset into the P4 packet into one into the frame.
func (l *lowerer) frameOffset(off *value) *value { return l.aluC(opAdd, off, uint64(l.opts.Prefix)) }

// address returns a place in memory as a value.
func (l *lowerer) address(p spot) *value {
	if p.ptr.op == opFrame {
		return l.frame(p.ptr.slot, int(p.ptr.imm)+p.off)
	}
	return l.aluC(opAdd, p.ptr, uint64(p.off))
}

// extractHomed takes a header from the packet.
func (l *lowerer) extractHomed(st *state, q *pipeline.Primitive) {
	switch target := q.Args[0].(type) {
	case *pipeline.HeaderRef:
		l.extractInto(st, q, l.hold(target.Header))
	case *pipeline.StackRef:
		l.extractNext(st, q, target.Stack.Header, l.home.next[target.Stack.Index])
	case *pipeline.UnionStackRef:
		l.extractNext(st, q, membersOf(target.Stack, target.Member), l.home.nextUnion[target.Stack.Index])
	default:
		l.unsupported("extraction into a computed header")
	}
	l.forget(st)
}

// extractNext extracts into the next element of a stack.
func (l *lowerer) extractNext(st *state, q *pipeline.Primitive, elems []*pipeline.Header, next int) {
	i := l.word(next, 4)
	l.orReject(st, condGe, i, l.konst(uint64(len(elems))), "StackOutOfBounds")
	l.extractInto(st, q, l.elementOf(elems, i))
	if l.cur != nil {
		l.setWord(next, 4, l.aluC(opAdd, i, 1))
	}
}

// orReject ends parsing with an error where the comparison holds.
func (l *lowerer) orReject(st *state, c cond, x, y *value, err string) {
	if l.cur == nil {
		return
	}
	on := l.f.newBlock("")
	bad := l.f.newBlock(err)
	bad.cold = true
	l.branch(c, x, y, bad, on)
	l.cur = bad
	l.parseError(st.clone(), l.konst(l.errCode(err)))
	l.cur = on
}

// extractInto extracts into a header.
func (l *lowerer) extractInto(st *state, q *pipeline.Primitive, h held) {
	if h.t.Width%8 != 0 {
		l.unsupported("header " + h.t.Name + " that is no whole number of bytes")
		return
	}
	size := h.t.Width / 8
	cursor := l.pass(passCursor)
	if h.t.Var == nil || q.Op == pipeline.OpExtract && h.t.VarLength == nil {
		if size > 0 {
			l.orReject(st, condNe, l.loadPacket(cursor, h.fields, l.konst(uint64(size))), l.konst(0), "PacketTooShort")
		}
		if h.t.Var != nil {
			l.store(h.varLen.ptr, h.varLen.off, 4, l.konst(0))
		}
		l.setPass(passCursor, l.aluC(opAdd, cursor, uint64(size)))
		l.setValid(h)
		return
	}
	l.extractVar(st, q, h, cursor)
}

// extractVar extracts a header with a varbit field: what is in front of it, the field, what is behind.
func (l *lowerer) extractVar(st *state, q *pipeline.Primitive, h held, cursor *value) {
	front, size := h.t.Var.Offset/8, h.t.Width/8
	if h.t.Var.Offset%8 != 0 {
		l.unsupported("varbit field " + h.t.Var.Name + " within a byte")
		return
	}
	left := l.alu(opSub, l.word(homeReceived, 4), cursor)
	l.orReject(st, condSLt, left, l.konst(uint64(size)), "PacketTooShort")
	if front > 0 {
		l.orReject(st, condNe, l.loadPacket(cursor, h.fields, l.konst(uint64(front))), l.konst(0), "PacketTooShort")
	}
	l.forget(st)
	n := l.varLength(st, q, h, left)
	if l.cur == nil {
		return
	}
	at := l.aluC(opAdd, cursor, uint64(front))
	l.where(condNe, n, l.konst(0), func() {
		l.loadPacket(at, h.varAt, n) // it is there: the packet has been seen to be long enough
	})
	if size > front {
		l.loadPacket(l.alu(opAdd, at, n), h.fields.at(front), l.konst(uint64(size-front)))
	}
	l.store(h.varLen.ptr, h.varLen.off, 4, n)
	l.setPass(passCursor, l.alu(opAdd, l.aluC(opAdd, cursor, uint64(size)), n))
	l.setValid(h)
}

// varLength computes the bytes of a varbit field and checks them in the order of BMv2: whole bytes, enough packet, the
// bound of the whole header.
func (l *lowerer) varLength(st *state, q *pipeline.Primitive, h held, left *value) *value {
	const enough = 1 << 30
	var bits *value
	if q.Op == pipeline.OpExtract {
		env := &actionEnv{}
		for _, f := range h.t.Fields {
			p := l.konstZeros(f.Width)
			if !f.Var && f.Offset < h.t.Var.Offset {
				p = l.readField(h.fields, f, false)
			}
			env.params, env.widths = append(env.params, p), append(env.widths, f.Width)
		}
		bits = l.eval(st, h.t.VarLength, 64, env)[0]
	} else {
		bits = l.eval(st, q.Args[1], 64, nil)[0]
	}
	l.orReject(st, condSLt, bits, l.konst(0), "ParserInvalidArgument")
	l.orReject(st, condGe, bits, l.konst(enough), "PacketTooShort")
	l.orReject(st, condNe, l.aluC(opAnd, bits, 7), l.konst(0), "ParserInvalidArgument")
	if l.cur == nil {
		return nil
	}
	n := l.aluC(opShr, bits, 3)
	size := uint64(h.t.Width / 8)
	l.orReject(st, condGt, l.aluC(opAdd, n, size), left, "PacketTooShort")
	bound := varBytes(h.t)
	if h.t.MaxBytes > 0 {
		bound = min(bound, h.t.MaxBytes-int(size))
	}
	l.orReject(st, condGt, n, l.konst(uint64(max(0, bound))), "HeaderTooShort")
	return n
}

// konstZeros is 0 in so many bits.
func (l *lowerer) konstZeros(width int) num {
	out := make(num, limbs(width))
	for i := range out {
		out[i] = l.konst(0)
	}
	return out
}

// advanceHomed moves the cursor.
func (l *lowerer) advanceHomed(st *state, q *pipeline.Primitive) {
	n := l.eval(st, q.Args[0], 64, nil)[0]
	if q.Op == pipeline.OpAdvance {
		l.orReject(st, condNe, l.aluC(opAnd, n, 7), l.konst(0), "ParserInvalidArgument")
		l.orReject(st, condSLt, n, l.konst(0), "ParserInvalidArgument")
		n = l.aluC(opShr, n, 3)
	}
	if l.cur == nil {
		return
	}
	cursor, received := l.pass(passCursor), l.word(homeReceived, 4)
	l.orReject(st, condGt, n, received, "PacketTooShort")
	to := l.alu(opAdd, cursor, n)
	l.orReject(st, condGt, to, received, "PacketTooShort")
	l.setPass(passCursor, to)
}

// lookaheadHomed reads bits behind the cursor; where the packet is shorter parsing ends.
func (l *lowerer) lookaheadHomed(st *state, e *pipeline.Lookahead) num {
	first := e.Offset / 8
	n := (e.Offset+e.Width+7)/8 - first
	s := l.f.newSlot((n + 7) &^ 7)
	for at := 0; at < n; at += 8 {
		l.store(l.frame(s, at), 0, 8, l.konst(0))
	}
	at := spot{l.frame(s, 0), 0}
	off := l.aluC(opAdd, l.pass(passCursor), uint64(first))
	l.orReject(st, condNe, l.loadPacket(off, at, l.konst(uint64(n))), l.konst(0), "PacketTooShort")
	// The stack is read in whole words alone.
	words := make(num, (n+7)/8)
	for i := range words {
		words[len(words)-1-i] = l.swap(l.load(l.frame(s, 0), 8*i, 8), 8)
	}
	below := 64*len(words) - (e.Offset - 8*first) - e.Width
	out := make(num, limbs(e.Width))
	for i := range out {
		out[i] = l.cut(words, below+64*i, min(64, e.Width-64*i))
	}
	return out
}

// lastField reads a field of the last element of a stack; with an empty stack parsing ends.
func (l *lowerer) lastField(st *state, elems []*pipeline.Header, next int, f *pipeline.Field) num {
	if l.all[l.f.point].kind != pointState {
		l.unsupported("last element of a stack outside a parser")
		return l.konstZeros(f.Width)
	}
	i := l.word(next, 4)
	l.orReject(st, condEq, i, l.konst(0), "StackOutOfBounds")
	last := l.aluC(opSub, i, 1)
	l.orReject(st, condGe, last, l.konst(uint64(len(elems))), "StackOutOfBounds") // never; for the verifier
	return l.readField(l.elementOf(elems, last).fields, f, false)
}

// inLoop reports whether a parser state can be reached from itself.
func (g *points) inLoop(p *point) bool {
	seen := newSet(len(g.all))
	var reaches func(q *point) bool
	reaches = func(q *point) bool {
		for _, s := range q.succ {
			if s == p {
				return true
			}
			if s.kind == pointState && !seen.has(s.id) {
				seen.add(s.id)
				if reaches(s) {
					return true
				}
			}
		}
		return false
	}
	return reaches(p)
}

// boundLoop ends parsing when the kernel's budget for loops is used up.
func (l *lowerer) boundLoop(st *state) {
	on, spent := l.f.newBlock(""), l.f.newBlock("loop without end")
	spent.cold = true
	l.branch(condSpent, l.konst(0), l.konst(0), spent, on)
	l.cur = spent
	l.parseError(st.clone(), l.konst(l.errCode("ParserTimeout")))
	l.cur = on
}
