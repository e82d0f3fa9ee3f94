package pipeline_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

func key(name string, kind pipeline.MatchKind, width int) *pipeline.Key {
	return &pipeline.Key{Name: name, Kind: kind, Width: width}
}

func TestParseMatch(t *testing.T) {
	var (
		exact   = pipeline.MatchExact
		valid   = pipeline.MatchValid
		lpm     = pipeline.MatchLPM
		ternary = pipeline.MatchTernary
		opt     = pipeline.MatchOptional
		rng     = pipeline.MatchRange
	)
	v6 := []byte{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	tests := []struct {
		name   string
		key    *pipeline.Key
		in     string
		want   pipeline.Match
		format string // what FormatMatch makes of it; "": the same
	}{
		{"decimal", key("port", exact, 16), "80", pipeline.Match{Value: []byte{0, 80}}, ""},
		{"leading zero is no octal", key("port", exact, 16), "010", pipeline.Match{Value: []byte{0, 10}}, "10"},
		{"hex", key("ether_type", exact, 16), "0x800", pipeline.Match{Value: []byte{8, 0}}, "0x0800"},
		{"binary", key("port", exact, 9), "0b100000001", pipeline.Match{Value: []byte{1, 1}}, "257"},
		{"mac", key("dst_addr", exact, 48), "2:0:0:0:0:1", pipeline.Match{Value: []byte{2, 0, 0, 0, 0, 1}}, "02:00:00:00:00:01"},
		{"mac as number", key("dst_addr", exact, 48), "0x020000000001", pipeline.Match{Value: []byte{2, 0, 0, 0, 0, 1}}, "02:00:00:00:00:01"},
		{"ipv4", key("ipv4.dst_addr", exact, 32), "10.0.0.1", pipeline.Match{Value: []byte{10, 0, 0, 1}}, ""},
		{"ipv4 for a number", key("seq_no", exact, 32), "10.0.0.1", pipeline.Match{Value: []byte{10, 0, 0, 1}}, "167772161"},
		{"true", key("ipv4", valid, 1), "true", pipeline.Match{Value: []byte{1}}, ""},
		{"false", key("ipv4", valid, 1), "0", pipeline.Match{Value: []byte{0}}, "false"},
		{"prefix", key("dst_addr", lpm, 32), "10.0.0.0/8", pipeline.Match{Value: []byte{10, 0, 0, 0}, Prefix: 8}, ""},
		{"prefix 0", key("dst_addr", lpm, 32), "0.0.0.0/0", pipeline.Match{Value: []byte{0, 0, 0, 0}}, "*"},
		{"host", key("dst_addr", lpm, 32), "10.0.0.1", pipeline.Match{Value: []byte{10, 0, 0, 1}, Prefix: 32}, "10.0.0.1/32"},
		{"prefix as mask", key("dst_addr", lpm, 32), "10.0.0.0&&&255.0.0.0", pipeline.Match{Value: []byte{10, 0, 0, 0}, Prefix: 8}, "10.0.0.0/8"},
		{"ipv6", key("dst_addr", lpm, 128), "2001:db8::/32", pipeline.Match{Value: v6, Prefix: 32}, ""},
		{"ternary", key("ether_type", ternary, 16), "0x0800&&&0xff00", pipeline.Match{Value: []byte{8, 0}, Mask: []byte{255, 0}}, ""},
		{"ternary spaced", key("port", ternary, 16), " 0x0800 &&& 0xff00 ", pipeline.Match{Value: []byte{8, 0}, Mask: []byte{255, 0}}, "0x0800&&&0xff00"},
		{"ternary prefix", key("src_addr", ternary, 32), "10.0.0.0/8", pipeline.Match{Value: []byte{10, 0, 0, 0}, Mask: []byte{255, 0, 0, 0}}, ""},
		{"ternary exact", key("port", ternary, 9), "511", pipeline.Match{Value: []byte{1, 255}, Mask: []byte{1, 255}}, ""},
		{"ternary any", key("port", ternary, 9), "*", pipeline.Match{Value: []byte{0, 0}, Mask: []byte{0, 0}}, ""},
		{"ternary mac", key("src_addr", ternary, 48), "01:00:00:00:00:00&&&01:00:00:00:00:00",
			pipeline.Match{Value: []byte{1, 0, 0, 0, 0, 0}, Mask: []byte{1, 0, 0, 0, 0, 0}}, ""},
		{"optional", key("proto", opt, 8), "6", pipeline.Match{Value: []byte{6}, Mask: []byte{255}}, ""},
		{"optional any", key("proto", opt, 8), "_", pipeline.Match{Value: []byte{0}, Mask: []byte{0}}, "*"},
		{"range", key("port", rng, 16), "80..443", pipeline.Match{Value: []byte{0, 80}, High: []byte{1, 187}}, ""},
		{"range of one", key("port", rng, 16), "80", pipeline.Match{Value: []byte{0, 80}, High: []byte{0, 80}}, ""},
		{"range any", key("port", rng, 9), "*", pipeline.Match{Value: []byte{0, 0}, High: []byte{1, 255}}, ""},
		{"range all", key("port", rng, 9), "0 .. 511", pipeline.Match{Value: []byte{0, 0}, High: []byte{1, 255}}, "*"},
		{"wide", key("hash", exact, 128), "0x1" + strings.Repeat("0", 31), pipeline.Match{Value: append([]byte{16}, make([]byte, 15)...)}, ""},
		{"wide decimal", key("hash", exact, 72), "18446744073709551616", pipeline.Match{Value: []byte{1, 0, 0, 0, 0, 0, 0, 0, 0}}, "0x010000000000000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pipeline.ParseMatch(tt.key, tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			want := tt.format
			if want == "" {
				want = tt.in
			}
			if text := pipeline.FormatMatch(tt.key, got); text != want {
				t.Errorf("formats as %q, want %q", text, want)
			}
		})
	}
}

