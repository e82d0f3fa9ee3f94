package ddptest

import "encoding/binary"

// ALU is one ALU of an instruction; the zero value does nothing.
type ALU struct {
	Op, Start, Length, Shift, Source, Destination int
	OffsetOp, Offset                              int // protocol offset: 0 here, 1 plus, 2 less
	Branch, Immediate                             int
	Flags                                         bool // set flags FlagStart...
	FlagStart, FlagCount                          int
	FlagImmediate                                 bool
	FlagValue                                     int
}

// Work is the part that instructions and boost entries share.
type Work struct {
	Priority int
	NextOp   int // 0 extract, 1 registers, 2 nothing
	NextA    int
	NextB    int
	KeyFlag  int // the parser flag that is the first flag of the key; 0: none
	ALU      [3]ALU
}

// zero is a register that is never written.
const zero = 103

func (w Work) put(e []byte, at int) {
	Put(e, at, 2, uint64(w.Priority))
	Put(e, at+2, 2, uint64(w.NextOp))
	Put(e, at+4, 8, uint64(w.NextA))
	Put(e, at+12, 8, uint64(w.NextB))
	if w.KeyFlag > 0 {
		Put(e, at+20, 1, 1)
		Put(e, at+21, 6, uint64(w.KeyFlag))
	}
	Put(e, at+48, 7, zero)
	for i, a := range w.ALU {
		a.put(e, at+55+96*i)
	}
}

