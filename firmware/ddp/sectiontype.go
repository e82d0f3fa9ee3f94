package ddp

import "fmt"

// SectionType says which table a section is a piece of.
type SectionType uint32

// Sections that stand alone.
const (
	SectionMetadata SectionType = 1  // name, version and track of a configuration
	sectionRxFlags  SectionType = 97 // parser flags to packet flags; transmit is the next
)

// The tables of a parser, receive direction. Those of the transmit parser are txParser higher, but for the last
// groups of two, where transmit is the next number.
const (
	sectionCAM          SectionType = 50
	sectionNoMatch      SectionType = 51
	sectionIMEM         SectionType = 52
	sectionMarkerPType  SectionType = 55
	sectionBoost        SectionType = 56
	sectionProtoGroup   SectionType = 57
	sectionMetaInit     SectionType = 58
	sectionMarkerGroup  SectionType = 72
	sectionSpill        SectionType = 76
	sectionNoMatchSpill SectionType = 78

	txParser SectionType = 10
)

// The tables of a block, relative to its first.
const (
	blockKeyBuilder  SectionType = 1
	blockXLT1        SectionType = 2
	blockXLT2        SectionType = 3
	blockProfileTCAM SectionType = 4
	blockRedirect    SectionType = 5
	blockFieldVector SectionType = 6
)

// Labels: names of the entries of other tables. What is for the transmit parser is the next number.
const (
	labelBit         SectionType = 0x80000000
	LabelInstruction SectionType = 0x80000010
	LabelNode        SectionType = 0x80000012
	LabelMarker      SectionType = 0x80000014
	LabelPType       SectionType = 0x80000016
	LabelProtocol    SectionType = 0x80000017
	LabelBoost       SectionType = 0x80000018
	LabelPacketFlag  SectionType = 0x80000023
	LabelMarkerGroup SectionType = 0x80000035
	LabelProtoGroup  SectionType = 0x80000037
	LabelParserFlag  SectionType = 0x80000039
)

// parserTables names the tables of the parsers.
var parserTables = [...]string{"cam", "nomatch", "imem", "xlt0_builder", "node_ptype", "marker_ptype", "boost", "proto_group",
	"metainit", "xlt0"}

// pairedTables names the tables from 70 on, each for receive and transmit.
var pairedTables = [...]string{"init_redirect", "marker_group", "last_proto", "spill", "nomatch_spill"}

// blockTables names the tables of a block.
var blockTables = [...]string{"xlt0", "key_builder", "xlt1", "xlt2", "profile_tcam", "redirect", "field_vector",
	"cdid_key_builder", "cdid_redirect"}

// labelNames names the label sections from 0x80000010 on.
var labelNames = [...]string{"rx_instruction", "tx_instruction", "rx_node", "tx_node", "rx_marker", "tx_marker", "ptype", "protocol",
	"rx_boost", "tx_boost", "rx_graph", "tx_graph", "rx_marker_tcam", "tx_marker_tcam", "sw_profile_tcam", "acl_profile_tcam",
	"pe_profile_tcam", "rss_profile_tcam", "fd_profile_tcam", "packet_flag", "register", "sw_ptg", "acl_ptg", "pe_ptg", "rss_ptg",
	"fd_ptg", "sw_vsig", "acl_vsig", "pe_vsig", "rss_vsig", "fd_vsig", "ptype_metadata", "sw_profile", "acl_profile", "pe_profile",
	"rss_profile", "fd_profile", "rx_marker_group", "tx_marker_group", "rx_proto_group", "tx_proto_group", "parser_flag"}

// String returns the name of the table, "rx_cam", "sw_xlt1", "label_ptype", or the type's number where nothing
// public names it.
func (t SectionType) String() string {
	switch {
	case t == SectionMetadata:
		return "metadata"
	case t >= 50 && t < 70:
		return direction(t >= 60) + "_" + parserTables[t%10]
	case t >= 70 && t < 80:
		return direction(t%2 == 1) + "_" + pairedTables[(t-70)/2]
	case t == sectionRxFlags, t == sectionRxFlags+1:
		return direction(t != sectionRxFlags) + "_flag_redirect"
	case t >= LabelInstruction && int(t-LabelInstruction) < len(labelNames):
		return "label_" + labelNames[t-LabelInstruction]
	}
	for b := range blocks {
		if first := blocks[b].first; t >= first && int(t-first) < len(blockTables) {
			return blocks[b].name + "_" + blockTables[t-first]
		}
	}
	return fmt.Sprintf("%#x", uint32(t))
}

func direction(tx bool) string {
	if tx {
		return "tx"
	}
	return "rx"
}
