package bpfgen

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// XDP can send a packet once. Where v1model makes copies, the XDP program puts the packet's home into a slot, notes
// the slot's number in the metadata in front of the packet, and passes the packet, as it came in, to the tc program of
// the same interface. That one makes a clone for each copy, with a slot of its own whose number is the clone's mark, and
// sends it to itself through the interface's ingress: so every copy is a packet by itself, which may be changed, cut,
// cloned and sent round again like any other, and copies leave in the order in which they were made.
//
// On the way to the tc program another EtherType stands in the packet: the kernel would take a VLAN tag out of it.

// Where the tc program goes on with a packet: homeStage.
const (
	stageIngressEnd = iota
	stageEgressEnd
	stageCloneIngress
	stageEgressClone
	stageReplica
)

// Marks and metadata that name a slot.
const (
	slotMagic   = 0x70340000 // mark: this, and the low 16 bits of the slot's number
	hostMark    = 0x70350000 // mark: the packet is for the host
	markKind    = 0xffff0000
	metaMagic   = 0x70346d64 // metadata: {this, number of the slot}
	metaBytes   = 8
	etherTypeAt = 12
	// etherTypeOnTheWay is IEEE 802's Local Experimental EtherType 1, which nothing in the kernel looks into.
	etherTypeOnTheWay = 0x88b5
)

// __sk_buff and xdp_md of linux/bpf.h.
const (
	skbLen      = 0
	skbMark     = 8
	skbIfindex  = 40
	skbData     = 76
	skbDataEnd  = 80
	skbDataMeta = 140
	xdpDataMeta = 8
)

// tc's verdicts, of linux/pkt_cls.h.
const (
	tcxNext = 0xffffffff
	tcShot  = 2
)

// addCopying adds the maps by which packets are handed over and copied.
func (o *Object) addCopying(h *home) {
	o.addMap(slotsMap, ebpf.Array, 4, h.size, slots, 0)
	o.addMap(seqMap, ebpf.Array, 4, 4, 1, 0)
	o.addMap(bulkMap, ebpf.PerCPUArray, 4, bulkBytes, 1, 0)
}

// putSlot copies the home into a slot of its own and returns the slot's number.
func (l *lowerer) putSlot(st *state) *value {
	seq := l.fetchAdd(l.mapValue(seqMap), 1)
	l.setWord(homeSeq, 4, seq)
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, l.aluC(opAnd, seq, slots-1))
	l.failed(st, l.call(asm.FnMapUpdateElem, l.mapRef(slotsMap), l.frame(key, 0), l.homePtr, l.konst(0)))
	return seq
}

// fetchAdd adds to a number of 32 bits in memory that all CPUs share, and returns what it was.
func (l *lowerer) fetchAdd(ptr *value, n uint64) *value {
	v := l.f.newValue(opFetchAdd, l.konst(n), ptr)
	v.size, v.bits = 4, 32
	return l.builder.add(v)
}

// handOverHomed gives a packet to the tc program, which goes on at a stage.
func (l *lowerer) handOverHomed(st *state, stage uint64) {
	l.setWord(homeStage, 4, l.konst(stage))
	l.hideType(st)
	seq := l.putSlot(st)
	l.failed(st, l.call(asm.FnXdpAdjustMeta, l.f.ctx, l.konst(^uint64(metaBytes-1))))
	meta := l.loadPointer(xdpDataMeta)
	l.orFail(st, condGt, l.aluC(opAdd, meta, metaBytes), l.loadPointer(xdpData))
	l.store(meta, 0, 4, l.konst(metaMagic))
	l.store(meta, 4, 4, seq)
	l.finish(st, FateReplicated, l.konst(0))
}

// hideType puts another EtherType into the packet.
func (l *lowerer) hideType(st *state) {
	read, write := asm.FnXdpLoadBytes, asm.FnXdpStoreBytes
	if l.tc {
		read, write = asm.FnSkbLoadBytes, asm.FnSkbStoreBytes
	}
	at, n := l.konst(etherTypeAt), l.konst(2)
	l.failed(st, l.call(read, l.f.ctx, at, l.address(l.homeAt(homeType)), n))
	hidden := l.f.newSlot(8)
	l.store(l.frame(hidden, 0), 0, 8, l.swap(l.konst(etherTypeOnTheWay), 2))
	args := []*value{l.f.ctx, at, l.frame(hidden, 0), n}
	if l.tc {
		args = append(args, l.konst(0))
	}
	l.failed(st, l.call(write, args...))
}

