package bpfgen

// The specialiser hands packets that take more than it can do to the general form of the same program: what it knows of
// a packet is written to a home.

// handOver gives a packet to the tc program, behind ingress.
func (l *lowerer) handOver(st *state) {
	if st.digest > 0 { // it has been sent
		st.digest = 0
	}
	l.writeOut(st)
	l.handOverHomed(st, stageIngressEnd)
}

// writeOut writes everything that is known of a packet to its home.
func (l *lowerer) writeOut(st *state) {
	h := newHome(l.index)
	received := l.alu(opSub, st.end, st.data)
	port := l.std(st, "ingress_port")
	type put struct {
		at, size int
		v        *value
	}
	var puts []put
	add := func(at, size int, v *value) { puts = append(puts, put{at, size, v}) }
	current := l.konst(0)
	for i, hd := range l.prog.Headers {
		if hd.Metadata {
			continue
		}
		bit := l.validBit(st, hd)
		add(h.valid[i], 1, bit)
		if bit.isZero() {
			continue
		}
		n := l.size(i)
		current = l.alu(opAdd, current, l.alu(opMul, bit, l.konst(uint64(n))))
		for at := 0; at < n; {
			k := chunk(n - at)
			add(h.header[i]+at, k, l.headerWord(st, i, at, k))
			at += k
		}
	}
	for id, ref := range l.fields {
		val := st.field(id).val
		if !ref.Header.Metadata || val == nil || val.isZero() {
			continue
		}
		for i, v := range l.fit(val, ref.Field.Width) {
			add(h.field[id]+8*i, min(8, paramSize(ref.Field.Width)), v)
		}
	}
	cursor := 0
	for _, hd := range st.layout {
		cursor += l.size(hd)
	}
	st.dropLoaded(l.index)
	l.homePtr = l.onlyValue(homeMap)
	l.clearHome(0, homeWords)
	l.clearHome(h.cleared, h.meta[1])
	l.setWord(homeReceived, 4, received)
	l.setWord(homeIngress, 4, port)
	for _, p := range puts {
		l.setWord(p.at, p.size, p.v)
	}
	l.setWord(h.cleared+passCursor, 4, l.konst(uint64(cursor)))
	l.setWord(h.cleared+passCurrent, 4, l.alu(opAdd, l.aluC(opSub, received, uint64(cursor)), current))
}

// isZero reports whether a value is the constant 0.
func (v *value) isZero() bool { return v.isConst() && v.imm == 0 }
