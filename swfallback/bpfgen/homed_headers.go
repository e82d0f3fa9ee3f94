package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// held is a header in a packet's home.
type held struct {
	t             *pipeline.HeaderType
	fields, valid spot
	varAt, varLen spot   // of a type with a varbit field
	union         []spot // validity of the other members of its union
	room          int    // bytes at fields
}

// hold returns the home of a header.
func (l *lowerer) hold(h *pipeline.Header) held { return l.holdElement(h, nil, nil) }

// holdElement returns the home of a header that lies so many elements of a stack behind h, counted by the distance of
// headers and of validity from one element to the next.
func (l *lowerer) holdElement(h *pipeline.Header, headers, flags *value) held {
	i := h.Index
	at := func(off int, by *value) spot {
		if by == nil {
			return l.homeAt(off)
		}
		return spot{l.alu(opAdd, l.homePtr, by), off}
	}
	out := held{t: h.Type, fields: at(l.home.header[i], headers), valid: at(l.home.valid[i], flags), room: l.home.room[i]}
	if h.Type.Var != nil {
		out.varAt, out.varLen = spot{out.fields.ptr, l.home.varAt[i]}, spot{out.fields.ptr, l.home.varLen[i]}
	}
	if h.Union != nil {
		for _, other := range h.Union.Header {
			if other != h {
				out.union = append(out.union, spot{out.valid.ptr, l.home.valid[other.Index]})
			}
		}
	}
	return out
}

// elementOf returns the home of the element of a stack at an index that is known to be one.
func (l *lowerer) elementOf(elems []*pipeline.Header, index *value) held {
	if len(elems) == 1 {
		return l.hold(elems[0])
	}
	a, b := elems[0].Index, elems[1].Index
	return l.holdElement(elems[0], l.aluC(opMul, index, uint64(l.home.header[b]-l.home.header[a])),
		l.aluC(opMul, index, uint64(l.home.valid[b]-l.home.valid[a])))
}

// isValid loads a header's validity, 0 or 1.
func (l *lowerer) isValid(h held) *value {
	v := l.load(h.valid.ptr, h.valid.off, 1)
	v.bits = 1
	return v
}

// setValid makes a header valid and the other members of its union invalid.
func (l *lowerer) setValid(h held) {
	for _, other := range h.union {
		l.store(other.ptr, other.off, 1, l.konst(0))
	}
	l.store(h.valid.ptr, h.valid.off, 1, l.konst(1))
}

func (l *lowerer) setInvalid(h held) { l.store(h.valid.ptr, h.valid.off, 1, l.konst(0)) }

// bytesOf returns the length of a header in the packet.
func (l *lowerer) bytesOf(h held) *value {
	n := l.konst(uint64((h.t.Width + 7) / 8))
	if h.t.Var == nil {
		return n
	}
	return l.alu(opAdd, n, l.load(h.varLen.ptr, h.varLen.off, 4))
}

// varBytes is the room for a varbit field.
func varBytes(t *pipeline.HeaderType) int { return (t.Var.Width + 7) / 8 }

// zeroHeader gives all fields the value 0 and a varbit field the length 0.
func (l *lowerer) zeroHeader(h held) {
	for at := 0; at < h.room; at += 8 {
		l.store(h.fields.ptr, h.fields.off+at, 8, l.konst(0))
	}
	if h.t.Var != nil {
		l.store(h.varLen.ptr, h.varLen.off, 4, l.konst(0))
	}
}

// copyContents copies fields, not validity.
func (l *lowerer) copyContents(dst, src held) {
	l.copyBytes(dst.fields, src.fields, (dst.t.Width+7)/8)
	if dst.t.Var != nil && src.t.Var != nil {
		l.copyBytes(dst.varLen, src.varLen, 4)
		l.copyBytes(dst.varAt, src.varAt, min(varBytes(dst.t), varBytes(src.t)))
	}
}

// assignHeader copies a header; an invalid source makes the destination invalid.
func (l *lowerer) assignHeader(dst, src held) {
	some, none, done := l.f.newBlock(""), l.f.newBlock(""), l.f.newBlock("")
	l.branch(condNe, l.isValid(src), l.konst(0), some, none)
	l.cur = some
	l.setValid(dst)
	l.copyContents(dst, src)
	l.jump(done)
	l.cur = none
	l.setInvalid(dst)
	l.jump(done)
	l.cur = done
}

