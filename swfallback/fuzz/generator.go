package fuzz

import (
	"math/big"
	"math/rand/v2"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Options of a Generator. The zero value is what p4dev uses.
type Options struct {
	Seed uint64
	// Ports are those that packets come in on and are sent to, mostly; nil: 1 to 4.
	Ports []uint32
	// Strict keeps to Ports: no packet goes into another port.
	Strict     bool
	Packets    int // per case; 0: 100
	MinPacket  int // bytes
	MaxPayload int // bytes behind the headers; 0: 64
}

// Generator makes cases for a program. It may be used by one goroutine at a time.
type Generator struct {
	program *pipeline.Program
	opts    Options
	dict    *dictionary
	parser  *pipeline.Parser
	ports   map[*pipeline.Field]bool // fields that are ports
	groups  map[*pipeline.Field]bool // fields that are multicast groups
	without map[string]bool          // commands that are not to be used
}

// New makes a Generator.
func New(p *pipeline.Program, o Options) *Generator {
	if o.Ports == nil {
		o.Ports = []uint32{1, 2, 3, 4}
	}
	if o.Packets == 0 {
		o.Packets = 100
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = 64
	}
	g := &Generator{program: p, opts: o, dict: newDictionary(p), without: map[string]bool{}}
	for i, ps := range p.Parsers {
		if i == 0 || ps.Name == "parser" {
			g.parser = ps
		}
	}
	g.ports = g.fields("standard_metadata.ingress_port", "standard_metadata.egress_spec", "standard_metadata.egress_port")
	g.groups = g.fields("standard_metadata.mcast_grp", "intrinsic_metadata.mcast_grp")
	return g
}

// fields finds fields, and those whose value flows into them.
func (g *Generator) fields(names ...string) map[*pipeline.Field]bool {
	out := map[*pipeline.Field]bool{}
	for _, name := range names {
		if ref := g.program.FieldByName(name); ref != nil {
			out[ref.Field] = true
		}
	}
	for changed := true; changed; {
		changed = false
		for _, to := range g.dict.targets {
			for _, ref := range g.dict.flows[to] {
				if out[to] && ref.Header.Metadata && !out[ref.Field] {
					out[ref.Field], changed = true, true
				}
			}
		}
	}
	return out
}

// Without makes cases without a command from now on: an engine does not know it.
func (g *Generator) Without(command string) { g.without[command] = true }

// Case makes the n-th case.
func (g *Generator) Case(n uint64) *Case {
	m := &maker{g: g, r: rand.New(rand.NewPCG(g.opts.Seed, n)), out: &Case{}, used: map[*pipeline.Field][]*big.Int{}}
	m.configure()
	for range g.opts.Packets {
		m.out.Packets = append(m.out.Packets, m.packet())
	}
	if m.chance(50) {
		m.out.Late, m.out.Pause = m.r.IntN(len(m.out.Config)+1), m.r.IntN(len(m.out.Packets)+1)
	}
	return m.out
}

// maker makes one case.
type maker struct {
	g       *Generator
	r       *rand.Rand
	out     *Case
	entries []*entry
	used    map[*pipeline.Field][]*big.Int // values of the case's entries
	groups  []uint64                       // multicast groups
	sets    map[*pipeline.ValueSet][]*big.Int
	members map[*pipeline.ActionProfile]int // how many
	selects map[*pipeline.ActionProfile]int // groups, how many
}

// entry is an entry of the case.
type entry struct {
	table *pipeline.Table
	match []pipeline.Match
}

// chance is true with a probability in percent.
func (m *maker) chance(percent int) bool { return m.r.IntN(100) < percent }

func pick[T any](m *maker, list []T) T { return list[m.r.IntN(len(list))] }

// number returns a value of a width without regard to what it is for.
func (m *maker) number(width int) *big.Int {
	if width <= 0 {
		return new(big.Int)
	}
	top := ones(width)
	switch m.r.IntN(10) {
	case 0:
		return new(big.Int)
	case 1:
		return top
	case 2:
		return new(big.Int).And(big.NewInt(1), top)
	case 3:
		return new(big.Int).Sub(top, big.NewInt(1))
	case 4:
		return new(big.Int).Lsh(big.NewInt(1), uint(m.r.IntN(width)))
	case 5, 6:
		return new(big.Int).And(big.NewInt(int64(m.r.IntN(16))), top)
	}
	b := make([]byte, (width+7)/8)
	for i := range b {
		b[i] = byte(m.r.Uint32())
	}
	return new(big.Int).And(new(big.Int).SetBytes(b), top)
}

// value returns a value for a field; nil: of nothing in particular.
func (m *maker) value(f *pipeline.Field, width int) *big.Int {
	if f != nil && m.g.ports[f] && m.chance(85) {
		return clip(new(big.Int).SetUint64(uint64(pick(m, m.g.opts.Ports))), width)
	}
	if f != nil && m.g.groups[f] && len(m.groups) > 0 && m.chance(80) {
		return clip(new(big.Int).SetUint64(pick(m, m.groups)), width)
	}
	switch n := m.r.IntN(100); {
	case n < 35 && f != nil && len(m.used[f]) > 0:
		return clip(m.near(pick(m, m.used[f])), width)
	case n < 65 && f != nil && len(m.g.dict.known[f]) > 0:
		return clip(m.near(pick(m, m.g.dict.known[f])), width)
	case n < 72 && len(m.g.dict.common) > 0:
		return clip(pick(m, m.g.dict.common), width)
	}
	return m.number(width)
}

// near returns v, or sometimes a neighbour.
func (m *maker) near(v *big.Int) *big.Int {
	switch m.r.IntN(12) {
	case 0:
		return new(big.Int).Add(v, big.NewInt(1))
	case 1:
		if v.Sign() > 0 {
			return new(big.Int).Sub(v, big.NewInt(1))
		}
	}
	return v
}

func clip(v *big.Int, width int) *big.Int { return new(big.Int).And(v, ones(width)) }

// fieldOf returns the field that an expression is, or nil.
func fieldOf(e pipeline.Expr) *pipeline.Field {
	if ref, ok := e.(*pipeline.FieldRef); ok {
		return ref.Field
	}
	return nil
}

// order is in which order tables get their entries: as they stand in the program, or the other way round, so that
// arguments find values that a later table matches.
func (m *maker) order() []*pipeline.Table {
	tables := slices.Clone(m.g.program.Tables)
	slices.Reverse(tables)
	return tables
}
