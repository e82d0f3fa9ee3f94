package ddp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Result is what a parser found in a packet.
type Result struct {
	PType       int        `json:"ptype"` // -1: none
	Name        string     `json:"name,omitempty"`
	Headers     []Header   `json:"headers"` // in the order of the packet
	Markers     []string   `json:"markers"`
	ParserFlags []string   `json:"parser_flags,omitempty"`
	PacketFlags []string   `json:"packet_flags,omitempty"`
	Errors      uint16     `json:"errors,omitempty"` // bits of the error register
	Profiles    []Selected `json:"profiles,omitempty"`
	Steps       []Step     `json:"steps"`

	flags uint64 // packet flags
}

// Selected is the profile that a block selects for a packet.
type Selected struct {
	Block   string `json:"block"`
	Group   string `json:"group"` // of the packet type
	Profile string `json:"profile"`
	Fields  string `json:"fields"` // the profile's field vector, as FieldVector.Text writes it
}

// Select adds to a result which profile each block of the configuration selects, for interfaces in no group and
// before the driver has added profiles of its own.
func (s *Segment) Select(r *Result) error {
	protocols, err := s.Labels(LabelProtocol)
	if err != nil {
		return fmt.Errorf("ddp: select profiles: %w", err)
	}
	for i := range blocks {
		b, err := s.readBlock(&blocks[i])
		if err != nil {
			return fmt.Errorf("ddp: select profiles: %w", err)
		}
		p := b.Find(r.PType, r.flags)
		if p == nil {
			continue
		}
		r.Profiles = append(r.Profiles, Selected{b.Name, b.GroupOf(r.PType), b.ProfileName(int(p.Profile)), b.Vector(int(p.Profile)).Text(protocols)})
	}
	return nil
}

// Header is a protocol that was found.
type Header struct {
	Protocol int    `json:"protocol"`
	Name     string `json:"name"`
	Offset   int    `json:"offset"` // bytes from the start of the packet
}

// Step is one round.
type Step struct {
	PC          int      `json:"pc"`
	Instruction string   `json:"instruction,omitempty"`
	Node        string   `json:"node"`
	Header      int      `json:"header"` // header offset before
	Boost       *Boost   `json:"boost,omitempty"`
	Next        uint32   `json:"next"`
	Flags       [4]bool  `json:"flags"`
	Table       string   `json:"table,omitempty"` // where the way on was found: "cam", "spill", "nomatch", "nomatch_spill"
	Entry       int      `json:"entry"`
	ALU         []string `json:"alu,omitempty"`
	Protocols   []Header `json:"protocols,omitempty"`
	Markers     []string `json:"markers,omitempty"`
	Set         []string `json:"set,omitempty"` // parser flags
	Cleared     []string `json:"cleared,omitempty"`
	NextNode    string   `json:"next_node,omitempty"`
	NextHeader  int      `json:"next_header"`
	Last        bool     `json:"last,omitempty"`
}

// Boost is a hit in the boost TCAM.
type Boost struct {
	Entry int    `json:"entry"`
	Label string `json:"label,omitempty"`
	Group int    `json:"group"`
}

// mark sets the markers of an action.
func (s *Simulator) mark(m *machine, a *GraphAction) []string {
	list := []uint8{a.Marker}
	if a.MarkGroup {
		list = nil
		if int(a.Marker) < len(s.parser.MarkerGroups) {
			list = s.parser.MarkerGroups[a.Marker]
		}
	}
	var names []string
	for _, k := range list {
		if k >= noMarker {
			continue
		}
		m.markers[k/8] |= 1 << (k % 8)
		names = append(names, at(s.names.marker, int(k)))
	}
	return names
}

// place records the protocols of an action.
func (s *Simulator) place(m *machine, a *GraphAction) []Header {
	list := []ProtocolOffset{{Protocol: a.Protocol}}
	if a.ProtoGroup {
		list = nil
		if int(a.Protocol) < len(s.parser.ProtoGroups) {
			list = s.parser.ProtoGroups[a.Protocol]
		}
	}
	var found []Header
	for _, po := range list {
		if po.Protocol == noProtocol {
			continue
		}
		where := m.offset + po.Offset
		if po.FromEnd {
			where = int(m.reg[regHeaderStart]) - po.Offset
		}
		m.protocols[po.Protocol], m.offsets[po.Protocol] = true, where
		found = append(found, Header{int(po.Protocol), at(s.names.protocol, int(po.Protocol)), where})
	}
	return found
}

// finish collects what the machine found.
func (s *Simulator) finish(m *machine, r *Result) {
	n := s.names
	r.Errors = m.errors
	for id, there := range m.protocols {
		if there {
			r.Headers = append(r.Headers, Header{id, at(n.protocol, id), m.offsets[id]})
		}
	}
	slices.SortStableFunc(r.Headers, func(a, b Header) int { return cmp.Compare(a.Offset, b.Offset) })
	for k := range noMarker {
		if m.markers[k/8]>>(k%8)&1 != 0 {
			r.Markers = append(r.Markers, at(n.marker, k))
		}
	}
	r.ParserFlags = n.flags(m.flags)
	for i, f := range s.parser.Flags {
		if f.Expose && m.flag(int(f.Flag)) {
			r.flags |= 1 << i
			r.PacketFlags = append(r.PacketFlags, at(n.packetFlag, i))
		}
	}
	r.PType = -1
	for i := range s.parser.PTypes {
		if e := &s.parser.PTypes[i]; e.Match.Matches(m.markers[:]) {
			r.PType, r.Name = int(e.PType), s.parser.Names.PType.Name(int(e.PType))
			return
		}
	}
}

// tableNames are the labels of what a parser's tables refer to, by number, without the prefix that all of their kind
// have; "" where there is none. Function at makes a name of that.
type tableNames struct {
	instruction, node, marker, protocol, boost, parserFlag, packetFlag []string
}

func (n *Names) tables() *tableNames {
	return &tableNames{instruction: n.Instruction.table("PC_", 256), node: n.Node.table("N_", 2048), marker: n.Marker.table("M_", 256),
		protocol: n.Protocol.table("", 256), boost: n.Boost.table("BOOST_", 256), parserFlag: n.ParserFlag.table("FLAG_PARSER_", 64),
		packetFlag: n.PacketFlag.table("FLAG_", 64)}
}

// table returns the names of 0 to size-1, "" where there is none.
func (l Labels) table(prefix string, size int) []string {
	names := make([]string, size)
	for _, x := range l {
		if int(x.Value) < size && names[x.Value] == "" {
			names[x.Value] = strings.TrimPrefix(x.Name, prefix)
		}
	}
	return names
}

// at returns the name of a number, "#NUMBER" where it has none; registers may hold any.
func at(names []string, i int) string {
	if i < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("#%d", i)
}

// flags returns the names of the parser flags that are set.
func (n *tableNames) flags(set uint64) []string {
	var names []string
	for i := range n.parserFlag {
		if set>>i&1 != 0 {
			names = append(names, at(n.parserFlag, i))
		}
	}
	return names
}
