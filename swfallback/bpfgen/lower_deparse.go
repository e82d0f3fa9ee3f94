package bpfgen

import (
	"github.com/cilium/ebpf/asm"
)

// lowerDeparse writes the packet: checksums, headers that have changed, then sends it.
func (l *lowerer) lowerDeparse(p *point, st *state) {
	if l.home != nil {
		l.deparseHomed(p, st)
		return
	}
	for _, d := range l.prog.Deparsers {
		if len(d.Body) > 0 {
			l.src = &d.Source
			l.unsupported("primitives in the deparser")
			return
		}
	}
	l.updateChecksums(st, 0, func(st *state) {
		for _, d := range l.prog.Deparsers {
			l.src = &d.Source
		}
		l.known(st, 0, func(st *state) { l.emit(st) })
	})
}

// known goes as many ways as it takes to know which headers are valid, from the i-th in order on.
func (l *lowerer) known(st *state, i int, then func(*state)) {
	for _, d := range l.prog.Deparsers {
		for ; i < len(d.Order); i++ {
			h := d.Order[i].Index
			if st.h[h].valid != unknown {
				continue
			}
			l.split(st, condNe, st.h[h].bit, l.konst(0), func(st *state) {
				st.h[h].valid = valid
				l.known(st, i+1, then)
			}, func(st *state) {
				l.clearFields(st, h)
				st.h[h] = hdrState{at: -1}
				l.known(st, i+1, then)
			})
			return
		}
	}
	then(st)
}

// size returns a header's length in bytes.
func (l *lowerer) size(h int) int { return l.prog.Headers[h].Type.Width / 8 }

// placed is a header and where it lies in the packet.
type placed struct{ h, at int }

// current lists the headers as they lie in the packet, valid or not.
func (l *lowerer) current(st *state) []placed {
	var out []placed
	at := 0
	for _, h := range st.layout {
		out = append(out, placed{h, at})
		at += l.size(h)
	}
	return out
}

// emit writes the headers. Those at the end that lie where they belong stay there; what is in front of them is
// written anew if anything has moved, and the packet grows or shrinks at its head.
func (l *lowerer) emit(st *state) {
	var want []int
	for _, d := range l.prog.Deparsers {
		for _, h := range d.Order {
			if st.h[h.Index].valid == valid {
				want = append(want, h.Index)
			}
		}
	}
	have := l.current(st)
	for len(want) > 0 && len(have) > 0 {
		w, c := want[len(want)-1], have[len(have)-1]
		if w != c.h || st.h[w].at != c.at {
			break
		}
		l.emitInPlace(st, w)
		want, have = want[:len(want)-1], have[:len(have)-1]
	}
	if len(want) == 0 && len(have) == 0 {
		l.send(st)
		return
	}
	l.rewrite(st, want, have)
}

// emitInPlace writes the fields of a header that have changed to where they lie.
func (l *lowerer) emitInPlace(st *state, h int) {
	type run struct{ from, to int }
	var runs []run
	for i, f := range l.prog.Headers[h].Type.Fields {
		if !st.field(l.base[h] + i).dirty {
			continue
		}
		from, to := f.Offset/8, (f.Offset+f.Width+7)/8
		if k := len(runs) - 1; k >= 0 && from < runs[k].to {
			runs[k].to = max(runs[k].to, to)
			continue
		}
		runs = append(runs, run{from, to})
	}
	// All is computed before anything is written: a new value may depend on an old one.
	type put struct {
		at, n int
		v     *value
	}
	var puts []put
	for _, r := range runs {
		for at := r.from; at < r.to; {
			n := chunk(r.to - at)
			puts = append(puts, put{at, n, l.headerWord(st, h, at, n)})
			at += n
		}
	}
	for _, p := range puts {
		l.store(st.data, st.h[h].at+p.at, p.n, p.v)
	}
}

// chunk returns the largest of 8, 4, 2 and 1 that is at most n.
func chunk(n int) int {
	c := 8
	for c > n {
		c /= 2
	}
	return c
}

// headerWord returns n bytes of a header as it now is, as they stand in memory.
func (l *lowerer) headerWord(st *state, h, at, n int) *value {
	t := l.prog.Headers[h].Type
	lo, hi := 8*at, 8*(at+n)
	dirty := st.h[h].at < 0
	for i, f := range t.Fields {
		if f.Offset < hi && f.Offset+f.Width > lo && st.field(l.base[h]+i).dirty {
			dirty = true
		}
	}
	if !dirty {
		return l.readRaw(st, st.h[h].at+at, n)
	}
	raw, bits := l.konst(0), l.konst(0)
	for i, f := range t.Fields {
		from, to := max(lo, f.Offset), min(hi, f.Offset+f.Width)
		if from >= to {
			continue
		}
		id := l.base[h] + i
		var v *value
		switch {
		case st.field(id).dirty:
			v = l.cut(st.field(id).val, f.Offset+f.Width-to, to-from)
		case st.h[h].at >= 0:
			v = l.readBits(st, 8*st.h[h].at+from, to-from)
		default:
			continue // never written: zero
		}
		v = l.aluC(opShl, v, uint64(hi-to))
		if (hi-to)%8 == 0 && (to-from)%8 == 0 {
			raw = l.alu(opOr, raw, l.swap(v, n))
		} else {
			bits = l.alu(opOr, bits, v)
		}
	}
	return l.alu(opOr, raw, l.swap(bits, n))
}

// rewrite writes the headers of want in the place of those of have, at the head of the packet.
func (l *lowerer) rewrite(st *state, want []int, have []placed) {
	grow := 0
	type put struct {
		at, n int
		v     *value
	}
	var puts []put
	for _, h := range want {
		for at := 0; at < l.size(h); {
			n := chunk(l.size(h) - at)
			puts = append(puts, put{grow + at, n, l.headerWord(st, h, at, n)})
			at += n
		}
		grow += l.size(h)
	}
	head := grow
	for _, p := range have {
		grow -= l.size(p.h)
	}
	st.dropLoaded(l.index)
	if grow != 0 {
		l.resize(st, grow, head)
		if l.cur == nil {
			return
		}
	}
	for _, p := range puts {
		l.store(st.data, p.at, p.n, p.v)
	}
	l.send(st)
}

// resize makes the packet longer by grow bytes at its head, or shorter; head bytes are there afterwards.
func (l *lowerer) resize(st *state, grow, head int) {
	l.keepFront(st, func() {
		l.failed(st, l.call(asm.FnXdpAdjustHead, l.f.ctx, l.konst(uint64(int64(-grow)))))
	})
	st.data, st.end = l.loadData()
	l.orFail(st, condGt, l.aluC(opAdd, st.data, uint64(head)), st.end)
}

// orFail drops the packet where the comparison holds.
func (l *lowerer) orFail(st *state, c cond, x, y *value) {
	bad, ok := l.f.newBlock("failed"), l.f.newBlock("")
	bad.cold = true
	l.branch(c, x, y, bad, ok)
	l.cur = bad
	l.finish(st, FateFailed, l.konst(0))
	l.cur = ok
}