// moveHeader copies contents and validity alone.
func (l *lowerer) moveHeader(dst, src held) {
	l.copyContents(dst, src)
	l.store(dst.valid.ptr, dst.valid.off, 1, l.isValid(src))
}

// withHeader runs do on the header that an expression names; not at all where it is an element past the end of a stack.
// do must leave the block open.
func (l *lowerer) withHeader(st *state, e pipeline.Expr, env *actionEnv, do func(held)) {
	switch e := e.(type) {
	case *pipeline.HeaderRef:
		do(l.hold(e.Header))
		return
	case *pipeline.StackElem:
		if ref, ok := e.Stack.(*pipeline.StackRef); ok {
			l.withElementAt(st, ref.Stack.Header, e.Index, env, do)
			return
		}
	case *pipeline.UnionAccess:
		if elems, index, ok := unionMembers(e); ok {
			if index == nil {
				do(l.hold(elems[0]))
			} else {
				l.withElementAt(st, elems, index, env, do)
			}
			return
		}
	}
	l.unsupported("computed header")
}

// unionMembers lists the headers that a member of a computed union may be, with the expression that chooses, nil where
// there is but one.
func unionMembers(e *pipeline.UnionAccess) (elems []*pipeline.Header, index pipeline.Expr, ok bool) {
	switch u := e.Union.(type) {
	case *pipeline.UnionRef:
		return []*pipeline.Header{u.Union.Header[e.Member]}, nil, true
	case *pipeline.UnionStackElem:
		ref, ok := u.Stack.(*pipeline.UnionStackRef)
		if !ok {
			return nil, nil, false
		}
		return membersOf(ref.Stack, e.Member), u.Index, true
	}
	return nil, nil, false
}

// membersOf lists one member of every union of a stack.
func membersOf(s *pipeline.UnionStack, member int) []*pipeline.Header {
	var out []*pipeline.Header
	for _, u := range s.Union {
		out = append(out, u.Header[member])
	}
	return out
}

// withElementAt is withHeader of an element at a computed index.
func (l *lowerer) withElementAt(st *state, elems []*pipeline.Header, index pipeline.Expr, env *actionEnv, do func(held)) {
	if c, ok := constOf(index); ok {
		if c >= 0 && c < len(elems) {
			do(l.hold(elems[c]))
		}
		return
	}
	n, _ := l.exact(st, index, env)
	i := n[0]
	if len(n) > 1 {
		i = l.choose(l.set(condEq, l.orAll(n[1:]), l.konst(0)), i, l.konst(^uint64(0)))
	}
	i = l.opaque(i) // the very number that is compared has to be the index, or the verifier knows no bound
	l.where(condLt, i, l.konst(uint64(len(elems))), func() { do(l.elementOf(elems, i)) })
}

// headerOp runs a primitive that makes headers valid or invalid, or copies them.
func (l *lowerer) headerOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	switch q.Op {
	case pipeline.OpAddHeader:
		l.withHeader(st, q.Args[0], env, func(h held) {
			l.where(condEq, l.isValid(h), l.konst(0), func() {
				l.zeroHeader(h)
				l.setValid(h)
				l.setPass(passCurrent, l.alu(opAdd, l.pass(passCurrent), l.bytesOf(h)))
			})
		})
	case pipeline.OpAddHeaderFast:
		l.withHeader(st, q.Args[0], env, l.setValid)
	case pipeline.OpRemoveHeader:
		l.withHeader(st, q.Args[0], env, func(h held) {
			l.where(condNe, l.isValid(h), l.konst(0), func() {
				l.setPass(passCurrent, l.alu(opSub, l.pass(passCurrent), l.bytesOf(h)))
				l.setInvalid(h)
			})
		})
	case pipeline.OpCopyHeader, pipeline.OpAssignHeader:
		l.assignHeaderOp(st, q, env)
	case pipeline.OpAssignUnion:
		l.assignUnionOp(q)
	case pipeline.OpAssignStack, pipeline.OpAssignUnionStack:
		l.assignStackOp(q)
	case pipeline.OpPush, pipeline.OpPop:
		l.shiftStack(q)
	}
	l.forget(st)
}

