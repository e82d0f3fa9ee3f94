package fuzz

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// maxStates bounds a walk through a parser with loops.
const maxStates = 40

// place is where a header lies in a packet, in bits.
type place struct{ at, variable int }

// walk is a packet on its way through the parser.
type walk struct {
	m      *maker
	port   uint32
	pkt    bits
	cursor int // bits
	filled int // bits that have got their values
	at     map[*pipeline.Header]place
	next   map[*pipeline.Stack]int
	unions map[*pipeline.UnionStack]int
	meta   map[*pipeline.Field]*big.Int // metadata that the parser has set
}

// packet makes one packet.
func (m *maker) packet() Packet {
	w := &walk{m: m, port: pick(m, m.g.opts.Ports), at: map[*pipeline.Header]place{}, next: map[*pipeline.Stack]int{},
		unions: map[*pipeline.UnionStack]int{}, meta: map[*pipeline.Field]*big.Int{}}
	if !m.g.opts.Strict && m.chance(3) {
		w.port = uint32(m.r.IntN(508)) // 509 and up have meanings of their own
	}
	if m.chance(2) {
		w.pkt.grow(8*m.r.IntN(m.g.opts.MaxPayload), m.random)
		return w.done()
	}
	w.parse()
	w.grow(w.cursor + 8*m.payload())
	for range 1 + m.r.IntN(3) {
		w.aim()
	}
	if m.chance(85) {
		w.checksums()
	}
	if m.chance(8) {
		w.disturb()
	}
	return w.done()
}

// random is a byte of a payload.
func (m *maker) random() byte { return byte(m.r.Uint32()) }

func (m *maker) payload() int {
	switch m.r.IntN(4) {
	case 0:
		return 0
	case 1:
		return m.r.IntN(4)
	}
	return m.r.IntN(m.g.opts.MaxPayload)
}

// disturb changes a few bits anywhere.
func (w *walk) disturb() {
	for range 1 + w.m.r.IntN(3) {
		if n := len(w.pkt.data); n > 0 {
			w.pkt.data[w.m.r.IntN(n)] ^= 1 << w.m.r.IntN(8)
		}
	}
}

// done cuts the packet off, or leaves it whole, and fills it up to the least length.
func (w *walk) done() Packet {
	data := w.pkt.data
	if w.m.chance(12) && len(data) > 0 {
		data = data[:w.m.cut(len(data))]
	}
	for len(data) < w.m.g.opts.MinPacket {
		data = append(data, 0)
	}
	return Packet{Port: w.port, Data: data}
}

// cut is a length at which to end a packet: anywhere, or just before its end.
func (m *maker) cut(n int) int {
	if m.chance(30) {
		return n - 1 - m.r.IntN(min(n, 3))
	}
	return m.r.IntN(n)
}

func (w *walk) grow(n int) { w.pkt.grow(n, w.m.random) }

// parse follows one path of the parser.
func (w *walk) parse() {
	if w.m.g.parser == nil {
		return
	}
	s := w.m.g.parser.Start
	for n := 0; s != nil && n < maxStates; n++ {
		for i := range s.Body {
			w.step(&s.Body[i])
		}
		s = w.choose(s)
	}
}

// step runs an operation as far as it concerns where headers lie.
func (w *walk) step(q *pipeline.Primitive) {
	switch q.Op {
	case pipeline.OpExtract, pipeline.OpExtractVar:
		variable := 0
		if q.Op == pipeline.OpExtractVar && len(q.Args) > 1 {
			if n, ok := w.eval(q.Args[1]); ok && n.IsInt64() && n.Sign() >= 0 && n.Int64() <= 8*2048 {
				variable = int(n.Int64()) &^ 7
			}
		}
		w.extract(w.target(q.Args[0]), variable)
	case pipeline.OpAdvance, pipeline.OpShift:
		if n, ok := w.eval(q.Args[0]); ok && n.IsInt64() && n.Sign() >= 0 && n.Int64() <= 8*2048 {
			bits := int(n.Int64())
			if q.Op == pipeline.OpShift {
				bits *= 8
			}
			w.cursor += bits
			w.grow(w.cursor)
		}
	case pipeline.OpSet, pipeline.OpAssign:
		if to, ok := q.Args[0].(*pipeline.FieldRef); ok && to.Header.Metadata {
			if v, ok := w.eval(q.Args[1]); ok {
				w.meta[to.Field] = clip(v, to.Field.Width)
			}
		}
	}
}

// target finds the header that an extract fills; nil: there is no room for another.
func (w *walk) target(e pipeline.Expr) *pipeline.Header {
	switch e := e.(type) {
	case *pipeline.HeaderRef:
		return e.Header
	case *pipeline.StackRef:
		n := w.next[e.Stack]
		w.next[e.Stack]++
		if n < len(e.Stack.Header) {
			return e.Stack.Header[n]
		}
	case *pipeline.UnionStackRef:
		n := w.unions[e.Stack]
		w.unions[e.Stack]++
		if n < len(e.Stack.Union) && e.Member >= 0 {
			return e.Stack.Union[n].Header[e.Member]
		}
	}
	return nil
}