func (a ALU) put(e []byte, at int) {
	for _, f := range []struct{ start, width, value int }{{0, 6, a.Op}, {6, 8, a.Start}, {14, 5, a.Length}, {20, 4, a.Shift},
		{24, 7, a.Source}, {31, 7, a.Destination}, {40, 2, a.OffsetOp}, {42, 8, a.Offset}, {50, 8, a.Branch}, {58, 16, a.Immediate},
		{74, 1, one(a.Flags)}, {75, 6, a.FlagStart}, {81, 6, a.FlagCount}, {87, 1, one(a.FlagImmediate)}, {88, 8, a.FlagValue}} {
		Put(e, at+f.start, f.width, uint64(f.value))
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Instruction makes an entry of the instruction memory. With boost, a hit replaces all of it; key is the last byte of
// the boost key, -1 the search register.
func Instruction(boost bool, key int, w Work) []byte {
	e := make([]byte, 48)
	if boost {
		Put(e, 0, 4, 0xf)
	}
	if key < 0 {
		Put(e, 12, 1, 1)
	} else {
		Put(e, 4, 8, uint64(key))
	}
	w.put(e, 14)
	return e
}

// Init makes an entry of the metadata initialisation.
func Init(header, flag int) []byte {
	e := make([]byte, 24)
	Put(e, 0, 8, 0x80)
	Put(e, 8, 9, uint64(header))
	Put(e, 123+flag, 1, 1)
	return e
}

// Key is the key of the parse graph.
type Key struct {
	Node, Boost, Next int
	Flag              bool // the key's first flag
}

// Action is what a match in the parse graph does. Protocol 255 and marker 71 are none.
type Action struct {
	Node, PC         int
	Group            bool
	Protocol, Marker int
	MarkGroup, Last  bool
	Advance          int
}

func (k Key) put(e []byte, at int, next bool) {
	Put(e, at, 1, 1)
	Put(e, at+1, 11, uint64(k.Node))
	Put(e, at+12, 1, uint64(one(k.Flag)))
	if k.Boost > 0 {
		Put(e, at+16, 1, 1)
		Put(e, at+17, 8, uint64(k.Boost))
	}
	if next {
		Put(e, at+41, 32, uint64(k.Next))
	}
}

func (a Action) put(e []byte, at int) {
	for _, f := range []struct{ start, width, value int }{{0, 11, a.Node}, {11, 8, a.PC}, {19, 1, one(a.Group)}, {23, 8, a.Protocol},
		{31, 1, one(a.MarkGroup)}, {32, 8, a.Marker}, {40, 1, one(a.Last)}, {41, 1, one(a.Advance >= 0)}, {42, 9, max(a.Advance, -a.Advance)}} {
		Put(e, at+f.start, f.width, uint64(f.value))
	}
}

// CAM, Spill, NoMatch and NoMatchSpill make entries of the four tables of the parse graph.
func CAM(k Key, a Action) []byte { return edge(k, a, 16, 0, 73, true) }

// Spill makes an entry of the second table.
func Spill(k Key, a Action) []byte { return edge(k, a, 17, 56, 0, true) }

// NoMatch makes an entry of the table without next protocol.
func NoMatch(k Key, a Action) []byte { return edge(k, a, 12, 0, 41, false) }

// NoMatchSpill makes an entry of its second table.
func NoMatchSpill(k Key, a Action) []byte { return edge(k, a, 13, 56, 0, false) }

func edge(k Key, a Action, size, key, action int, next bool) []byte {
	e := make([]byte, size)
	k.put(e, key, next)
	a.put(e, action)
	return e
}

// Ternary makes a key of the hardware's two words: 1 bits of mask must have value's.
func Ternary(value, mask []byte) (key, inverse []byte) {
	for i := range value {
		key = append(key, ^(value[i] & mask[i]))
		inverse = append(inverse, value[i]|^mask[i])
	}
	return key, inverse
}

// Boost makes an entry of the boost TCAM. Head is the packet's first bytes, in their order, as value and mask; last is
// the key's last byte. Off are key bytes that an entry which is not in use has switched off.
func Boost(address, group int, head, mask []byte, last byte, w Work, off ...int) []byte {
	value, care := make([]byte, 20), make([]byte, 20)
	value[19], care[19] = last, 0xff
	for i := range head {
		value[18-i], care[18-i] = head[i], mask[i]
	}
	key, inverse := Ternary(value, care)
	for _, i := range off {
		key[i], inverse[i] = 0xfe, 0xfe
	}
	e := binary.LittleEndian.AppendUint16(nil, uint16(address))
	e = append(append(append(e, 0, 0), key...), inverse...)
	e = append(e, byte(group))
	e = append(e, make([]byte, 88-len(e))...)
	w.put(e, 360)
	return e
}

// PType makes an entry of the marker TCAM.
func PType(address, ptype int, markers ...int) []byte {
	value, mask := make([]byte, 10), make([]byte, 10)
	for i := range 9 {
		mask[i] = 0xff
	}
	for _, m := range markers {
		value[m/8] |= 1 << (m % 8)
	}
	key, inverse := Ternary(value, mask)
	e := binary.LittleEndian.AppendUint16(nil, uint16(address))
	e = binary.LittleEndian.AppendUint16(e, uint16(ptype))
	return append(append(e, key...), inverse...)
}

// ProtoGroup makes a protocol group of pairs of protocol and offset.
func ProtoGroup(pairs ...[2]int) []byte {
	e := make([]byte, 24)
	for i := range 8 {
		protocol, offset := 255, 0
		if i < len(pairs) {
			protocol, offset = pairs[i][0], pairs[i][1]
		}
		Put(e, 22*i, 1, uint64(one(offset < 0)))
		Put(e, 22*i+1, 8, uint64(protocol))
		Put(e, 22*i+12, 10, uint64(max(offset, -offset)))
	}
	return e
}

// MarkerGroup makes a marker group.
func MarkerGroup(markers ...int) []byte {
	e := []byte{71, 71, 71, 71, 71, 71, 71, 71}
	for i, m := range markers {
		e[i] = byte(m)
	}
	return e
}

// Profile makes an entry of a profile TCAM: a packet type group, 0 for any, leads to a profile.
func Profile(address, group, profile int) []byte {
	value, mask := make([]byte, 5), make([]byte, 5)
	if group > 0 {
		value[2], mask[2] = byte(group), 0xff
	}
	key, inverse := Ternary(value, mask)
	e := binary.LittleEndian.AppendUint16(nil, uint16(address))
	return append(append(append(e, key...), inverse...), byte(profile))
}

// Vector makes a field vector of pairs of protocol and offset, padded with unused words to a length.
func Vector(words int, pairs ...[2]int) []byte {
	var e []byte
	for i := range words {
		protocol, offset := 255, 0x1ff
		if i < len(pairs) {
			protocol, offset = pairs[i][0], pairs[i][1]
		}
		e = append(e, byte(protocol), byte(offset), byte(offset>>8), 0)
	}
	return e
}
