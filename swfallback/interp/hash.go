package interp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
)

// hashFunc computes a hash of bytes. Results of fewer bits than 64 are zero-extended.
type hashFunc func(data []byte) uint64

// hash returns the algorithm of BMv2's name (behavioral-model, "calculations"), ready for use by one calculation:
// round_robin and its like count for themselves.
func (sw *Switch) hash(name string) (hashFunc, error) {
	switch name {
	case "csum16", "cksum16":
		return csum16, nil
	case "xor16":
		return func(b []byte) uint64 { return xorHash(b, 2) }, nil
	case "xor32":
		return func(b []byte) uint64 { return xorHash(b, 4) }, nil
	case "identity":
		return identity, nil
	case "xxh64":
		return xxh64, nil
	case "toeplitz":
		return toeplitz(make([]byte, 4)), nil
	case "round_robin":
		n := uint64(0)
		return func([]byte) uint64 { n++; return n - 1 }, nil
	case "round_robin_consistent":
		return roundRobinConsistent(), nil
	case "random":
		return func([]byte) uint64 { return sw.random.Uint64() }, nil
	}
	if crc, ok := crcs[name]; ok {
		return crc.hash(), nil
	}
	return nil, fmt.Errorf("hash algorithm %q: %w", name, errors.ErrUnsupported)
}

// csum16 is the ones' complement of the ones' complement sum of 16-bit words (RFC 1071).
func csum16(b []byte) uint64 {
	var sum uint64
	for ; len(b) >= 8; b = b[8:] { // two words at a time: 2^16 counts as 1
		x := binary.BigEndian.Uint64(b)
		sum += x>>32 + x&0xffffffff
	}
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^sum & 0xffff
}

// xorHash is the exclusive or of words of size bytes, the last padded with zeros behind.
func xorHash(b []byte, size int) uint64 {
	var x uint64
	for i, c := range b {
		x ^= uint64(c) << (8 * (size - 1 - i%size))
	}
	return x
}

// identity is the first eight bytes as a number.
func identity(b []byte) uint64 {
	var x uint64
	for _, c := range b[:min(len(b), 8)] {
		x = x<<8 | uint64(c)
	}
	return x
}

// roundRobinConsistent numbers its inputs in the order of their first appearance.
func roundRobinConsistent() hashFunc {
	seen := map[string]uint64{}
	return func(b []byte) uint64 {
		n, ok := seen[string(b)]
		if !ok {
			n = uint64(len(seen))
			seen[string(b)] = n
		}
		return n
	}
}

// toeplitz hashes with a key of whole 32-bit words, used over again for longer inputs.
func toeplitz(key []byte) hashFunc {
	words := len(key) / 4
	word := func(i int) uint32 { return binary.BigEndian.Uint32(key[4*(i%words):]) }
	return func(b []byte) uint64 {
		var x uint32
		for i := 0; i < len(b)*8; i++ {
			if b[i/8]&(0x80>>(i%8)) != 0 {
				w, s := i/32, i%32
				x ^= word(w)<<s | uint32(uint64(word(w+1))>>(32-s))
			}
		}
		return uint64(x)
	}
}

// crc describes a cyclic redundancy check: Width bits, the polynomial without its leading one, and what is
// exclusive-ored in front and behind. Reflected ones take bits from the low end, in and out.
type crc struct {
	width           int
	poly, init, out uint64
	reflectIn       bool
	reflectOut      bool
	table           func() *[256]uint64
}

// crcs are BMv2's, the custom ones as they are before a controller changes them.
var crcs = map[string]crc{
	"crc16":        newCRC(16, 0x8005, 0, 0, true),
	"crc32":        newCRC(32, 0x04c11db7, 0xffffffff, 0xffffffff, true),
	"crcCCITT":     newCRC(16, 0x1021, 0xffff, 0, false),
	"crc8_custom":  newCRC(8, 0x07, 0, 0, false),
	"crc16_custom": newCRC(16, 0x8005, 0, 0, true),
	"crc32_custom": newCRC(32, 0x04c11db7, 0xffffffff, 0xffffffff, true),
	"crc64_custom": newCRC(64, 0x1b, 0, 0, true),
}

func newCRC(width int, poly, init, out uint64, reflect bool) crc {
	c := crc{width: width, poly: poly, init: init, out: out, reflectIn: reflect, reflectOut: reflect}
	c.table = sync.OnceValue(c.makeTable)
	return c
}

// makeTable divides each byte, standing at the top of the register, by the polynomial.
func (c crc) makeTable() *[256]uint64 {
	var t [256]uint64
	poly := c.poly << (64 - c.width)
	for i := range t {
		r := uint64(i) << 56
		for range 8 {
			carry := r >> 63
			r = r<<1 ^ poly*carry
		}
		t[i] = r
	}
	return &t
}

// hash keeps the register in the top bits of a word.
func (c crc) hash() hashFunc {
	table := c.table()
	return func(b []byte) uint64 {
		r := c.init << (64 - c.width)
		for _, x := range b {
			if c.reflectIn {
				x = bits.Reverse8(x)
			}
			r = r<<8 ^ table[byte(r>>56)^x]
		}
		if c.reflectOut {
			return bits.Reverse64(r) ^ c.out
		}
		return r>>(64-c.width) ^ c.out
	}
}

// The primes of XXH64 (xxHash specification, "XXH64 algorithm description").
const (
	xxPrime1 uint64 = 0x9e3779b185ebca87
	xxPrime2 uint64 = 0xc2b2ae3d27d4eb4f
	xxPrime3 uint64 = 0x165667b19e3779f9
	xxPrime4 uint64 = 0x85ebca77c2b2ae63
	xxPrime5 uint64 = 0x27d4eb2f165667c5
)

func xxRound(acc, lane uint64) uint64 {
	return bits.RotateLeft64(acc+lane*xxPrime2, 31) * xxPrime1
}

// xxh64 is XXH64 with seed 0.
func xxh64(b []byte) uint64 {
	var h uint64
	size := uint64(len(b))
	if len(b) < 32 {
		h = xxPrime5
	} else {
		h, b = xxStripes(b)
	}
	h += size
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxRound(0, binary.LittleEndian.Uint64(b)), 27)*xxPrime1 + xxPrime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*xxPrime1, 23)*xxPrime2 + xxPrime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>33) * xxPrime2
	h = (h ^ h>>29) * xxPrime3
	return h ^ h>>32
}

// xxStripes eats whole stripes of 32 bytes and joins the four accumulators.
func xxStripes(b []byte) (uint64, []byte) {
	p1, p2 := xxPrime1, xxPrime2 // variables: constants must not overflow
	acc := [4]uint64{p1 + p2, p2, 0, -p1}
	for ; len(b) >= 32; b = b[32:] {
		for i := range acc {
			acc[i] = xxRound(acc[i], binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	h := bits.RotateLeft64(acc[0], 1) + bits.RotateLeft64(acc[1], 7) +
		bits.RotateLeft64(acc[2], 12) + bits.RotateLeft64(acc[3], 18)
	for _, a := range acc {
		h = (h^xxRound(0, a))*xxPrime1 + xxPrime4
	}
	return h, b
}
