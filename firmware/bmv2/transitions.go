package bmv2

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// selectKey reads one element of transition_key.
func (s *scope) selectKey(n *node) (pipeline.SelectKey, bool) {
	x := s.value(n)
	switch x := x.(type) {
	case nil:
		return pipeline.SelectKey{}, false
	case *pipeline.FieldRef:
		return pipeline.SelectKey{Expr: x, Width: x.Field.Width}, s.fixed(n, x.Field)
	case *pipeline.StackFieldRef:
		return pipeline.SelectKey{Expr: x, Width: x.Field.Width}, s.fixed(n, x.Field)
	case *pipeline.UnionStackFieldRef:
		return pipeline.SelectKey{Expr: x, Width: x.Field.Width}, s.fixed(n, x.Field)
	case *pipeline.ValidRef:
		return pipeline.SelectKey{Expr: x, Width: 1}, true
	case *pipeline.Lookahead:
		return pipeline.SelectKey{Expr: x, Width: x.Width}, true
	}
	n.fail(ErrKind, "a %v in a transition key", kindOf(x))
	return pipeline.SelectKey{}, false
}

func (s *scope) fixed(n *node, f *pipeline.Field) bool {
	if f.Var {
		n.fail(ErrKind, "varbit field %q in a transition key", f.Name)
	}
	return !f.Var
}

// transition reads one element of transitions.
func (imp *importer) transition(n *node, st *pipeline.ParserState, states map[string]*pipeline.ParserState) (pipeline.Transition, bool) {
	var tr pipeline.Transition
	if n.object() == nil {
		return tr, false
	}
	if next := n.optional("next_state"); next != nil {
		if tr.Next = lookup(next, states, "parser state"); tr.Next == nil {
			return tr, false
		}
	}
	kindNode := n.member("type")
	switch kindNode.text() {
	case "default":
		return tr, true
	case "hexstr":
		tr.Kind = pipeline.TransitionValue
		tr.Value = split(n.member("value"), st.Key)
		if mask := n.optional("mask"); mask != nil {
			if tr.Mask = split(mask, st.Key); tr.Mask == nil || tr.Value == nil {
				return tr, false
			}
			reduceMask(&tr, st.Key)
		}
		return tr, tr.Value != nil
	case "parse_vset":
		tr.Kind = pipeline.TransitionValueSet
		tr.Set = lookup(n.member("value"), imp.valueSets, "value set")
		if mask := n.optional("mask"); mask != nil {
			mask.fail(ErrKind, "a value set with a mask")
		}
		return tr, tr.Set != nil && imp.useValueSet(n, tr.Set, st.Key)
	}
	kindNode.fail(ErrUnknown, "no type of transition %.80q", kindNode.text())
	return tr, false
}

// reduceMask clears the bits of the values that the masks leave out, as BMv2 does, and drops masks that leave
// out nothing.
func reduceMask(tr *pipeline.Transition, key []pipeline.SelectKey) {
	partial := false
	for i, mask := range tr.Mask {
		tr.Value[i].And(tr.Value[i], mask)
		if mask.Cmp(ones(key[i].Width)) == 0 {
			tr.Mask[i] = nil
		} else {
			partial = true
		}
	}
	if !partial {
		tr.Mask = nil
	}
}

// split takes a transition value apart: the components of the key one after the other, each padded at the
// front to whole bytes. Nil and a finding where it does not fit.
func split(n *node, key []pipeline.SelectKey) []*big.Int {
	total := 0
	for _, k := range key {
		total += (k.Width + 7) / 8 * 8
	}
	v := n.unsigned(max(total, 1))
	if v == nil {
		return nil
	}
	if len(key) == 0 {
		n.fail(ErrMismatch, "a value without a transition key")
		return nil
	}
	out := make([]*big.Int, len(key))
	for i := len(key) - 1; i >= 0; i-- {
		bytes := uint((key[i].Width + 7) / 8 * 8)
		part := new(big.Int).And(v, ones(int(bytes)))
		if part.BitLen() > key[i].Width {
			n.fail(ErrWidth, "component %d, 0x%x, does not fit into %d bits", i, part, key[i].Width)
			return nil
		}
		out[i] = part
		v.Rsh(v, bytes)
	}
	return out
}

// ones returns 2^bits-1.
func ones(bits int) *big.Int {
	one := big.NewInt(1)
	return new(big.Int).Sub(new(big.Int).Lsh(one, uint(bits)), one)
}

// valueSet reads one element of parse_vsets.
func (imp *importer) valueSet(n *node) {
	vs := &pipeline.ValueSet{
		Index:  len(imp.prog.ValueSets),
		Name:   n.member("name").text(),
		Source: n.source(),
		Width:  n.member("compressed_bitwidth").integer(1, maxWidth),
		Size:   n.optional("max_size").integer(0, maxSize),
	}
	declare(n.optional("name"), imp.valueSets, vs.Name, vs)
	imp.prog.ValueSets = append(imp.prog.ValueSets, vs)
}

// useValueSet takes the component widths of a value set from a state that uses it.
func (imp *importer) useValueSet(n *node, vs *pipeline.ValueSet, key []pipeline.SelectKey) bool {
	widths := make([]int, len(key))
	total := 0
	for i, k := range key {
		widths[i] = k.Width
		total += k.Width
	}
	if total != vs.Width {
		n.fail(ErrWidth, "value set %q has %d bits, the key %d", vs.Name, vs.Width, total)
		return false
	}
	if vs.Key == nil {
		vs.Key = widths
		return true
	}
	for i, w := range vs.Key {
		if i >= len(widths) || w != widths[i] {
			n.fail(ErrMismatch, "value set %q is used with keys of different shapes", vs.Name)
			return false
		}
	}
	return true
}

// valueSetKeys gives value sets that no state uses one component.
func (imp *importer) valueSetKeys() {
	for _, vs := range imp.prog.ValueSets {
		if vs.Key == nil {
			vs.Key = []int{vs.Width}
		}
	}
}
