package ddp

import "fmt"

// Op is what an ALU does.
type Op uint8

// The operations (Linux 6.12, ice_parser.h). The driver's own model runs those that packages use: OpPark, OpMovAdd,
// OpAdd, OpMovXor, OpNop, OpSetEQ, OpOrEQ, OpOrLT. Others are shown and reported when a packet meets them.
const (
	OpPark   Op = 0
	OpMovAdd Op = 1
	OpAdd    Op = 2
	OpMovXor Op = 9
	OpNop    Op = 11
	OpSetEQ  Op = 19
	OpOrEQ   Op = 21
	OpOrLT   Op = 30
)

var opNames = map[Op]string{OpPark: "park", OpMovAdd: "movadd", OpAdd: "add", 4: "movand", 5: "and", 6: "andimm", 7: "movor", 8: "or",
	OpMovXor: "movxor", 10: "xor", OpNop: "nop", 12: "br", 13: "breq", 14: "brneq", 15: "brgt", 16: "brlt", 17: "brgeq", 18: "brleq",
	OpSetEQ: "seteq", 20: "andeq", OpOrEQ: "oreq", 22: "setneq", 23: "andneq", 24: "orneq", 25: "setgt", 26: "andgt", 27: "orgt",
	28: "setlt", 29: "andlt", OpOrLT: "orlt", 31: "movsub", 32: "sub"}

// String returns "movadd".
func (o Op) String() string {
	if s := opNames[o]; s != "" {
		return s
	}
	return fmt.Sprintf("op%d", uint8(o))
}

// OffsetOp is what an ALU does to the protocol offset.
type OffsetOp uint8

// The ways. Every ALU sets it, the last one counts.
const (
	OffsetHere     OffsetOp = iota // the header offset
	OffsetAdd                      // header offset plus OffsetBytes
	OffsetSubtract                 // header offset less OffsetBytes
)

// ALU is one of an instruction's three.
type ALU struct {
	Op           Op
	SourceStart  uint8 // first bit, most significant first
	SourceLength uint8 // bits
	Translate    bool  // a table instead of Shift: nothing public says which
	Shift        uint8
	Source       uint8 // register
	Destination  uint8
	Offset       OffsetOp
	OffsetBytes  uint8
	Branch       uint8 // next program counter of comparisons
	Immediate    uint16

	SetFlags       bool // parser flags FlagStart and the FlagCount-1 after it get new values
	FlagStart      uint8
	FlagCount      uint8
	FlagsImmediate bool  // bits of FlagValue, the lowest first; else of a field of the packet
	FlagValue      uint8 // or the first bit of that field, which has FlagCount
}

// String returns the operation with its operands: "add r110, r64[20:24]<<2, 0x2" adds bits 20 to 23 from the header
// offset on, shifted, and 2 to register 110. "" for an ALU that does nothing.
func (a ALU) String() string {
	if a.Op == OpPark || a.Op == OpNop {
		return ""
	}
	return fmt.Sprintf("%s r%d, r%d[%d:%d]<<%d, %#x", a.Op, a.Destination, a.Source, a.SourceStart, a.SourceStart+a.SourceLength, a.Shift, a.Immediate)
}
