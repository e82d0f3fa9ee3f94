package sim

import (
	"context"
	"syscall"
)

// request is one request that is being carried out.
type request struct {
	k      *Kernel
	s      *Socket
	ctx    context.Context
	hdr    header
	raw    []byte // the whole message
	cmd    uint8
	attrs  attrs
	in     *instance // locked, for a do on a device
	faults []Fault   // that apply to the replies
	warn   string    // said in the acknowledgement of success
}

// operation is what the family does for a command.
type operation struct {
	do    func(*request) error
	dump  func(*request) dumper
	admin bool // for privileged users only
}

// operations lists devlink's commands. It is a function and not a variable so that nothing can change it.
func operations(cmd uint8) operation {
	switch cmd {
	case cmdGet:
		return operation{do: (*request).getDevice, dump: dumpDevices}
	case cmdPortGet:
		return operation{do: (*request).getPort, dump: dumpPorts}
	case cmdInfoGet:
		return operation{do: (*request).getInfo, dump: dumpInfo}
	case cmdFlashUpdate:
		return operation{do: (*request).flash, admin: true}
	case cmdReload:
		return operation{do: (*request).reload, admin: true}
	case cmdParamGet:
		return operation{do: (*request).getParam, dump: dumpParams}
	case cmdParamSet:
		return operation{do: (*request).setParam, admin: true}
	case cmdRegionGet:
		return operation{do: (*request).getRegion, dump: dumpRegions}
	case cmdRegionNew:
		return operation{do: (*request).newSnapshot, admin: true}
	case cmdRegionDel:
		return operation{do: (*request).deleteSnapshot, admin: true}
	case cmdRegionRead:
		return operation{dump: dumpRegionChunks, admin: true}
	}
	return pipelineOperations(cmd)
}

func pipelineOperations(cmd uint8) operation {
	switch cmd {
	case cmdDpipeTableGet:
		return operation{do: (*request).getTables}
	case cmdDpipeEntriesGet:
		return operation{do: (*request).getEntries}
	case cmdDpipeHeadersGet:
		return operation{do: (*request).getHeaders}
	case cmdDpipeCountersSet:
		return operation{do: (*request).setCounters, admin: true}
	case cmdResourceDump:
		return operation{do: (*request).getResources}
	case cmdResourceSet:
		return operation{do: (*request).setResource, admin: true}
	case cmdHealthGet:
		return operation{do: (*request).getReporter, dump: dumpReporters}
	case cmdHealthSet:
		return operation{do: (*request).setReporter, admin: true}
	case cmdHealthRecover:
		return operation{do: (*request).recoverReporter, admin: true}
	case cmdHealthDiagnose:
		return operation{do: (*request).diagnose}
	case cmdHealthDumpGet:
		return operation{dump: dumpReporterDump, admin: true}
	case cmdHealthDumpClear:
		return operation{do: (*request).clearDump, admin: true}
	case cmdHealthTest:
		return operation{do: (*request).testReporter, admin: true}
	}
	return trapOperations(cmd)
}

func trapOperations(cmd uint8) operation {
	switch cmd {
	case cmdTrapGet:
		return operation{do: (*request).getTrap, dump: dumpTraps}
	case cmdTrapSet:
		return operation{do: (*request).setTrap, admin: true}
	case cmdTrapGroupGet:
		return operation{do: (*request).getTrapGroup, dump: dumpTrapGroups}
	case cmdTrapGroupSet:
		return operation{do: (*request).setTrapGroup, admin: true}
	case cmdTrapPolicerGet:
		return operation{do: (*request).getPolicer, dump: dumpPolicers}
	case cmdTrapPolicerSet:
		return operation{do: (*request).setPolicer, admin: true}
	case cmdSelftestsGet:
		return operation{do: (*request).getSelftests, dump: dumpSelftests}
	case cmdSelftestsRun:
		return operation{do: (*request).runSelftests, admin: true}
	}
	return operation{}
}

// receive takes a datagram apart into requests, as netlink_rcv_skb does: what is too short ends it silently.
func (k *Kernel) receive(s *Socket, d []byte) {
	for len(d) >= nlmsgHdrLen {
		h := parseHeader(d)
		if h.length < nlmsgHdrLen || int64(h.length) > int64(len(d)) {
			return
		}
		k.message(s, h, d[:h.length:h.length])
		d = d[min(align(int(h.length)), len(d)):]
	}
}

