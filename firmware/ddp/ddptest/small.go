package ddptest

import "encoding/binary"

// Types of sections and segments, as numbers: this package shares nothing with the reader that it tests.
const (
	segMetadata, segNotes, segE810, segSignature = 1, 2, 0x10, 0x1001

	secMetadata, secXLT1, secXLT2, secProfile, secRedirect, secVector, secKeyBuilder = 1, 12, 13, 14, 15, 16, 11
	secCAM, secNoMatch, secIMEM, secPType, secBoost, secProto, secInit               = 50, 51, 52, 55, 56, 57, 58
	secMarkers, secSpill, secNoMatchSpill, secFlags                                  = 72, 76, 78, 97
	lblPC, lblNode, lblMarker, lblPType, lblProtocol, lblBoost                       = 0x80000010, 0x80000012, 0x80000014, 0x80000016, 0x80000017, 0x80000018
	lblPacketFlag, lblGroup, lblProfile, lblMarkers, lblProto, lblFlag               = 0x80000023, 0x80000025, 0x80000030, 0x80000035, 0x80000037, 0x80000039
)

// Numbers of the small parser, as real packages have them.
const (
	nodeMAC, nodeIPv4, nodeUDP, nodeTCP, nodeEnd  = 0, 9, 8, 1, 21
	pcEType, pcTCP, pcUDP, pcIPv4, pcEnd          = 0, 1, 6, 9, 191
	mMAC, mIPv4, mTunnel, mUDP, mTCP, mNone       = 0, 1, 9, 11, 12, 71
	opMovAdd, opAdd, opOrLT                       = 1, 2, 30
	regHeader, regPacket, regError                = 110, 64, 84
	pMAC, pEType, pVLAN, pIPv4, pTCP, pUDP, pUDP2 = 1, 9, 16, 32, 49, 52, 53
)

// Small returns the small package: for the E810 family, with a parser of the receive side and a switch block.
func Small() []byte {
	return Package(
		Segment(segMetadata, [4]byte{1}, "Global Metadata", []byte{1, 2, 3, 4}, Uint32s(0xffffffff), padded("Small Test Package", 32)),
		Segment(segNotes, [4]byte{1}, "Notes", []byte("made for tests\x00\x00")),
		Segment(segSignature, [4]byte{1}, "Signature Segment", Uint32s(segE810, 2, 3, 0, 4), make([]byte, 44),
			Buffers(Section{2, []byte("not a signature of anything")})),
		Config(Sections()...),
	)
}

// Config makes a configuration segment of the E810 family for two devices.
func Config(sections ...Section) []byte {
	return Segment(segE810, [4]byte{1, 0, 1, 0}, "ICE Configuration Data",
		Uint32s(2), []byte{0x92, 0x15, 0x86, 0x80, 0, 0, 0, 0, 0x93, 0x15, 0x86, 0x80, 2, 0, 0x86, 0x80},
		Uint32s(1), []byte{4, 20, 0, 0}, Buffers(sections...))
}

// Sections returns the sections of the small package's configuration.
func Sections() []Section {
	meta := append([]byte{1, 2, 3, 4}, padded("Small Test Package", 28)...)
	meta = binary.LittleEndian.AppendUint32(meta, 0xc0000001)
	return append([]Section{{secMetadata, meta}}, append(append(parser(), labels()...), switchBlock()...)...)
}

// length is an ALU that moves the header offset over a header of n bytes, whose IPv4 part, if it has one, has its
// length at bit ihl.
func length(n, ihl, offsetOp, offset int) ALU {
	a := ALU{Op: opAdd, Source: zero, Length: 1, Destination: regHeader, Immediate: n, OffsetOp: offsetOp, Offset: offset}
	if ihl >= 0 {
		a.Source, a.Start, a.Length, a.Shift = regPacket, ihl, 4, 2
	}
	return a
}

