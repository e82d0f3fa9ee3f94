package interp

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"
)

// TestHashes checks published values: the CRC catalogue's for "123456789", xxHash's own, RFC 1071's example,
// and the verification suite of receive side scaling.
func TestHashes(t *testing.T) {
	const digits = "123456789"
	tests := []struct {
		name, input string
		want        uint64
	}{
		{"crc16", digits, 0xbb3d},
		{"crc16_custom", digits, 0xbb3d},
		{"crc32", digits, 0xcbf43926},
		{"crc32_custom", digits, 0xcbf43926},
		{"crcCCITT", digits, 0x29b1},
		{"crc8_custom", digits, 0xf4},
		{"xxh64", "", 0xef46db3751d8e999},
		{"xxh64", "a", 0xd24ec4f1a98c6e5b},
		{"xxh64", "Nobody inspects the spammish repetition", 0xfbcea83c8a378bf1},
		{"csum16", "\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 0x220d},
		{"csum16", "\x01", 0xfeff},
		{"cksum16", "", 0xffff},
		{"xor16", "\x12\x34\x00\xff\x80", 0x12cb ^ 0x8000},
		{"xor32", "\x12\x34\x56\x78\xff", 0xed345678},
		{"identity", "\x01\x02", 0x0102},
		{"identity", "\x01\x02\x03\x04\x05\x06\x07\x08\x09", 0x0102030405060708},
		{"toeplitz", digits, 0},
		{"round_robin", digits, 0},
	}
	sw := &Switch{random: rand.New(rand.NewPCG(1, 2))}
	for _, tt := range tests {
		hash, err := sw.hash(tt.name)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := hash([]byte(tt.input)); got != tt.want {
			t.Errorf("%s(%q) = %#x, want %#x", tt.name, tt.input, got, tt.want)
		}
	}
	if _, err := sw.hash("md5"); err == nil {
		t.Error("md5 is taken for a hash algorithm")
	}
}

func TestToeplitz(t *testing.T) {
	key, _ := hex.DecodeString("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
	input, _ := hex.DecodeString("420995bba18e64500aea06e6") // 66.9.149.187:2794 to 161.142.100.80:1766
	if got := toeplitz(key)(input); got != 0x51ccc178 {
		t.Errorf("got %#x, want 0x51ccc178", got)
	}
}

func TestHashesWithState(t *testing.T) {
	sw := &Switch{}
	robin, _ := sw.hash("round_robin")
	same, _ := sw.hash("round_robin_consistent")
	for i := range uint64(3) {
		if got := robin([]byte("x")); got != i {
			t.Errorf("round robin call %d = %d", i, got)
		}
	}
	for i, input := range []string{"a", "b", "a", "c", "b"} {
		want := []uint64{0, 1, 0, 2, 1}[i]
		if got := same([]byte(input)); got != want {
			t.Errorf("consistent round robin of %q = %d, want %d", input, got, want)
		}
	}
}
