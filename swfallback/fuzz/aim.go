package fuzz

import (
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// aim changes the packet so that it hits an entry, as far as the key comes from the packet.
func (w *walk) aim() {
	if len(w.m.entries) == 0 {
		return
	}
	e := pick(w.m, w.m.entries)
	for i, k := range e.table.Keys {
		w.steer(k.Expr, w.m.sample(k, e.match[i]), 0)
	}
}

// maxFlow bounds how far a value is followed back through metadata.
const maxFlow = 3

// steer makes an expression have a value: by writing the field, or one that its value comes from.
func (w *walk) steer(e pipeline.Expr, v *big.Int, depth int) {
	ref, ok := e.(*pipeline.FieldRef)
	if !ok {
		return
	}
	if at, n, ok := w.locate(ref); ok {
		if w.m.chance(4) {
			w.pkt.unpin(at, n) // leave the path
		}
		w.pkt.put(at, n, clip(v, n), false)
		return
	}
	if in := w.m.g.program.FieldByName("standard_metadata.ingress_port"); in != nil && in.Field == ref.Field {
		if v.IsUint64() && w.m.g.allows(v.Uint64()) {
			w.port = uint32(v.Uint64())
		}
		return
	}
	if sources := w.m.g.dict.flows[ref.Field]; len(sources) > 0 && depth < maxFlow {
		w.steer(pick(w.m, sources), v, depth+1)
	}
}

// allows reports whether packets may go into a port: the host's and the one that drops are none.
func (g *Generator) allows(port uint64) bool {
	if !g.opts.Strict {
		return port < 509 || port == 510
	}
	return slices.Contains(g.opts.Ports, uint32(port))
}

// sample returns a value that fits a match, or lies just outside.
func (m *maker) sample(k *pipeline.Key, match pipeline.Match) *big.Int {
	v := new(big.Int).SetBytes(match.Value)
	free := m.number(k.Width)
	switch k.Kind {
	case pipeline.MatchLPM:
		return v.Or(v, free.And(free, ones(k.Width-match.Prefix)))
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return v.Or(v, free.AndNot(free, new(big.Int).SetBytes(match.Mask)))
	case pipeline.MatchRange:
		high := new(big.Int).SetBytes(match.High)
		switch m.r.IntN(5) {
		case 0:
			return high
		case 1:
			return v
		case 2:
			return clip(high.Add(high, big.NewInt(1)), k.Width)
		}
		span := new(big.Int).Add(new(big.Int).Sub(high, v), big.NewInt(1))
		return v.Add(v, free.Mod(free, span))
	}
	return v
}

// checksums makes verified sums of the Internet's kind right, where all of their input is in the packet.
func (w *walk) checksums() {
	for _, c := range w.m.g.program.Checksums {
		if !c.Verify || c.Calculation == nil || c.Calculation.Algo != "csum16" {
			continue
		}
		at, width, ok := w.locate(c.Target)
		if !ok || width != 16 {
			continue
		}
		if sum, ok := w.sum(c.Calculation); ok {
			w.pkt.put(at, width, big.NewInt(int64(sum)), false)
		}
	}
}

// sum is the Internet checksum (RFC 1071) of a calculation's input.
func (w *walk) sum(c *pipeline.Calculation) (uint16, bool) {
	joined, width := new(big.Int), 0
	add := func(v *big.Int, n int) {
		joined.Lsh(joined, uint(n))
		joined.Or(joined, v)
		width += n
	}
	for _, in := range c.Input {
		switch in := in.(type) {
		case *pipeline.FieldRef:
			at, n := 0, in.Field.Width
			switch p, there := w.at[in.Header]; {
			case in.Header.Metadata:
				v, _ := w.metadata(in.Field)
				add(v, n)
				continue
			case !there:
				return 0, false
			case in.Field.Var:
				at, n = p.at+in.Field.Offset, p.variable
			default:
				at, n = w.field(in.Header, in.Field)
			}
			if !w.pkt.has(at, n) {
				return 0, false
			}
			add(w.pkt.get(at, n), n)
		case *pipeline.Const:
			add(clip(in.Value, in.Width), in.Width)
		case *pipeline.Payload:
			rest := w.pkt.data[min(w.cursor/8, len(w.pkt.data)):]
			add(new(big.Int).SetBytes(rest), 8*len(rest))
		default:
			return 0, false
		}
	}
	if odd := width % 16; odd != 0 {
		joined.Lsh(joined, uint(16-odd))
		width += 16 - odd
	}
	total := uint32(0)
	for b := joined.FillBytes(make([]byte, width/8)); len(b) > 0; b = b[2:] {
		total += uint32(b[0])<<8 | uint32(b[1])
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return ^uint16(total), true
}