func parser() []Section {
	vlan := Work{Priority: 3, NextA: 32, NextB: 16, ALU: [3]ALU{{Flags: true, FlagStart: 13, FlagCount: 1, FlagImmediate: true, FlagValue: 1}, {},
		length(6, -1, 2, 12)}}
	ip := Work{Priority: 3, NextA: 88, NextB: 8, ALU: [3]ALU{{Op: opMovAdd, Source: regPacket, Start: 32, Length: 16, Destination: 13, Immediate: 2},
		{Op: opOrLT, Source: regPacket, Start: 20, Length: 4, Immediate: 5, Destination: regError, FlagStart: 3}, length(2, 20, 2, 12)}}
	vxlan := Work{Priority: 3, NextOp: 2, ALU: [3]ALU{2: length(16, -1, 0, 0)}}
	any2 := []byte{0xff, 0xff}
	return []Section{
		Table(secInit, 0, Init(12, 60)),
		Table(secIMEM, 0,
			Instruction(true, -1, Work{Priority: 3, NextB: 16, ALU: [3]ALU{2: length(2, -1, 2, 12)}}),
			Instruction(false, 0, Work{Priority: 3, NextOp: 2, ALU: [3]ALU{2: length(20, -1, 0, 0)}})),
		Table(secIMEM, pcUDP, Instruction(true, 3, Work{Priority: 3, NextOp: 2, ALU: [3]ALU{2: length(8, -1, 0, 0)}})),
		Table(secIMEM, pcIPv4, Instruction(false, 0, Work{Priority: 3, NextA: 72, NextB: 8, KeyFlag: 13, ALU: [3]ALU{2: length(0, 4, 0, 0)}})),
		Table(secBoost, 0,
			Boost(0, 2, []byte{0x81, 0}, any2, 0x80, vlan, 0),
			Boost(1, 2, []byte{0x81, 0}, any2, 0x80, vlan),
			Boost(2, 6, []byte{8, 0, 0x40}, []byte{0xff, 0xff, 0xf0}, 0x80, ip),
			Boost(3, 16, nil, nil, 3, vxlan, 15, 16)),
		Table(secCAM, 0,
			CAM(Key{Node: nodeMAC, Boost: 6, Next: 17}, Action{Node: nodeUDP, PC: pcUDP, Group: true, Protocol: 1, MarkGroup: true, Marker: 0}),
			CAM(Key{Node: nodeMAC, Boost: 2, Next: 0x0800}, Action{Node: nodeIPv4, PC: pcIPv4, Group: true, Protocol: 2, Marker: mMAC}),
			CAM(Key{Node: nodeIPv4, Next: 17, Flag: true}, Action{Node: nodeUDP, PC: pcUDP, Protocol: pIPv4, Marker: mIPv4})),
		Table(secCAM, 100,
			CAM(Key{Node: nodeIPv4, Next: 6, Flag: true}, Action{Node: nodeTCP, PC: pcTCP, Protocol: pIPv4, Marker: mIPv4})),
		Table(secSpill, 0,
			Spill(Key{Node: nodeMAC, Boost: 6, Next: 6}, Action{Node: nodeTCP, PC: pcTCP, Group: true, Protocol: 1, MarkGroup: true, Marker: 0})),
		Table(secNoMatch, 0,
			NoMatch(Key{Node: nodeMAC}, Action{Node: nodeEnd, PC: pcEnd, Group: true, Protocol: 0, Marker: mMAC, Last: true}),
			NoMatch(Key{Node: nodeMAC, Boost: 2}, Action{Node: nodeEnd, PC: pcEnd, Group: true, Protocol: 2, Marker: mMAC, Last: true}),
			NoMatch(Key{Node: nodeMAC, Boost: 6}, Action{Node: nodeEnd, PC: pcEnd, Group: true, Protocol: 1, MarkGroup: true, Last: true}),
			NoMatch(Key{Node: nodeIPv4, Flag: true}, Action{Node: nodeEnd, PC: pcEnd, Protocol: pIPv4, Marker: mIPv4, Last: true}),
			NoMatch(Key{Node: nodeUDP}, Action{Node: nodeEnd, PC: pcEnd, Protocol: pUDP2, Marker: mUDP, Last: true}),
			NoMatch(Key{Node: nodeTCP}, Action{Node: nodeEnd, PC: pcEnd, Protocol: pTCP, Marker: mTCP, Last: true})),
		Table(secNoMatchSpill, 0,
			NoMatchSpill(Key{Node: nodeUDP, Boost: 16}, Action{Node: nodeEnd, PC: pcEnd, Protocol: pUDP, Marker: mTunnel, Last: true})),
		Table(secProto, 0, ProtoGroup([2]int{pMAC, 0}, [2]int{pEType, 12}), ProtoGroup([2]int{pMAC, 0}, [2]int{pEType, 12}, [2]int{pIPv4, 14}),
			ProtoGroup([2]int{pMAC, 0}, [2]int{pVLAN, 14}, [2]int{pEType, 16})),
		Table(secMarkers, 0, MarkerGroup(mMAC, mIPv4)),
		Table(secPType, 0, PType(0, 1, mMAC), PType(1, 23, mMAC, mIPv4), PType(2, 24, mMAC, mIPv4, mUDP)),
		Table(secPType, 0, PType(3, 26, mMAC, mIPv4, mTCP), PType(4, 43, mMAC, mIPv4, mTunnel)),
		Table(secFlags, 16, []byte{1 | 13<<1}),
	}
}

