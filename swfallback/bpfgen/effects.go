package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// effects fills in what one point reads, writes and mentions.
func (g *points) effects(p *point) {
	switch p.kind {
	case pointState:
		g.bodyEffects(p, p.state.Body)
		for _, k := range p.state.Key {
			g.reads(p, k.Expr)
			g.decides(k.Expr)
		}
	case pointVerify:
		g.checksumEffects(p, true)
	case pointNode:
		g.nodeEffects(p)
	case pointIngressEnd:
		for _, name := range []string{"egress_spec", "mcast_grp"} {
			g.useID(p, g.stdID(name))
			g.ctl.add(g.stdID(name))
		}
		g.ctl.add(g.stdID("egress_port"))
		for _, d := range g.prog.Digests {
			for _, x := range d.Elements {
				g.reads(p, x)
			}
		}
		for _, name := range []string{"egress_port", "packet_length", "egress_rid", "instance_type"} {
			p.def.add(g.stdID(name))
		}
	case pointEgressEnd:
		g.useID(p, g.stdID("egress_spec"))
		g.useID(p, g.stdID("egress_port"))
	case pointDeparse:
		g.useID(p, g.stdID("egress_port"))
		g.checksumEffects(p, false)
		for _, d := range g.prog.Deparsers {
			g.bodyEffects(p, d.Body)
		}
	}
}

func (g *points) useID(p *point, id int) {
	if id >= 0 && !p.def.has(id) {
		p.use.add(id)
	}
}

func (g *points) nodeEffects(p *point) {
	switch n := p.node.(type) {
	case *pipeline.Table:
		for _, k := range n.Keys {
			g.reads(p, k.Expr)
			if writtenOut(n) || g.known.of(n) != nil {
				g.decides(k.Expr)
			}
		}
		if n.Meter != nil && n.Meter.Target != nil {
			p.touch.add(n.Meter.Target.Header.Index)
		}
		if n.Profile != nil && n.Profile.Selector != nil {
			g.calculationEffects(p, &pipeline.Calculation{Input: n.Profile.Selector.Input})
		}
		if fixedCall(n) != nil && len(n.Keys) == 0 {
			g.bodyEffects(p, n.Default.Action.Body)
			return
		}
		for _, a := range n.Actions {
			before := append(set(nil), p.def...)
			g.bodyEffects(p, a.Body)
			p.def = before
		}
	case *pipeline.Conditional:
		g.reads(p, n.If)
		g.decides(n.If)
	case *pipeline.ActionCallNode:
		g.bodyEffects(p, n.Action.Body)
	}
}

// fixedCall returns the default action of a table if it cannot change, else nil.
func fixedCall(t *pipeline.Table) *pipeline.ActionCall {
	if t.Default != nil && (t.Hidden || t.DefaultConst && (t.DefaultArgs || len(t.Default.Args) == 0)) {
		return t.Default
	}
	return nil
}

func (g *points) checksumEffects(p *point, verify bool) {
	for _, c := range g.prog.Checksums {
		if verify && !c.Verify || !verify && !c.Update {
			continue
		}
		if c.If != nil {
			g.reads(p, c.If)
			g.decides(c.If)
		}
		g.calculationEffects(p, c.Calculation)
		p.touch.add(c.Target.Header.Index)
		if verify {
			g.reads(p, c.Target)
			g.ctl.add(g.stdID("checksum_error"))
		}
	}
}

// calculationEffects adds the input of a calculation.
func (g *points) calculationEffects(p *point, c *pipeline.Calculation) {
	for _, in := range c.Input {
		g.reads(p, in)
		if h := headerOf(in); h != nil {
			g.allFields(p, h)
		}
	}
}

// allFields adds all fields of a header.
func (g *points) allFields(p *point, h *pipeline.Header) {
	for i := range h.Type.Fields {
		g.useID(p, g.base[h.Index]+i)
	}
}

// bodyEffects walks a list of primitives in order.
func (g *points) bodyEffects(p *point, body []pipeline.Primitive) {
	jumps := false
	for i := range body {
		q := &body[i]
		jumps = jumps || q.Op == pipeline.OpJump || q.Op == pipeline.OpJumpIfZero
		g.primitiveEffects(p, q, !jumps)
	}
}

func (g *points) primitiveEffects(p *point, q *pipeline.Primitive, always bool) {
	dst := destination(q)
	for i, a := range q.Args {
		if i != dst {
			g.reads(p, a)
		}
	}
	if q.Op == pipeline.OpVerify || q.Op == pipeline.OpJumpIfZero {
		g.decides(q.Args[0])
	}
	g.listEffects(p, q)
	if dst >= 0 {
		if ref, ok := q.Args[dst].(*pipeline.FieldRef); ok && !needsOld(q.Op) {
			p.touch.add(ref.Header.Index)
			if always {
				p.def.add(g.id(ref))
			}
		} else {
			g.reads(p, q.Args[dst])
		}
	}
	if q.Op == pipeline.OpMarkToDrop && always {
		p.def.add(g.stdID("egress_spec"))
		p.def.add(g.stdID("mcast_grp"))
	}
}

