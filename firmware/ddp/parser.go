package ddp

import (
	"errors"
	"fmt"
)

// Parser is the program of one hardware parser: what the tables of a configuration say of it. Tables are indexed
// as the hardware addresses them.
type Parser struct {
	Transmit     bool // of packets that the host sends
	Instructions []Instruction
	Init         []Init
	CAM          []GraphEntry // with next protocol in the key
	Spill        []GraphEntry // looked up after CAM
	NoMatch      []GraphEntry // when nothing above matched: without next protocol in the key
	NoMatchSpill []GraphEntry
	Boost        []BoostEntry
	PTypes       []PTypeEntry
	MarkerGroups [][]uint8 // markers of each
	ProtoGroups  [][]ProtocolOffset
	Flags        []FlagRedirect // packet flag by index

	Names Names
}

// Names are the labels of what a parser's tables refer to by number; any may be empty.
type Names struct {
	Instruction, Node, Marker, MarkerGroup, Boost, ProtoGroup Labels
	PType, Protocol, ParserFlag, PacketFlag                   Labels
}

// Numbers that stand for nothing.
const (
	noProtocol = 255
	noMarker   = 71
)

// Instruction is what the parser does in one round, at one program counter.
type Instruction struct {
	BoostALU   [3]bool // what a hit in the boost TCAM replaces
	BoostGraph bool
	BoostKey   uint8 // last byte of the boost key; with BoostTSR the search register instead
	BoostTSR   bool
	Work
}

// Work is what an instruction and a boost entry have in common.
type Work struct {
	Priority int // how many ALUs come before the parse graph's action: a later one wins
	Next     NextProtocol
	Key      GraphKeyBuilder
	ALU      [3]ALU
}

// NextProtocol makes the next protocol part of a parse graph key.
type NextProtocol struct {
	Op NextOp
	A  uint8 // first bit, or first register
	B  uint8 // number of bits, or second register
}

// NextOp is how a next protocol is made.
type NextOp uint8

// The ways.
const (
	NextExtract NextOp = iota // bits of the packet from the header offset on
	NextBuild                 // two registers, the first one below
	NextNone                  // zero
)

// GraphKeyBuilder makes the rest of a parse graph key.
type GraphKeyBuilder struct {
	Flag     [4]int8 // parser flags; -1: zero
	Register uint8
}

// GraphEntry is an edge of the parse graph: a key and what is done when it matches.
type GraphEntry struct {
	Key    GraphKey
	Action GraphAction
}

// GraphKey is compared as a whole.
type GraphKey struct {
	Valid    bool
	Node     uint16
	Flags    [4]bool
	Boost    uint8 // group of the boost entry that was hit; 0: none
	Register uint16
	Next     uint32 // zero in the tables without next protocol
}

// GraphAction is what a match in the parse graph does.
type GraphAction struct {
	NextNode   uint16
	NextPC     uint8
	ProtoGroup bool // Protocol is a group
	Protocol   uint8
	MarkGroup  bool // Marker is a group
	Marker     uint8
	Last       bool // the parser stops
	Advance    int  // bytes that the header offset moves
}

// BoostEntry is an entry of the boost TCAM, which sees the first 19 bytes from the header offset on.
type BoostEntry struct {
	Address uint16
	Match   Ternary // 20 bytes: packet bytes in reverse order, then the instruction's BoostKey
	Group   uint8   // 0: never hits
	Work
}

// PTypeEntry gives a set of markers a packet type.
type PTypeEntry struct {
	Address uint16
	PType   uint16
	Match   Ternary // 9 bytes: marker i is bit i%8 of byte i/8
}

// ProtocolOffset is a protocol and where its header begins: Offset bytes behind the round's protocol offset, or Offset
// bytes before the header offset that the round leaves. The driver's own model subtracts from the protocol offset,
// which puts the inner MAC header of Geneve and NVGRE into the outer IP header; behind headers of any length only the
// end is known.
type ProtocolOffset struct {
	Protocol uint8
	Offset   int
	FromEnd  bool
}

// FlagRedirect makes a packet flag of a parser flag.
type FlagRedirect struct {
	Expose bool
	Flag   uint8
}

