package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// lowerIngressEnd does what v1model does between ingress and egress: digests first, then a multicast group
// before a drop before a port (v1model.p4, and BMv2's simple_switch).
func (l *lowerer) lowerIngressEnd(st *state) {
	if l.home != nil {
		l.afterIngressHomed(st)
		return
	}
	l.src = &l.ingress.Source
	if st.digest > 0 {
		l.sendDigest(st, l.prog.Digests[st.digest-1])
	}
	l.split(st, condNe, l.std(st, "mcast_grp"), l.konst(0), l.handOver, func(st *state) {
		spec := l.std(st, "egress_spec")
		l.split(st, condEq, spec, l.konst(uint64(l.opts.DropPort)),
			func(st *state) { l.finish(st, FateDropped, l.konst(0)) },
			func(st *state) { l.toEgress(st, l.std(st, "egress_spec")) })
	})
}

// toEgress starts egress for a port.
func (l *lowerer) toEgress(st *state, port *value) {
	for _, name := range []string{"egress_rid", "instance_type"} {
		l.setStd(st, name, l.konst(0))
	}
	l.enterEgress(st, port)
}

// enterEgress sets what egress finds in standard metadata and goes there.
func (l *lowerer) enterEgress(st *state, port *value) {
	l.setStd(st, "egress_port", port)
	if id := l.stdID("egress_port"); id >= 0 {
		if src := l.stdID("egress_spec"); src >= 0 {
			known := st.field(src).facts
			st.edit(id).facts = known
		}
	}
	// BMv2 gives egress_spec a value that does not drop.
	if id := l.stdID("egress_spec"); id >= 0 {
		l.setStd(st, "egress_spec", l.konst(uint64(l.opts.DropPort+1)&lowMask(l.fields[id].Field.Width)))
	}
	at := l.next(l.egress.Start, true)
	if id := l.stdID("packet_length"); id >= 0 && at.live.has(id) && l.resizes() {
		l.unsupported("packet_length in egress of a program that adds or removes headers")
		return
	}
	l.goTo(at, st)
}

// resizes reports whether the program changes the validity of headers.
func (l *lowerer) resizes() bool {
	for _, a := range l.prog.Actions {
		for _, q := range a.Body {
			switch q.Op {
			case pipeline.OpAddHeader, pipeline.OpRemoveHeader, pipeline.OpCopyHeader, pipeline.OpAssignHeader,
				pipeline.OpAddHeaderFast, pipeline.OpPush, pipeline.OpPop:
				return true
			}
		}
	}
	return false
}

// lowerEgressEnd drops what egress marked, and goes to the deparser with the rest.
func (l *lowerer) lowerEgressEnd(st *state) {
	if l.home != nil {
		l.afterEgressHomed(st)
		return
	}
	l.src = &l.egress.Source
	l.split(st, condEq, l.std(st, "egress_spec"), l.konst(uint64(l.opts.DropPort)),
		func(st *state) { l.finish(st, FateDropped, l.konst(0)) },
		func(st *state) { l.goTo(l.deparse, st) })
}

// send lets the packet go, to the host or to a port.
func (l *lowerer) send(st *state) {
	port := l.std(st, "egress_port")
	l.split(st, condEq, port, l.konst(uint64(l.opts.HostPort)),
		func(st *state) { l.finish(st, FateHost, l.konst(0)) },
		func(st *state) { l.finish(st, FateForwarded, port) })
}

// finish ends the program for a packet.
func (l *lowerer) finish(st *state, fate Fate, port *value) {
	l.trace(TraceFate, l.konst(uint64(fate)), port)
	if l.opts.Stats {
		key := l.f.newSlot(4)
		l.store(l.frame(key, 0), 0, 4, l.konst(uint64(fate)))
		l.count(st, l.obj.StatsMap, key)
	}
	if l.tc {
		l.finishTC(fate, port)
		return
	}
	if l.opts.Verdict {
		v := l.mapValue(l.obj.VerdictMap)
		l.store(v, 0, 4, l.konst(uint64(fate)))
		l.store(v, 4, 4, port)
	}
	switch fate {
	case FateForwarded:
		l.exit(l.call(asm.FnRedirectMap, l.mapRef(l.obj.PortsMap), port, l.konst(xdpDrop)))
	case FateHost, FateReplicated:
		l.exit(l.konst(xdpPass))
	default:
		l.exit(l.konst(xdpDrop))
	}
}

// sendDigest writes a digest to the ring buffer; when that is full the digest is lost.
func (l *lowerer) sendDigest(st *state, d *pipeline.Digest) {
	size := 8
	var words []*value
	for _, x := range d.Elements {
		width := exprWidth(x)
		if width == 0 {
			l.unsupported("digest " + d.Name + " of something without a width")
			return
		}
		words = append(words, l.eval(st, x, width, nil)...)
	}
	size += 8 * len(words)
	rec := l.f.newSlot(size)
	l.store(l.frame(rec, 0), 0, 8, l.konst(uint64(d.Index)))
	for i, w := range words {
		l.store(l.frame(rec, 0), 8+8*i, 8, w)
	}
	l.helperCall(st, asm.FnRingbufOutput, l.mapRef(l.obj.Digests), l.frame(rec, 0), l.konst(uint64(size)), l.konst(0))
}

// loadData loads the packet's pointers from the context.
func (l *lowerer) loadData() (data, end *value) {
	return l.aluC(opAdd, l.loadPointer(xdpData), uint64(l.opts.Prefix)), l.loadPointer(xdpDataEnd)
}
