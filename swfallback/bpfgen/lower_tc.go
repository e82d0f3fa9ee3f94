package bpfgen

import (
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Replication. XDP can send a packet once, so a packet with more than one copy to make goes on in the tc program
// of the same interface. XDP runs parser and ingress, with everything that they count and send; what egress needs
// of the outcome goes into the metadata in front of the packet, which itself stays as it came in, but for one
// thing: its EtherType is kept in the metadata too, and reads IPv4 until the tc program puts it back. Otherwise
// the kernel would take a VLAN tag out of the packet on the way, and would not let it change its size. The tc
// program parses again, takes the outcome of ingress from the metadata, and runs egress and deparser once per
// replica: each is cloned from the packet, which is then put back as it was.

// Layout of the metadata.
const (
	metaMagic     = 0  // u32
	metaEtherType = 4  // u16, as in the packet
	metaGroup     = 8  // u32
	metaPort      = 12 // u32: where the packet came in
	metaFields    = 16

	magic   = 0x70346d63
	maxMeta = 252 // bytes that the kernel gives
)

// __sk_buff of linux/bpf.h.
const (
	skbLen      = 0
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

// instanceReplication is BMv2's PKT_INSTANCE_TYPE_REPLICATION.
const instanceReplication = 5

// replicaLoop is the loop over the replicas of a packet.
type replicaLoop struct {
	next *block // goes on with the next replica
	orig *slot  // the packet's headers as they came in
	head int    // bytes of orig
}

// carried lists the fields that ingress changes and that are needed behind it.
func (l *lowerer) carried() []int {
	written := newSet(len(l.fields))
	for _, p := range l.all {
		if p.kind != pointNode || p.egress {
			continue
		}
		for _, body := range bodies(p.node) {
			l.collectWritten(body, written)
		}
	}
	for _, name := range []string{"egress_spec", "mcast_grp", "egress_port", "egress_rid", "instance_type"} {
		if id := l.stdID(name); id >= 0 {
			written.remove(id)
		}
	}
	live := l.next(l.egress.Start, true).live
	var out []int
	for id, ref := range l.fields {
		if written.has(id) && (live.has(id) || !ref.Header.Metadata) {
			out = append(out, id)
		}
	}
	return out
}

// bodies lists what a node may run.
func bodies(n pipeline.Node) [][]pipeline.Primitive {
	var out [][]pipeline.Primitive
	switch n := n.(type) {
	case *pipeline.Table:
		for _, a := range n.Actions {
			out = append(out, a.Body)
		}
	case *pipeline.ActionCallNode:
		out = append(out, n.Action.Body)
	}
	return out
}

// collectWritten adds the fields that primitives write. Changes of validity are not carried over.
func (l *lowerer) collectWritten(body []pipeline.Primitive, written set) {
	for i := range body {
		q := &body[i]
		l.src = q.Source
		switch q.Op {
		case pipeline.OpAddHeader, pipeline.OpAddHeaderFast, pipeline.OpRemoveHeader, pipeline.OpCopyHeader,
			pipeline.OpAssignHeader:
			l.unsupported("header made valid or invalid in ingress of a program that replicates packets")
		}
		if dst := destination(q); dst >= 0 {
			if ref, ok := q.Args[dst].(*pipeline.FieldRef); ok {
				written.add(l.id(ref))
			}
		}
	}
}

// metaSize returns the bytes of metadata that carry the outcome of ingress.
func (l *lowerer) metaSize(fields []int) int {
	size := metaFields
	for _, id := range fields {
		size += 8 * limbs(l.fields[id].Field.Width)
	}
	if size > maxMeta {
		l.fail(&LimitError{What: "bytes of metadata between ingress and egress", Got: size, Max: maxMeta, Source: l.ingress.Source})
	}
	return size
}

// handOver gives a packet to the tc program.
func (l *lowerer) handOver(st *state) {
	fields := l.carried()
	size := l.metaSize(fields)
	if l.cur == nil || l.err != nil {
		return
	}
	group, port := l.std(st, "mcast_grp"), l.std(st, "ingress_port")
	var words []*value
	for _, id := range fields {
		words = append(words, l.fit(l.read(st, id), l.fields[id].Field.Width)...)
	}
	st.dropLoaded(l.index)
	failed := l.call(asm.FnXdpAdjustMeta, l.f.ctx, l.konst(uint64(int64(-size))))
	l.orFail(st, condNe, failed, l.konst(0))
	st.data, st.end = l.loadData()
	meta := l.loadPointer(xdpDataMeta)
	l.orFail(st, condGt, l.aluC(opAdd, meta, uint64(size)), l.loadPointer(xdpData))
	l.orFail(st, condGt, l.aluC(opAdd, st.data, ethernetBytes), st.end)
	l.store(meta, metaMagic, 4, l.konst(magic))
	l.store(meta, metaEtherType, 2, l.load(st.data, etherTypeAt, 2))
	l.store(meta, metaEtherType+2, 2, l.konst(0))
	l.store(meta, metaGroup, 4, group)
	l.store(meta, metaPort, 4, port)
	for i, w := range words {
		l.store(meta, metaFields+8*i, 8, w)
	}
	l.store(st.data, etherTypeAt, 2, l.swap(l.konst(etherTypeIPv4), 2))
	l.finish(st, FateReplicated, l.konst(0))
}

const (
	ethernetBytes = 14
	etherTypeAt   = 12
	etherTypeIPv4 = 0x0800
)

// admit makes the tc program that the kernel calls: packets that XDP has not handed over are left alone, of the
// others the metadata is put aside. It must not write to the packet. The kernel would then unshare the packet
// before the program runs where somebody else, such as tcpdump, holds it too; and that loses the metadata.
func (l *lowerer) admit() {
	size := l.metaSize(l.carried())
	if l.cur == nil || l.err != nil {
		return
	}
	data, meta := l.loadPointer(skbData), l.loadPointer(skbDataMeta)
	l.orLeave(condGt, l.aluC(opAdd, meta, uint64(size)), data)
	l.orLeave(condNe, l.load(meta, metaMagic, 4), l.konst(magic))
	l.carry = l.f.newSlot(size)
	l.copyWords(l.frame(l.carry, 0), meta, size)
	aside := l.aside()
	l.copyWords(aside, l.frame(l.carry, 0), size)
	l.call(asm.FnTailCall, l.f.ctx, l.mapRef(tcCalls), l.konst(0))
	l.exit(l.konst(tcShot))
}

// Maps between the two tc programs.
const (
	tcCalls = "tc_calls" // PROG_ARRAY
	tcAside = "tc_aside" // PERCPU_ARRAY of one value: the metadata
)

// aside returns the address of the metadata put aside.
func (l *lowerer) aside() *value {
	key := l.f.newSlot(4)
	l.store(l.frame(key, 0), 0, 4, l.konst(0))
	p := l.lookup(tcAside, l.frame(key, 0))
	l.orLeaveWith(tcShot, condEq, p, l.konst(0))
	return p
}

// copyWords copies memory in words of 8 bytes.
func (l *lowerer) copyWords(to, from *value, size int) {
	for off := 0; off < size; off += 8 {
		l.store(to, off, 8, l.load(from, off, 8))
	}
}

// enterTC starts the second tc program.
func (l *lowerer) enterTC() {
	st := newState(l.index)
	size := l.metaSize(l.carried())
	if l.cur == nil || l.err != nil {
		return
	}
	l.carry = l.f.newSlot(size)
	l.copyWords(l.frame(l.carry, 0), l.aside(), size)
	l.forgetMeta()
	l.call(asm.FnSkbPullData, l.f.ctx, l.pullLength())
	st.data, st.end = l.loadData()
	l.orLeaveWith(tcShot, condGt, l.aluC(opAdd, st.data, ethernetBytes), st.end)
	l.store(st.data, etherTypeAt, 2, l.load(l.frame(l.carry, 0), metaEtherType, 2))
	port := l.load(l.frame(l.carry, 0), metaPort, 4)
	l.replicas = l.lookup(l.obj.Multicast.Map, l.frame(l.carry, metaGroup))
	l.orLeaveWith(tcShot, condEq, l.replicas, l.konst(0))
	l.setStdMasked(st, "ingress_port", port)
	l.setStdMasked(st, "mcast_grp", l.load(l.frame(l.carry, 0), metaGroup, 4))
	l.setStd(st, "packet_length", l.load(l.f.ctx, skbLen, 4))
	l.goTo(l.startPoint(), st)
}

// forgetMeta takes the mark out of the metadata, if it is still there, so that a replica for the host is not
// taken for a packet that XDP handed over.
func (l *lowerer) forgetMeta() {
	data, meta := l.loadPointer(skbData), l.loadPointer(skbDataMeta)
	some, done := l.f.newBlock(""), l.f.newBlock("")
	l.branch(condGt, l.aluC(opAdd, meta, 4), data, done, some)
	l.cur = some
	l.store(meta, metaMagic, 4, l.konst(0))
	l.jump(done)
	l.cur = done
}

// pullLength returns how many bytes of the packet have to be in one piece.
func (l *lowerer) pullLength() *value {
	total := 0
	for _, h := range l.prog.Headers {
		if !h.Metadata {
			total += (h.Type.Width + 7) / 8
		}
	}
	length := l.load(l.f.ctx, skbLen, 4)
	most := l.konst(uint64(total))
	return l.choose(l.set(condLt, length, most), length, most)
}

// orLeave leaves the packet to others where the comparison holds.
func (l *lowerer) orLeave(c cond, x, y *value) { l.orLeaveWith(tcxNext, c, x, y) }

func (l *lowerer) orLeaveWith(verdict uint64, c cond, x, y *value) {
	out, on := l.f.newBlock(""), l.f.newBlock("")
	out.cold = true
	l.branch(c, x, y, out, on)
	l.cur = out
	l.exit(l.konst(verdict))
	l.cur = on
}

// lowerReplicate makes the loop over the replicas.
func (l *lowerer) lowerReplicate(st *state) {
	at := metaFields
	for _, id := range l.carried() {
		n := limbs(l.fields[id].Field.Width)
		var v num
		for i := range n {
			w := l.load(l.frame(l.carry, 0), at, 8)
			w.bits = min(64, l.fields[id].Field.Width-64*i)
			v = append(v, w)
			at += 8
		}
		l.write(st, l.fields[id], v)
	}
	loop := &replicaLoop{head: st.checked, next: l.f.newBlock("next replica")}
	l.saveHeaders(st, loop)
	head, body, done := l.f.newBlock("replicas"), l.f.newBlock(""), l.f.newBlock("no more replicas")
	i := l.f.newValue(opParam)
	i.bits = 32
	head.params = []*value{i}
	l.jump(head, l.hiddenZero())
	l.cur = head
	l.branch(condSpent, l.konst(0), l.konst(0), done, body)
	l.cur = body
	stop := func(c cond, x, y *value) {
		on := l.f.newBlock("")
		l.branch(c, x, y, done, on)
		l.cur = on
	}
	stop(condGe, i, l.load(l.replicas, 0, 4))
	stop(condGe, i, l.konst(uint64(l.obj.Multicast.Max)))
	replica := l.alu(opAdd, l.replicas, l.aluC(opShl, i, 3))
	port, rid := l.load(replica, replicaHeader, 4), l.load(replica, replicaHeader+4, 4)
	st.data, st.end = l.loadData()
	if loop.head > 0 {
		stop(condGt, l.aluC(opAdd, st.data, uint64(loop.head)), st.end)
	}
	enter := l.cur
	l.cur = loop.next
	l.jump(head, l.aluC(opAdd, i, 1))
	l.cur = done
	l.exit(l.konst(tcShot))
	l.cur = enter
	l.loops[st.data] = loop
	l.setStd(st, "packet_length", l.load(l.f.ctx, skbLen, 4))
	l.setStd(st, "instance_type", l.konst(instanceReplication))
	l.setStdMasked(st, "egress_rid", rid)
	st.loop = loop
	l.enterEgress(st, l.stdMask("egress_port", port))
}

// setStdMasked sets a field of standard metadata to as much of a number as fits.
func (l *lowerer) setStdMasked(st *state, name string, v *value) {
	l.setStd(st, name, l.stdMask(name, v))
}

func (l *lowerer) stdMask(name string, v *value) *value {
	if id := l.stdID(name); id >= 0 {
		return l.mask(v, l.fields[id].Field.Width)
	}
	return v
}

// saveHeaders keeps the packet's headers on the stack.
func (l *lowerer) saveHeaders(st *state, loop *replicaLoop) {
	if loop.head == 0 {
		return
	}
	loop.orig = l.f.newSlot(loop.head)
	for at := 0; at < loop.head; {
		n := chunk(loop.head - at)
		l.store(l.frame(loop.orig, 0), at, n, l.load(st.data, at, n))
		at += n
	}
}

// finishTC sends a replica and goes on with the next one.
func (l *lowerer) finishTC(st *state, fate Fate, port *value) {
	switch fate {
	case FateForwarded:
		key := l.f.newSlot(4)
		l.store(l.frame(key, 0), 0, 4, port)
		l.withElement(l.obj.IfindexOfMap, key, func(p *value) {
			l.call(asm.FnCloneRedirect, l.f.ctx, l.load(p, 0, 4), l.konst(0))
		})
	case FateHost:
		l.call(asm.FnCloneRedirect, l.f.ctx, l.load(l.f.ctx, skbIfindex, 4), l.konst(cloneIngress))
	case FateFailed:
		l.exit(l.konst(tcShot))
		return
	}
	if st.wrote {
		l.restore(st)
		if l.cur == nil {
			return
		}
	}
	l.jump(st.loop.next)
}

// cloneIngress is BPF_F_INGRESS of linux/bpf.h.
const cloneIngress = 1

// restore puts the packet back as it came in.
func (l *lowerer) restore(st *state) {
	if st.grown != 0 {
		l.resizeTC(st, -st.grown)
	}
	if st.loop.head == 0 {
		return
	}
	st.data, st.end = l.loadData()
	l.orLeaveWith(tcShot, condGt, l.aluC(opAdd, st.data, uint64(st.loop.head)), st.end)
	for at := 0; at < st.loop.head; {
		n := chunk(st.loop.head - at)
		l.store(st.data, at, n, l.load(l.frame(st.loop.orig, 0), at, n))
		at += n
	}
}

// adjustRoomMAC is BPF_ADJ_ROOM_MAC of linux/bpf.h.
const adjustRoomMAC = 1

// resizeTC makes the packet longer behind its first 14 bytes, or shorter. The kernel wants an IPv4 header to be
// left, so a short packet is padded on the way.
func (l *lowerer) resizeTC(st *state, grow int) {
	adjust := func() {
		failed := l.call(asm.FnSkbAdjustRoom, l.f.ctx, l.konst(uint64(int64(grow))), l.konst(adjustRoomMAC), l.konst(0))
		l.orLeaveWith(tcShot, condNe, failed, l.konst(0))
	}
	if grow > 0 {
		adjust()
		return
	}
	const ipv4Bytes = 20
	need := l.konst(uint64(ethernetBytes + ipv4Bytes - grow))
	length := l.load(l.f.ctx, skbLen, 4)
	short, long, done := l.f.newBlock("short packet"), l.f.newBlock(""), l.f.newBlock("")
	short.cold = true
	l.branch(condLt, length, need, short, long)
	l.cur = short
	failed := l.call(asm.FnSkbChangeTail, l.f.ctx, need, l.konst(0))
	l.orLeaveWith(tcShot, condNe, failed, l.konst(0))
	adjust()
	failed = l.call(asm.FnSkbChangeTail, l.f.ctx, l.mask(l.aluC(opAdd, length, uint64(int64(grow))), 32), l.konst(0))
	l.orLeaveWith(tcShot, condNe, failed, l.konst(0))
	l.jump(done)
	l.cur = long
	adjust()
	l.jump(done)
	l.cur = done
}