// enterTC starts the tc program with a packet that was handed over or copied; others are left alone.
func (l *lowerer) enterTC() {
	mark := l.load(l.f.ctx, skbMark, 4)
	kind := l.aluC(opAnd, mark, markKind)
	ours := l.f.newBlock("copy")
	number := l.f.newValue(opParam)
	number.bits = 32
	ours.params = []*value{number}
	marked, unmarked := l.f.newBlock(""), l.f.newBlock("")
	l.branch(condEq, kind, l.konst(slotMagic), marked, unmarked)
	l.cur = marked
	l.jump(ours, l.mask(mark, 16))
	l.cur = unmarked
	host, other := l.f.newBlock("for the host"), l.f.newBlock("")
	l.branch(condEq, mark, l.konst(hostMark), host, other)
	l.cur = host
	l.store(l.f.ctx, skbMark, 4, l.konst(0))
	l.exit(l.konst(tcxNext))
	l.cur = other
	data, meta := l.loadPointer(skbData), l.loadPointer(skbDataMeta)
	l.orLeave(condGt, l.aluC(opAdd, meta, metaBytes), data)
	l.orLeave(condNe, l.load(meta, 0, 4), l.konst(metaMagic))
	l.jump(ours, l.mask(l.load(meta, 4, 4), 16))
	l.cur = ours
	l.fromSlot(number)
}

// orLeave leaves the packet to others where the comparison holds.
func (l *lowerer) orLeave(c cond, x, y *value) { l.orEnd(tcxNext, c, x, y) }

// orEnd ends the program with a verdict where the comparison holds.
func (l *lowerer) orEnd(verdict uint64, c cond, x, y *value) {
	out, on := l.f.newBlock(""), l.f.newBlock("")
	out.cold = true
	l.branch(c, x, y, out, on)
	l.cur = out
	l.exit(l.konst(verdict))
	l.cur = on
}

// fromSlot goes on with a packet whose home is in a slot; number are the low 16 bits of the slot's.
func (l *lowerer) fromSlot(number *value) {
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, l.aluC(opAnd, number, slots-1))
	slot := l.lookup(slotsMap, l.frame(key, 0))
	l.orEnd(tcShot, condEq, slot, l.konst(0))
	l.orEnd(tcShot, condNe, l.mask(l.load(slot, homeSeq, 4), 16), number) // somebody else has it by now
	zero := l.f.newSlot(4)
	l.store(l.frame(zero, 0), 0, 4, l.konst(0))
	l.orEnd(tcShot, condNe, l.call(asm.FnMapUpdateElem, l.mapRef(homeMap), l.frame(zero, 0), slot, l.konst(0)), l.konst(0))
	l.homePtr = l.onlyValue(homeMap)
	l.orEnd(tcShot, condNe, l.call(asm.FnSkbStoreBytes, l.f.ctx, l.konst(etherTypeAt), l.address(l.homeAt(homeType)),
		l.konst(2), l.konst(0)), l.konst(0))
	l.toStage()
}

// toStage goes where the home says.
func (l *lowerer) toStage() {
	stage := l.word(homeStage, 4)
	to := []*point{stageIngressEnd: l.ingressEnd, stageEgressEnd: l.egressEnd, stageCloneIngress: l.begin,
		stageEgressClone: l.egressClone, stageReplica: l.replica}
	var choose func(i int)
	choose = func(i int) {
		if i == len(to)-1 {
			l.goTo(to[i], l.anyState())
			return
		}
		here, next := l.f.newBlock(""), l.f.newBlock("")
		l.branch(condEq, stage, l.konst(uint64(i)), here, next)
		l.cur = here
		l.goTo(to[i], l.anyState())
		l.cur = next
		choose(i + 1)
	}
	choose(0)
}

