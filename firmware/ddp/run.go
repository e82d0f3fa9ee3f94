package ddp

import (
	"errors"
	"fmt"
)

// maxRounds bounds a run; no packet that fits into the parser's view takes as many.
const maxRounds = 128

// ErrStuck: the parser came to a key that nothing matches, or went round in circles.
var ErrStuck = errors.New("the parser is stuck")

// Settings are what the driver changes in the tables when it starts and when tunnels come and go.
type Settings struct {
	SingleVLAN bool     // single VLAN mode; double VLAN mode is what drivers choose where the package has it
	VXLAN      []uint16 // UDP ports
	Geneve     []uint16
	ECPRI      []uint16
}

// DefaultSettings returns double VLAN mode and the registered ports of VXLAN, Geneve and eCPRI over UDP (none: it has
// no port of its own).
func DefaultSettings() Settings { return Settings{VXLAN: []uint16{4789}, Geneve: []uint16{6081}} }

// Labels of the boost entries that the driver looks for by prefix (Linux 6.12, ice_parser.h).
const (
	prefixDoubleVLAN = "BOOST_MAC_VLAN_DVM"
	prefixSingleVLAN = "BOOST_MAC_VLAN_SVM"
	prefixVXLAN      = "TNL_VXLAN"
	prefixGeneve     = "TNL_GENEVE"
	prefixECPRI      = "TNL_UDP_ECPRI"
)

// Where a boost key, which holds the packet backwards, has the bytes that the driver changes: one that stands for
// the entry as a whole, and the UDP destination port.
const (
	boostKeySize = 20
	boostMode    = 0
	boostPortLow = 15
	boostPort    = 16
)

// Simulator runs packets through a parser. It may be used by several goroutines.
type Simulator struct {
	parser *Parser
	boost  []BoostEntry // with the settings
	graph  map[GraphKey]match
	names  *tableNames
}

// match is where an entry of the parse graph is.
type match struct {
	table  string
	index  int
	action GraphAction
}

// Simulate makes a simulator of a parser. It fails where the package has no room for a tunnel's port.
func (p *Parser) Simulate(s Settings) (*Simulator, error) {
	sim := &Simulator{parser: p, graph: map[GraphKey]match{}, names: p.Names.tables()}
	for i := range p.Boost {
		b := p.Boost[i]
		b.Match = b.Match.clone()
		sim.boost = append(sim.boost, b)
	}
	sim.setMode(prefixDoubleVLAN, !s.SingleVLAN)
	sim.setMode(prefixSingleVLAN, s.SingleVLAN)
	for _, t := range []struct {
		prefix string
		ports  []uint16
	}{{prefixVXLAN, s.VXLAN}, {prefixGeneve, s.Geneve}, {prefixECPRI, s.ECPRI}} {
		for _, port := range t.ports {
			if err := sim.setPort(t.prefix, port); err != nil {
				return nil, fmt.Errorf("ddp: set up parser: %w", err)
			}
		}
	}
	for _, t := range []struct {
		name    string
		entries []GraphEntry
		nomatch bool
	}{{"cam", p.CAM, false}, {"spill", p.Spill, false}, {"nomatch", p.NoMatch, true}, {"nomatch_spill", p.NoMatchSpill, true}} {
		for i, e := range t.entries {
			sim.add(e, t.name, i, t.nomatch)
		}
	}
	return sim, nil
}

// noNext marks the keys of the tables without next protocol.
const noNext = 1 << 15

func (s *Simulator) add(e GraphEntry, table string, index int, nomatch bool) {
	if !e.Key.Valid {
		return
	}
	k := e.Key
	if nomatch {
		k.Next, k.Node = 0, k.Node|noNext
	}
	if _, taken := s.graph[k]; !taken { // the first one counts
		s.graph[k] = match{table, index, e.Action}
	}
}

// labelled calls f with the boost entries whose label begins with prefix, until it returns false.
func (s *Simulator) labelled(prefix string, f func(*BoostEntry) bool) {
	for _, l := range s.parser.Names.Boost {
		if int(l.Value) < len(s.boost) && len(l.Name) >= len(prefix) && l.Name[:len(prefix)] == prefix && !f(&s.boost[l.Value]) {
			return
		}
	}
}

func (s *Simulator) setMode(prefix string, on bool) {
	s.labelled(prefix, func(b *BoostEntry) bool {
		b.Match.setByte(boostMode, 0, 0)
		if !on {
			b.Match.Never[boostMode] = 1
		}
		return true
	})
}

