package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// deparseHomed writes the packet: checksums, the deparser's own primitives, headers; then sends it or lets it
// go round again.
func (l *lowerer) deparseHomed(p *point, st *state) {
	l.updateChecksums(st, 0, l.join(func(st *state) {
		then := func(st *state) {
			l.writeHeaders(st)
			l.afterDeparser(st)
		}
		for _, d := range l.prog.Deparsers {
			if len(d.Body) > 0 {
				l.body(st, d.Body, 0, &actionEnv{point: p}, then)
				return
			}
		}
		then(st)
	}))
}

// emitOrder lists the headers in the order of the deparser.
func (l *lowerer) emitOrder() []*pipeline.Header {
	var out []*pipeline.Header
	for _, d := range l.prog.Deparsers {
		out = append(out, d.Order...)
	}
	return out
}

// writeHeaders writes the valid headers in the place of those that were parsed. The packet's new length becomes the
// number of its bytes received, for whoever sees it next.
func (l *lowerer) writeHeaders(st *state) {
	length := l.konst(0)
	for _, h := range l.emitOrder() {
		if h.Type.Width%8 != 0 {
			l.unsupported("header " + h.Name + " that is no whole number of bytes")
			return
		}
		held := l.hold(h)
		length = l.alu(opAdd, length, l.alu(opMul, l.bytesOf(held), l.isValid(held)))
	}
	cursor := l.pass(passCursor)
	l.where(condNe, length, cursor, func() { l.moveHead(st, cursor, length) })
	received := l.alu(opAdd, l.alu(opSub, l.word(homeReceived, 4), cursor), length)
	l.setWord(homeReceived, 4, received)
	off := l.konst(0)
	for _, h := range l.emitOrder() {
		off = l.writeHeader(st, l.hold(h), off)
	}
}

// writeHeader writes one header, if it is valid, and returns where the next one goes.
func (l *lowerer) writeHeader(st *state, h held, off *value) *value {
	some, none, done := l.f.newBlock(""), l.f.newBlock(""), l.f.newBlock("")
	next := l.f.newValue(opParam)
	next.bits = 32
	done.params = []*value{next}
	l.branch(condNe, l.isValid(h), l.konst(0), some, none)
	l.cur = none
	l.jump(done, off)
	l.cur = some
	size := h.t.Width / 8
	if h.t.Var == nil {
		if size > 0 {
			l.failed(st, l.storePacket(off, h.fields, l.konst(uint64(size))))
		}
		l.jump(done, l.aluC(opAdd, off, uint64(size)))
		l.cur = done
		return next
	}
	front := h.t.Var.Offset / 8
	n := l.load(h.varLen.ptr, h.varLen.off, 4)
	if front > 0 {
		l.failed(st, l.storePacket(off, h.fields, l.konst(uint64(front))))
	}
	at := l.aluC(opAdd, off, uint64(front))
	l.where(condNe, n, l.konst(0), func() {
		l.orFail(st, condGt, n, l.konst(uint64(varBytes(h.t)))) // never; for the verifier
		l.failed(st, l.storePacket(at, h.varAt, n))
	})
	at = l.alu(opAdd, at, n)
	if size > front {
		l.failed(st, l.storePacket(at, h.fields.at(front), l.konst(uint64(size-front))))
	}
	l.jump(done, l.aluC(opAdd, at, uint64(size-front)))
	l.cur = done
	return next
}

// failed drops the packet where a helper refused.
func (l *lowerer) failed(st *state, result *value) { l.orFail(st, condNe, result, l.konst(0)) }

// moveHead makes room for to bytes of headers in the place of from.
func (l *lowerer) moveHead(st *state, from, to *value) {
	l.keepFront(st, func() {
		if l.tc {
			l.moveHeadTC(st, from, to)
		} else {
			l.failed(st, l.call(asm.FnXdpAdjustHead, l.f.ctx, l.alu(opSub, from, to)))
		}
	})
}

// keepFront keeps what is in front of the P4 packet while the frame changes its length there: see Options.Prefix.
func (l *lowerer) keepFront(st *state, move func()) {
	n := l.opts.Prefix
	if n == 0 {
		move()
		return
	}
	read, write := asm.FnXdpLoadBytes, asm.FnXdpStoreBytes
	if l.tc {
		read, write = asm.FnSkbLoadBytes, asm.FnSkbStoreBytes
	}
	front := l.f.newSlot((n + 7) &^ 7)
	for at := 0; at < n; at += 8 {
		l.store(l.frame(front, at), 0, 8, l.konst(0))
	}
	args := []*value{l.f.ctx, l.konst(0), l.frame(front, 0), l.konst(uint64(n))}
	l.failed(st, l.call(read, args...))
	move()
	if l.tc {
		args = append(args, l.konst(0))
	}
	l.failed(st, l.call(write, args...))
}

// cutTail shortens the packet to what may leave.
func (l *lowerer) cutTail(st *state) {
	if !l.truncates() {
		return
	}
	most := l.word(homeTruncate, 4)
	l.where(condNe, most, l.konst(0), func() {
		most := l.aluC(opSub, most, 1)
		length := l.word(homeReceived, 4)
		l.where(condLt, most, length, func() {
			if l.tc {
				l.failed(st, l.call(asm.FnSkbChangeTail, l.f.ctx, l.frameOffset(most), l.konst(0)))
			} else {
				l.failed(st, l.call(asm.FnXdpAdjustTail, l.f.ctx, l.alu(opSub, most, length)))
			}
			l.setWord(homeReceived, 4, most)
		})
	})
}

// truncates reports whether packets may be cut: by the program or by a clone session.
func (l *lowerer) truncates() bool {
	return l.obj.uses(pipeline.OpTruncate) || l.obj.Clone != nil
}

// moveHeadTC changes the length of the headers behind which the payload stands. Growing at the head is what the kernel
// has a helper for; to shrink, the payload moves forward and the packet is cut at its end.
func (l *lowerer) moveHeadTC(st *state, from, to *value) {
	longer, shorter, done := l.f.newBlock("longer"), l.f.newBlock("shorter"), l.f.newBlock("")
	l.branch(condGt, to, from, longer, shorter)
	l.cur = longer
	l.failed(st, l.call(asm.FnSkbChangeHead, l.f.ctx, l.alu(opSub, to, from), l.konst(0)))
	l.jump(done)
	l.cur = shorter
	rest := l.mask(l.alu(opSub, l.word(homeReceived, 4), from), 32)
	l.where(condNe, rest, l.konst(0), func() {
		l.orFail(st, condGt, rest, l.konst(bulkBytes))
		bulk := spot{l.onlyValue(bulkMap), 0}
		l.failed(st, l.loadPacket(from, bulk, rest))
		l.failed(st, l.storePacket(to, bulk, rest))
	})
	l.failed(st, l.call(asm.FnSkbChangeTail, l.f.ctx, l.frameOffset(l.alu(opAdd, to, rest)), l.konst(0)))
	l.jump(done)
	l.cur = done
}

// onlyValue looks up the value of a map that has one.
func (l *lowerer) onlyValue(name string) *value {
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, l.konst(0))
	p := l.lookup(name, l.frame(key, 0))
	on, out := l.f.newBlock(""), l.f.newBlock("")
	out.cold = true
	l.branch(condEq, p, l.konst(0), out, on)
	l.cur = out
	l.exit(l.konst(l.dropVerdict()))
	l.cur = on
	return p
}

// dropVerdict ends a program and the packet.
func (l *lowerer) dropVerdict() uint64 {
	if l.tc {
		return tcShot
	}
	return xdpDrop
}