// listEffects adds what is read by way of a header that is copied or of a calculation.
func (g *points) listEffects(p *point, q *pipeline.Primitive) {
	switch q.Op {
	case pipeline.OpCopyHeader, pipeline.OpAssignHeader:
		if src := headerOf(q.Args[1]); src != nil {
			g.allFields(p, src)
		}
	}
	for _, a := range q.Args {
		if c, ok := a.(*pipeline.CalculationRef); ok {
			g.calculationEffects(p, c.Calculation)
		}
	}
}

// digest returns the digest that an OpDigest sends.
func (g *points) digest(q *pipeline.Primitive) *pipeline.Digest {
	if len(q.Args) < 2 {
		return nil
	}
	c, ok := q.Args[1].(*pipeline.Const)
	if !ok {
		return nil
	}
	for _, d := range g.prog.Digests {
		if uint64(d.BMv2ID) == c.Value.Uint64() {
			return d
		}
	}
	return nil
}

// destination returns which argument a primitive writes, -1 for none.
func destination(q *pipeline.Primitive) int {
	switch q.Op {
	case pipeline.OpSet, pipeline.OpAssign, pipeline.OpModifyField, pipeline.OpAddTo, pipeline.OpSubtract,
		pipeline.OpXor, pipeline.OpOrTo, pipeline.OpAndTo, pipeline.OpShiftLeft, pipeline.OpShiftRight,
		pipeline.OpHash, pipeline.OpRandom, pipeline.OpRegisterRead, pipeline.OpAddToField, pipeline.OpSubtractFrom:
		return 0
	case pipeline.OpExecuteMeter:
		return 2
	}
	return -1
}

// needsOld reports whether what a primitive makes of its destination may depend on what was there: some leave it
// alone where an index or a bound does not fit.
func needsOld(o pipeline.Op) bool {
	switch o {
	case pipeline.OpRegisterRead, pipeline.OpRandom, pipeline.OpExecuteMeter, pipeline.OpAddToField,
		pipeline.OpSubtractFrom:
		return true
	}
	return false
}

// reads records the fields and headers that an expression reads.
func (g *points) reads(p *point, e pipeline.Expr) {
	pipeline.Walk(e, func(e pipeline.Expr) {
		switch e := e.(type) {
		case *pipeline.FieldRef:
			g.useID(p, g.id(e))
			p.touch.add(e.Header.Index)
		case *pipeline.ValidRef:
			p.touch.add(e.Header.Index)
		case *pipeline.HeaderRef:
			p.touch.add(e.Header.Index)
		case *pipeline.StackRef:
			for _, h := range e.Stack.Header {
				p.touch.add(h.Index)
			}
		case *pipeline.UnionRef:
			for _, h := range e.Union.Header {
				p.touch.add(h.Index)
			}
		}
	})
}

// decides records the fields that an expression depends on as deciding.
func (g *points) decides(e pipeline.Expr) {
	pipeline.Walk(e, func(e pipeline.Expr) {
		if ref, ok := e.(*pipeline.FieldRef); ok {
			g.ctl.add(g.id(ref))
		}
	})
}

// closeControl makes deciding also what flows into a deciding field of metadata.
func (g *points) closeControl() {
	for changed := true; changed; {
		changed = false
		for _, a := range g.prog.Actions {
			changed = g.closeBody(a.Body) || changed
		}
		if g.parser != nil {
			for _, s := range g.parser.States {
				changed = g.closeBody(s.Body) || changed
			}
		}
	}
}

func (g *points) closeBody(body []pipeline.Primitive) bool {
	changed := false
	for i := range body {
		q := &body[i]
		if q.Op != pipeline.OpAssign && q.Op != pipeline.OpSet {
			continue
		}
		ref, ok := q.Args[0].(*pipeline.FieldRef)
		if !ok || !g.ctl.has(g.id(ref)) {
			continue
		}
		pipeline.Walk(q.Args[1], func(e pipeline.Expr) {
			if src, ok := e.(*pipeline.FieldRef); ok && !g.ctl.has(g.id(src)) {
				g.ctl.add(g.id(src))
				changed = true
			}
		})
	}
	return changed
}

// findZero finds the fields of metadata that are 0 whatever happens.
func (g *points) findZero() {
	g.zero = newSet(len(g.fields))
	for id, ref := range g.fields {
		if ref.Header.Metadata {
			g.zero.add(id)
		}
	}
	for _, name := range []string{"ingress_port", "packet_length", "egress_port", "egress_spec", "instance_type",
		"egress_rid", "parser_error", "checksum_error", "ingress_global_timestamp", "egress_global_timestamp"} {
		if id := g.stdID(name); id >= 0 {
			g.zero.remove(id)
		}
	}
	for _, a := range g.prog.Actions {
		g.zeroBody(a.Body)
	}
	for _, p := range g.prog.Parsers {
		for _, s := range p.States {
			g.zeroBody(s.Body)
		}
	}
	for _, m := range g.prog.Meters {
		if m.Target != nil {
			g.zero.remove(g.id(m.Target))
		}
	}
}

func (g *points) zeroBody(body []pipeline.Primitive) {
	for i := range body {
		q := &body[i]
		dst := destination(q)
		if dst < 0 {
			continue
		}
		ref, ok := q.Args[dst].(*pipeline.FieldRef)
		if !ok {
			continue
		}
		if len(q.Args) == 2 {
			if c, ok := q.Args[1-dst].(*pipeline.Const); ok && c.Value.Sign() == 0 {
				continue
			}
		}
		g.zero.remove(g.id(ref))
	}
}
