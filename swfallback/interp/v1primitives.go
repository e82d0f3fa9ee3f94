package interp

import (
	"fmt"
	"math"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// v1modelPrimitives are those of simple_switch, the ones of P4_14 among them.
var v1modelPrimitives = map[pipeline.Op]primitiveCompiler{
	pipeline.OpModifyField:   {2, compileAssign},
	pipeline.OpAddToField:    update2(add),
	pipeline.OpSubtractFrom:  update2(subtract),
	pipeline.OpAddTo:         store2(add),
	pipeline.OpSubtract:      store2(subtract),
	pipeline.OpXor:           store2(bitXor),
	pipeline.OpOrTo:          store2(bitOr),
	pipeline.OpAndTo:         store2(bitAnd),
	pipeline.OpShiftLeft:     store2(shiftLeft),
	pipeline.OpShiftRight:    store2(shiftRight),
	pipeline.OpCopyHeader:    {2, compileAssignHeader},
	pipeline.OpNoOp:          {0, compileNoOp},
	pipeline.OpDrop:          {-1, compileDrop},
	pipeline.OpMarkToDrop:    {-1, compileDrop},
	pipeline.OpAddHeader:     {1, compileAddHeader},
	pipeline.OpAddHeaderFast: {1, compileAddHeaderFast},
	pipeline.OpRemoveHeader:  {1, compileRemoveHeader},
	pipeline.OpDigest:        {2, compileDigest},
	pipeline.OpCloneIngress:  {2, compileClone},
	pipeline.OpCloneEgress:   {2, compileClone},
	pipeline.OpResubmit:      {1, compileResubmit},
	pipeline.OpRecirculate:   {1, compileRecirculate},
	pipeline.OpTruncate:      {1, compileTruncate},
	pipeline.OpRandom:        {3, compileRandom},
	pipeline.OpHash:          {4, compileHash},
	pipeline.OpExecuteMeter:  {3, compileExecuteMeter},
	pipeline.OpCount:         {2, compileCount},
	pipeline.OpRegisterRead:  {3, compileRegisterRead},
	pipeline.OpRegisterWrite: {3, compileRegisterWrite},
}

func compileNoOp(*compiler, *pipeline.Primitive) (step, error) { return func(*packet) {}, nil }

// compileDrop: mark_to_drop sets egress_spec to the drop port and mcast_grp to 0 (v1model.p4).
func compileDrop(c *compiler, _ *pipeline.Primitive) (step, error) {
	spec, err := c.fieldByName("standard_metadata.egress_spec")
	if err != nil {
		return nil, err
	}
	group, err := c.fieldByName("intrinsic_metadata.mcast_grp")
	port := uint64(c.sw.opts.DropPort)
	return func(p *packet) {
		p.set(spec, port)
		p.set(group, 0)
	}, err
}

// compileAddHeader: setValid; a header that was invalid begins with zeros, as in BMv2.
func compileAddHeader(c *compiler, prim *pipeline.Primitive) (step, error) {
	at, err := c.headerExpr(prim.Args[0])
	return func(p *packet) {
		h := at(p)
		if h == noHeader || p.valid[h] {
			return
		}
		p.zeroHeader(h)
		p.setValid(h)
		p.arch.current += p.headerBytes(h)
	}, err
}

func compileAddHeaderFast(c *compiler, prim *pipeline.Primitive) (step, error) {
	at, err := c.headerExpr(prim.Args[0])
	return func(p *packet) {
		if h := at(p); h != noHeader {
			p.setValid(h)
		}
	}, err
}

func compileRemoveHeader(c *compiler, prim *pipeline.Primitive) (step, error) {
	at, err := c.headerExpr(prim.Args[0])
	return func(p *packet) {
		h := at(p)
		if !p.isValid(h) {
			return
		}
		p.arch.current -= p.headerBytes(h)
		p.setInvalid(h)
	}, err
}

// request compiles an operation that notes a number for the end of the block. List ids are 16 bits wide in
// simple_switch, and 0 asks for nothing.
func (c *compiler) request(e pipeline.Expr, note func(p *packet, n uint64)) (step, error) {
	n, err := c.number(e)
	return func(p *packet) { note(p, n(p).uint64()&math.MaxUint16) }, err
}

func compileDigest(c *compiler, prim *pipeline.Primitive) (step, error) {
	return c.request(prim.Args[1], func(p *packet, n uint64) { p.arch.digest = n })
}

func compileResubmit(c *compiler, prim *pipeline.Primitive) (step, error) {
	return c.request(prim.Args[0], func(p *packet, n uint64) { p.arch.resubmit = n })
}

func compileRecirculate(c *compiler, prim *pipeline.Primitive) (step, error) {
	return c.request(prim.Args[0], func(p *packet, n uint64) { p.arch.recirculate = n })
}

// compileClone: of several clones in one pass the last counts.
func compileClone(c *compiler, prim *pipeline.Primitive) (step, error) {
	session, err := c.number(prim.Args[0])
	if err != nil {
		return nil, err
	}
	return c.request(prim.Args[1], func(p *packet, n uint64) {
		p.arch.clone, p.arch.cloneList = true, n
		p.arch.session = uint32(session(p).uint64() & maxSession)
	})
}

// compileTruncate: the smallest of several lengths counts.
func compileTruncate(c *compiler, prim *pipeline.Primitive) (step, error) {
	n, err := c.number(prim.Args[0])
	return func(p *packet) {
		if i, ok := n(p).index(math.MaxInt32); ok {
			p.arch.truncate(i)
		}
	}, err
}

// compileRandom: both bounds are included; with low above high nothing is written, as in BMv2.
func compileRandom(c *compiler, prim *pipeline.Primitive) (step, error) {
	dst, err := c.destination(prim.Args[0])
	if err != nil {
		return nil, err
	}
	low, err := c.number(prim.Args[1])
	if err != nil {
		return nil, err
	}
	high, err := c.number(prim.Args[2])
	return func(p *packet) {
		lo, hi := low(p).uint64(), high(p).uint64()
		switch {
		case lo > hi:
		case hi-lo == math.MaxUint64:
			dst(p, unsigned(p.sw.random.Uint64()))
		default:
			dst(p, unsigned(lo+p.sw.random.Uint64N(hi-lo+1)))
		}
	}, err
}

// compileHash: base + hash mod max, in 64 bits; max 0 counts as 1.
func compileHash(c *compiler, prim *pipeline.Primitive) (step, error) {
	dst, err := c.destination(prim.Args[0])
	if err != nil {
		return nil, err
	}
	base, err := c.number(prim.Args[1])
	if err != nil {
		return nil, err
	}
	ref, ok := prim.Args[2].(*pipeline.CalculationRef)
	if !ok || ref.Calculation == nil {
		return nil, unsupported("calculation", prim.Args[2])
	}
	if err := within("calculation", ref.Calculation.Index, c.sw.calculations); err != nil {
		return nil, err
	}
	calc := c.sw.calculations[ref.Calculation.Index]
	size, err := c.number(prim.Args[3])
	return func(p *packet) {
		dst(p, unsigned(base(p).uint64()+calc.output(p)%max(size(p).uint64(), 1)))
	}, err
}

func compileExecuteMeter(c *compiler, prim *pipeline.Primitive) (step, error) {
	ref, ok := prim.Args[0].(*pipeline.MeterRef)
	if !ok {
		return nil, unsupported("meter", prim.Args[0])
	}
	a, err := c.meterArray(ref.Meter)
	if err != nil {
		return nil, err
	}
	index, err := c.number(prim.Args[1])
	if err != nil {
		return nil, err
	}
	dst, err := c.destination(prim.Args[2])
	return func(p *packet) {
		i, ok := index(p).index(len(a.elems))
		if !ok {
			return
		}
		size := 1.0
		if a.model.Bytes {
			size = float64(p.arch.length())
		}
		dst(p, small(a.elems[i].mark(p.time(), size)))
	}, err
}

func compileCount(c *compiler, prim *pipeline.Primitive) (step, error) {
	ref, ok := prim.Args[0].(*pipeline.CounterRef)
	if !ok {
		return nil, unsupported("counter", prim.Args[0])
	}
	a, err := c.counter(ref.Counter)
	if err != nil {
		return nil, err
	}
	index, err := c.number(prim.Args[1])
	return func(p *packet) {
		if i, ok := index(p).index(len(a.elems)); ok {
			a.elems[i].Packets++
			a.elems[i].Bytes += uint64(p.arch.length())
		}
	}, err
}

func (c *compiler) registerArg(e pipeline.Expr) (*register, error) {
	ref, ok := e.(*pipeline.RegisterRef)
	if !ok {
		return nil, unsupported("register", e)
	}
	return c.register(ref.Register)
}

// compileRegisterRead: an index past the end leaves the destination as it is.
func compileRegisterRead(c *compiler, prim *pipeline.Primitive) (step, error) {
	dst, err := c.destination(prim.Args[0])
	if err != nil {
		return nil, err
	}
	r, err := c.registerArg(prim.Args[1])
	if err != nil {
		return nil, err
	}
	index, err := c.number(prim.Args[2])
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return func(p *packet) {
		if i, ok := index(p).index(len(r.elems)); ok {
			dst(p, r.elems[i])
		}
	}, nil
}

func compileRegisterWrite(c *compiler, prim *pipeline.Primitive) (step, error) {
	r, err := c.registerArg(prim.Args[0])
	if err != nil {
		return nil, err
	}
	index, err := c.number(prim.Args[1])
	if err != nil {
		return nil, err
	}
	src, err := c.number(prim.Args[2])
	return func(p *packet) { r.write(index(p), src(p)) }, err
}
