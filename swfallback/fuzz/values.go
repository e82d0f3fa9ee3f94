package fuzz

import (
	"math/big"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// maxKnown bounds how many values are kept of a field.
const maxKnown = 64

// dictionary holds what the program says about values.
type dictionary struct {
	known   map[*pipeline.Field][]*big.Int           // values that the program compares a field with or gives to it
	flows   map[*pipeline.Field][]*pipeline.FieldRef // where the value of a field comes from
	sinks   map[*pipeline.ActionParam][]*pipeline.Field
	common  []*big.Int           // all constants of the program
	ops     map[pipeline.Op]bool // the primitives that the program uses
	targets []*pipeline.Field    // keys of flows, in the order of the program
}

func newDictionary(p *pipeline.Program) *dictionary {
	d := &dictionary{
		known: map[*pipeline.Field][]*big.Int{},
		flows: map[*pipeline.Field][]*pipeline.FieldRef{},
		sinks: map[*pipeline.ActionParam][]*pipeline.Field{},
		ops:   map[pipeline.Op]bool{},
	}
	for _, ps := range p.Parsers {
		for _, s := range ps.States {
			d.body(s.Body, nil)
			d.transitions(s)
		}
	}
	for _, a := range p.Actions {
		d.body(a.Body, a)
	}
	for _, c := range p.Controls {
		for _, n := range c.Conditionals {
			d.relate(n.If)
		}
	}
	for _, c := range p.Checksums {
		if c.If != nil {
			d.relate(c.If)
		}
	}
	for _, t := range p.Tables {
		d.entries(t)
	}
	d.close()
	return d
}

// add remembers values of a field, and their neighbours.
func (d *dictionary) add(f *pipeline.Field, values ...*big.Int) {
	for _, v := range values {
		if v == nil || v.Sign() < 0 {
			continue
		}
		d.common = addValue(d.common, v, 4*maxKnown)
		if f.Width > 0 {
			d.known[f] = addValue(d.known[f], new(big.Int).And(v, ones(f.Width)), maxKnown)
		}
	}
}

func addValue(list []*big.Int, v *big.Int, most int) []*big.Int {
	if len(list) >= most || slices.ContainsFunc(list, func(o *big.Int) bool { return o.Cmp(v) == 0 }) {
		return list
	}
	return append(list, v)
}

// transitions relates what a state selects on to the values of its transitions.
func (d *dictionary) transitions(s *pipeline.ParserState) {
	for _, n := range s.Next {
		for i, v := range n.Value {
			if i >= len(s.Key) {
				break
			}
			switch k := s.Key[i].Expr.(type) {
			case *pipeline.FieldRef:
				d.add(k.Field, v)
			case *pipeline.StackFieldRef:
				d.add(k.Field, v)
			case *pipeline.UnionStackFieldRef:
				d.add(k.Field, v)
			}
		}
	}
}

// body reads assignments and conditions.
func (d *dictionary) body(body []pipeline.Primitive, a *pipeline.Action) {
	for i := range body {
		q := &body[i]
		d.ops[q.Op] = true
		for _, arg := range q.Args {
			d.relate(arg)
		}
		if q.Op != pipeline.OpAssign && q.Op != pipeline.OpSet && q.Op != pipeline.OpModifyField || len(q.Args) != 2 {
			continue
		}
		if to, ok := q.Args[0].(*pipeline.FieldRef); ok {
			d.assign(to.Field, q.Args[1], a)
		}
	}
}

// assign relates a field to what is assigned to it.
func (d *dictionary) assign(to *pipeline.Field, from pipeline.Expr, a *pipeline.Action) {
	pipeline.Walk(from, func(e pipeline.Expr) {
		switch e := e.(type) {
		case *pipeline.Const:
			d.add(to, e.Value)
		case *pipeline.FieldRef:
			if e.Field != to && len(d.flows[to]) < 8 {
				if d.flows[to] == nil {
					d.targets = append(d.targets, to)
				}
				d.flows[to] = append(d.flows[to], e)
			}
		case *pipeline.Param:
			if a != nil && e.Index < len(a.Params) {
				d.sinks[a.Params[e.Index]] = append(d.sinks[a.Params[e.Index]], to)
			}
		}
	})
}

// relate relates the fields that a comparison mentions to the constants in it.
func (d *dictionary) relate(e pipeline.Expr) {
	pipeline.Walk(e, func(e pipeline.Expr) {
		b, ok := e.(*pipeline.Binary)
		if !ok || !comparisons[b.Op] {
			if c, ok := e.(*pipeline.Const); ok && c.Value != nil && c.Value.Sign() >= 0 {
				d.common = addValue(d.common, c.Value, 4*maxKnown)
			}
			return
		}
		var fields []*pipeline.Field
		var constants []*big.Int
		pipeline.Walk(b, func(e pipeline.Expr) {
			switch e := e.(type) {
			case *pipeline.FieldRef:
				fields = append(fields, e.Field)
			case *pipeline.StackFieldRef:
				fields = append(fields, e.Field)
			case *pipeline.Const:
				constants = append(constants, e.Value)
			}
		})
		for _, f := range fields {
			d.add(f, constants...)
		}
	})
}

var comparisons = map[pipeline.BinaryOp]bool{
	pipeline.OpEq: true, pipeline.OpNe: true, pipeline.OpLt: true, pipeline.OpLe: true, pipeline.OpGt: true, pipeline.OpGe: true,
}

// entries reads the entries of the program.
func (d *dictionary) entries(t *pipeline.Table) {
	for _, e := range t.Entries {
		for i, k := range t.Keys {
			ref, ok := k.Expr.(*pipeline.FieldRef)
			if !ok || i >= len(e.Match) {
				continue
			}
			m := e.Match[i]
			d.add(ref.Field, new(big.Int).SetBytes(m.Value))
			if k.Kind == pipeline.MatchRange {
				d.add(ref.Field, new(big.Int).SetBytes(m.High))
			}
		}
	}
}

// close lets fields know what is known of those that get their values.
func (d *dictionary) close() {
	for range 3 {
		for _, to := range d.targets {
			for _, ref := range d.flows[to] {
				d.add(ref.Field, d.known[to]...)
			}
		}
	}
}