func TestParseMatchErrors(t *testing.T) {
	tests := []struct {
		name string
		key  *pipeline.Key
		in   string
		want error
	}{
		{"empty", key("k", pipeline.MatchExact, 8), "", pipeline.ErrBadMatch},
		{"word", key("k", pipeline.MatchExact, 8), "ten", pipeline.ErrBadMatch},
		{"too large", key("k", pipeline.MatchExact, 8), "256", pipeline.ErrBadRange},
		{"far too large", key("k", pipeline.MatchExact, 70), "0x" + strings.Repeat("f", 18), pipeline.ErrBadRange},
		{"endless", key("k", pipeline.MatchExact, 8), strings.Repeat("9", 1000), pipeline.ErrBadMatch},
		{"negative", key("k", pipeline.MatchExact, 8), "-1", pipeline.ErrBadMatch},
		{"underscore", key("k", pipeline.MatchExact, 16), "1_000", pipeline.ErrBadMatch},
		{"true in 8 bits", key("k", pipeline.MatchExact, 8), "true", pipeline.ErrBadMatch},
		{"any exact", key("k", pipeline.MatchExact, 8), "*", pipeline.ErrBadMatch},
		{"any valid", key("k", pipeline.MatchValid, 1), "_", pipeline.ErrBadMatch},
		{"ipv4 in 16 bits", key("k", pipeline.MatchExact, 16), "10.0.0.1", pipeline.ErrBadMatch},
		{"ipv4 in 128 bits", key("k", pipeline.MatchExact, 128), "10.0.0.1", pipeline.ErrBadMatch},
		{"ipv6 in 32 bits", key("k", pipeline.MatchExact, 32), "::1", pipeline.ErrBadMatch},
		{"ipv6 with zone", key("k", pipeline.MatchExact, 128), "fe80::1%eth0", pipeline.ErrBadMatch},
		{"mac of five", key("k", pipeline.MatchExact, 48), "02:00:00:00:01", pipeline.ErrBadMatch},
		{"mac of seven", key("k", pipeline.MatchExact, 48), "02:00:00:00:01:02:03", pipeline.ErrBadMatch},
		{"mac with a hole", key("k", pipeline.MatchExact, 48), "02::00:00:01:02", pipeline.ErrBadMatch},
		{"exact with prefix", key("k", pipeline.MatchExact, 32), "10.0.0.0/8", pipeline.ErrBadMatch},
		{"exact with mask", key("k", pipeline.MatchExact, 8), "1&&&1", pipeline.ErrBadMatch},
		{"exact with range", key("k", pipeline.MatchExact, 8), "1..2", pipeline.ErrBadMatch},
		{"host bits", key("k", pipeline.MatchLPM, 32), "10.0.0.1/8", pipeline.ErrBadMatch},
		{"prefix too long", key("k", pipeline.MatchLPM, 32), "10.0.0.1/33", pipeline.ErrBadRange},
		{"prefix negative", key("k", pipeline.MatchLPM, 32), "10.0.0.1/-1", pipeline.ErrBadMatch},
		{"prefix empty", key("k", pipeline.MatchLPM, 32), "10.0.0.1/", pipeline.ErrBadMatch},
		{"mask is no prefix", key("k", pipeline.MatchLPM, 32), "10.0.0.0&&&255.0.255.0", pipeline.ErrBadMatch},
		{"value outside mask", key("k", pipeline.MatchTernary, 16), "0x0801&&&0xff00", pipeline.ErrBadMatch},
		{"mask too large", key("k", pipeline.MatchTernary, 8), "1&&&0x100", pipeline.ErrBadRange},
		{"optional with mask", key("k", pipeline.MatchOptional, 8), "1&&&1", pipeline.ErrBadMatch},
		{"range backwards", key("k", pipeline.MatchRange, 16), "443..80", pipeline.ErrBadMatch},
		{"range open", key("k", pipeline.MatchRange, 16), "80..", pipeline.ErrBadMatch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := pipeline.ParseMatch(tt.key, tt.in)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, %v, want %v", m, err, tt.want)
			}
			if !strings.Contains(err.Error(), "key k: want ") {
				t.Errorf("the error says neither the key nor what is expected: %v", err)
			}
		})
	}
}