// setPort gives a tunnel's first free entry a port.
func (s *Simulator) setPort(prefix string, port uint16) error {
	done, there := false, false
	s.labelled(prefix, func(b *BoostEntry) bool {
		there = true
		if b.Match.Never[boostPort] == 0 {
			return true
		}
		b.Match.setByte(boostPort, byte(port>>8), 0xff)
		b.Match.setByte(boostPortLow, byte(port), 0xff)
		done = true
		return false
	})
	if there && !done {
		return fmt.Errorf("no free %s entry for port %d", prefix, port)
	}
	return nil // a package without such tunnels has no use for the port
}

// Run sends a packet, with its Ethernet header and without checksum, through the parser. What the parser found until
// then is in the result also where the error wraps ErrStuck.
func (s *Simulator) Run(packet []byte) (*Result, error) {
	m := s.start(packet)
	r := &Result{}
	var err error
	for err == nil {
		var step *Step
		var last bool
		step, last, err = s.round(m)
		r.Steps = append(r.Steps, *step)
		if last || err != nil {
			break
		}
		if len(r.Steps) >= maxRounds {
			err = fmt.Errorf("%w: %d rounds", ErrStuck, maxRounds)
		}
	}
	s.finish(m, r)
	if err != nil {
		err = fmt.Errorf("ddp: parse packet: round %d: %w", len(r.Steps), err)
	}
	return r, err
}

func (s *Simulator) start(packet []byte) *machine {
	m := &machine{packet: packet[:min(len(packet), maxPacket)], length: len(packet)}
	init := s.parser.Init[0]
	m.reg[regSearch], m.reg[regPC], m.reg[regNode] = uint16(init.TSR), uint16(init.PC), init.Node
	m.flags = init.Flags
	m.setHeader(init.HeaderOffset)
	return m
}

// round runs one instruction; last says that it was the last one.
func (s *Simulator) round(m *machine) (step *Step, last bool, err error) {
	n := s.names
	pc := int(m.reg[regPC])
	step = &Step{PC: pc, Instruction: at(n.instruction, pc), Node: at(n.node, int(m.reg[regNode])), Header: int(m.reg[regHeaderStart])}
	if pc >= len(s.parser.Instructions) {
		return step, true, fmt.Errorf("%w: no instruction %d", ErrStuck, pc)
	}
	in := &s.parser.Instructions[pc]
	work, key := in.Work, m.graphKey(&in.Work, 0)
	if b := s.hit(m, in); b != nil {
		step.Boost = &Boost{Entry: int(b.Address), Label: at(n.boost, int(b.Address)), Group: int(b.Group)}
		if in.BoostGraph {
			key, work.Priority = m.graphKey(&b.Work, b.Group), b.Priority
		}
		for i, replace := range in.BoostALU {
			if replace {
				work.ALU[i] = b.ALU[i]
			}
		}
	}
	step.Next, step.Flags = key.Next, key.Flags
	found, ok := s.lookup(key)
	if !ok {
		return step, true, fmt.Errorf("%w: no way on from node %s for next protocol %#x", ErrStuck, step.Node, key.Next)
	}
	a := &found.action
	step.Table, step.Entry, step.Last = found.table, found.index, a.Last
	step.ALU = m.execute(&work, a)
	step.Markers = s.mark(m, a)
	step.Protocols = s.place(m, a)
	step.NextNode, step.NextHeader = at(n.node, int(a.NextNode)), int(m.reg[regHeaderStart])
	step.Set, step.Cleared = n.flags(m.raised), n.flags(m.cleared)
	return step, a.Last || step.NextHeader >= m.length, nil
}

// hit looks the packet up in the boost TCAM.
func (s *Simulator) hit(m *machine, in *Instruction) *BoostEntry {
	var key [boostKeySize]byte
	key[boostKeySize-1] = in.BoostKey
	if in.BoostTSR {
		key[boostKeySize-1] = byte(m.reg[regSearch])
	}
	for i := range boostKeySize - 1 {
		if at := int(m.reg[regHeaderStart]) + i; at < len(m.packet) {
			key[boostKeySize-2-i] = m.packet[at]
		}
	}
	for i := range s.boost {
		if b := &s.boost[i]; b.Group != 0 && b.Match.Matches(key[:]) {
			return b
		}
	}
	return nil
}

// lookup finds the way on, first with the next protocol, then without.
func (s *Simulator) lookup(k GraphKey) (match, bool) {
	f, ok := s.graph[k]
	if !ok {
		k.Next, k.Node = 0, k.Node|noNext
		f, ok = s.graph[k]
	}
	return f, ok
}
