package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// What v1model and simple_switch do between the blocks of a program, in general form: the start of a pass, what follows
// ingress, what follows egress (behavioral-model, "simple_switch").

// Values of standard_metadata.instance_type (behavioral-model, "simple_switch": PktInstanceType).
const (
	instanceNormal       = 0
	instanceIngressClone = 1
	instanceEgressClone  = 2
	instanceRecirculated = 4
	instanceReplicated   = 5
	instanceResubmitted  = 6
)

// lowerBegin starts a pass: all that was known of the packet is gone but the fields of a list, and it enters the parser.
// The words of the home say what kind of pass it is. An ingress clone keeps its list for later.
func (l *lowerer) lowerBegin(st *state) {
	kind := l.word(homeKind, 4)
	keeps := len(l.prog.FieldLists) > 0 && l.obj.goesAround()
	if keeps {
		l.where(condNe, kind, l.konst(instanceNormal), l.saveList)
	}
	l.clearLarge(l.home.cleared, l.home.size)
	received := l.word(homeReceived, 4)
	l.setPass(passCurrent, received)
	l.setStd(st, "ingress_port", l.konst(0))
	again := func() {
		l.setStd(st, "instance_type", kind)
		l.setStd(st, "packet_length", received)
		if keeps {
			l.restoreList()
			l.forget(st)
		}
	}
	first := func() {
		l.setStd(st, "ingress_port", l.word(homeIngress, 4))
		l.setStd(st, "packet_length", received)
		l.timestamp(st, "ingress_global_timestamp", l.startPoint())
	}
	switch {
	case !l.obj.goesAround():
		first()
	default:
		l.where(condEq, kind, l.konst(instanceNormal), first)
		l.where(condEq, kind, l.konst(instanceIngressClone), func() {
			l.setStd(st, "ingress_port", l.word(homeIngress, 4))
		})
		l.where(condGt, kind, l.konst(instanceIngressClone), again)
	}
	l.forget(st)
	l.goTo(l.startPoint(), st)
}

// timestamp sets a time stamp, in microseconds of CLOCK_MONOTONIC, where anything reads it from a point on.
func (l *lowerer) timestamp(st *state, name string, from *point) {
	if id := l.stdID(name); id >= 0 && from.live.has(id) {
		l.setStd(st, name, l.aluC(opDiv, l.call(asm.FnKtimeGetNs), 1000))
	}
}

// eachList runs do for the field list whose number stands in the home.
func (l *lowerer) eachList(do func(*pipeline.FieldRef, int)) {
	list := l.word(homeList, 4)
	for _, fl := range l.prog.FieldLists {
		l.where(condEq, list, l.konst(uint64(fl.BMv2ID)), func() {
			at := l.home.keep
			for _, e := range fl.Elements {
				if ref, ok := e.(*pipeline.FieldRef); ok && !ref.Field.Var {
					do(ref, at)
					at += 8 * limbs(ref.Field.Width)
				}
			}
		})
	}
}

// saveList puts the fields of the list aside.
func (l *lowerer) saveList() {
	l.eachList(func(ref *pipeline.FieldRef, at int) {
		for i, v := range l.readField(l.fieldHome(ref), ref.Field, ref.Header.Metadata) {
			l.setWord(at+8*i, 8, v)
		}
	})
}

// restoreList gives them their values back.
func (l *lowerer) restoreList() {
	l.eachList(func(ref *pipeline.FieldRef, at int) {
		var n num
		for i := range limbs(ref.Field.Width) {
			v := l.word(at+8*i, 8)
			v.bits = min(64, ref.Field.Width-64*i)
			n = append(n, v)
		}
		l.writeField(l.fieldHome(ref), ref.Field, ref.Header.Metadata, n)
	})
}

// clearLarge is clearHome, by a helper where there is much to clear.
func (l *lowerer) clearLarge(from, to int) {
	const few = 512
	if to-from <= few {
		l.clearHome(from, to)
		return
	}
	l.call(asm.FnProbeReadKernel, l.address(l.homeAt(from)), l.konst(uint64(to-from)), l.mapValue(l.obj.zeros(to-from)))
}

// lowerCloned goes on with an ingress clone that has been parsed: its metadata is that of the list alone.
func (l *lowerer) lowerCloned(st *state) {
	l.copyMetadata(st, instanceIngressClone)
	l.goTo(l.egressBegin, st)
}

// lowerEgressClone makes an egress clone of the packet as it left egress.
func (l *lowerer) lowerEgressClone(st *state) {
	l.saveList()
	l.copyMetadata(st, instanceEgressClone)
	l.goTo(l.egressBegin, st)
}

