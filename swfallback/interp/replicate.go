package interp

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// multicast makes a copy of the packet for each replica of a group; an unknown group makes none.
func (a *v1model) multicast(p *packet, id uint32) {
	g := a.sw.groups[id]
	if g == nil {
		return
	}
	for _, r := range g.Replicas {
		p.outcome(Outcome{Kind: Replicated, Port: r.Port})
		a.enqueue(a.replica(p, r), r.Port)
	}
}

// replica is a copy as it stands: headers, metadata and payload, without what was asked for.
func (a *v1model) replica(p *packet, r pipeline.Replica) *packet {
	q := a.sw.newPacket()
	q.copyHeaders(p)
	q.in, q.payload, q.now = p.in, p.payload, p.now
	q.arch = p.arch.copied()
	q.arch.truncated = p.arch.truncated
	q.set(a.std.egressRid, uint64(r.Instance))
	return q
}

// clones sends copies of q where the session says, and frees q: first to its group, then to its ports.
func (a *v1model) clones(q *packet, s *pipeline.CloneSession) {
	if s.Truncate > 0 {
		q.arch.truncate(s.Truncate)
	}
	if s.Multicast != 0 {
		q.outcome(Outcome{Kind: Multicast, ID: s.Multicast})
		a.multicast(q, s.Multicast)
	}
	for _, r := range s.Replicas {
		q.outcome(Outcome{Kind: Cloned, ID: s.ID, Port: r.Port})
		a.enqueue(a.replica(q, r), r.Port)
	}
	a.sw.freePacket(q)
}

// cloneIngress: the clone is the packet as it came in, parsed again, with the listed metadata as it is at the
// end of ingress.
func (a *v1model) cloneIngress(p *packet) {
	p.arch.clone = false
	s := a.sw.sessions[p.arch.session]
	if s == nil {
		return
	}
	q := a.sw.newPacket()
	q.in, q.now = p.in, p.now
	q.arch = intrinsic{received: p.arch.received, current: len(p.in), ingressPort: p.arch.ingressPort}
	q.set(a.std.ingressPort, uint64(p.arch.ingressPort))
	q.traceBlock("parser")
	a.parser.parse(q)
	a.preserve(q, p, p.arch.cloneList, instanceIngressClone)
	a.clones(q, s)
}

// cloneEgress: the clone has the headers of the end of egress and the listed metadata.
func (a *v1model) cloneEgress(p *packet) {
	p.arch.clone = false
	s := a.sw.sessions[p.arch.session]
	if s == nil {
		return
	}
	q := a.sw.newPacket()
	q.copyHeaders(p)
	q.in, q.payload, q.now = p.in, p.payload, p.now
	q.arch = p.arch.copied()
	a.preserve(q, p, p.arch.cloneList, instanceEgressClone)
	a.clones(q, s)
}

// resubmit sends the packet as it came in to ingress again, with the listed metadata.
func (a *v1model) resubmit(p *packet) {
	p.outcome(Outcome{Kind: Resubmitted})
	q := a.sw.newPacket()
	q.in = p.in
	q.arch = intrinsic{received: p.arch.received, current: len(p.in), ingressPort: p.arch.ingressPort}
	a.preserve(q, p, p.arch.resubmit, instanceResubmitted)
	q.set(a.std.packetLength, uint64(len(p.in)))
	a.toIngress.push(q)
	a.sw.freePacket(p)
}

// recirculate sends the packet as the deparser wrote it to ingress, with the listed metadata.
func (a *v1model) recirculate(p *packet, data []byte) {
	p.outcome(Outcome{Kind: Recirculated})
	q := a.sw.newPacket()
	q.in = data
	q.arch = intrinsic{received: len(data), current: len(data), ingressPort: p.arch.ingressPort}
	a.preserve(q, p, p.arch.recirculate, instanceRecirculated)
	q.set(a.std.packetLength, uint64(len(data)))
	a.toIngress.push(q)
	a.sw.freePacket(p)
}

// preserve sets all metadata of q to zero but the fields of a list, which it takes from p.
func (a *v1model) preserve(q, p *packet, list uint64, instance uint64) {
	q.resetMetadata()
	if l := a.lists[list]; l != nil {
		for _, f := range l.fields {
			q.store(f, p.load(f))
		}
	}
	q.set(a.std.instanceType, instance)
}

// fieldList are the fields that a copy keeps.
type fieldList struct{ fields []*field }