func labels() []Section {
	return []Section{
		Labels(lblPC, Label{pcEType, "PC_ETYPE"}, Label{pcTCP, "PC_TCP"}, Label{pcUDP, "PC_UDP"}, Label{pcIPv4, "PC_IPV4"}, Label{pcEnd, "PC_END"}),
		Labels(lblNode, Label{nodeMAC, "N_MAC"}, Label{nodeTCP, "N_TCP"}, Label{nodeUDP, "N_UDP"}, Label{nodeIPv4, "N_IPV4"}, Label{nodeEnd, "N_PAYLOAD"}),
		Labels(lblMarker, Label{mMAC, "M_MAC"}, Label{mIPv4, "M_IPV4"}, Label{mTunnel, "M_TUNNEL"}, Label{mUDP, "M_UDP"}, Label{mTCP, "M_TCP"}),
		Labels(lblPType, Label{0, "PT_RESERVED0"}, Label{1, "MAC_PAY"}, Label{23, "MAC_IPV4_PAY"}, Label{24, "MAC_IPV4_UDP_PAY"}, Label{26, "MAC_IPV4_TCP"},
			Label{43, "MAC_IPV4_TUN_PAY"}),
		Labels(lblProtocol, Label{0, "reserved0"}, Label{pMAC, "MAC_DEPTH0"}, Label{pEType, "ETYPE_DEPTH0"}, Label{pVLAN, "VLAN_EXTERNAL"},
			Label{pIPv4, "IPV4_DEPTH0"}, Label{pTCP, "TCP"}, Label{pUDP, "UDP_DEPTH0"}, Label{pUDP2, "UDP_LAST"}, Label{255, "PD_META_255"}),
		Labels(lblBoost, Label{0, "BOOST_MAC_VLAN_DVM_8100"}, Label{1, "BOOST_MAC_VLAN_SVM_8100"}, Label{2, "BOOST_MAC_IPV4"}, Label{3, "TNL_VXLAN_PF0_0"}),
		Labels(lblPacketFlag, Label{16, "FLAG_VLAN_8100"}), Labels(lblFlag, Label{13, "FLAG_PARSER_VLAN_8100"}, Label{60, "FLAG_PARSER_DVM"}),
		Labels(lblMarkers, Label{0, "MG_MAC_IPV4"}), Labels(lblProto, Label{0, "PG_MAC"}, Label{1, "PG_MAC_IPV4"}, Label{2, "PG_MAC_VLAN"}),
	}
}

func switchBlock() []Section {
	groups := make([][]byte, 64)
	for i := range groups {
		groups[i] = []byte{83}
	}
	groups[26], groups[24] = []byte{85}, []byte{86}
	profiles := Section{secProfile, binary.LittleEndian.AppendUint16(nil, 3)}
	for _, p := range [][]byte{Profile(0, 85, 4), Profile(1, 86, 5), Profile(511, 0, 1)} {
		profiles.Data = append(profiles.Data, p...)
	}
	builder := make([]byte, 12+8*24)
	for i := range 15 {
		Put(builder[12:], 38+9*i, 9, uint64(i))
	}
	ports := [][2]int{{pMAC, 0}, {pMAC, 2}, {pMAC, 4}, {pIPv4, 12}, {pIPv4, 14}}
	return []Section{
		{secKeyBuilder, builder},
		Table(secXLT1, 0, groups...), Table(secXLT2, 0, []byte{0, 0}, []byte{0, 0}), profiles,
		Table(secRedirect, 0, []byte{0}, []byte{1}, []byte{2}, []byte{3}, []byte{4}, []byte{5}),
		Table(secVector, 0, Vector(8), Vector(8, [2]int{pMAC, 0}), Vector(8), Vector(8)),
		Table(secVector, 4, Vector(8, append(ports, [2]int{pTCP, 0}, [2]int{pTCP, 2})...), Vector(8, append(ports, [2]int{pUDP2, 0}, [2]int{255, 40})...)),
		Labels(lblGroup, Label{83, "PTG_DEFAULT"}, Label{85, "PTG_IPV4_TCP"}, Label{86, "PTG_IPV4_UDP"}),
		Labels(lblProfile, Label{1, "PROFID_DEFAULT"}, Label{4, "PROFID_IPV4_TCP"}, Label{5, "PROFID_IPV4_UDP"}),
	}
}