// TestMatchRoundTrip sees that every match that CheckEntry takes is read back as it was written.
func TestMatchRoundTrip(t *testing.T) {
	names := []string{"k", "hdr.ipv4.dst_addr", "ether_type", "timestamp", "hash"}
	rapid.Check(t, func(t *rapid.T) {
		k := &pipeline.Key{
			Name:  rapid.SampledFrom(names).Draw(t, "name"),
			Kind:  pipeline.MatchKind(rapid.IntRange(0, int(pipeline.MatchRange)).Draw(t, "kind")),
			Width: rapid.SampledFrom([]int{1, 7, 8, 9, 16, 32, 33, 48, 63, 64, 65, 128, 255}).Draw(t, "width"),
		}
		if k.Kind == pipeline.MatchValid {
			k.Width = 1
		}
		m := drawMatch(t, k)
		text := pipeline.FormatMatch(k, m)
		got, err := pipeline.ParseMatch(k, text)
		if err != nil {
			t.Fatalf("%q of %+v: %v", text, m, err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", text, diff)
		}
	})
}

func drawMatch(t *rapid.T, k *pipeline.Key) pipeline.Match {
	number := func(label string) []byte {
		b := rapid.SliceOfN(rapid.Byte(), (k.Width+7)/8, (k.Width+7)/8).Draw(t, label)
		if rest := k.Width % 8; rest != 0 {
			b[0] &= 1<<rest - 1
		}
		return b
	}
	m := pipeline.Match{Value: number("value")}
	switch k.Kind {
	case pipeline.MatchLPM:
		m.Prefix = rapid.IntRange(0, k.Width).Draw(t, "prefix")
		for i := range k.Width - m.Prefix {
			m.Value[len(m.Value)-1-i/8] &^= 1 << (i % 8)
		}
	case pipeline.MatchTernary:
		m.Mask = number("mask")
		for i := range m.Value {
			m.Value[i] &= m.Mask[i]
		}
	case pipeline.MatchOptional:
		m.Mask = make([]byte, len(m.Value))
		if rapid.Bool().Draw(t, "any") {
			m.Value = make([]byte, len(m.Value))
		} else if k.Width%8 == 0 {
			m.Mask = bytes.Repeat([]byte{255}, len(m.Value))
		} else {
			m.Mask = append([]byte{1<<(k.Width%8) - 1}, bytes.Repeat([]byte{255}, len(m.Value)-1)...)
		}
	case pipeline.MatchRange:
		m.High = number("high")
		if bytes.Compare(m.Value, m.High) > 0 {
			m.Value, m.High = m.High, m.Value
		}
	}
	return m
}

func FuzzParseMatch(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "0x1&&&0x3", "1..2", "*", "2001:db8::/32", "02:00:00:00:00:01", "true", "0b1"} {
		f.Add(s, 2, 32)
	}
	f.Fuzz(func(t *testing.T, s string, kind, width int) {
		if width < 1 || width > 300 || kind < 0 || kind > int(pipeline.MatchRange) {
			return
		}
		k := key("k", pipeline.MatchKind(kind), width)
		m, err := pipeline.ParseMatch(k, s)
		if err != nil {
			return
		}
		again, err := pipeline.ParseMatch(k, pipeline.FormatMatch(k, m))
		if err != nil {
			t.Fatalf("%q is read, and written as %q, which is not read: %v", s, pipeline.FormatMatch(k, m), err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatalf("%q (-first +second):\n%s", s, diff)
		}
	})
}