// assignHeaderOp: a source past the end of a stack is an invalid header.
func (l *lowerer) assignHeaderOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	l.withHeader(st, q.Args[0], env, func(dst held) {
		done := l.f.newBlock("")
		l.withHeader(st, q.Args[1], env, func(src held) {
			l.assignHeader(dst, src)
			l.jump(done)
			l.cur = l.f.newBlock("") // for what follows; reached only past the end of a stack
		})
		l.setInvalid(dst)
		l.jump(done)
		l.cur = done
	})
}

// assignUnions copies every member of a union.
func (l *lowerer) assignUnions(dst, src *pipeline.Union) {
	for i, h := range dst.Header {
		l.assignHeader(l.hold(h), l.hold(src.Header[i]))
	}
}

func (l *lowerer) assignUnionOp(q *pipeline.Primitive) {
	dst, ok := q.Args[0].(*pipeline.UnionRef)
	src, ok2 := q.Args[1].(*pipeline.UnionRef)
	if !ok || !ok2 {
		l.unsupported("assignment of a union at a computed index")
		return
	}
	l.assignUnions(dst.Union, src.Union)
}

func (l *lowerer) assignStackOp(q *pipeline.Primitive) {
	switch dst := q.Args[0].(type) {
	case *pipeline.StackRef:
		src, ok := q.Args[1].(*pipeline.StackRef)
		if !ok || len(src.Stack.Header) != len(dst.Stack.Header) {
			break
		}
		l.copyBytes(l.homeAt(l.home.next[dst.Stack.Index]), l.homeAt(l.home.next[src.Stack.Index]), 4)
		for i, h := range dst.Stack.Header {
			l.assignHeader(l.hold(h), l.hold(src.Stack.Header[i]))
		}
		return
	case *pipeline.UnionStackRef:
		src, ok := q.Args[1].(*pipeline.UnionStackRef)
		if !ok || len(src.Stack.Union) != len(dst.Stack.Union) {
			break
		}
		l.copyBytes(l.homeAt(l.home.nextUnion[dst.Stack.Index]), l.homeAt(l.home.nextUnion[src.Stack.Index]), 4)
		for i, u := range dst.Stack.Union {
			l.assignUnions(u, src.Stack.Union[i])
		}
		return
	}
	l.unsupported("assignment of stacks of different size")
}

// shiftStack moves the elements of a stack up (push) or down (pop).
func (l *lowerer) shiftStack(q *pipeline.Primitive) {
	n, ok := constOf(q.Args[1])
	if !ok {
		l.unsupported("push or pop by a number that is not constant")
		return
	}
	var groups [][]*pipeline.Header // elements, each of one header or of the members of a union
	next := 0
	switch s := q.Args[0].(type) {
	case *pipeline.StackRef:
		for _, h := range s.Stack.Header {
			groups = append(groups, []*pipeline.Header{h})
		}
		next = l.home.next[s.Stack.Index]
	case *pipeline.UnionStackRef:
		for _, u := range s.Stack.Union {
			groups = append(groups, u.Header)
		}
		next = l.home.nextUnion[s.Stack.Index]
	default:
		l.unsupported("push or pop of something else than a stack")
		return
	}
	n = min(max(n, 0), len(groups))
	l.moveNext(next, n, len(groups), q.Op == pipeline.OpPush)
	l.moveElements(groups, n, q.Op == pipeline.OpPush)
}

// moveNext moves nextIndex, within 0 and the size of the stack.
func (l *lowerer) moveNext(at, n, size int, up bool) {
	i := l.word(at, 4)
	if up {
		i = l.aluC(opAdd, i, uint64(n))
		i = l.choose(l.set(condGt, i, l.konst(uint64(size))), l.konst(uint64(size)), i)
	} else {
		i = l.choose(l.set(condLt, i, l.konst(uint64(n))), l.konst(0), l.aluC(opSub, i, uint64(n)))
	}
	l.setWord(at, 4, i)
}