// copyMetadata sets all metadata to zero but the list.
func (l *lowerer) copyMetadata(st *state, instance uint64) {
	l.clearLarge(l.home.meta[0], l.home.meta[1])
	l.restoreList()
	l.forget(st)
	l.setStd(st, "instance_type", l.konst(instance))
	l.asReplica(st)
}

// lowerReplica goes on with a copy for a member of a multicast group.
func (l *lowerer) lowerReplica(st *state) {
	l.setStd(st, "instance_type", l.konst(instanceReplicated))
	l.asReplica(st)
	l.goTo(l.egressBegin, st)
}

// asReplica sets what differs from copy to copy, and takes away what had been asked for the packet that was copied.
func (l *lowerer) asReplica(st *state) {
	l.setStd(st, "egress_rid", l.word(homeRid, 4))
	for _, w := range []int{passClone, passDigest, passResubmit, passRecirculate} {
		l.setPass(w, l.konst(0))
	}
}

// lowerEgressBegin sets what egress finds in standard metadata. The queues in front of it are always empty.
func (l *lowerer) lowerEgressBegin(st *state) {
	at := l.next(l.egress.Start, true)
	for _, name := range []string{"enq_timestamp", "egress_global_timestamp"} {
		l.timestamp(st, name, at)
	}
	for _, name := range []string{"enq_qdepth", "deq_qdepth", "deq_timedelta"} {
		l.setStd(st, name, l.konst(0))
	}
	l.setStd(st, "egress_port", l.word(homeEgress, 4))
	l.setStd(st, "egress_spec", l.konst(uint64(l.opts.DropPort+1)))
	l.setStd(st, "packet_length", l.pass(passCurrent))
	l.goTo(at, st)
}

// request notes a number that a primitive asks for; it has 16 bits in simple_switch, and 0 asks for nothing.
func (l *lowerer) request(st *state, word int, e pipeline.Expr, env *actionEnv) {
	l.setPass(word, l.mask(l.eval(st, e, 16, env)[0], 16))
}

// requestOp runs a primitive that asks for something at the end of the block.
func (l *lowerer) requestOp(st *state, q *pipeline.Primitive, env *actionEnv) {
	switch q.Op {
	case pipeline.OpDigest:
		l.request(st, passDigest, q.Args[1], env)
	case pipeline.OpResubmit:
		l.request(st, passResubmit, q.Args[0], env)
	case pipeline.OpRecirculate:
		l.request(st, passRecirculate, q.Args[0], env)
	case pipeline.OpCloneIngress, pipeline.OpCloneEgress:
		l.request(st, passCloneList, q.Args[1], env)
		session := l.mask(l.eval(st, q.Args[0], 16, env)[0], 15) // simple_switch keeps 15 bits
		l.setPass(passClone, l.aluC(opAdd, session, 1))
	case pipeline.OpTruncate:
		n := l.mask(l.eval(st, q.Args[0], 32, env)[0], 31)
		old := l.word(homeTruncate, 4)
		n = l.aluC(opAdd, n, 1)
		less := l.alu(opOr, l.set(condEq, old, l.konst(0)), l.set(condLt, n, old))
		l.setWord(homeTruncate, 4, l.choose(less, n, old))
	}
}

// afterIngressHomed: clone, digest, then one of resubmit, multicast, drop, unicast. What takes more than one packet is
// for the tc program.
func (l *lowerer) afterIngressHomed(st *state) {
	l.src = &l.ingress.Source
	unicast := l.join(func(st *state) {
		spec := l.mask(l.std(st, "egress_spec"), 32)
		l.split(st, condEq, spec, l.konst(uint64(l.opts.DropPort)),
			func(st *state) { l.finish(st, FateDropped, l.konst(0)) },
			func(st *state) {
				l.setWord(homeEgress, 4, spec)
				l.setStd(st, "instance_type", l.konst(instanceNormal))
				l.goTo(l.egressBegin, st)
			})
	})
	multicast := l.join(func(st *state) { l.multicastOr(st, unicast) })
	digest := l.join(func(st *state) {
		l.sendDigests(st)
		l.ifPass(st, passResubmit, l.obj.uses(pipeline.OpResubmit), func(st *state, list *value) {
			l.again(st, instanceResubmitted, list)
		}, multicast)
	})
	l.ifPass(st, passClone, l.obj.Clone != nil, func(st *state, _ *value) {
		if !l.tc {
			l.handOverHomed(st, stageIngressEnd)
			return
		}
		// The clones are in front of the packet in the queue.
		l.clones(st, stageCloneIngress)
		l.setWord(homeStage, 4, l.konst(stageIngressEnd))
		l.copy(st)
		l.exit(l.konst(tcShot))
	}, digest)
}

