package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// element writes an index to the stack, as the key of an array. Indices past the end, and negative ones, find nothing.
func (l *lowerer) element(st *state, index pipeline.Expr, env *actionEnv) *slot {
	n, signed := l.exact(st, index, env)
	at := n[0]
	if signed || len(n) > 1 || at.bits > 32 {
		high := l.aluC(opShr, at, 32)
		for _, limb := range n[1:] {
			high = l.alu(opOr, high, limb)
		}
		at = l.choose(l.set(condEq, high, l.konst(0)), at, l.konst(noElement))
	}
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, at)
	return key
}

// noElement is an index that no array of the kernel has.
const noElement = 1<<32 - 1

// registerOf returns the layout of a register argument.
func (l *lowerer) registerOf(e pipeline.Expr) (*pipeline.Register, *ArrayLayout) {
	ref, ok := e.(*pipeline.RegisterRef)
	if !ok {
		l.unsupported("register that is computed")
		return nil, nil
	}
	return ref.Register, l.obj.Registers[ref.Register]
}

// registerRead reads a register; past its end it leaves the destination alone.
func (l *lowerer) registerRead(st *state, q *pipeline.Primitive, env *actionEnv) {
	r, lay := l.registerOf(q.Args[1])
	ref, ok := q.Args[0].(*pipeline.FieldRef)
	if lay == nil || !ok || ref.Field.Var {
		l.unsupported("register read")
		return
	}
	key := l.element(st, q.Args[2], env)
	width := ref.Field.Width
	old := l.fit(l.read(st, l.id(ref)), width)
	st.dropLoaded(l.index)
	l.write(st, ref, l.elementOr(lay.Map, key, old, func(p *value) num {
		v := l.loadElement(p, r.Width, lay.ValueSize)
		if r.Signed && r.Width < width {
			v = l.extend(v, r.Width, width)
		}
		return l.fit(v, width)
	}))
}

// loadElement reads a little-endian number of size bytes.
func (l *lowerer) loadElement(p *value, width, size int) num {
	var out num
	for at := 0; at < size; at += 8 {
		v := l.load(p, at, min(8, size-at))
		v.bits = min(v.bits, width-8*at)
		out = append(out, v)
	}
	return out
}

func (l *lowerer) registerWrite(st *state, q *pipeline.Primitive, env *actionEnv) {
	r, lay := l.registerOf(q.Args[0])
	if lay == nil {
		return
	}
	v := l.eval(st, q.Args[2], r.Width, env)
	key := l.element(st, q.Args[1], env)
	st.dropLoaded(l.index)
	l.withElement(lay.Map, key, func(p *value) {
		for at := 0; at < lay.ValueSize; at += 8 {
			l.store(p, at, min(8, lay.ValueSize-at), v[at/8])
		}
	})
}