// extract puts a header at the cursor and gives its fields values, where bits are new.
func (w *walk) extract(h *pipeline.Header, variable int) {
	if h == nil {
		return
	}
	w.at[h] = place{w.cursor, variable}
	w.grow(w.cursor + h.Type.Width + variable)
	for _, f := range h.Type.Fields {
		at, width := w.field(h, f)
		if at >= w.filled && !f.Var && width > 0 {
			w.pkt.put(at, width, w.m.value(f, width), false)
		}
	}
	if v := h.Type.VarLength; v != nil {
		if n, ok := w.evalIn(v, h); ok && n.IsInt64() && n.Sign() > 0 && n.Int64() <= 8*2048 {
			variable = int(n.Int64()) &^ 7
			w.at[h] = place{w.cursor, variable}
			w.grow(w.cursor + h.Type.Width + variable)
		}
	}
	w.cursor += h.Type.Width + variable
	w.filled = max(w.filled, w.cursor)
}

// field is where a field of a header lies, in bits. Behind a varbit field everything moves.
func (w *walk) field(h *pipeline.Header, f *pipeline.Field) (at, width int) {
	p := w.at[h]
	if v := h.Type.Var; v != nil && f.Index > v.Index {
		return p.at + f.Offset + p.variable, f.Width
	}
	return p.at + f.Offset, f.Width
}

// locate finds the bits of a component of a select expression or of a key; false: it is not in the packet.
func (w *walk) locate(e pipeline.Expr) (at, width int, ok bool) {
	switch e := e.(type) {
	case *pipeline.FieldRef:
		if _, there := w.at[e.Header]; !there || e.Field.Var {
			return 0, 0, false
		}
		at, width = w.field(e.Header, e.Field)
	case *pipeline.StackFieldRef:
		n := min(w.next[e.Stack], len(e.Stack.Header))
		if n == 0 {
			return 0, 0, false
		}
		at, width = w.field(e.Stack.Header[n-1], e.Field)
	case *pipeline.UnionStackFieldRef:
		n := min(w.unions[e.Stack], len(e.Stack.Union))
		if n == 0 {
			return 0, 0, false
		}
		h := e.Stack.Union[n-1].Header[e.Member]
		if _, there := w.at[h]; !there {
			return 0, 0, false
		}
		at, width = w.field(h, e.Field)
	case *pipeline.Lookahead:
		w.grow(w.cursor + e.Offset + e.Width)
		at, width = w.cursor+e.Offset, e.Width
		w.filled = max(w.filled, at+width)
	default:
		return 0, 0, false
	}
	return at, width, w.pkt.has(at, width)
}

// choose picks a transition and changes the packet so that it takes it, then says which one it does take.
func (w *walk) choose(s *pipeline.ParserState) *pipeline.ParserState {
	if len(s.Next) == 0 {
		return nil
	}
	w.request(s, &s.Next[w.m.r.IntN(len(s.Next))])
	for i := range s.Next {
		if w.takes(s, &s.Next[i]) {
			return s.Next[i].Next
		}
	}
	return nil
}

// request writes the values of a transition into the packet.
func (w *walk) request(s *pipeline.ParserState, t *pipeline.Transition) {
	values, masks := t.Value, t.Mask
	if t.Kind == pipeline.TransitionValueSet {
		values, masks = w.member(t.Set), nil
	}
	for i, k := range s.Key {
		if i >= len(values) {
			return
		}
		v := new(big.Int).Set(values[i])
		if i < len(masks) && masks[i] != nil {
			free := new(big.Int).AndNot(w.m.number(k.Width), masks[i])
			v.Or(v.And(v, masks[i]), free)
		}
		if at, width, ok := w.locate(k.Expr); ok {
			w.pkt.put(at, width, v, true)
			continue
		}
		w.steer(k.Expr, v, 0)
	}
}

// member takes a member of a value set apart; nil: it has none.
func (w *walk) member(s *pipeline.ValueSet) []*big.Int {
	members := w.m.sets[s]
	if len(members) == 0 {
		return nil
	}
	rest := new(big.Int).Set(pick(w.m, members))
	out := make([]*big.Int, len(s.Key))
	for i := len(s.Key) - 1; i >= 0; i-- {
		out[i] = clip(rest, s.Key[i])
		rest.Rsh(rest, uint(s.Key[i]))
	}
	return out
}

// takes reports whether the packet as it is takes a transition, as far as that can be told.
func (w *walk) takes(s *pipeline.ParserState, t *pipeline.Transition) bool {
	switch t.Kind {
	case pipeline.TransitionDefault:
		return true
	case pipeline.TransitionValueSet:
		for _, m := range w.m.sets[t.Set] {
			if w.equals(s.Key, w.split(t.Set, m), nil) {
				return true
			}
		}
		return false
	}
	return w.equals(s.Key, t.Value, t.Mask)
}

func (w *walk) split(s *pipeline.ValueSet, joined *big.Int) []*big.Int {
	rest := new(big.Int).Set(joined)
	out := make([]*big.Int, len(s.Key))
	for i := len(s.Key) - 1; i >= 0; i-- {
		out[i] = clip(rest, s.Key[i])
		rest.Rsh(rest, uint(s.Key[i]))
	}
	return out
}

func (w *walk) equals(keys []pipeline.SelectKey, values, masks []*big.Int) bool {
	for i, k := range keys {
		if i >= len(values) {
			return false
		}
		got, ok := w.eval(k.Expr)
		if !ok {
			return false
		}
		want := values[i]
		if i < len(masks) && masks[i] != nil {
			got, want = new(big.Int).And(got, masks[i]), new(big.Int).And(want, masks[i])
		}
		if got.Cmp(want) != 0 {
			return false
		}
	}
	return true
}
