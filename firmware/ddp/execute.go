package ddp

import "fmt"

// graphKey builds the parse graph's key.
func (m *machine) graphKey(w *Work, boost uint8) GraphKey {
	k := GraphKey{Valid: true, Node: m.reg[regNode], Boost: boost, Register: m.get(int(w.Key.Register))}
	for i, f := range w.Key.Flag {
		k.Flags[i] = m.flag(int(f))
	}
	switch w.Next.Op {
	case NextExtract:
		k.Next = m.headerBits(int(w.Next.A), int(w.Next.B))
	case NextBuild:
		k.Next = uint32(m.get(int(w.Next.A)%registers)) | uint32(m.get(int(w.Next.B)%registers))<<16
	}
	return k
}

// execute runs a round's three ALUs and the parse graph's action. All read what the registers held before, and
// what comes later in the order that the priority says wins. It returns what the ALUs did, one line each.
func (m *machine) execute(w *Work, a *GraphAction) []string {
	var lines []string
	u := update{registers: map[int]uint16{}}
	for i := range w.ALU {
		if i == w.Priority {
			u.jump(a)
		}
		if line := m.run(&w.ALU[i], &u); line != "" {
			lines = append(lines, fmt.Sprintf("alu%d %s", i, line))
		}
	}
	if w.Priority >= len(w.ALU) {
		u.jump(a)
	}
	for r := range registers {
		if v, ok := u.registers[r]; ok {
			m.set(r, v)
		}
	}
	m.raised, m.cleared = u.set&^m.flags, u.mask&^u.set&m.flags
	m.flags = m.flags&^u.mask | u.set
	m.errors |= u.errors
	if a.Advance != 0 {
		m.setHeader(uint16(int(m.reg[regHeaderStart]) + a.Advance))
	}
	return lines
}

// update is what a round will have changed at its end.
type update struct {
	registers map[int]uint16
	mask, set uint64 // parser flags: which, and to what
	errors    uint16
}

func (u *update) jump(a *GraphAction) {
	u.registers[regPC], u.registers[regNode] = uint16(a.NextPC), a.NextNode
}

func (u *update) flag(i int, on bool) {
	if i < 0 || i >= 64 {
		return
	}
	u.mask |= 1 << i
	u.set &^= 1 << i
	if on {
		u.set |= 1 << i
	}
}

// run runs one ALU, and returns what it does; "" for nothing but setting the protocol offset.
func (m *machine) run(a *ALU, u *update) string {
	if a.Translate {
		return "translates by a table that is not known"
	}
	m.setOffset(a)
	m.updateFlags(a, u)
	src := m.source(a)
	value := src << a.Shift
	dst := int(a.Destination)
	switch a.Op {
	case OpPark, OpNop:
		return ""
	case OpMovAdd:
		u.registers[dst] = value + a.Immediate
	case OpAdd:
		u.registers[dst] = m.get(dst) + value + a.Immediate
	case OpMovXor:
		u.registers[dst] = value ^ a.Immediate
	case OpSetEQ:
		m.setBit(a, u, src == a.Immediate)
	case OpOrEQ, OpOrLT:
		if a.Op == OpOrEQ && src == a.Immediate || a.Op == OpOrLT && src < a.Immediate {
			m.setBit(a, u, true)
		}
		u.registers[regPC] = uint16(a.Branch)
	default:
		return a.Op.String() + ": not modelled"
	}
	if a.Op == OpSetEQ {
		u.registers[regPC] = uint16(a.Branch)
	}
	return fmt.Sprintf("%s r%d, %#x, %#x", a.Op, dst, value, a.Immediate)
}

func (m *machine) setOffset(a *ALU) {
	m.offset = int(m.reg[regHeaderStart])
	switch a.Offset {
	case OffsetAdd:
		m.offset += int(a.OffsetBytes)
	case OffsetSubtract:
		m.offset -= int(a.OffsetBytes)
	}
}

func (m *machine) updateFlags(a *ALU, u *update) {
	if !a.SetFlags {
		return
	}
	for i := range int(a.FlagCount) {
		on := a.FlagsImmediate && i < 8 && a.FlagValue>>i&1 != 0
		if !a.FlagsImmediate { // a field of the packet, its lowest bit first
			on = m.headerBits(int(a.FlagValue)+int(a.FlagCount)-1-i, 1) != 0
		}
		u.flag(int(a.FlagStart)+i, on)
	}
}

// setBit sets an error, or a parser flag.
func (m *machine) setBit(a *ALU, u *update, on bool) {
	switch dst := int(a.Destination); {
	case a.SetFlags: // the flags have their values from elsewhere
	case dst == regError:
		if on && a.FlagStart < 16 {
			u.errors |= 1 << a.FlagStart
		}
	case dst >= regFlags:
		u.flag(16*(dst-regFlags)+int(a.FlagStart), on)
	}
}
