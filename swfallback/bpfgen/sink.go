package bpfgen

import "slices"

// passSink moves an operation behind a block's parameter when every way into the block ends with that operation
// on something else: what is swapped, shifted or masked on all ways is handed over as it is, and may then meet its
// inverse.
func passSink(f *fn) error {
	in := ways(f)
	for range 8 {
		if !sinkOnce(f, in) {
			return nil
		}
	}
	return nil
}

// sinkOnce sinks one operation through every parameter where that can be done; in is what ways returns.
func sinkOnce(f *fn, in [][]*edge) bool {
	var sub substitution
	for _, b := range f.blocks {
		var head []*value
		for i, p := range b.params {
			if v := sinkParam(f, p, in[b.id], i); v != nil {
				b.params[i] = v.args[0]
				sub.put(p, v)
				head = append(head, v)
			}
		}
		b.ops = slices.Insert(b.ops, 0, head...)
	}
	sub.apply(f)
	return sub.some
}

// sinkParam hands the operand of a common operation over in place of its result, and returns the operation on
// the new parameter; nil where the ways differ.
func sinkParam(f *fn, p *value, ways []*edge, i int) *value {
	if len(ways) == 0 {
		return nil
	}
	first := ways[0].args[i]
	if !sinkable(first) {
		return nil
	}
	n := 0
	for _, e := range ways {
		a := e.args[i]
		if a.op != first.op || a.size != first.size || len(a.args) != len(first.args) || len(a.args) == 2 && a.args[1] != first.args[1] {
			return nil
		}
		n = max(n, a.args[0].bits)
	}
	param := f.newValue(opParam)
	param.bits = n
	for _, e := range ways {
		e.args[i] = e.args[i].args[0]
	}
	v := f.newValue(first.op, append([]*value{param}, first.args[1:]...)...)
	v.size, v.bits, v.src = first.size, p.bits, first.src
	if v.op != opSwap {
		v.bits = min(v.bits, resultBits(v.op, v.args[0], v.args[1]))
	}
	return v
}

// sinkable reports whether an operation has one operand that varies and is cheap enough to be done late.
func sinkable(v *value) bool {
	switch v.op {
	case opSwap:
		return !v.args[0].isConst()
	case opShl, opShr, opAnd:
		return v.args[1].isConst() && !v.args[0].isConst() && !v.args[0].ptr
	}
	return false
}
