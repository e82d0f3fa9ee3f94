package bpfgen

import (
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// enterVerify begins behind the parser.
func (l *lowerer) enterVerify(st *state) {
	if l.home == nil || l.obj.Clone == nil {
		l.lowerVerify(st, 0)
		return
	}
	l.split(st, condEq, l.word(homeKind, 4), l.konst(instanceIngressClone),
		func(st *state) { l.goTo(l.cloned, st) },
		func(st *state) { l.lowerVerify(st, 0) })
}

// lowerVerify checks the checksums that the program verifies, from the i-th on, then goes to ingress.
func (l *lowerer) lowerVerify(st *state, i int) {
	for ; i < len(l.prog.Checksums); i++ {
		c := l.prog.Checksums[i]
		if !c.Verify {
			continue
		}
		l.src = &c.Source
		next := l.join(func(st *state) { l.lowerVerify(st, i+1) })
		check := func(st *state) { l.verifyOne(st, c, next) }
		if c.If == nil {
			check(st)
			return
		}
		l.test(st, c.If, nil, check, next)
		return
	}
	l.goTo(l.next(l.ingress.Start, false), st)
}

// verifyOne compares one checksum with the packet, unless the header that has it is invalid.
func (l *lowerer) verifyOne(st *state, c *pipeline.Checksum, then func(*state)) {
	l.split(st, condEq, l.validBit(st, c.Target.Header), l.konst(0), then, func(st *state) {
		good := then
		sum, want := (*value)(nil), (*value)(nil)
		if l.inPlace(st, c) {
			sum = l.aluC(opXor, l.fold(l.words(st, c.Calculation.Input)), 0xffff)
			want = l.readRaw(st, l.place(st, c.Target), 2)
			good = func(st *state) {
				st.sumOK.add(c.Index)
				then(st)
			}
		} else {
			sum = l.hash(st, c.Calculation)
			want = l.eval(st, c.Target, 64, nil)[0]
		}
		l.split(st, condEq, want, sum, good, func(st *state) {
			l.setStd(st, "checksum_error", l.konst(1))
			then(st)
		})
	})
}

// inPlace reports whether a checksum is an Internet checksum over what is in the packet, without conditions.
func (l *lowerer) inPlace(st *state, c *pipeline.Checksum) bool {
	if c.Calculation.Algo != "csum16" || c.Target.Field.Width != 16 || c.Target.Field.Signed || !l.untouched(st, c) {
		return false
	}
	return len(l.optional(st, c.Calculation.Input)) == 0
}

// place returns the byte of the packet where a field is.
func (l *lowerer) place(st *state, r *pipeline.FieldRef) int {
	return st.h[r.Header.Index].at + r.Field.Offset/8
}

// clean reports whether a field of a header is still as the packet has it.
func (l *lowerer) clean(st *state, r *pipeline.FieldRef) bool {
	hs := &st.h[r.Header.Index]
	return !r.Header.Metadata && hs.valid != invalid && hs.at >= 0 && !st.field(l.id(r)).dirty
}

// untouched reports whether target and inputs are all as the packet has them and on byte boundaries where
// they have to be.
func (l *lowerer) untouched(st *state, c *pipeline.Checksum) bool {
	if !l.clean(st, c.Target) || c.Target.Field.Offset%8 != 0 {
		return false
	}
	for _, in := range c.Calculation.Input {
		if _, isConst := in.(*pipeline.Const); isConst {
			continue
		}
		if r, ok := in.(*pipeline.FieldRef); !ok || r.Field.Var || !l.clean(st, r) {
			return false
		}
	}
	return true
}

// addWords adds up the input in words of 16 bits, as they stand in memory: byte order does not matter to a one's
// complement sum. The result is not folded.
func (l *lowerer) addWords(in []span) *value {
	sum := l.konst(0)
	for len(in) > 0 {
		n := 2
		if in[0].inBytes(4) {
			n = 4
		}
		var w *value
		w, in = l.takeMemory(in, n)
		sum = l.alu(opAdd, sum, w)
	}
	return sum
}

// readRaw reads size bytes of the packet as they stand.
func (l *lowerer) readRaw(st *state, at, size int) *value { return l.load(st.data, at, size) }

// fold adds the carries of a one's complement sum back in, until it has 16 bits.
func (l *lowerer) fold(v *value) *value {
	if v.bits > 33 {
		v = l.alu(opAdd, l.mask(v, 32), l.aluC(opShr, v, 32))
	}
	for v.bits > 16 {
		v = l.alu(opAdd, l.mask(v, 16), l.aluC(opShr, v, 16))
		if v.bits == 17 { // a carry once more, and then no more
			v = l.alu(opAdd, l.mask(v, 16), l.aluC(opShr, v, 16))
			v.bits = 16
		}
	}
	return v
}

// updateChecksums computes the checksums that the program updates, from the i-th on.
func (l *lowerer) updateChecksums(st *state, i int, then func(*state)) {
	for ; i < len(l.prog.Checksums); i++ {
		c := l.prog.Checksums[i]
		if !c.Update {
			continue
		}
		l.src = &c.Source
		next := l.join(func(st *state) { l.updateChecksums(st, i+1, then) })
		update := func(st *state) {
			l.updateOne(st, c)
			next(st)
		}
		if c.If == nil {
			update(st)
		} else {
			l.test(st, c.If, nil, update, next)
		}
		return
	}
	then(st)
}

// updateOne computes one checksum: not at all when it was right and nothing has changed, from the difference
// when it was right, else from everything.
func (l *lowerer) updateOne(st *state, c *pipeline.Checksum) {
	if v := l.validBit(st, c.Target.Header); l.err != nil || v.isConst() && v.imm == 0 {
		return
	}
	if l.wasRight(st, c) {
		if l.untouched(st, c) {
			return
		}
		if v := l.updateDiff(st, c); v != nil {
			l.write(st, c.Target, num{v})
			return
		}
	}
	l.write(st, c.Target, l.grow(num{l.hash(st, c.Calculation)}, false, c.Target.Field.Width))
}

// wasRight reports whether the packet came with the right value of this very checksum.
func (l *lowerer) wasRight(st *state, c *pipeline.Checksum) bool {
	for _, v := range l.prog.Checksums {
		if v.Verify && st.sumOK.has(v.Index) && sameChecksum(v, c) {
			return true
		}
	}
	return false
}

// sameChecksum reports whether two checksums are of the same field over the same input.
func sameChecksum(a, b *pipeline.Checksum) bool {
	x, y := a.Calculation.Input, b.Calculation.Input
	if *a.Target != *b.Target || a.Calculation.Algo != b.Calculation.Algo || len(x) != len(y) {
		return false
	}
	for i := range x {
		p, ok := x[i].(*pipeline.FieldRef)
		q, ok2 := y[i].(*pipeline.FieldRef)
		if !ok || !ok2 || *p != *q {
			return false
		}
	}
	return true
}

// updateDiff computes a checksum from the packet's own, which is right, and the words that have changed (RFC
// 1624, equation 3). The result is the very same as that of a new computation unless all words are zero, which
// a field with a known value other than 0 rules out. It returns nil where that cannot be shown, or where many
// words have changed.
func (l *lowerer) updateDiff(st *state, c *pipeline.Checksum) *value {
	if !l.clean(st, c.Target) || c.Target.Field.Offset%8 != 0 || !l.nonZero(st, c.Calculation.Input) {
		return nil
	}
	words := l.changedWords(st, c)
	if words == nil || len(words) > 4 {
		return nil
	}
	sum := l.aluC(opXor, l.readRaw(st, l.place(st, c.Target), 2), 0xffff)
	h := c.Target.Header.Index
	for _, off := range words {
		old := l.readRaw(st, st.h[h].at+off, 2)
		sum = l.alu(opAdd, sum, l.aluC(opXor, old, 0xffff))
		sum = l.alu(opAdd, sum, l.headerWord(st, h, off, 2))
	}
	return l.swap(l.aluC(opXor, l.fold(sum), 0xffff), 2)
}

// changedWords lists the byte offsets of the 16-bit words of the header that have changed; nil when the input
// is not made of whole words of the checksum's own header.
func (l *lowerer) changedWords(st *state, c *pipeline.Checksum) []int {
	in := 0
	var words []int
	for _, e := range c.Calculation.Input {
		r, ok := e.(*pipeline.FieldRef)
		if !ok || r.Header != c.Target.Header || st.h[r.Header.Index].at < 0 || (r.Field.Offset-in)%16 != 0 {
			return nil
		}
		if st.field(l.id(r)).dirty {
			for off := r.Field.Offset / 16 * 2; off*8 < r.Field.Offset+r.Field.Width; off += 2 {
				if len(words) == 0 || words[len(words)-1] != off {
					words = append(words, off)
				}
			}
		}
		in += r.Field.Width
	}
	if in%16 != 0 {
		return nil
	}
	return words
}

// nonZero reports whether a field is known not to be zero.
func (l *lowerer) nonZero(st *state, input []pipeline.Expr) bool {
	for _, e := range input {
		if r, ok := e.(*pipeline.FieldRef); ok {
			fs := st.field(l.id(r))
			if fs.facts != nil && fs.facts.lo > 0 || len(fs.val) == 1 && fs.val[0].isConst() && fs.val[0].imm != 0 {
				return true
			}
		}
	}
	return false
}
