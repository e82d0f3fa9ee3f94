package bpfgen

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A program in general form that is too large for the kernel to check is cut into parts, each a program of its own that
// is reached by tail calls: one part for every run of points. A packet that goes round again is sent by a tail call,
// too, so that no program has a loop through all of itself.

// Parts say in which part each point is.
type parts struct {
	part  []int   // by point
	entry [][]int // by part: the points where others enter it
	calls bool    // there are tail calls
}

// A cost is what a point takes of a program.
type cost struct {
	instructions int
	maps         map[string]bool
}

// maxMaps is how many maps one program may use, less those that every part may need (MAX_USED_MAPS of
// linux/bpf_verifier.h: 64).
const maxMaps = 64 - 12

// newParts puts points into parts of at most budget instructions, a point being the least.
func newParts(g *points, costs []cost, budget int, again bool, r role) *parts {
	c := &parts{part: make([]int, len(g.all))}
	n, fill, maps := 0, 0, make(map[string]bool)
	for _, p := range g.inOrder() {
		cost := costs[p.id]
		more := 0
		for name := range cost.maps {
			if !maps[name] {
				more++
			}
		}
		if fill > 0 && (fill+cost.instructions > budget || len(maps)+more > maxMaps) {
			n, fill, maps = n+1, 0, make(map[string]bool)
		}
		fill += cost.instructions
		for name := range cost.maps {
			maps[name] = true
		}
		c.part[p.id] = n
	}
	c.entry = make([][]int, n+1)
	enter := func(id int) {
		if e := &c.entry[c.part[id]]; !slices.Contains(*e, id) {
			*e = append(*e, id)
		}
	}
	for _, p := range g.all {
		for _, s := range p.succ {
			if c.part[s.id] != c.part[p.id] {
				enter(s.id)
			}
		}
	}
	c.calls = n > 0 || again
	if c.calls {
		enter(g.begin.id)
		if r == roleTC {
			for _, p := range []*point{g.ingressEnd, g.egressEnd, g.egressClone, g.replica} {
				enter(p.id)
			}
		}
	}
	return c
}

// inOrder lists the points so that a packet meets few of them before one that stands in front of it: in reverse
// post-order from the begin of a pass.
func (g *points) inOrder() []*point {
	seen := make([]bool, len(g.all))
	var post []*point
	var visit func(p *point)
	visit = func(p *point) {
		if p == nil || seen[p.id] {
			return
		}
		seen[p.id] = true
		for _, s := range slices.Backward(p.succ) {
			visit(s)
		}
		post = append(post, p)
	}
	for _, p := range []*point{g.replica, g.egressClone, g.begin} {
		visit(p)
	}
	slices.Reverse(post)
	return post
}

// partName names a part of a program.
func partName(kind string, i int) string { return fmt.Sprintf("%s_%d", kind, i) }

// callsMap names the program array of the parts.
func (l *lowerer) callsMap() string {
	if l.tc {
		return "tc_calls"
	}
	return "xdp_calls"
}

// enterHome begins with a packet that has just come in.
func (l *lowerer) enterHome(port, length *value) {
	l.homePtr = l.onlyValue(homeMap)
	for at := 0; at < homeWords; at += 8 {
		l.setWord(at, 8, l.konst(0))
	}
	l.setWord(homeReceived, 4, length)
	l.setWord(homeIngress, 4, port)
	if l.parts.calls {
		l.callPoint(l.begin)
		return
	}
	l.goTo(l.begin, l.anyState())
}

// enterPart starts a part at the point that its caller asks for.
func (l *lowerer) enterPart() {
	l.homePtr = l.onlyValue(homeMap)
	id := l.word(homePoint, 4)
	entries := l.parts.entry[l.part]
	for i, e := range entries {
		if i == len(entries)-1 {
			l.goTo(l.all[e], l.anyState())
			return
		}
		here, next := l.f.newBlock(""), l.f.newBlock("")
		l.branch(condEq, id, l.konst(uint64(e)), here, next)
		l.cur = here
		l.goTo(l.all[e], l.anyState())
		l.cur = next
	}
	l.exit(l.konst(l.dropVerdict()))
}

