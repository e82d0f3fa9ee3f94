package ddp

// The registers, 16 bits each.
const (
	registers      = 128
	regHeader      = 64 // 16 registers: 32 bytes of the packet from the header offset on
	headerWindow   = 32 // bytes
	regError       = 84
	regFlags       = 104 // four registers
	regSearch      = 108 // TCAM search register
	regNode        = 109
	regHeaderStart = 110
	regPC          = 111

	maxPacket = 504 // bytes of a packet that the parser sees
)

// machine is the state of the parser.
type machine struct {
	packet []byte // at most maxPacket bytes
	length int    // of the whole packet
	reg    [registers]uint16
	header [headerWindow]byte // what regHeader holds, as bytes
	flags  uint64
	errors uint16

	offset    int    // of the protocol of this round
	raised    uint64 // parser flags that the round set
	cleared   uint64 // that it cleared
	markers   [9]byte
	protocols [256]bool
	offsets   [256]int
}

// setHeader moves the header offset, and with it the window. Bytes behind the packet are zero.
func (m *machine) setHeader(to uint16) {
	m.reg[regHeaderStart] = to
	m.header = [headerWindow]byte{}
	if int(to) < len(m.packet) {
		copy(m.header[:], m.packet[to:])
	}
}

// headerBits returns at most 32 bits of the window, the first one the most significant of the result.
func (m *machine) headerBits(start, length int) uint32 {
	var v uint64
	for i := range 8 {
		v <<= 8
		if at := start/8 + i; at < len(m.header) {
			v |= uint64(m.header[at])
		}
	}
	if length == 0 {
		return 0
	}
	return uint32(v << (start % 8) >> (64 - min(length, 32)))
}

// source returns the bits that an ALU takes. Bit 0 is the first one of the packet in the window, and the most
// significant one of any other register.
func (m *machine) source(a *ALU) uint16 {
	start, length := int(a.SourceStart), min(int(a.SourceLength), 16)
	if a.Source >= regHeader && int(a.Source) < regHeader+headerWindow/2 {
		return uint16(m.headerBits(16*int(a.Source-regHeader)+start, length))
	}
	at := int(a.Source) + start/16
	pair := uint32(m.get(at%registers))<<16 | uint32(m.get((at+1)%registers))
	if length == 0 {
		return 0
	}
	return uint16(pair << (start % 16) >> (32 - length))
}

// get reads a register.
func (m *machine) get(i int) uint16 {
	switch {
	case i >= regHeader && i < regHeader+headerWindow/2:
		return uint16(m.header[2*(i-regHeader)]) | uint16(m.header[2*(i-regHeader)+1])<<8
	case i == regError:
		return m.errors
	case i >= regFlags && i < regFlags+4:
		return uint16(m.flags >> (16 * (i - regFlags)))
	}
	return m.reg[i]
}

// set writes a register.
func (m *machine) set(i int, v uint16) {
	switch {
	case i == regHeaderStart:
		m.setHeader(v)
	case i >= regHeader && i < regHeader+headerWindow/2:
		m.header[2*(i-regHeader)], m.header[2*(i-regHeader)+1] = byte(v), byte(v>>8)
	case i == regError:
		m.errors = v
	case i >= regFlags && i < regFlags+4:
		shift := 16 * (i - regFlags)
		m.flags = m.flags&^(0xffff<<shift) | uint64(v)<<shift
	default:
		m.reg[i] = v
	}
}

// flag reads a parser flag.
func (m *machine) flag(i int) bool { return i >= 0 && i < 64 && m.flags>>i&1 != 0 }
