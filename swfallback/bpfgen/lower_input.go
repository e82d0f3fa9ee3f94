package bpfgen

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A span is a run of bits of a calculation's input: of the packet, or a number.
type span struct {
	inPacket bool
	bit      int // of the packet
	n        num
	width    int
}

// maxOptional is how many headers of a calculation's input may be invalid: all ways are compiled.
const maxOptional = 6

// optional lists the headers in a calculation's input of which the validity is known only at run time.
func (l *lowerer) optional(st *state, input []pipeline.Expr) []*pipeline.Header {
	var out []*pipeline.Header
	for _, in := range input {
		h := headerOf(in)
		if ref, ok := in.(*pipeline.FieldRef); ok {
			h = ref.Header
		}
		if h != nil && !slices.Contains(out, h) && !l.validBit(st, h).isConst() {
			out = append(out, h)
		}
	}
	return out
}

// eachWay runs do for every combination of headers that are there; absent are those that are not. Every way has a
// state of its own.
func (l *lowerer) eachWay(st *state, headers []*pipeline.Header, absent set, do func(st *state, absent set)) {
	if len(headers) == 0 {
		do(st.clone(), absent)
		return
	}
	st = st.clone()
	yes, no := l.f.newBlock(""), l.f.newBlock("")
	l.branch(condNe, l.validBit(st, headers[0]), l.konst(0), yes, no)
	l.cur = yes
	l.eachWay(st, headers[1:], absent, do)
	l.cur = no
	without := slices.Clone(absent)
	without.add(headers[0].Index)
	l.eachWay(st, headers[1:], without, do)
}

// present reports whether a header belongs to the input.
func (l *lowerer) present(st *state, h *pipeline.Header, absent set) bool {
	v := l.validBit(st, h)
	return !(v.isConst() && v.imm == 0) && !absent.has(h.Index)
}

// spans lists the input, neighbouring bits of the packet as one. Fields of headers that are not there are left out,
// as BMv2 does.
func (l *lowerer) spans(st *state, input []pipeline.Expr, absent set) []span {
	var out []span
	add := func(s span) {
		if k := len(out) - 1; k >= 0 && s.inPacket && out[k].inPacket && out[k].bit+out[k].width == s.bit {
			out[k].width += s.width
			return
		}
		out = append(out, s)
	}
	field := func(r *pipeline.FieldRef) {
		switch {
		case r.Field.Var:
			l.unsupported("calculation over varbit field " + r.Field.Name)
		case !l.present(st, r.Header, absent):
		case l.clean(st, r):
			add(span{inPacket: true, bit: 8*st.h[r.Header.Index].at + r.Field.Offset, width: r.Field.Width})
		default:
			add(span{n: l.read(st, l.id(r)), width: r.Field.Width})
		}
	}
	for _, in := range input {
		switch in := in.(type) {
		case *pipeline.FieldRef:
			field(in)
		case *pipeline.HeaderRef:
			for _, f := range in.Header.Type.Fields {
				field(&pipeline.FieldRef{Header: in.Header, Field: f})
			}
		case *pipeline.Const:
			add(span{n: l.constNum(in.Value, in.Width), width: in.Width})
		case *pipeline.Payload:
		default:
			l.unsupported("calculation over " + pipeline.ExprString(in))
		}
	}
	return out
}

// hasPayload reports whether the payload belongs to a calculation's input.
func hasPayload(input []pipeline.Expr) bool {
	return slices.ContainsFunc(input, func(e pipeline.Expr) bool {
		_, ok := e.(*pipeline.Payload)
		return ok
	})
}

// takeBits takes up to most bits off the front of a span.
func (l *lowerer) takeBits(st *state, s *span, most int) (*value, int) {
	n := min(most, s.width)
	var v *value
	if s.inPacket {
		v = l.readBits(st, s.bit, n)
		s.bit += n
	} else {
		v = l.cut(s.n, s.width-n, n)
	}
	s.width -= n
	return v, n
}

// takeUnit takes n bits, at most 64, off the front of the input; zeros follow what is there.
func (l *lowerer) takeUnit(st *state, spans []span, n int) (*value, []span) {
	word, got := l.konst(0), 0
	for len(spans) > 0 && got < n {
		v, k := l.takeBits(st, &spans[0], n-got)
		got += k
		word = l.alu(opOr, word, l.aluC(opShl, v, uint64(n-got)))
		if spans[0].width == 0 {
			spans = spans[1:]
		}
	}
	return word, spans
}

// takeMemory takes n bytes, at most 8, off the front of the input, as a load would bring them.
func (l *lowerer) takeMemory(st *state, spans []span, n int) (*value, []span) {
	if s := &spans[0]; s.inPacket && s.bit%8 == 0 && s.width >= 8*n && n == chunk(n) {
		v := l.readRaw(st, s.bit/8, n)
		if s.bit, s.width = s.bit+8*n, s.width-8*n; s.width == 0 {
			spans = spans[1:]
		}
		return v, spans
	}
	v, spans := l.takeUnit(st, spans, 8*n)
	return l.swap(v, n), spans
}

// spanBits returns how many bits spans have.
func spanBits(spans []span) int {
	n := 0
	for _, s := range spans {
		n += s.width
	}
	return n
}