// multicastOr sends copies to a group, if the packet has one; else the packet goes on. XDP has sent the digest already
// where it hands over a packet whose group it only now sees.
func (l *lowerer) multicastOr(st *state, unicast func(*state)) {
	if !l.obj.replicates() {
		unicast(st)
		return
	}
	group := l.mask(l.std(st, "mcast_grp"), 32)
	l.split(st, condNe, group, l.konst(0), func(st *state) {
		if !l.tc {
			l.setPass(passDigest, l.konst(0))
			l.handOverHomed(st, stageIngressEnd)
			return
		}
		l.setWord(homeTruncate, 4, l.konst(0)) // BMv2's copies are whole again
		l.setWord(homeStage, 4, l.konst(stageReplica))
		l.copies(st, l.obj.Multicast, group, TraceReplica)
		l.exit(l.konst(tcShot))
	}, unicast)
}

// ifPass goes one of two ways on a word of the pass; where it cannot have been set, straight on.
func (l *lowerer) ifPass(st *state, word int, can bool, yes func(*state, *value), no func(*state)) {
	if !can {
		no(st)
		return
	}
	v := l.pass(word)
	l.split(st, condNe, v, l.konst(0), func(st *state) { yes(st, v) }, no)
}

// again sends the packet to the parser once more.
func (l *lowerer) again(st *state, kind uint64, list *value) {
	l.trace(TraceAgain, l.konst(kind), l.konst(0))
	l.setWord(homeKind, 4, l.konst(kind))
	l.setWord(homeList, 4, list)
	l.setWord(homeTruncate, 4, l.konst(0))
	l.restart(st)
}

// sendDigests sends the digest that was asked for.
func (l *lowerer) sendDigests(st *state) {
	if len(l.prog.Digests) == 0 {
		return
	}
	id := l.pass(passDigest)
	for _, d := range l.prog.Digests {
		l.where(condEq, id, l.konst(uint64(d.BMv2ID)), func() {
			l.trace(TraceDigest, l.konst(uint64(d.Index)), l.konst(0))
			l.sendDigest(st, d)
		})
		l.forget(st)
	}
}

// afterEgressHomed: clone, then drop or the deparser.
func (l *lowerer) afterEgressHomed(st *state) {
	l.src = &l.egress.Source
	then := l.join(func(st *state) {
		l.split(st, condEq, l.mask(l.std(st, "egress_spec"), 32), l.konst(uint64(l.opts.DropPort)),
			func(st *state) { l.finish(st, FateDropped, l.konst(0)) },
			func(st *state) { l.goTo(l.deparse, st) })
	})
	l.ifPass(st, passClone, l.obj.Clone != nil, func(st *state, _ *value) {
		if !l.tc {
			l.handOverHomed(st, stageEgressEnd)
			return
		}
		l.clones(st, stageEgressClone) // which begin when the packet itself is gone
		then(st)
	}, then)
}

// afterDeparser recirculates or sends.
func (l *lowerer) afterDeparser(st *state) {
	l.ifPass(st, passRecirculate, l.obj.uses(pipeline.OpRecirculate), func(st *state, list *value) {
		l.again(st, instanceRecirculated, list)
	}, func(st *state) {
		l.cutTail(st)
		port := l.word(homeEgress, 4)
		l.split(st, condEq, port, l.konst(uint64(l.opts.HostPort)),
			func(st *state) { l.finish(st, FateHost, l.konst(0)) },
			func(st *state) { l.finish(st, FateForwarded, port) })
	})
}

// uses reports whether the program has a primitive anywhere.
func (o *Object) uses(op pipeline.Op) bool {
	for _, a := range o.Program.Actions {
		for i := range a.Body {
			if a.Body[i].Op == op {
				return true
			}
		}
	}
	return false
}

// clones reports whether the program clones packets.
func (o *Object) clones() bool {
	return o.uses(pipeline.OpCloneIngress) || o.uses(pipeline.OpCloneEgress)
}

// goesAround reports whether packets may enter the parser a second time.
func (o *Object) goesAround() bool {
	return o.clones() || o.uses(pipeline.OpResubmit) || o.uses(pipeline.OpRecirculate)
}
