package bpfgen

import (
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A span is a run of bits of a calculation's input: in memory, in the order of the wire, or a number.
type span struct {
	base  spot // ptr is nil for a number
	limit int  // bytes that may be read at base
	bit   int  // from base
	n     num
	width int
}

// A run is a part of a calculation's input whose length is known, and the varbit field that ends it, if one does.
type run struct {
	spans  []span
	varbit *held
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

// runs lists the input, neighbouring bits of memory as one. Fields of headers that are not there are left out, as
// BMv2 does.
func (l *lowerer) runs(st *state, input []pipeline.Expr, absent set) []run {
	out := make([]run, 1)
	for _, in := range input {
		switch in := in.(type) {
		case *pipeline.FieldRef:
			out = l.addField(st, out, in, absent)
		case *pipeline.HeaderRef:
			for _, f := range in.Header.Type.Fields {
				out = l.addField(st, out, &pipeline.FieldRef{Header: in.Header, Field: f}, absent)
			}
		case *pipeline.Const:
			out[len(out)-1].add(span{n: l.constNum(in.Value, in.Width), width: in.Width})
		case *pipeline.Payload:
		default:
			l.unsupported("calculation over " + pipeline.ExprString(in))
		}
	}
	return out
}

// add appends a span, or makes the last one longer.
func (r *run) add(s span) {
	if k := len(r.spans) - 1; k >= 0 && s.base.ptr != nil {
		if last := &r.spans[k]; last.base == s.base && last.bit+last.width == s.bit {
			last.width += s.width
			return
		}
	}
	r.spans = append(r.spans, s)
}

// addField appends a field.
func (l *lowerer) addField(st *state, out []run, r *pipeline.FieldRef, absent set) []run {
	last := &out[len(out)-1]
	hs := &st.h[r.Header.Index]
	switch {
	case !l.present(st, r.Header, absent):
	case r.Field.Var && l.home == nil:
		l.unsupported("calculation over varbit field " + r.Field.Name)
	case r.Field.Var:
		h := l.hold(r.Header)
		last.varbit = &h
		return append(out, run{})
	case l.home != nil && !r.Header.Metadata:
		i := r.Header.Index
		last.add(span{base: l.homeAt(l.home.header[i]), limit: l.home.room[i], bit: r.Field.Offset, width: r.Field.Width})
	case l.home == nil && l.clean(st, r):
		last.add(span{base: spot{st.data, 0}, limit: st.checked, bit: 8*hs.at + r.Field.Offset, width: r.Field.Width})
	default:
		last.add(span{n: l.read(st, l.id(r)), width: r.Field.Width})
	}
	return out
}

// words adds up the words of a list of fields and constants without a varbit, see addWords.
func (l *lowerer) words(st *state, input []pipeline.Expr) *value {
	return l.addWords(l.runs(st, input, newSet(len(l.prog.Headers)))[0].spans)
}

// hasPayload reports whether the payload belongs to a calculation's input.
func hasPayload(input []pipeline.Expr) bool {
	return slices.ContainsFunc(input, func(e pipeline.Expr) bool {
		_, ok := e.(*pipeline.Payload)
		return ok
	})
}

// takeBits takes up to most bits off the front of a span.
func (l *lowerer) takeBits(s *span, most int) (*value, int) {
	n := min(most, s.width)
	s.width -= n
	if s.base.ptr == nil {
		return l.cut(s.n, s.width, n), n
	}
	v := l.bitsAt(s.base, s.limit, s.bit, n)
	s.bit += n
	return v, n
}

// takeUnit takes n bits, at most 64, off the front of the input; zeros follow what is there.
func (l *lowerer) takeUnit(spans []span, n int) (*value, []span) {
	word, got := l.konst(0), 0
	for len(spans) > 0 && got < n {
		v, k := l.takeBits(&spans[0], n-got)
		got += k
		word = l.alu(opOr, word, l.aluC(opShl, v, uint64(n-got)))
		if spans[0].width == 0 {
			spans = spans[1:]
		}
	}
	return word, spans
}

// takeMemory takes n bytes, at most 8, off the front of the input, as a load would bring them.
func (l *lowerer) takeMemory(spans []span, n int) (*value, []span) {
	if s := &spans[0]; s.inBytes(n) && n == chunk(n) {
		v := l.load(s.base.ptr, s.base.off+s.bit/8, n)
		if s.bit, s.width = s.bit+8*n, s.width-8*n; s.width == 0 {
			spans = spans[1:]
		}
		return v, spans
	}
	v, spans := l.takeUnit(spans, 8*n)
	return l.swapped(v, n), spans
}

// inBytes reports whether a span begins with n whole bytes of memory.
func (s *span) inBytes(n int) bool { return s.base.ptr != nil && s.bit%8 == 0 && s.width >= 8*n }

// spanBits returns how many bits spans have.
func spanBits(spans []span) int {
	n := 0
	for _, s := range spans {
		n += s.width
	}
	return n
}
