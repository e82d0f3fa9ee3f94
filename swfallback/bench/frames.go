package bench

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// unhex reads hexadecimal text with spaces in it. The text is this package's own.
func unhex(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return nil
	}
	return b
}

// sealed fills in the checksum of the IPv4 header at off.
func sealed(frame []byte, off int) []byte {
	frame[off+10], frame[off+11] = 0, 0
	sum := uint32(0)
	for i := off; i < off+20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(frame[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(frame[off+10:], ^uint16(sum))
	return frame
}

// padded fills a frame up to n bytes.
func padded(frame []byte, n int) []byte {
	return append(frame, make([]byte, max(n-len(frame), 0))...)
}

// Offsets of what patches overwrite in the frames below.
const (
	offEthernet = 0
	offFlow4    = 26 // source and destination address, UDP ports of IPv4
	offDst6     = 38 // destination address of IPv6
)

// frame4 is a UDP packet to 10.1.1.1 whose header's checksum does not depend on the addresses as long as the source
// is the complement of the destination.
func frame4() []byte {
	f := unhex("020000000001 0200000000aa 0800 4500003200014000ff110000 f5fefefe 0a010101 045708ae001e0000")
	return padded(sealed(f, 14), 96)
}

// frame6 is a UDP packet to 2001:db8:1::1.
func frame6() []byte {
	return padded(unhex("020000000001 0200000000aa 86dd 60000000001e11ff 20010db8000000000000000000000001"+
		"20010db8000100000000000000000001 045708ae001e0000"), 96)
}

// frameBridged is a frame from one station to another in a bridge.
func frameBridged() []byte {
	return padded(unhex("020000000002 020000000001 0800"), 96)
}

// frameInner is what a tunnel takes in.
func frameInner() []byte {
	return padded(sealed(unhex("0200000000b1 0200000000a1 0800 4500003200014000401100000a0000010a000002 00350036001e0000"), 14), 96)
}

// frameTunnelled is a frame in VXLAN.
func frameTunnelled() []byte {
	f := unhex("060000000001 060000000002 0800 4500007400014000401100 00c0a80002c0a80001 c12312b500600000 0800000000006400" +
		"0200000000a1 0200000000b1 0800 4500003200014000401100000a0000010a000002 00350036001e0000")
	return padded(sealed(sealed(f, 14), 64), 144)
}
