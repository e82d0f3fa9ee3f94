package paths

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// maxPacket bounds the packet, in bits.
const maxPacket = 8 * 4096

// run runs a state's operations. False: no packet gets through.
func (w *walk) run(st *pipeline.ParserState) bool {
	for _, p := range st.Body {
		if !w.primitive(p) || w.cursor > maxPacket {
			return false
		}
	}
	return true
}

func (w *walk) primitive(p pipeline.Primitive) bool {
	switch p.Op {
	case pipeline.OpExtract, pipeline.OpExtractVar:
		return w.extractTo(p)
	case pipeline.OpSet, pipeline.OpAssign:
		w.assign(p)
	case pipeline.OpAssignHeader, pipeline.OpCopyHeader:
		w.copyHeader(p)
	case pipeline.OpVerify:
		if v, ok := w.value(p.Args[0]); ok {
			return v.Sign() != 0
		}
		w.fail("cannot tell whether %s holds", pipeline.ExprString(p.Args[0]))
	case pipeline.OpShift, pipeline.OpAdvance:
		v, ok := w.value(p.Args[0])
		if !ok || !v.IsInt64() || v.Int64() < 0 || v.Int64() > maxPacket {
			w.fail("cannot tell how far %s goes", p)
			return true
		}
		bits := int(v.Int64())
		if p.Op == pipeline.OpShift {
			bits *= 8
		}
		w.cursor += bits
		w.grow(min(w.cursor, maxPacket))
	}
	return true // others do not move the cursor; metadata that they write is not known afterwards, nor asked for in most parsers
}

// extractTo extracts a header. False: a stack is full.
func (w *walk) extractTo(p pipeline.Primitive) bool {
	h, ok := w.target(p.Args[0])
	if !ok {
		return false
	}
	start, length := w.cursor, p
	w.extract(h, 0)
	if h.Type.Var == nil {
		return true
	}
	var expr pipeline.Expr = h.Type.VarLength
	if length.Op == pipeline.OpExtractVar && len(length.Args) > 1 {
		expr = length.Args[1]
	}
	v, ok := w.value(expr)
	if !ok || !v.IsInt64() || v.Int64() < 0 || v.Int64() > int64(h.Type.Var.Width) {
		w.fail("cannot tell the length of %s", h.Name)
		return true
	}
	w.cursor = start
	w.extract(h, int(v.Int64()))
	return true
}

// target returns the header that an extract fills.
func (w *walk) target(x pipeline.Expr) (*pipeline.Header, bool) {
	switch x := x.(type) {
	case *pipeline.HeaderRef:
		return x.Header, true
	case *pipeline.StackRef:
		i := w.next[x.Stack]
		if i >= len(x.Stack.Header) {
			return nil, false
		}
		w.next[x.Stack] = i + 1
		return x.Stack.Header[i], true
	case *pipeline.UnionStackRef:
		i := w.unions[x.Stack]
		if i >= len(x.Stack.Union) || x.Member < 0 || x.Member >= len(x.Stack.Union[i].Header) {
			return nil, false
		}
		w.unions[x.Stack] = i + 1
		h := x.Stack.Union[i].Header[x.Member]
		w.last[x.Stack] = h
		return h, true
	}
	return nil, false
}

// assign notes what a field holds from now on: bits of the packet, or a number.
func (w *walk) assign(p pipeline.Primitive) {
	to, ok := p.Args[0].(*pipeline.FieldRef)
	if !ok {
		return
	}
	at := place{to.Header, to.Field}
	if from, ok := w.locate(p.Args[1]); ok && from.width == to.Field.Width {
		w.set[at] = from
		return
	}
	v, ok := w.value(p.Args[1])
	delete(w.set, at)
	if ok {
		w.set[at] = operand{width: to.Field.Width, constant: truncate(v, to.Field.Width)}
	}
}

// copyHeader makes a header the copy of another: its fields are read where the other's are.
func (w *walk) copyHeader(p pipeline.Primitive) {
	to, okTo := p.Args[0].(*pipeline.HeaderRef)
	from, okFrom := p.Args[1].(*pipeline.HeaderRef)
	if !okTo || !okFrom {
		return
	}
	delete(w.at, to.Header)
	if at, ok := w.at[from.Header]; ok {
		w.at[to.Header] = at
	}
	for _, f := range to.Header.Type.Fields {
		delete(w.set, place{to.Header, f})
		if o, ok := w.set[place{from.Header, f}]; ok {
			w.set[place{to.Header, f}] = o
		}
	}
}

func truncate(v *big.Int, width int) *big.Int {
	mask := new(big.Int).Lsh(big.NewInt(1), uint(width))
	return new(big.Int).And(v, mask.Sub(mask, big.NewInt(1)))
}