// clones makes the clones that the packet asks for, which begin at a stage.
func (l *lowerer) clones(st *state, stage uint64) {
	session := l.aluC(opSub, l.pass(passClone), 1)
	l.setWord(homeList, 4, l.pass(passCloneList))
	// The kind says how a pass begins; nothing reads it in the rest of this one.
	l.setWord(homeKind, 4, l.konst(instanceIngressClone))
	l.setWord(homeStage, 4, l.konst(stage))
	kept := l.f.newSlot(8)
	l.store(l.frame(kept, 0), 0, 4, l.word(homeTruncate, 4))
	l.store(l.frame(kept, 0), 4, 4, l.word(homeEgress, 4))
	l.setWord(homeTruncate, 4, l.konst(0))
	l.copies(st, l.obj.Clone, session, TraceClone)
	l.setWord(homeTruncate, 4, l.load(l.frame(kept, 0), 0, 4))
	l.setWord(homeEgress, 4, l.load(l.frame(kept, 0), 4, 4))
	l.setPass(passClone, l.konst(0))
}

// copies makes a copy of the packet for every replica of a group or session.
func (l *lowerer) copies(st *state, lay *ReplicaLayout, id *value, kind TraceKind) {
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, id)
	replicas := l.lookup(lay.Map, l.frame(key, 0))
	l.where(condNe, replicas, l.konst(0), func() {
		cut := l.load(replicas, 4, 4)
		l.where(condNe, cut, l.konst(0), func() { l.setWord(homeTruncate, 4, l.aluC(opAdd, cut, 1)) })
		head, body, done := l.f.newBlock("copies"), l.f.newBlock(""), l.f.newBlock("")
		i := l.f.newValue(opParam)
		i.bits = 32
		head.params = []*value{i}
		l.jump(head, l.hiddenZero())
		l.cur = head
		l.branch(condSpent, l.konst(0), l.konst(0), done, body)
		l.cur = body
		for _, most := range []*value{l.load(replicas, 0, 4), l.konst(uint64(lay.Max))} {
			on := l.f.newBlock("")
			l.branch(condGe, i, most, done, on)
			l.cur = on
		}
		replica := l.alu(opAdd, replicas, l.aluC(opShl, i, 3))
		l.setWord(homeEgress, 4, l.load(replica, replicaHeader, 4))
		l.setWord(homeRid, 4, l.load(replica, replicaHeader+4, 4))
		l.trace(kind, l.word(homeEgress, 4), id)
		l.copy(st)
		l.jump(head, l.aluC(opAdd, i, 1))
		l.cur = done
	})
}

// copy sends a clone of the packet, with the home as it is, to the tc program of the same interface. One that the
// kernel cannot take is lost.
func (l *lowerer) copy(st *state) {
	l.hideType(st)
	seq := l.putSlot(st)
	l.store(l.f.ctx, skbMark, 4, l.alu(opOr, l.mask(seq, 16), l.konst(slotMagic)))
	l.call(asm.FnCloneRedirect, l.f.ctx, l.load(l.f.ctx, skbIfindex, 4), l.konst(cloneIngress))
	l.store(l.f.ctx, skbMark, 4, l.konst(0))
	l.call(asm.FnSkbStoreBytes, l.f.ctx, l.konst(etherTypeAt), l.address(l.homeAt(homeType)), l.konst(2), l.konst(0))
}

// cloneIngress is BPF_F_INGRESS of linux/bpf.h.
const cloneIngress = 1

// finishTC ends the tc program for a packet. One for the host goes to the stack through the interface's ingress again,
// so that the kernel sees its type anew.
func (l *lowerer) finishTC(fate Fate, port *value) {
	switch fate {
	case FateForwarded:
		key := l.f.newSlot(4)
		l.store(l.frame(key, 0), 0, 4, port)
		l.withElement(l.obj.IfindexOfMap, key, func(p *value) {
			l.exit(l.call(asm.FnRedirect, l.load(p, 0, 4), l.konst(0)))
			l.cur = l.f.newBlock("")
		})
	case FateHost:
		l.store(l.f.ctx, skbMark, 4, l.konst(hostMark))
		l.call(asm.FnCloneRedirect, l.f.ctx, l.load(l.f.ctx, skbIfindex, 4), l.konst(cloneIngress))
	}
	l.exit(l.konst(tcShot))
}
