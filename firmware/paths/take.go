package paths

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// take sets the bits that make a packet take a state's transition i and none before it. False: there is no such packet.
func (w *walk) take(st *pipeline.ParserState, i int) bool {
	tr := &st.Next[i]
	if tr.Kind == pipeline.TransitionValueSet {
		w.fail("state %s goes on by value set %s, which is empty", st.Name, tr.Set.Name)
		return true
	}
	if len(st.Key) == 0 || i == 0 && tr.Kind == pipeline.TransitionDefault {
		return true
	}
	var key []operand
	for _, k := range st.Key {
		o, ok := w.locate(k.Expr)
		if !ok || o.width != k.Width && o.constant == nil {
			w.fail("state %s selects on %s, which cannot be set", st.Name, pipeline.ExprString(k.Expr))
			return true
		}
		key = append(key, o)
	}
	w.complete()
	for _, values := range candidates(w, key, tr.Kind == pipeline.TransitionDefault) {
		try := w.clone()
		if try.choose(key, values, tr) && try.chosen(st, key) == i {
			*w = *try
			for _, o := range key {
				w.fix(o)
			}
			return true
		}
	}
	return false
}

// choose gives the key values, with the bits that the transition asks for in them.
func (w *walk) choose(key []operand, values []*big.Int, tr *pipeline.Transition) bool {
	for c, o := range key {
		v := values[c]
		if tr.Kind == pipeline.TransitionValue {
			v = overlay(v, tr.Value[c], componentMask(tr, c, o.width))
		}
		free := new(big.Int) // bits that may be anything: those that are fixed keep their values
		for b := range o.width {
			bit := o.offset + o.width - 1 - b
			if o.constant == nil && w.fixed[bit/8]>>(7-bit%8)&1 == 0 {
				free.SetBit(free, b, 1)
			}
		}
		must := free
		if tr.Kind == pipeline.TransitionValue {
			must = new(big.Int).Or(free, componentMask(tr, c, o.width))
		}
		if !w.write(o, v, must) {
			return false
		}
	}
	return true
}

// componentMask is a transition's mask of a component, all ones for an exact match.
func componentMask(tr *pipeline.Transition, c, width int) *big.Int {
	if tr.Mask != nil && tr.Mask[c] != nil {
		return tr.Mask[c]
	}
	m := new(big.Int).Lsh(big.NewInt(1), uint(width))
	return m.Sub(m, big.NewInt(1))
}

// overlay returns v with the bits of mask from value.
func overlay(v, value, mask *big.Int) *big.Int {
	keep := new(big.Int).AndNot(v, mask)
	return keep.Or(keep, new(big.Int).And(value, mask))
}

// chosen returns the transition that the packet takes now; -1 for none. Value sets are empty.
func (w *walk) chosen(st *pipeline.ParserState, key []operand) int {
	for i := range st.Next {
		tr := &st.Next[i]
		switch tr.Kind {
		case pipeline.TransitionDefault:
			return i
		case pipeline.TransitionValue:
			match := true
			for c, o := range key {
				m := componentMask(tr, c, o.width)
				match = match && new(big.Int).And(w.read(o), m).Cmp(new(big.Int).And(tr.Value[c], m)) == 0
			}
			if match {
				return i
			}
		}
	}
	return -1
}

// unusual are values that few programs and no standards give a meaning, by width in bits: an EtherType for experiments, a
// protocol number for experiments, a port from the private range.
var unusual = map[int][]int64{16: {0x88b5, 40001}, 8: {253, 254}}

// candidates are the values to try for a key: what is there, then all components changed together, then one by one. For
// the default, which stands for what the program does not know, what is unusual comes first.
func candidates(w *walk, key []operand, other bool) [][]*big.Int {
	var now, odd []*big.Int
	for _, o := range key {
		v := w.read(o)
		now = append(now, v)
		if of := unusual[o.width]; of != nil {
			v = big.NewInt(of[0])
		}
		odd = append(odd, v)
	}
	list := [][]*big.Int{now}
	if other {
		list = [][]*big.Int{odd, now}
	}
	longest := 0
	var options [][]*big.Int
	for _, o := range key {
		var of []*big.Int
		for _, v := range unusual[o.width] {
			of = append(of, big.NewInt(v))
		}
		all := new(big.Int).Lsh(big.NewInt(1), uint(o.width))
		of = append(of, new(big.Int), all.Sub(all, big.NewInt(1)))
		for v := int64(1); v < 64; v++ {
			of = append(of, truncate(big.NewInt(v), o.width))
		}
		options = append(options, of)
		longest = max(longest, len(of))
	}
	for i := range longest {
		var together []*big.Int
		for c := range key {
			together = append(together, options[c][min(i, len(options[c])-1)])
		}
		list = append(list, together)
	}
	for c := range key {
		for _, v := range options[c] {
			one := append([]*big.Int(nil), now...)
			one[c] = v
			list = append(list, one)
		}
	}
	return list
}