// Init is what the registers hold before the first round.
type Init struct {
	TSR          uint8
	HeaderOffset uint16
	PC           uint8
	Node         uint16
	Domain       uint8
	Flags        uint64
}

// Parser reads the receive parser of a configuration segment, or the transmit parser. The error wraps ErrNoParser
// where tables are missing.
func (s *Segment) Parser(transmit bool) (*Parser, error) {
	p := &Parser{Transmit: transmit}
	single, paired := SectionType(0), SectionType(0)
	if transmit {
		single, paired = txParser, 1
	}
	r := &tableReader{segment: s}
	p.Instructions = readInto(r, sectionIMEM+single, tableShape{48, 192, false}, decodeInstruction)
	p.Init = readInto(r, sectionMetaInit+single, tableShape{24, 16, false}, decodeInit)
	p.CAM = readInto(r, sectionCAM+single, tableShape{16, 2048, false}, decodeCAM)
	p.Spill = readInto(r, sectionSpill+paired, tableShape{17, 128, false}, decodeSpill)
	p.NoMatch = readInto(r, sectionNoMatch+single, tableShape{12, 1024, false}, decodeNoMatch)
	p.NoMatchSpill = readInto(r, sectionNoMatchSpill+paired, tableShape{13, 64, false}, decodeNoMatchSpill)
	p.Boost = readInto(r, sectionBoost+single, tableShape{88, 256, true}, decodeBoost)
	p.PTypes = readInto(r, sectionMarkerPType+single, tableShape{24, 1024, true}, decodePType)
	p.MarkerGroups = readInto(r, sectionMarkerGroup+paired, tableShape{8, 128, false}, decodeMarkers)
	p.ProtoGroups = readInto(r, sectionProtoGroup+single, tableShape{24, 192, false}, decodeProtocols)
	p.Flags = readInto(r, sectionRxFlags+paired, tableShape{1, 64, false}, decodeFlag)
	n := &p.Names
	for _, l := range []struct {
		to *Labels
		t  SectionType
	}{{&n.Instruction, LabelInstruction + paired}, {&n.Node, LabelNode + paired}, {&n.Marker, LabelMarker + paired},
		{&n.MarkerGroup, LabelMarkerGroup + paired}, {&n.Boost, LabelBoost + paired}, {&n.ProtoGroup, LabelProtoGroup + paired},
		{&n.PType, LabelPType}, {&n.Protocol, LabelProtocol}, {&n.ParserFlag, LabelParserFlag}, {&n.PacketFlag, LabelPacketFlag}} {
		*l.to = r.labels(l.t)
	}
	if r.err == nil && (len(p.Instructions) == 0 || len(p.Init) == 0 || len(p.CAM)+len(p.NoMatch) == 0) {
		r.err = ErrNoParser
	}
	if r.err != nil {
		return nil, fmt.Errorf("ddp: read %s parser: %w", direction(transmit), r.err)
	}
	return p, nil
}

// tableReader reads tables until something is wrong.
type tableReader struct {
	segment *Segment
	err     error
}

func readInto[T any](r *tableReader, t SectionType, shape tableShape, decode func([]byte) T) []T {
	if r.err != nil {
		return nil
	}
	var table []T
	table, r.err = readTable(r.segment, t, shape, decode)
	return table
}

func (r *tableReader) labels(t SectionType) Labels {
	l, err := r.segment.Labels(t)
	r.err = errors.Join(r.err, err)
	return l
}

// String says where the next protocol comes from: "bits 88 to 95", "r103, r103", "none".
func (n NextProtocol) String() string {
	switch {
	case n.Op == NextExtract && n.B > 0:
		return fmt.Sprintf("bits %d to %d", n.A, int(n.A)+int(n.B)-1)
	case n.Op == NextBuild:
		return fmt.Sprintf("r%d, r%d", n.A, n.B)
	}
	return "none"
}

// Markers returns the markers that an entry wants to be set.
func (e *PTypeEntry) Markers() []int {
	var list []int
	for i, v := range e.Match.Value {
		for b := range 8 {
			if v>>b&1 != 0 {
				list = append(list, 8*i+b)
			}
		}
	}
	return list
}
