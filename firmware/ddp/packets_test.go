package ddp_test

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A packet type's name is a list of headers: MAC_IPV4_TUN_MAC_IPV6_UDP_PAY. build makes a packet of it.

// shape says which of the packets that have a name is built.
type shape struct {
	tags   []uint16 // VLAN tags of the outer MAC header: their EtherTypes
	tunnel string   // what TUN is: "gre", "grek", "grecks", "vxlan", "geneve", "nvgre"
	gtp    string   // "", "options", "extension": of GTP-U
	inner  []uint16 // VLAN tags of the inner MAC header
	ext    bool     // IPv6 headers have a hop-by-hop extension header
	single bool     // the parser is in single VLAN mode
}

// builder makes one packet. Every layer appends its header and then the rest, and returns how the layer above calls it.
type builder struct {
	shape
	tokens []string
	bytes  []byte
	macs   int // so far
	ips    int
	want   []string // headers that the parser must find, as "NAME@OFFSET"
}

// tokens splits a packet type's name.
func tokens(name string) []string {
	for _, joint := range []string{"NAT_T_ESP", "NAT_T_IKE", "NAT_T_KEEP", "GTPC_TEID", "PFCP_NODE", "PFCP_SESSION", "UDP_ECPRI"} {
		name = strings.ReplaceAll(name, joint, strings.ReplaceAll(joint, "_", "-"))
	}
	if i := strings.Index(name, "ECPRI"); i >= 0 {
		name = name[:i] + strings.ReplaceAll(name[i:], "_", "-")
	}
	return strings.Split(name, "_")
}

