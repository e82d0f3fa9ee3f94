package paths

import "encoding/binary"

// Numbers of the protocols that packets are completed for.
const (
	etherIPv4, etherIPv6, etherVLAN, etherQinQ, etherOld = 0x0800, 0x86dd, 0x8100, 0x88a8, 0x9100
	etherMPLS, etherMPLSMulticast                        = 0x8847, 0x8848
	ipTCP, ipUDP, ipIPv4, ipIPv6, ipGRE                  = 6, 17, 4, 41, 47
	portVXLAN, portGTPU                                  = 4789, 2152
	greMAC                                               = 0x6558
)

// complete gives bits that are not fixed the values that are usual there, as far as the packet goes: versions, header
// lengths, flags of tunnels.
func (w *walk) complete() { w.ethernet(0, w.usual) }

// lengths sets lengths of what follows, once the packet has its size.
func (w *walk) lengths() {
	w.ethernet(0, func(kind string, at int) {
		size := len(w.data) - at
		switch kind {
		case "ipv4":
			w.put(at+2, byte(size>>8), 0xff)
			w.put(at+3, byte(size), 0xff)
		case "ipv6":
			w.put(at+4, byte((size-40)>>8), 0xff)
			w.put(at+5, byte(size-40), 0xff)
		case "udp":
			w.put(at+4, byte(size>>8), 0xff)
			w.put(at+5, byte(size), 0xff)
		}
	})
}

// put sets the bits of a byte that mask has and that are not fixed.
func (w *walk) put(at int, v, mask byte) {
	if at < len(w.data) {
		mask &^= w.fixed[at]
		w.data[at] = w.data[at]&^mask | v&mask
	}
}

// usual sets what is usual in a header.
func (w *walk) usual(kind string, at int) {
	switch kind {
	case "mac":
		w.put(at, 2, 0xff)
		w.put(at+5, 1, 0xff)
		w.put(at+6, 2, 0xff)
		w.put(at+11, 2, 0xff)
	case "ipv4":
		w.put(at, 0x45, 0xff)
		w.put(at+8, 64, 0xff)
	case "ipv6":
		w.put(at, 0x60, 0xf0)
		w.put(at+7, 64, 0xff)
	case "tcp":
		w.put(at+12, 0x50, 0xf0)
	case "vxlan":
		w.put(at, 0x08, 0xff)
	case "gtpu":
		w.put(at, 0x30, 0xff)
		w.put(at+1, 0xff, 0xff)
	}
}

func (w *walk) byte(at int) int {
	if at < len(w.data) {
		return int(w.data[at])
	}
	return 0
}

func (w *walk) uint16(at int) int {
	if at+2 <= len(w.data) {
		return int(binary.BigEndian.Uint16(w.data[at:]))
	}
	return 0
}

// ethernet calls f for a MAC header and the headers behind it, each with its first byte.
func (w *walk) ethernet(at int, f func(kind string, at int)) {
	f("mac", at)
	at += 12
	for range 8 {
		switch w.uint16(at) {
		case etherVLAN, etherQinQ, etherOld:
			at += 4
			continue
		case etherIPv4:
			w.ip("ipv4", at+2, f)
		case etherIPv6:
			w.ip("ipv6", at+2, f)
		case etherMPLS, etherMPLSMulticast:
			w.mpls(at+2, f)
		}
		return
	}
}

// mpls goes over a stack of labels, to its bottom.
func (w *walk) mpls(at int, f func(kind string, at int)) {
	for at+4 < len(w.data) {
		at += 4
		if w.byte(at-2)&1 != 0 {
			w.version(at, f)
			return
		}
	}
}

// version goes on with IPv4 or IPv6, as the header's first bits say, or the size of the header that the program has
// there.
func (w *walk) version(at int, f func(kind string, at int)) {
	size := 0
	for h, start := range w.at {
		if start == 8*at {
			size = max(size, h.Type.Width)
		}
	}
	switch v := w.byte(at) >> 4; {
	case v == 4, v == 0 && size == 160:
		w.ip("ipv4", at, f)
	case v == 6, v == 0 && size == 320:
		w.ip("ipv6", at, f)
	}
}

func (w *walk) ip(kind string, at int, f func(kind string, at int)) {
	if at >= len(w.data) {
		return
	}
	f(kind, at)
	protocol, next := w.byte(at+6), at+40
	if kind == "ipv4" {
		protocol, next = w.byte(at+9), at+4*(w.byte(at)&0xf)
		if next < at+20 {
			return
		}
	}
	w.transport(protocol, next, f)
}

func (w *walk) transport(protocol, at int, f func(kind string, at int)) {
	switch protocol {
	case ipTCP:
		f("tcp", at)
	case ipUDP:
		f("udp", at)
		w.tunnel(at, f)
	case ipIPv4:
		w.ip("ipv4", at, f)
	case ipIPv6:
		w.ip("ipv6", at, f)
	case ipGRE:
		switch w.uint16(at + 2) {
		case etherIPv4:
			w.ip("ipv4", at+4, f)
		case etherIPv6:
			w.ip("ipv6", at+4, f)
		case greMAC:
			w.ethernet(at+4, f)
		}
	}
}

func (w *walk) tunnel(at int, f func(kind string, at int)) {
	if at+8 >= len(w.data) {
		return
	}
	switch w.uint16(at + 2) {
	case portVXLAN:
		f("vxlan", at+8)
		w.ethernet(at+16, f)
	case portGTPU:
		f("gtpu", at+8)
		w.version(w.gtpPayload(at+8), f)
	}
}

// gtpPayload returns where a GTP-U header with its options and extensions ends.
func (w *walk) gtpPayload(at int) int {
	flags := w.byte(at)
	at += 8
	if flags&7 == 0 {
		return at
	}
	at += 4
	for next := w.byte(at - 1); flags&4 != 0 && next != 0 && w.byte(at) > 0; next = w.byte(at - 1) {
		at += 4 * w.byte(at)
	}
	return at
}
