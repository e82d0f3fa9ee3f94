package ddp

import "encoding/binary"

// Where the fields of the tables' entries lie: first bit and width, as bits numbers them (Linux 6.12, ice_parser.c;
// the third ALU of an instruction lies behind the second, where that driver reads beyond the entry).

const (
	workPriority = 2
	aluBits      = 96
)

func decodeInstruction(e []byte) Instruction {
	i := Instruction{BoostKey: uint8(bits(e, 4, 8)), BoostTSR: flag(e, 12), BoostGraph: flag(e, 3)}
	for a := range i.BoostALU {
		i.BoostALU[a] = flag(e, a)
	}
	i.Work = decodeWork(e, 14)
	return i
}

// decodeWork reads what begins with the priority: next protocol (18 bits), key builder (35), three ALUs.
func decodeWork(e []byte, at int) Work {
	w := Work{Priority: int(bits(e, at, workPriority))}
	at += workPriority
	w.Next = NextProtocol{NextOp(bits(e, at, 2)), uint8(bits(e, at+2, 8)), uint8(bits(e, at+10, 8))}
	at += 18
	for f := range w.Key.Flag {
		w.Key.Flag[f] = -1
		if flag(e, at+7*f) {
			w.Key.Flag[f] = int8(bits(e, at+7*f+1, 6))
		}
	}
	w.Key.Register = uint8(bits(e, at+28, 7))
	at += 35
	for a := range w.ALU {
		w.ALU[a] = decodeALU(e, at+aluBits*a)
	}
	return w
}

func decodeALU(e []byte, at int) ALU {
	field := func(start, width int) uint64 { return bits(e, at+start, width) }
	return ALU{
		Op: Op(field(0, 6)), SourceStart: uint8(field(6, 8)), SourceLength: uint8(field(14, 5)),
		Translate: field(19, 1) != 0, Shift: uint8(field(20, 4)), Source: uint8(field(24, 7)), Destination: uint8(field(31, 7)),
		Offset: OffsetOp(field(40, 2)), OffsetBytes: uint8(field(42, 8)), Branch: uint8(field(50, 8)), Immediate: uint16(field(58, 16)),
		SetFlags: field(74, 1) != 0, FlagStart: uint8(field(75, 6)), FlagCount: uint8(field(81, 6)),
		FlagsImmediate: field(87, 1) != 0, FlagValue: uint8(field(88, 8)),
	}
}

func flag(e []byte, at int) bool { return bits(e, at, 1) != 0 }

func decodeInit(e []byte) Init {
	return Init{TSR: uint8(bits(e, 0, 8)), HeaderOffset: uint16(bits(e, 8, 9)), PC: uint8(bits(e, 17, 8)), Node: uint16(bits(e, 25, 11)),
		Domain: uint8(bits(e, 36, 3)), Flags: bits(e, 123, 64)}
}

func decodeCAM(e []byte) GraphEntry   { return GraphEntry{decodeKey(e, 0, true), decodeAction(e, 73)} }
func decodeSpill(e []byte) GraphEntry { return GraphEntry{decodeKey(e, 56, true), decodeAction(e, 0)} }
func decodeNoMatch(e []byte) GraphEntry {
	return GraphEntry{decodeKey(e, 0, false), decodeAction(e, 41)}
}
func decodeNoMatchSpill(e []byte) GraphEntry {
	return GraphEntry{decodeKey(e, 56, false), decodeAction(e, 0)}
}

func decodeKey(e []byte, at int, next bool) GraphKey {
	k := GraphKey{Valid: flag(e, at), Node: uint16(bits(e, at+1, 11)), Register: uint16(bits(e, at+25, 16))}
	for f := range k.Flags {
		k.Flags[f] = flag(e, at+12+f)
	}
	if flag(e, at+16) { // the key asks for a boost hit
		k.Boost = uint8(bits(e, at+17, 8))
	}
	if next {
		k.Next = uint32(bits(e, at+41, 32))
	}
	return k
}

func decodeAction(e []byte, at int) GraphAction {
	a := GraphAction{NextNode: uint16(bits(e, at, 11)), NextPC: uint8(bits(e, at+11, 8)), ProtoGroup: flag(e, at+19),
		Protocol: uint8(bits(e, at+23, 8)), MarkGroup: flag(e, at+31), Marker: uint8(bits(e, at+32, 8)), Last: flag(e, at+40),
		Advance: int(bits(e, at+42, 9))}
	if !flag(e, at+41) {
		a.Advance = -a.Advance
	}
	return a
}

func decodeBoost(e []byte) BoostEntry {
	return BoostEntry{Address: binary.LittleEndian.Uint16(e), Match: ternary(e[4:24], e[24:44]), Group: e[44], Work: decodeWork(e, 360)}
}

func decodePType(e []byte) PTypeEntry {
	return PTypeEntry{Address: binary.LittleEndian.Uint16(e), PType: binary.LittleEndian.Uint16(e[2:]), Match: ternary(e[4:13], e[14:23])}
}

func decodeMarkers(e []byte) []uint8 {
	var list []uint8
	for _, m := range e {
		if m == noMarker {
			break
		}
		list = append(list, m)
	}
	return list
}

func decodeProtocols(e []byte) []ProtocolOffset {
	var list []ProtocolOffset
	for i := range 8 {
		po := ProtocolOffset{Protocol: uint8(bits(e, 22*i+1, 8)), Offset: int(bits(e, 22*i+12, 10)), FromEnd: flag(e, 22*i)}
		if po.Protocol == noProtocol {
			break
		}
		list = append(list, po)
	}
	return list
}

func decodeFlag(e []byte) FlagRedirect { return FlagRedirect{flag(e, 0), uint8(bits(e, 1, 6))} }