func (c *compiler) fieldLists(ms []*pipeline.FieldList) (map[uint64]*fieldList, error) {
	out := map[uint64]*fieldList{}
	for _, m := range ms {
		l := &fieldList{}
		for _, e := range m.Elements {
			ref, ok := e.(*pipeline.FieldRef)
			if !ok {
				continue // a constant has nothing to keep
			}
			f, err := c.field(ref.Header, ref.Field)
			if err != nil {
				return nil, fmt.Errorf("compile field list %s: %w", m.Name, err)
			}
			l.fields = append(l.fields, f)
		}
		out[uint64(m.BMv2ID)] = l
	}
	return out, nil
}

// digestList are the values of a digest.
type digestList struct {
	model  *pipeline.Digest
	values []keyPart
}

func (c *compiler) digestLists(ms []*pipeline.Digest) (map[uint64]*digestList, error) {
	out := map[uint64]*digestList{}
	for _, m := range ms {
		d := &digestList{model: m}
		for _, e := range m.Elements {
			part, err := c.digestValue(e)
			if err != nil {
				return nil, fmt.Errorf("compile digest %s: %w", m.Name, err)
			}
			d.values = append(d.values, part)
		}
		out[uint64(m.BMv2ID)] = d
	}
	return out, nil
}

func (c *compiler) digestValue(e pipeline.Expr) (keyPart, error) {
	switch e := e.(type) {
	case *pipeline.FieldRef:
		f, err := c.field(e.Header, e.Field)
		return func(p *packet, b []byte) []byte { return append(b, p.load(f).bytes(f.width)...) }, err
	case *pipeline.ValidRef:
		return c.selectPart(pipeline.SelectKey{Expr: e, Width: 1})
	case *pipeline.Const:
		width := e.Width
		if width == 0 && e.Value != nil {
			width = max(8, e.Value.BitLen())
		}
		return c.selectPart(pipeline.SelectKey{Expr: e, Width: width})
	}
	return nil, unsupported("value of a digest", e)
}

func (a *v1model) sendDigest(p *packet) {
	d := a.digests[p.arch.digest]
	if d == nil {
		return
	}
	p.outcome(Outcome{Kind: Digested})
	if a.sw.opts.Digest == nil {
		return
	}
	out := Digest{Digest: d.model}
	for _, v := range d.values {
		out.Values = append(out.Values, v(p, nil))
	}
	a.sw.digests = append(a.sw.digests, out)
}

// SetMulticastGroup adds or replaces a group; without replicas it removes the group. Copies are made in the
// order of the replicas. Group 0 does not exist: ErrBadRange.
func (sw *Switch) SetMulticastGroup(g pipeline.MulticastGroup) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	switch {
	case g.ID == 0:
		return fmt.Errorf("interp: set multicast group 0: %w", pipeline.ErrBadRange)
	case len(g.Replicas) == 0:
		delete(sw.groups, g.ID)
	default:
		g.Replicas = slices.Clone(g.Replicas)
		sw.groups[g.ID] = &g
	}
	return nil
}

// MulticastGroups returns the groups in the order of their ids.
func (sw *Switch) MulticastGroups() []pipeline.MulticastGroup {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	var out []pipeline.MulticastGroup
	for _, id := range sortedKeys(sw.groups) {
		g := *sw.groups[id]
		g.Replicas = slices.Clone(g.Replicas)
		out = append(out, g)
	}
	return out
}

// maxSession is the largest clone session: simple_switch keeps 15 bits of the number.
const maxSession = 1<<15 - 1

// SetCloneSession adds or replaces a session; without replicas and group it removes the session. ErrBadRange:
// the id is above 32767.
func (sw *Switch) SetCloneSession(s pipeline.CloneSession) error {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	switch {
	case s.ID > maxSession || s.Truncate < 0:
		return fmt.Errorf("interp: set clone session %d: %w", s.ID, pipeline.ErrBadRange)
	case len(s.Replicas) == 0 && s.Multicast == 0:
		delete(sw.sessions, s.ID)
	default:
		s.Replicas = slices.Clone(s.Replicas)
		sw.sessions[s.ID] = &s
	}
	return nil
}

// CloneSessions returns the sessions in the order of their ids.
func (sw *Switch) CloneSessions() []pipeline.CloneSession {
	sw.mu.Lock()
	defer sw.mu.Unlock()
	var out []pipeline.CloneSession
	for _, id := range sortedKeys(sw.sessions) {
		s := *sw.sessions[id]
		s.Replicas = slices.Clone(s.Replicas)
		out = append(out, s)
	}
	return out
}