// goToHomed ends the block with a jump to a point, or with a call of the part that it is in.
func (l *lowerer) goToHomed(p *point) {
	if l.parts.calls && (l.role != rolePart || l.parts.part[p.id] != l.part) {
		l.callPoint(p)
		return
	}
	key := fmt.Sprint(p.id)
	b, ok := l.memo[key]
	if !ok {
		b = l.f.newBlock(p.name())
		l.memo[key] = b
		l.queue = append(l.queue, work{at: p, st: l.anyState(), b: b})
	}
	l.jump(b)
}

// callPoint calls the part that a point is in. The kernel allows 33 calls for a packet; one that needs more, because it
// goes round and round, ends there.
func (l *lowerer) callPoint(p *point) {
	l.setWord(homePoint, 4, l.konst(uint64(p.id)))
	l.call(asm.FnTailCall, l.f.ctx, l.mapRef(l.callsMap()), l.konst(uint64(l.parts.part[p.id])))
	l.finish(l.anyState(), FateFailed, l.konst(0))
}

// restart begins the next pass of the packet.
func (l *lowerer) restart(*state) { l.callPoint(l.begin) }

// addParts compiles the general form of a program for one hook, whole or in parts.
func (o *Object) addParts(g *points, h *home, name string, kind ebpf.ProgramType, r role) error {
	c, err := o.cutFor(g, h, name, r)
	if err != nil {
		return err
	}
	if err := o.addHomed(g, h, c, name, kind, r, 0); err != nil || !c.calls {
		return err
	}
	calls := o.addMap(name+"_calls", ebpf.ProgramArray, 4, 4, len(c.entry), 0)
	for i := range c.entry {
		if len(c.entry[i]) == 0 {
			continue
		}
		part := partName(name, i)
		if err := o.addHomed(g, h, c, part, kind, rolePart, i); err != nil {
			return err
		}
		calls.Contents = append(calls.Contents, ebpf.MapKV{Key: uint32(i), Value: part})
	}
	return nil
}

// cutFor decides how a program is cut: it is lowered in one piece to see how large its points are.
func (o *Object) cutFor(g *points, h *home, name string, r role) (*parts, error) {
	l := o.newHomed(g, h, &parts{part: make([]int, len(g.all)), entry: make([][]int, 1)}, name, r, 0)
	f, err := l.run()
	if err != nil {
		return nil, err
	}
	return newParts(g, costsOf(f, len(g.all)), o.Options.MaxPart, o.goesAround(), r), nil
}

// costsOf estimates what every point of a program takes.
func costsOf(f *fn, points int) []cost {
	costs := make([]cost, points)
	for i := range costs {
		costs[i].maps = make(map[string]bool)
	}
	for _, b := range f.blocks {
		c := &costs[b.point]
		for _, v := range b.ops {
			c.instructions += 1 + len(v.args)/2
			for _, a := range v.args {
				if a.op == opMap || a.op == opMapValue {
					c.maps[a.name] = true
				}
			}
		}
		c.instructions += 2
	}
	return costs
}

// newHomed prepares the lowering of a part in general form.
func (o *Object) newHomed(g *points, h *home, c *parts, name string, r role, part int) *lowerer {
	l := newLowerer(g, o, name, r)
	l.home, l.parts, l.part = h, c, part
	l.tc = r == roleTC || r == rolePart && name[:2] == ProgramTC
	return l
}

// addHomed compiles one part.
func (o *Object) addHomed(g *points, h *home, c *parts, name string, kind ebpf.ProgramType, r role, part int) error {
	f, err := o.newHomed(g, h, c, name, r, part).run()
	if err != nil {
		return err
	}
	return o.finishProgram(g, f, name, kind)
}
