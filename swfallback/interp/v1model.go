package interp

import (
	"errors"
	"fmt"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Values of standard_metadata.instance_type (behavioral-model, "simple_switch": PktInstanceType).
const (
	instanceNormal       = 0
	instanceIngressClone = 1
	instanceEgressClone  = 2
	instanceRecirculated = 4
	instanceReplicated   = 5
	instanceResubmitted  = 6
)

// intrinsic is what simple_switch keeps of a packet beside its metadata.
type intrinsic struct {
	received    int    // bytes that counters and meters see: as it came in, or as it was recirculated
	current     int    // bytes, with the headers that were added and removed
	ingressPort uint32 // for the second parsing of an ingress clone
	egressPort  uint32

	clone       bool // the last clone that was asked for
	session     uint32
	cloneList   uint64
	digest      uint64 // list ids; 0: not asked for
	resubmit    uint64
	recirculate uint64
	truncated   int // bytes + 1 that may leave; 0: all
}

func (in *intrinsic) length() int { return in.received }

func (in *intrinsic) truncate(n int) { in.truncated = min(n, in.truncation()) + 1 }

// truncation is the most bytes that may leave.
func (in *intrinsic) truncation() int {
	if in.truncated == 0 {
		return int(^uint(0)>>1) - 1
	}
	return in.truncated - 1
}

// copied is what a copy of the packet keeps: lengths alone.
func (in *intrinsic) copied() intrinsic {
	return intrinsic{received: in.received, current: in.current, ingressPort: in.ingressPort}
}

// v1model is v1model.p4 as simple_switch implements it: parser, checksum verification, ingress, replication,
// egress, checksum update, deparser.
type v1model struct {
	sw              *Switch
	parser          *parser
	ingress, egress *control
	deparser        *deparser
	lists           map[uint64]*fieldList
	digests         map[uint64]*digestList
	std             standardMetadata

	toIngress, toEgress queue
	out                 []Output
	passes              int
	failure             error
}

// standardMetadata are the intrinsic fields; nil where the program has none, or never refers to it and the architecture
// does not read it either. BMv2 finds them under their v1model names or their P4_14 ones, which p4c writes as aliases.
type standardMetadata struct {
	ingressPort, egressSpec, egressPort, instanceType, packetLength *field
	parserError, checksumError                                      *field
	mcastGrp, egressRid                                             *field
	ingressTimestamp, egressTimestamp                               *field
	enqTimestamp, enqQdepth, deqTimedelta, deqQdepth                *field
}

func newV1Model(sw *Switch) architecture { return &v1model{sw: sw} }

func (a *v1model) primitives() map[pipeline.Op]primitiveCompiler { return v1modelPrimitives }

// bind finds blocks and fields by the names that simple_switch looks for.
func (a *v1model) bind(c *compiler) error {
	p := a.sw.program
	if err := a.bindBlocks(c, p); err != nil {
		return err
	}
	std := &a.std
	for _, f := range []struct {
		to   **field
		name string
		own  bool // the architecture reads it, too
	}{
		{&std.ingressPort, "standard_metadata.ingress_port", false},
		{&std.egressSpec, "standard_metadata.egress_spec", true},
		{&std.egressPort, "standard_metadata.egress_port", false},
		{&std.instanceType, "standard_metadata.instance_type", false},
		{&std.packetLength, "standard_metadata.packet_length", false},
		{&std.parserError, "standard_metadata.parser_error", false},
		{&std.checksumError, "standard_metadata.checksum_error", false},
		{&std.mcastGrp, "intrinsic_metadata.mcast_grp", true},
		{&std.egressRid, "intrinsic_metadata.egress_rid", false},
		{&std.ingressTimestamp, "intrinsic_metadata.ingress_global_timestamp", false},
		{&std.egressTimestamp, "intrinsic_metadata.egress_global_timestamp", false},
		{&std.enqTimestamp, "queueing_metadata.enq_timestamp", false},
		{&std.enqQdepth, "queueing_metadata.enq_qdepth", false},
		{&std.deqTimedelta, "queueing_metadata.deq_timedelta", false},
		{&std.deqQdepth, "queueing_metadata.deq_qdepth", false},
	} {
		at, err := c.fieldByName(f.name)
		if err != nil {
			return err
		}
		if at != nil && (at.width > 64 || at.isVar) {
			return fmt.Errorf("bind v1model: %s has %d bits: %w", f.name, at.width, errors.ErrUnsupported)
		}
		if at != nil && (f.own || at.used) {
			*f.to = at
		}
	}
	if std.egressSpec == nil {
		return fmt.Errorf("bind v1model: no field standard_metadata.egress_spec")
	}
	return nil
}

func (a *v1model) bindBlocks(c *compiler, p *pipeline.Program) error {
	a.parser, a.ingress, a.egress = &parser{}, &control{}, &control{}
	a.deparser = &deparser{model: &pipeline.Deparser{}}
	for i, m := range p.Parsers {
		if i == 0 || m.Name == "parser" {
			a.parser = a.sw.parsers[i]
		}
	}
	for i, m := range p.Controls {
		switch m.Name {
		case "ingress":
			a.ingress = a.sw.controls[i]
		case "egress":
			a.egress = a.sw.controls[i]
		}
	}
	for i, m := range p.Deparsers {
		if i == 0 || m.Name == "deparser" {
			a.deparser = a.sw.deparsers[i]
		}
	}
	var err error
	if a.parser.sums, err = c.checksums(p.Checksums, func(m *pipeline.Checksum) bool { return m.Verify }); err != nil {
		return err
	}
	if a.deparser.sums, err = c.checksums(p.Checksums, func(m *pipeline.Checksum) bool { return m.Update }); err != nil {
		return err
	}
	if a.lists, err = c.fieldLists(p.FieldLists); err != nil {
		return err
	}
	a.digests, err = c.digestLists(p.Digests)
	return err
}

// fieldByName finds an intrinsic field; nil: the program has none.
func (c *compiler) fieldByName(name string) (*field, error) {
	ref := c.sw.program.FieldByName(name)
	if ref == nil {
		return nil, nil
	}
	i, err := c.headerIndex(ref.Header)
	if err != nil {
		return nil, err
	}
	return c.fieldPlace(i, ref.Field)
}

// set stores into an intrinsic field, where the program has it; none is wider than 64 bits (bind).
func (p *packet) set(f *field, n uint64) {
	if f != nil && f.width > 0 {
		storeBits(p.data, f.at, f.width, n)
	}
}

func (p *packet) get(f *field) uint64 {
	if f == nil {
		return 0
	}
	return p.load(f).uint64()
}

// process runs ingress and egress passes until no copy of the packet is left. Egress comes first: what is
// resubmitted or recirculated waits.
func (a *v1model) process(port uint32, data []byte) ([]Output, error) {
	a.out, a.passes, a.failure = nil, 0, nil
	p := a.sw.newPacket()
	p.in = data
	p.arch = intrinsic{received: len(data), current: len(data), ingressPort: port}
	p.set(a.std.ingressPort, uint64(port))
	p.set(a.std.packetLength, uint64(len(data)))
	a.stamp(p, a.std.ingressTimestamp)
	a.toIngress.push(p)
	for a.toIngress.len()+a.toEgress.len() > 0 {
		if a.passes++; a.passes > a.sw.opts.MaxPasses {
			a.abandon()
			break
		}
		a.pass()
	}
	out := a.out
	a.out = nil
	return out, a.failure
}

// pass takes the next waiting packet through its block.
func (a *v1model) pass() {
	if a.toEgress.len() > 0 {
		a.egressPass(a.toEgress.pop())
		return
	}
	a.ingressPass(a.toIngress.pop())
}

// queue holds packets in order.
type queue struct {
	packets []*packet
	head    int
}

func (q *queue) len() int { return len(q.packets) - q.head }

func (q *queue) push(p *packet) { q.packets = append(q.packets, p) }

func (q *queue) pop() *packet {
	p := q.packets[q.head]
	if q.head++; q.head == len(q.packets) {
		q.packets, q.head = q.packets[:0], 0
	}
	return p
}

// abandon ends the packet's copies: there were too many passes.
func (a *v1model) abandon() {
	for _, q := range []*queue{&a.toIngress, &a.toEgress} {
		for q.len() > 0 {
			a.sw.freePacket(q.pop())
		}
	}
	a.failure = ErrLoop
	if a.sw.tracer != nil {
		a.sw.tracer.Trace(Outcome{Kind: Failed})
	}
}

// failed ends a packet whose assertion failed.
func (a *v1model) failed(p *packet) bool {
	if p.failure == nil {
		return false
	}
	if a.failure == nil {
		a.failure = p.failure
	}
	p.outcome(Outcome{Kind: Failed})
	a.sw.freePacket(p)
	return true
}

// stamp stores the packet's time into a field, in microseconds since the Switch was made, as BMv2 does.
func (a *v1model) stamp(p *packet, f *field) {
	if f != nil {
		p.set(f, uint64(p.time().Sub(a.sw.start)/time.Microsecond))
	}
}

// ingressPass: parser, checksum verification, ingress; then in this order clone, digest, and one of resubmit,
// multicast, drop, unicast (behavioral-model, "simple_switch", "after-ingress pseudocode").
func (a *v1model) ingressPass(p *packet) {
	p.traceBlock("parser")
	a.parser.parse(p)
	p.set(a.std.parserError, p.errCode)
	if p.badSum {
		p.set(a.std.checksumError, 1)
	} else {
		p.set(a.std.checksumError, 0)
	}
	p.traceBlock("ingress")
	a.ingress.run(p)
	if a.failed(p) {
		return
	}
	group := uint32(p.get(a.std.mcastGrp))
	if p.arch.clone {
		a.cloneIngress(p)
	}
	if p.arch.digest != 0 {
		a.sendDigest(p)
	}
	spec := uint32(p.get(a.std.egressSpec))
	switch {
	case p.arch.resubmit != 0:
		a.resubmit(p)
	case group != 0:
		p.outcome(Outcome{Kind: Multicast, ID: group})
		p.set(a.std.instanceType, instanceReplicated)
		p.arch.truncated = 0 // BMv2's copies are whole again
		a.multicast(p, group)
		a.sw.freePacket(p)
	case spec == a.sw.opts.DropPort:
		p.outcome(Outcome{Kind: Dropped})
		a.sw.freePacket(p)
	default:
		p.outcome(Outcome{Kind: Unicast, Port: spec})
		p.set(a.std.instanceType, instanceNormal)
		a.enqueue(p, spec)
	}
}

// enqueue hands a packet to egress. The queues of this engine are empty whenever a packet comes.
func (a *v1model) enqueue(p *packet, port uint32) {
	p.arch.egressPort = port
	a.stamp(p, a.std.enqTimestamp)
	p.set(a.std.enqQdepth, 0)
	a.toEgress.push(p)
}

// egressPass: egress; clone, or drop; checksum update, deparser; then recirculate or send.
func (a *v1model) egressPass(p *packet) {
	a.stamp(p, a.std.egressTimestamp)
	p.set(a.std.deqTimedelta, 0) // a packet's time stands still
	p.set(a.std.deqQdepth, 0)
	p.set(a.std.egressPort, uint64(p.arch.egressPort))
	p.set(a.std.egressSpec, uint64(a.sw.opts.DropPort)+1) // anything but the drop port
	p.set(a.std.packetLength, uint64(p.arch.current))
	p.traceBlock("egress")
	a.egress.run(p)
	if a.failed(p) {
		return
	}
	if p.arch.clone {
		a.cloneEgress(p)
	}
	if uint32(p.get(a.std.egressSpec)) == a.sw.opts.DropPort {
		p.outcome(Outcome{Kind: Dropped})
		a.sw.freePacket(p)
		return
	}
	p.traceBlock("deparser")
	data := a.deparser.write(p)
	switch {
	case a.failed(p):
		return
	case p.arch.recirculate != 0:
		a.recirculate(p, data)
		return
	}
	data = data[:min(len(data), p.arch.truncation())]
	p.outcome(Outcome{Kind: Sent, Port: p.arch.egressPort})
	a.out = append(a.out, Output{p.arch.egressPort, data})
	a.sw.freePacket(p)
}
