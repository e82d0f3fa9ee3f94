package demo

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Lengths in bytes.
const (
	ethernetLen = 14
	ipv4Len     = 20
	udpLen      = 8
)

// flow is what tells one packet of the demonstration from another.
type flow struct {
	dstMAC, srcMAC net.HardwareAddr
	src, dst       netip.Addr // IPv4
	ttl            byte
	port           uint16 // UDP source port
	seq            uint32 // first bytes of the payload
}

// frame returns an Ethernet frame with an IPv4 UDP packet, 64 bytes without the frame check sequence.
func (f flow) frame() []byte {
	b := make([]byte, 64)
	copy(b[0:6], f.dstMAC)
	copy(b[6:12], f.srcMAC)
	binary.BigEndian.PutUint16(b[12:], 0x0800)

	ip := b[ethernetLen:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	binary.BigEndian.PutUint16(ip[6:], 0x4000) // don't fragment
	ip[8] = f.ttl
	ip[9] = 17 // UDP
	copy(ip[12:16], f.src.AsSlice())
	copy(ip[16:20], f.dst.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], ^onesSum(ip[:ipv4Len]))

	udp := ip[ipv4Len:]
	binary.BigEndian.PutUint16(udp[0:], f.port)
	binary.BigEndian.PutUint16(udp[2:], 9) // discard
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	binary.BigEndian.PutUint32(udp[udpLen:], f.seq)
	return b
}

// routed returns the frame as a router sends it on: new Ethernet addresses, one hop less.
func (f flow) routed(smac, dmac net.HardwareAddr) []byte {
	f.srcMAC, f.dstMAC, f.ttl = smac, dmac, f.ttl-1
	return f.frame()
}

// seqOf returns the sequence number that frame wrote, and whether b is a frame of the demonstration at all.
func seqOf(b []byte) (uint32, bool) {
	at := ethernetLen + ipv4Len + udpLen
	if len(b) < at+4 || binary.BigEndian.Uint16(b[12:]) != 0x0800 || b[ethernetLen+9] != 17 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[at:]), true
}

// onesSum is the one's complement sum of RFC 1071 over b, whose length is even.
func onesSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return uint16(sum)
}