// build makes the packet, and says which headers are where.
func build(name string, s shape) (packet []byte, want []string, err error) {
	b := &builder{shape: s, tokens: tokens(name)}
	if _, err = b.layer(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return b.bytes, b.want, nil
}

// is says that a header stands at an offset.
func (b *builder) is(name string, at int) { b.want = append(b.want, fmt.Sprintf("%s@%d", name, at)) }

func (b *builder) put(p ...byte)     { b.bytes = append(b.bytes, p...) }
func (b *builder) put16(v uint16)    { b.bytes = binary.BigEndian.AppendUint16(b.bytes, v) }
func (b *builder) zeros(n int)       { b.bytes = append(b.bytes, make([]byte, n)...) }
func (b *builder) set16(at, v int)   { binary.BigEndian.PutUint16(b.bytes[at:], uint16(v)) }
func (b *builder) next() string      { return b.tokens[0] }
func (b *builder) payload(n int)     { b.bytes = append(b.bytes, strings.Repeat("\x5a", n)...) }
func (b *builder) here() int         { return len(b.bytes) }
func (b *builder) pop() (tok string) { tok, b.tokens = b.tokens[0], b.tokens[1:]; return tok }

// layer builds the first token's header and everything behind it.
func (b *builder) layer() (string, error) {
	if len(b.tokens) == 0 {
		b.payload(40)
		return "PAY", nil
	}
	switch tok := b.next(); {
	case tok == "MAC":
		return b.mac()
	case tok == "IPV4", tok == "IPV6":
		return b.ip()
	case tok == "TUN":
		return b.tun()
	case tok == "GTPU":
		return b.gtpu()
	case tok == "PPPOE":
		return b.pppoe()
	}
	return b.leaf()
}

var etherTypes = map[string]uint16{"IPV4": 0x0800, "IPV6": 0x86dd, "ARP": 0x0806, "LLDP": 0x88cc, "PTP": 0x88f7, "CONTROL": 0x8808,
	"PPPOD": 0x8863, "PPPOE": 0x8864, "PAY": 0x88b5, "ECPRI": 0xaefe}

func (b *builder) mac() (string, error) {
	b.pop()
	tags := b.tags
	if b.macs > 0 {
		tags = b.inner
	}
	b.is(fmt.Sprintf("MAC_DEPTH%d", b.macs), b.here())
	b.macs++
	b.put(2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2)
	for i, t := range tags {
		b.put16(t)
		b.put16(uint16(100 + i))
	}
	at := b.here()
	b.put16(0)
	b.is(fmt.Sprintf("ETYPE_DEPTH%d", b.macs-1), at)
	kind, err := b.layer()
	e, ok := etherTypes[kind]
	if err == nil && !ok {
		err = fmt.Errorf("%s behind a MAC header", kind)
	}
	b.set16(at, int(e))
	return "MAC", err
}

var protocols = map[string]byte{"UDP": 17, "TCP": 6, "SCTP": 132, "ICMP": 1, "ICMPV6": 58, "IPV4": 4, "IPV6": 41, "GRE": 47, "ESP": 50,
	"AH": 51, "L2TPV3": 115, "PAY": 253, "FRAG": 17}

func (b *builder) ip() (string, error) {
	version := b.pop()
	at := b.here()
	nextAt := at + 9
	b.is(fmt.Sprintf("%s_DEPTH%d", version, b.ips), at)
	b.ips++
	if version == "IPV4" {
		b.put(0x45, 0, 0, 0, 0, 1, 0, 0, 64, 0, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2)
	} else {
		nextAt = at + 6
		b.put(0x60, 0, 0, 0, 0, 0, 0, 64)
		b.zeros(32)
		if b.ext {
			b.bytes[nextAt] = 0
			nextAt = b.here()
			b.put(0, 0, 1, 4, 0, 0, 0, 0)
		}
	}
	fragment := len(b.tokens) > 0 && b.next() == "FRAG"
	if fragment && version == "IPV4" {
		b.bytes[at+6] = 0x20
	} else if fragment {
		b.bytes[nextAt] = 44
		nextAt = b.here()
		b.put(0, 0, 0, 1, 0, 0, 0, 1)
	}
	kind, err := b.layer()
	p, ok := protocols[kind]
	if err == nil && !ok {
		err = fmt.Errorf("%s behind an IP header", kind)
	}
	b.bytes[nextAt] = p
	if version == "IPV4" {
		b.set16(at+2, b.here()-at)
	} else {
		b.set16(at+4, b.here()-at-40)
	}
	return version, err
}

// udp builds a UDP header, which the parser calls name, and calls rest for what is in it.
func (b *builder) udp(name string, port uint16, rest func() error) (string, error) {
	at := b.here()
	b.is(name, at)
	b.put16(40000)
	b.put16(port)
	b.zeros(2)
	b.put16(0x1234)
	err := rest()
	b.set16(at+4, b.here()-at)
	return "UDP", err
}

func (b *builder) tun() (string, error) {
	b.pop()
	switch b.tunnel {
	case "vxlan":
		return b.udp("UDP_DEPTH0", 4789, func() error { b.put(8, 0, 0, 0, 0, 0, 42, 0); return b.rest() })
	case "geneve":
		return b.udp("UDP_DEPTH0", 6081, func() error { b.put(0, 0, 0x65, 0x58, 0, 0, 42, 0); return b.rest() })
	}
	flags := map[string]byte{"gre": 0, "grek": 0x20, "grec": 0x80, "grecks": 0xb0, "nvgre": 0x20}[b.tunnel]
	at := b.here()
	b.is("GRE_DEPTH0", at)
	b.put(flags, 0, 0, 0)
	for _, bit := range []byte{0x80, 0x20, 0x10} {
		if flags&bit != 0 {
			b.put(0, 0, 42, 0)
		}
	}
	kind, err := b.layer()
	b.set16(at+2, map[string]int{"IPV4": 0x0800, "IPV6": 0x86dd, "MAC": 0x6558, "PAY": 0x88b5}[kind])
	return "GRE", err
}

func (b *builder) rest() error { _, err := b.layer(); return err }

func (b *builder) gtpu() (string, error) {
	b.pop()
	message, name := byte(255), "UDP_DEPTH0"
	if len(b.tokens) == 0 {
		message, name = 1, "UDP_LAST" // echo request: not a tunnel
	}
	return b.udp(name, 2152, func() error {
		flags := map[string]byte{"": 0x30, "options": 0x32, "extension": 0x34}[b.gtp]
		b.put(flags, message, 0, 0, 0, 0, 0, 7)
		switch {
		case b.gtp == "options":
			b.put(0, 1, 0, 0)
		case b.gtp == "extension":
			b.put(0, 1, 0, 0x85, 1, 0, 9, 0)
		}
		return b.rest()
	})
}

func (b *builder) pppoe() (string, error) {
	b.pop()
	b.is("PPPOE", b.here())
	b.put(0x11, 0, 0, 1, 0, 40)
	at := b.here()
	b.put16(0)
	kind, err := b.layer()
	b.set16(at, map[string]int{"IPV4": 0x0021, "IPV6": 0x0057, "PAY": 0xc021}[kind])
	return "PPPOE", err
}

// leaves are the parser's names of what has nothing but payload behind it.
var leaves = map[string]string{"TCP": "TCP", "SCTP": "SCTP", "ICMP": "ICMP", "ICMPV6": "ICMPV6", "ESP": "ESP", "AH": "AH",
	"L2TPV3": "L2TPV3", "ARP": "ARP", "PTP": "TIMESYNC", "LLDP": "LLDP", "CONTROL": "CTRL", "PPPOD": "PPPOE"}

// leaf builds what has nothing but payload behind it.
func (b *builder) leaf() (string, error) {
	tok := b.pop()
	then := func(p ...byte) func() error {
		return func() error { b.put(p...); b.payload(40); return nil }
	}
	if name, ok := leaves[tok]; ok {
		b.is(name, b.here())
	}
	switch tok {
	case "UDP":
		b.tokens = nil
		return b.udp("UDP_LAST", 40001, then())
	case "TCP":
		b.put(0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0)
	case "SCTP":
		b.put(0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0)
	case "ICMP":
		b.put(8, 0, 0, 0)
	case "ICMPV6":
		b.put(128, 0, 0, 0)
	case "ESP", "L2TPV3":
		b.put(0, 0, 1, 0, 0, 0, 0, 1)
	case "AH":
		b.put(59, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
	case "ARP":
		b.put(0, 1, 8, 0, 6, 4, 0, 1)
	case "PTP", "LLDP", "CONTROL", "PAY", "FRAG":
	case "PPPOD":
		b.put(0x11, 9, 0, 0, 0, 4)
		b.tokens = nil
	case "NAT-T-ESP":
		return b.udp("UDP_LAST", 4500, then(0, 0, 1, 0, 0, 0, 0, 1))
	case "NAT-T-IKE":
		return b.udp("UDP_LAST", 4500, then(0, 0, 0, 0, 1, 2, 3, 4))
	case "NAT-T-KEEP":
		return b.udp("UDP_LAST", 4500, func() error { b.put(0xff); return nil })
	case "GTPC-TEID":
		return b.udp("UDP_LAST", 2123, then(0x48, 1, 0, 8, 0, 0, 0, 7))
	case "GTPC":
		return b.udp("UDP_LAST", 2123, then(0x40, 1, 0, 4, 0, 0, 1, 0))
	case "PFCP-NODE":
		return b.udp("UDP_LAST", 8805, then(0x20, 1, 0, 4))
	case "PFCP-SESSION":
		return b.udp("UDP_LAST", 8805, then(0x21, 50, 0, 12))
	default:
		kind := "ECPRI"
		head, ok := ecpri(tok)
		if !ok {
			return "", fmt.Errorf("unknown header %s", tok)
		}
		if strings.HasPrefix(tok, "UDP-") {
			return b.udp("UDP_LAST", ecpriPort, then(head...))
		}
		b.put(head...)
		b.payload(40)
		return kind, nil
	}
	b.payload(40)
	return tok, nil
}

// ecpriPort is the UDP port that the tests give eCPRI, which has none of its own.
const ecpriPort = 40123

// ecpri returns an eCPRI header: revision 1, message type, size, and where the name has a section type the header of
// a control message with it.
func ecpri(tok string) ([]byte, bool) {
	_, tail, ok := strings.Cut(tok, "ECPRI")
	if !ok {
		return nil, false
	}
	message, section := 4, -1
	if _, err := fmt.Sscanf(tail, "-MSGTYPE%d-SEC%d", &message, &section); err != nil && section < 0 {
		_, _ = fmt.Sscanf(tail, "-MSGTYPE%d", &message)
	}
	if section < 0 {
		section = 9
	}
	return []byte{0x10, byte(message), 0, 20, 0, 1, 0, 1, 0x80, 0, 0, 0, 1, byte(section), 0, 0}, true
}
