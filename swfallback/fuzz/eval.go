package fuzz

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// eval is the value of an expression over the packet as it is and the metadata that the parser has set; false: it
// cannot be told here.
func (w *walk) eval(e pipeline.Expr) (*big.Int, bool) { return w.evalIn(e, nil) }

// evalIn is eval for an expression whose parameters are the fields of a header.
func (w *walk) evalIn(e pipeline.Expr, h *pipeline.Header) (*big.Int, bool) {
	switch e := e.(type) {
	case *pipeline.Const:
		return e.Value, e.Value != nil
	case *pipeline.Param:
		if h == nil || e.Index >= len(h.Type.Fields) {
			return nil, false
		}
		at, width := w.field(h, h.Type.Fields[e.Index])
		return w.pkt.get(at, width), true
	case *pipeline.FieldRef:
		if e.Header.Metadata {
			return w.metadata(e.Field)
		}
		return w.read(e)
	case *pipeline.StackFieldRef, *pipeline.UnionStackFieldRef, *pipeline.Lookahead:
		return w.read(e)
	case *pipeline.Binary:
		x, ok := w.evalIn(e.X, h)
		if !ok {
			return nil, false
		}
		y, ok := w.evalIn(e.Y, h)
		if !ok {
			return nil, false
		}
		return arithmetic(e.Op, x, y)
	}
	return nil, false
}

// metadata is 0 until the parser sets it, but for the port.
func (w *walk) metadata(f *pipeline.Field) (*big.Int, bool) {
	if v := w.meta[f]; v != nil {
		return v, true
	}
	if ref := w.m.g.program.FieldByName("standard_metadata.ingress_port"); ref != nil && ref.Field == f {
		return new(big.Int).SetUint64(uint64(w.port)), true
	}
	return new(big.Int), true
}

func (w *walk) read(e pipeline.Expr) (*big.Int, bool) {
	at, width, ok := w.locate(e)
	if !ok {
		return nil, false
	}
	return w.pkt.get(at, width), true
}

// arithmetic does what lengths are made of.
func arithmetic(op pipeline.BinaryOp, x, y *big.Int) (*big.Int, bool) {
	out := new(big.Int)
	switch op {
	case pipeline.OpAdd:
		return out.Add(x, y), true
	case pipeline.OpSub:
		return out.Sub(x, y), true
	case pipeline.OpMul:
		return out.Mul(x, y), true
	case pipeline.OpBitAnd:
		return out.And(x, y), true
	case pipeline.OpBitOr:
		return out.Or(x, y), true
	case pipeline.OpShl:
		if y.IsInt64() && y.Sign() >= 0 && y.Int64() < 4096 {
			return out.Lsh(x, uint(y.Int64())), true
		}
	case pipeline.OpShr:
		if y.IsInt64() && y.Sign() >= 0 && y.Int64() < 4096 {
			return out.Rsh(x, uint(y.Int64())), true
		}
	case pipeline.OpTwoComplement, pipeline.OpSatUnsigned:
		if y.IsInt64() && y.Sign() > 0 && y.Int64() < 4096 {
			return out.And(x, ones(int(y.Int64()))), true
		}
	}
	return nil, false
}
