package bpfgen

import (
	"maps"
	"slices"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// A lowerer runs a program symbolically and writes down what is left to be done at run time.
type lowerer struct {
	*points
	*builder
	obj  *Object
	opts Options
	role role
	tc   bool // a program for tcx, not for XDP
	part int  // of a program that is cut: which part, see split.go

	order       []int // by header: its place in the deparser, -1 for none
	settable    set   // headers that may become valid behind the parser
	sumsPayload bool  // a calculation takes the payload

	home    *home  // of the general form, else nil
	homePtr *value // address of the packet's home
	parts   *parts // how the program is cut

	memo     map[string]*block // by shape.key
	key      []byte            // the last one made
	variants []int             // by point
	queue    []work
	err      error
}

// role says which of an object's programs is made.
type role uint8

// The roles.
const (
	roleXDP  role = iota // XDP, on every port
	roleTC               // tcx ingress, on every port: takes over what XDP could not finish
	rolePart             // called by one of the others, or by itself
)

// work is code that is still to be made: what happens from a point on, in a state.
type work struct {
	at *point
	st *state
	b  *block
}

// Limits of specialisation.
const (
	defaultVariants = 24
	defaultPart     = 12000
	maxBlocks       = 20000

	tooManyBlocks = "blocks of the program"
)

// newLowerer prepares the lowering of one program.
func newLowerer(g *points, obj *Object, name string, r role) *lowerer {
	l := &lowerer{points: g, builder: &builder{f: newFn(name)}, obj: obj, opts: obj.Options, role: r, tc: r != roleXDP,
		memo: make(map[string]*block), variants: make([]int, len(g.all)), settable: newSet(len(g.prog.Headers))}
	for range g.prog.Headers {
		l.order = append(l.order, -1)
	}
	for _, d := range g.prog.Deparsers {
		for i, h := range d.Order {
			l.order[h.Index] = i
		}
	}
	for _, a := range g.prog.Actions {
		l.findSettable(a.Body)
	}
	for _, c := range g.prog.Calculations {
		l.sumsPayload = l.sumsPayload || hasPayload(c.Input)
	}
	return l
}

// findSettable collects the headers that primitives make valid.
func (l *lowerer) findSettable(body []pipeline.Primitive) {
	for i := range body {
		switch body[i].Op {
		case pipeline.OpAddHeader, pipeline.OpAddHeaderFast, pipeline.OpCopyHeader, pipeline.OpAssignHeader:
			if h := headerOf(body[i].Args[0]); h != nil {
				l.settable.add(h.Index)
			}
		}
	}
}

// run lowers everything that can be reached.
func (l *lowerer) run() (*fn, error) {
	l.f.point = l.startPoint().id
	l.cur = l.f.newBlock("entry")
	switch l.role {
	case roleXDP:
		l.enterXDP()
	case roleTC:
		l.enterTC()
	case rolePart:
		l.enterPart()
	}
	for len(l.queue) > 0 && l.err == nil {
		w := l.queue[0]
		l.queue = l.queue[1:]
		l.cur = w.b
		l.f.point = w.at.id
		l.lowerPoint(w.at, w.st)
		if l.home == nil && len(l.f.blocks) > maxBlocks {
			l.fail(&LimitError{What: tooManyBlocks, Got: len(l.f.blocks), Max: maxBlocks})
		}
	}
	return l.f, l.err
}

// fail records the first error; the caller goes on and makes nothing of it.
func (l *lowerer) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// unsupported fails with a part of P4 that is not translated. The caller goes on: nothing of what it makes is used.
func (l *lowerer) unsupported(what string) {
	l.fail(&UnsupportedError{What: what, Source: sourceAt(l.src)})
}

// limit fails with something that the program needs more of than there is, as unsupported does.
func (l *lowerer) limit(what string, got, most int) {
	l.fail(&LimitError{What: what, Got: got, Max: most, Source: sourceAt(l.src)})
}

// zero is the number 0 in any width; only to go on after an error.
func (l *lowerer) zero() num { return num{l.konst(0)} }

// xdp_md of linux/bpf.h.
const (
	xdpData    = 0
	xdpDataEnd = 4
	xdpIfindex = 12
)

// XDP's verdicts, of linux/bpf.h.
const (
	xdpAborted = 0
	xdpDrop    = 1
	xdpPass    = 2
)

// enterXDP starts the XDP program: finds the port and the packet, then parses.
func (l *lowerer) enterXDP() {
	st := newState(l.index)
	port := l.ingressPort(l.load(l.f.ctx, xdpIfindex, 4), xdpPass)
	st.data, st.end = l.loadData()
	if l.home != nil {
		l.enterHome(port, l.alu(opSub, st.end, st.data))
		return
	}
	l.start(st, port, l.alu(opSub, st.end, st.data))
}

// loadPointer loads a packet pointer of the context.
func (l *lowerer) loadPointer(off int) *value {
	v := l.load(l.f.ctx, off, 4)
	v.ptr, v.bits = true, 64
	return v
}

// start sets standard metadata and goes to the parser.
func (l *lowerer) start(st *state, port, length *value) {
	l.setStd(st, "ingress_port", port)
	l.setStd(st, "packet_length", l.mask(length, 32))
	at := l.verify
	if l.parser != nil && l.parser.Start != nil {
		at = l.states[l.parser.Start]
	}
	l.goTo(at, st)
}

// ingressPort finds the P4 port of an interface, by address: a lookup would go over the stack. Packets of others leave
// with a verdict.
func (l *lowerer) ingressPort(ifindex *value, verdict uint64) *value {
	if !l.portNeeded() {
		return l.konst(0)
	}
	if len(l.opts.Ports) > 0 {
		return l.writtenPort(ifindex, verdict)
	}
	ok, out := l.f.newBlock("port"), l.f.newBlock("no port")
	out.cold = true
	l.branch(condGe, ifindex, l.konst(uint64(l.opts.MaxIfindex)), out, ok)
	l.cur = ok
	p := l.alu(opAdd, l.inRegister(l.mapValue(l.obj.PortOfMap)), l.aluC(opShl, ifindex, 2))
	p.ptr = true
	port := l.load(p, 0, 4)
	known := l.f.newBlock("known port")
	l.branch(condEq, port, l.konst(0), out, known)
	l.cur = out
	l.exit(l.konst(verdict))
	l.cur = known
	v := l.alu(opSub, port, l.konst(1))
	l.narrowPort(v)
	return v
}

// writtenPort is ingressPort for ports that the program is made for.
func (l *lowerer) writtenPort(ifindex *value, verdict uint64) *value {
	known := l.f.newBlock("known port")
	v := l.blockParam(known, 32)
	for _, port := range slices.Sorted(maps.Keys(l.opts.Ports)) {
		l.leave(condEq, ifindex, l.konst(uint64(l.opts.Ports[port])), known, l.konst(uint64(port)))
	}
	l.exit(l.konst(verdict))
	l.cur = known
	l.narrowPort(v)
	return v
}

// narrowPort bounds a port as the P4 program does: only such numbers belong to interfaces.
func (l *lowerer) narrowPort(v *value) {
	v.bits = 32
	if id := l.stdID("ingress_port"); id >= 0 {
		v.bits = l.fields[id].Field.Width
	}
}

// portNeeded reports whether anything depends on the port that a packet came in on.
func (l *lowerer) portNeeded() bool {
	if l.home != nil || l.obj.copies() {
		return true
	}
	id := l.stdID("ingress_port")
	return id >= 0 && len(l.all) > 0 && l.startPoint().live.has(id)
}

// setStd sets a field of standard metadata, if the program has it.
func (l *lowerer) setStd(st *state, name string, v *value) {
	id := l.stdID(name)
	switch {
	case id < 0:
	case l.home != nil:
		l.writeHome(st, id, num{v})
	default:
		st.setField(id, num{v}, false)
	}
}

// std returns a field of standard metadata; 0 if the program has none.
func (l *lowerer) std(st *state, name string) *value {
	id := l.stdID(name)
	if id < 0 {
		return l.konst(0)
	}
	return l.read(st, id)[0]
}

// goTo ends the block with a jump to the code for a point in a state, which is made if there is none yet.
func (l *lowerer) goTo(p *point, st *state) {
	if l.cur == nil {
		return
	}
	if l.home != nil {
		l.goToHomed(p)
		return
	}
	general := l.variants[p.id] >= l.opts.MaxVariants
	sh := l.settle(st, p, general)
	b, ok := l.memo[string(sh.key)]
	if !ok {
		l.variants[p.id]++
		b = l.f.newBlock(p.name())
		for i := range sh.vals {
			v := l.f.newValue(opParam)
			v.bits = sh.bits[i]
			b.params = append(b.params, v)
		}
		l.memo[string(sh.key)] = b
		next := st.clone()
		l.adopt(next, sh, b.params)
		l.queue = append(l.queue, work{at: p, st: next, b: b})
	}
	l.jump(b, sh.vals...)
}

// join returns a continuation for several ways that meet again. In general form its code is made once, on the first
// way, and the others jump there; then must not use values made on one of the ways. The specialiser keeps what
// each way knows, and makes it anew for each.
func (l *lowerer) join(then func(*state)) func(*state) {
	if l.home == nil {
		return then
	}
	var meet *block
	return func(*state) {
		if l.cur == nil {
			return
		}
		if meet != nil {
			l.jump(meet)
			return
		}
		meet = l.f.newBlock("")
		l.jump(meet)
		l.cur = meet
		then(l.anyState())
	}
}

// split goes two ways. What is known decides at once where it can.
func (l *lowerer) split(st *state, c cond, x, y *value, yes, no func(*state)) {
	if l.cur == nil {
		return
	}
	if x.isConst() && !y.isConst() {
		c, x, y = c.swapped(), y, x
	}
	if x.op == opSet && y.isConst() && (c == condEq || c == condNe) && y.imm <= 1 {
		inner := x.cond
		if (c == condEq) != (y.imm == 1) {
			inner = inner.inverse()
		}
		l.split(st, inner, x.args[0], x.args[1], yes, no)
		return
	}
	if result, ok := st.decide(c, x, y); ok {
		if result {
			yes(st)
		} else {
			no(st)
		}
		return
	}
	by, bn := l.f.newBlock(""), l.f.newBlock("")
	l.branch(c, x, y, by, bn)
	src := l.src
	other := st.clone()
	l.cur = by
	if y.isConst() {
		st.learn(l.index, l.builder, x, c, y.imm)
	}
	yes(st)
	l.cur, l.src = bn, src
	if y.isConst() {
		other.learn(l.index, l.builder, x, c.inverse(), y.imm)
	}
	no(other)
	l.cur = nil
}

// lowerPoint makes the code from a point on.
func (l *lowerer) lowerPoint(p *point, st *state) {
	l.tracePoint(p)
	switch p.kind {
	case pointState:
		l.lowerState(p, st)
	case pointVerify:
		l.enterVerify(st)
	case pointBegin:
		l.lowerBegin(st)
	case pointCloned:
		l.lowerCloned(st)
	case pointReplica:
		l.lowerReplica(st)
	case pointEgressClone:
		l.lowerEgressClone(st)
	case pointEgressBegin:
		l.lowerEgressBegin(st)
	case pointNode:
		l.lowerNode(p, st)
	case pointIngressEnd:
		l.lowerIngressEnd(st)
	case pointEgressEnd:
		l.lowerEgressEnd(st)
	case pointDeparse:
		l.lowerDeparse(p, st)
	}
}

// lowerNode makes the code of a node of a control.
func (l *lowerer) lowerNode(p *point, st *state) {
	switch n := p.node.(type) {
	case *pipeline.Table:
		l.src = &n.Source
		l.lowerTable(p, n, st)
	case *pipeline.Conditional:
		l.src = &n.Source
		l.test(st, n.If, nil,
			func(st *state) { l.branchTo(p, n.Then, 1, st) },
			func(st *state) { l.branchTo(p, n.Else, 0, st) })
	case *pipeline.ActionCallNode:
		l.src = &n.Source
		env := &actionEnv{point: p}
		l.body(st, n.Action.Body, 0, env, func(st *state) { l.goTo(l.next(n.Next, p.egress), st) })
	}
}

// branchTo goes one of the ways of a condition.
func (l *lowerer) branchTo(p *point, n pipeline.Node, holds uint64, st *state) {
	l.trace(TraceBranch, l.konst(holds), l.konst(0))
	l.goTo(l.next(n, p.egress), st)
}

// helperCall calls a helper; what was loaded from the packet is not worth a register across it.
func (l *lowerer) helperCall(st *state, fn asm.BuiltinFunc, args ...*value) *value {
	st.dropLoaded(l.index)
	return l.call(fn, args...)
}