func (l *lowerer) moveElements(groups [][]*pipeline.Header, n int, up bool) {
	move := func(dst, src int) {
		for m, h := range groups[dst] {
			l.moveHeader(l.hold(h), l.hold(groups[src][m]))
		}
	}
	gone := groups[len(groups)-n:]
	if up {
		for i := len(groups) - 1; i >= n; i-- {
			move(i, i-n)
		}
		gone = groups[:n]
	} else {
		for i := 0; i < len(groups)-n; i++ {
			move(i, i+n)
		}
	}
	for _, g := range gone {
		for _, h := range g {
			l.setInvalid(l.hold(h))
		}
	}
}

// access reads a field of a computed header; 0 past the end of a stack.
func (l *lowerer) access(st *state, e *pipeline.Access, env *actionEnv) num {
	out := make(num, limbs(e.Field.Width))
	done := l.f.newBlock("")
	for i := range out {
		out[i] = l.f.newValue(opParam)
		out[i].bits = min(64, e.Field.Width-64*i)
	}
	done.params = out
	l.withHeader(st, e.Header, env, func(h held) {
		v := l.readField(h.fields, e.Field, false)
		l.jump(done, v...)
		l.cur = l.f.newBlock("") // for what follows; never reached where the header is known
	})
	zeros := make(num, len(out))
	for i := range zeros {
		zeros[i] = l.konst(0)
	}
	if l.cur != nil {
		l.jump(done, zeros...)
	}
	l.cur = done
	return out
}

// assignAccess writes a field of a computed header; not past the end of a stack.
func (l *lowerer) assignAccess(st *state, e *pipeline.Access, v num, env *actionEnv) {
	l.withHeader(st, e.Header, env, func(h held) { l.writeField(h.fields, e.Field, false, v) })
	l.forget(st)
}

// unionIsValid tells whether any member of a union is valid, 0 or 1.
func (l *lowerer) unionIsValid(u *pipeline.Union) *value {
	v := l.konst(0)
	for _, h := range u.Header {
		v = l.alu(opOr, v, l.isValid(l.hold(h)))
	}
	return v
}

// validExpr is the validity of a header or union as an expression names it, 0 or 1.
func (l *lowerer) validExpr(st *state, x pipeline.Expr, env *actionEnv) *value {
	if u, ok := x.(*pipeline.UnionRef); ok {
		return l.unionIsValid(u.Union)
	}
	out := l.f.newValue(opParam)
	out.bits = 1
	done := l.f.newBlock("")
	done.params = []*value{out}
	l.withHeader(st, x, env, func(h held) {
		l.jump(done, l.isValid(h))
		l.cur = l.f.newBlock("")
	})
	if l.cur != nil {
		l.jump(done, l.konst(0))
	}
	l.cur = done
	return out
}

// stackNumber is nextIndex of a stack, or lastIndex, which is -1 for an empty one.
func (l *lowerer) stackNumber(e *pipeline.Unary) *value {
	var n *value
	switch x := e.X.(type) {
	case *pipeline.StackRef:
		n = l.word(l.home.next[x.Stack.Index], 4)
	case *pipeline.UnionStackRef:
		n = l.word(l.home.nextUnion[x.Stack.Index], 4)
	default:
		l.unsupported("size of something else than a stack")
		return l.konst(0)
	}
	if e.Op == pipeline.OpLastStackIndex {
		n = l.aluC(opSub, n, 1)
	}
	return n
}

// readVar reads a varbit field as a number: its bytes, the first in the most significant place.
func (l *lowerer) readVar(h held) num {
	size := varBytes(h.t)
	out := make(num, limbs(8*size))
	for i := range out {
		w := min(64, 8*size-64*i)
		out[i] = l.bitsAt(h.varAt, size, 8*size-64*i-w, w)
	}
	used := l.load(h.varLen.ptr, h.varLen.off, 4)
	unused := l.choose(l.set(condLt, used, l.konst(uint64(size))), l.alu(opSub, l.konst(uint64(size)), used), l.konst(0))
	by := amount{l.aluC(opShl, unused, 3), 8 * size}
	if len(out) == 1 {
		return num{l.shift(opShr, out[0], by.count)}
	}
	return l.shiftDownBy(out, false, by, len(out))
}