// message carries out one request and acknowledges it.
func (k *Kernel) message(s *Socket, h header, raw []byte) {
	r := &request{k: k, s: s, ctx: s.ctx, hdr: h, raw: raw}
	var err error
	if h.flags&flagRequest != 0 && h.typ >= nlmsgMin {
		err = r.dispatch()
	}
	if err == errNoAnswer || s.ctx.Err() != nil {
		return
	}
	if err != nil || h.flags&flagAck != 0 {
		r.acknowledge(err)
	}
}

// dispatch finds the family and the command.
func (r *request) dispatch() error {
	if r.hdr.typ != ctrlID && r.hdr.typ != r.k.opts.FamilyID {
		return syscall.ENOENT
	}
	if len(r.raw) < nlmsgHdrLen+genlHdrLen {
		return syscall.EINVAL
	}
	r.cmd = r.raw[nlmsgHdrLen]
	r.attrs = parseAttrs(r.raw, nlmsgHdrLen+genlHdrLen)
	if r.hdr.typ == ctrlID {
		return r.control()
	}
	return r.devlink()
}

func (r *request) isDump() bool { return r.hdr.flags&flagDump == flagDump }

// devlink carries out a request of the devlink family.
func (r *request) devlink() error {
	op := operations(r.cmd)
	if r.isDump() && op.dump == nil || !r.isDump() && op.do == nil {
		return syscall.EOPNOTSUPP
	}
	if err := r.attrs.validate(); err != nil {
		return err
	}
	if err := r.meetFaults(); err != nil {
		return err
	}
	if r.isDump() {
		return r.startDump(op.dump(r))
	}
	in, err := r.k.lookup(r.ctx, r.attrs)
	if err != nil {
		return err
	}
	defer in.unlock()
	r.in = in
	return op.do(r)
}

// header returns the header of a reply.
func (r *request) header(flags uint16) header {
	return header{typ: r.hdr.typ, flags: flags, seq: r.hdr.seq, pid: r.s.portID}
}

// reply sends one message.
func (r *request) reply(cmd uint8, body func(b *skb)) error {
	b := newSkb()
	b.genl(r.header(0), cmd, familyVersion, func() {
		r.in.putHandle(b)
		body(b)
	})
	if b.full {
		return syscall.EMSGSIZE
	}
	r.post(b.buf)
	return nil
}

// post sends a datagram to the requester, through the faults that apply.
func (r *request) post(d []byte) {
	for _, f := range r.faults {
		d = f.spoil(d)
		if f.Kind == NoBuffers {
			d = nil
		}
	}
	if d == nil {
		r.s.fail()
		return
	}
	r.s.reply(d)
}

// acknowledge sends an NLMSG_ERROR: errno 0 for success, the request's header or all of it, and the attributes
// of the extended acknowledgement.
func (r *request) acknowledge(err error) {
	r.s.mu.Lock()
	ext, capped := r.s.extAck, r.s.capAck
	r.s.mu.Unlock()
	var e *Error
	if err != nil {
		e = toError(err)
	}
	echo := r.raw
	var flags uint16
	if e == nil || capped {
		echo, flags = r.raw[:nlmsgHdrLen], flagCapped
	}
	tlvs := &skb{room: skbSize}
	switch {
	case ext && e != nil:
		r.putExtack(tlvs, e)
	case ext && r.warn != "":
		tlvs.str(errAttrMsg, r.warn)
	}
	if len(tlvs.buf) > 0 {
		flags |= flagAckTLVs
	}
	b := &skb{room: nlmsgHdrLen + 4 + align(len(echo)) + len(tlvs.buf)}
	b.message(header{typ: nlmsgError, flags: flags, seq: r.hdr.seq, pid: r.s.portID}, func() {
		if p := b.grow(4); e != nil {
			host.PutUint32(p, uint32(-int32(e.Errno)))
		}
		if len(tlvs.buf) > 0 {
			copy(b.grow(align(len(echo))), echo)
		} else {
			copy(b.grow(len(echo)), echo)
		}
		copy(b.grow(len(tlvs.buf)), tlvs.buf)
	})
	r.post(b.buf)
}

func (r *request) putExtack(b *skb, e *Error) {
	if e.Message != "" {
		b.str(errAttrMsg, e.Message)
	}
	offset := e.offset
	if a, ok := r.attrs[e.Attr]; ok && e.Attr != 0 {
		offset = a.offset
	}
	if offset != 0 {
		b.u32(errAttrOffset, uint32(offset))
	}
	if e.Missing != 0 {
		b.u32(errAttrMissType, uint32(e.Missing))
	}
}
