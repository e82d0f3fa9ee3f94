package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Colours of a packet behind a meter (v1model "MeterColor").
const (
	colourGreen = 0
	colourRed   = 2
)

// meterEntry marks a packet that has hit an entry; the entry's slot is on the stack.
func (l *lowerer) meterEntry(st *state, t *pipeline.Table, lay *TableLayout, slot *slot) {
	colour := l.markElement(st, t.Meter, lay.MeterMap, slot, l.konst(colourGreen))
	if to := t.Meter.Target; to != nil {
		l.write(st, to, l.fit(num{colour}, to.Field.Width))
	}
}

// executeMeter marks a packet with an element of an array; past its end the destination is left alone.
func (l *lowerer) executeMeter(st *state, q *pipeline.Primitive, env *actionEnv) {
	ref, isMeter := q.Args[0].(*pipeline.MeterRef)
	dst, isField := q.Args[2].(*pipeline.FieldRef)
	if !isMeter || !isField || l.obj.Meters[ref.Meter] == nil || dst.Field.Width > 64 {
		l.unsupported("meter, or its result, that is computed")
		return
	}
	key := l.element(st, q.Args[1], env)
	old := l.read(st, l.id(dst))[0]
	colour := l.markElement(st, ref.Meter, l.obj.Meters[ref.Meter].Map, key, old)
	l.write(st, dst, l.fit(num{colour}, dst.Field.Width))
}

// markElement marks a packet with an element of a map of meters, whose index is on the stack; old is the result where
// there is no such element.
func (l *lowerer) markElement(st *state, m *pipeline.Meter, mapName string, key *slot, old *value) *value {
	size := l.konst(1)
	if m.Bytes {
		size = l.packetBytes(st)
	}
	st.dropLoaded(l.index)
	return l.elementOr(mapName, key, num{old}, func(p *value) num { return num{l.mark(p, size)} })[0]
}

// elementOr looks an element up and returns what do makes of it, old where there is none; key is on the stack.
func (l *lowerer) elementOr(mapName string, key *slot, old num, do func(p *value) num) num {
	p := l.lookup(mapName, l.frame(key, 0))
	some, none, done := l.f.newBlock(""), l.f.newBlock(""), l.f.newBlock("")
	l.branch(condEq, p, l.konst(0), none, some)
	l.cur = none
	l.jump(done, old...)
	l.cur = some
	got := do(p)
	for i := range got {
		v := l.f.newValue(opParam)
		v.bits = max(old[i].bits, got[i].bits)
		done.params = append(done.params, v)
	}
	l.jump(done, got...)
	l.cur = done
	return num(done.params)
}

// mark takes the tokens for a packet out of a meter's buckets and returns the colour (RFC 2698, section 3, colour-blind
// mode, in the order of BMv2: the peak rate first). Nothing may be called while the lock is held, the time is asked
// for before; on another CPU a later one may have been first.
func (l *lowerer) mark(p, size *value) *value {
	on, done := l.f.newBlock("meter"), l.f.newBlock("")
	colour := l.f.newValue(opParam)
	colour.bits = 2
	done.params = []*value{colour}
	off := l.f.newBlock("")
	l.branch(condEq, l.load(p, meterSet, 4), l.konst(0), off, on)
	l.cur = off
	l.jump(done, l.konst(colourGreen))
	l.cur = on
	now := l.aluC(opDiv, l.call(asm.FnKtimeGetNs), 1000)
	l.call(asm.FnSpinLock, p)
	got := l.takeTokens(p, size, now)
	l.call(asm.FnSpinUnlock, p)
	l.jump(done, got)
	l.cur = done
	return colour
}

// takeTokens is mark with the lock held. It goes one way: less code, and less for the verifier to follow.
func (l *lowerer) takeTokens(p, size, now *value) *value {
	last := l.load(p, meterLast, 8)
	elapsed := l.alu(opSub, now, last)
	elapsed = l.choose(l.set(condSGt, elapsed, l.konst(0)), elapsed, l.konst(0))
	l.store(p, meterLast, 8, l.alu(opAdd, last, elapsed))
	need := l.alu(opMul, size, l.load(p, meterScale, 8))
	peak := l.refill(p, meterPIR, elapsed)
	red := l.set(condLt, peak, need)
	l.store(p, meterPIR+bucketTokens, 8, l.choose(red, peak, l.alu(opSub, peak, need)))
	committed := l.refill(p, meterCIR, elapsed)
	yellow := l.set(condLt, committed, need)
	keep := l.alu(opOr, red, yellow)
	l.store(p, meterCIR+bucketTokens, 8, l.choose(keep, committed, l.alu(opSub, committed, need)))
	return l.choose(red, l.konst(colourRed), yellow)
}

// refill returns the tokens of a bucket after so many microseconds.
func (l *lowerer) refill(p *value, at int, elapsed *value) *value {
	burst := l.load(p, at+bucketBurst, 8)
	sum := l.alu(opAdd, l.load(p, at+bucketTokens, 8), l.alu(opMul, elapsed, l.load(p, at+bucketRate, 8)))
	sum = l.choose(l.set(condGt, sum, burst), burst, sum)
	return l.choose(l.set(condGe, elapsed, l.load(p, at+bucketFill, 8)), burst, sum)
}
