package stf

import (
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// parseNumber reads a number: 0x, 0b, 0o or decimal; in fields of 32, 48 and 128 bits also an address.
func parseNumber(text string, width int) (*big.Int, error) {
	if b := parseAddress(text, width); b != nil {
		return new(big.Int).SetBytes(b), nil
	}
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		n, ok = new(big.Int).SetString(text, 10) // a leading zero does not mean octal
	}
	if !ok || n.Sign() < 0 {
		return nil, fmt.Errorf("%q is not a number: %w", text, pipeline.ErrBadRange)
	}
	return n, nil
}

func parseAddress(text string, width int) []byte {
	switch width {
	case 32, 128:
		if a, err := netip.ParseAddr(text); err == nil && a.BitLen() == width {
			return a.AsSlice()
		}
	case 48:
		if a, err := net.ParseMAC(text); err == nil && len(a) == 6 {
			return a
		}
	}
	return nil
}

// toBytes writes n as the model has numbers of a width.
func toBytes(n *big.Int, width int) ([]byte, error) {
	if n.BitLen() > width {
		return nil, fmt.Errorf("0x%x does not fit into %d bits: %w", n, width, pipeline.ErrBadRange)
	}
	return n.FillBytes(make([]byte, (width+7)/8)), nil
}

func parseBytes(text string, width int) ([]byte, error) {
	n, err := parseNumber(text, width)
	if err != nil {
		return nil, err
	}
	return toBytes(n, width)
}

// stars is a number with wildcard digits, taken apart.
type stars struct {
	value, mask *big.Int // mask: one bits under the digits that are given
	digits      int      // without the base
	given       int      // of them, those in front of the first wildcard
	bits        int      // per digit
}

// parseStars reads 0x, 0b or 0o with * for digits that do not matter.
func parseStars(text string) (stars, error) {
	s := stars{value: new(big.Int), mask: new(big.Int)}
	if len(text) > 2 {
		s.bits = map[string]int{"0x": 4, "0b": 1, "0o": 3}[strings.ToLower(text[:2])]
	}
	if s.bits == 0 {
		return s, fmt.Errorf("%q: wildcards need 0x, 0b or 0o: %w", text, pipeline.ErrBadMatch)
	}
	digits := text[2:]
	s.digits = len(digits)
	s.given = strings.IndexByte(digits, '*')
	if s.given < 0 {
		s.given = s.digits
	}
	digit := int64(1)<<s.bits - 1
	mask := strings.Map(func(r rune) rune {
		if r == '*' {
			return '0'
		}
		return []rune("0123456789abcdef")[digit]
	}, digits)
	value, ok := new(big.Int).SetString(strings.ReplaceAll(digits, "*", "0"), 1<<s.bits)
	if !ok || value.Sign() < 0 {
		return s, fmt.Errorf("%q is not a number: %w", text, pipeline.ErrBadRange)
	}
	s.value = value
	s.mask.SetString(mask, 1<<s.bits)
	return s, nil
}

// stfMatch reads the value of a key in an add.
func stfMatch(k *pipeline.Key, text string) (pipeline.Match, error) {
	switch k.Kind {
	case pipeline.MatchLPM:
		return stfPrefix(k, text)
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return stfTernary(k, text)
	case pipeline.MatchRange:
		return rangeMatch(k, text)
	}
	value, err := parseBytes(text, k.Width)
	return pipeline.Match{Value: value}, err
}

// stfPrefix: VALUE/N, or digits with * at the end.
func stfPrefix(k *pipeline.Key, text string) (pipeline.Match, error) {
	if strings.Contains(text, "/") || !strings.Contains(text, "*") {
		return prefixMatch(k, text)
	}
	s, err := parseStars(text)
	if err != nil {
		return pipeline.Match{}, err
	}
	free := s.bits * (s.digits - s.given)
	if tail := text[len(text)-(s.digits-s.given):]; strings.Trim(tail, "*") != "" || free > k.Width {
		return pipeline.Match{}, fmt.Errorf("%q is not a prefix: %w", text, pipeline.ErrBadMatch)
	}
	value, err := toBytes(s.value, k.Width)
	return pipeline.Match{Value: value, Prefix: k.Width - free}, err
}

// stfTernary: digits with *; without any, the digits that are given are compared, as p4c has it.
func stfTernary(k *pipeline.Key, text string) (pipeline.Match, error) {
	if strings.Contains(text, "&&&") {
		return ternaryMatch(k, text)
	}
	s, err := parseStars(text)
	if err != nil {
		if strings.Contains(text, "*") {
			return pipeline.Match{}, err
		}
		return ternaryMatch(k, text+"&&&"+ones(k.Width).String())
	}
	s.mask.And(s.mask, ones(k.Width))
	return maskedMatch(k, s.value, s.mask)
}

func ones(width int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(width))
	return n.Sub(n, big.NewInt(1))
}

func maskedMatch(k *pipeline.Key, value, mask *big.Int) (pipeline.Match, error) {
	m, err := toBytes(mask, k.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	if value.BitLen() > k.Width {
		return pipeline.Match{}, fmt.Errorf("0x%x does not fit into %d bits: %w", value, k.Width, pipeline.ErrBadRange)
	}
	v, err := toBytes(new(big.Int).And(value, mask), k.Width)
	return pipeline.Match{Value: v, Mask: m}, err
}

// commandMatch reads the value of a key in a table_add.
func commandMatch(k *pipeline.Key, text string) (pipeline.Match, error) {
	switch k.Kind {
	case pipeline.MatchLPM:
		return prefixMatch(k, text)
	case pipeline.MatchTernary, pipeline.MatchOptional:
		return ternaryMatch(k, text)
	case pipeline.MatchRange:
		return rangeMatch(k, text)
	}
	value, err := parseBytes(text, k.Width)
	return pipeline.Match{Value: value}, err
}

// prefixMatch: VALUE/N; without N all bits.
func prefixMatch(k *pipeline.Key, text string) (pipeline.Match, error) {
	value, length, ok := strings.Cut(text, "/")
	n := big.NewInt(int64(k.Width))
	v, err := parseNumber(value, k.Width)
	if err == nil && ok {
		n, err = parseNumber(length, 0)
	}
	if err != nil {
		return pipeline.Match{}, err
	}
	if n.Cmp(big.NewInt(int64(k.Width))) > 0 {
		return pipeline.Match{}, fmt.Errorf("prefix length %v: %w", n, pipeline.ErrBadRange)
	}
	free := uint(k.Width) - uint(n.Uint64())
	b, err := toBytes(v.Lsh(v.Rsh(v, free), free), k.Width)
	return pipeline.Match{Value: b, Prefix: int(n.Int64())}, err
}

// ternaryMatch: VALUE&&&MASK.
func ternaryMatch(k *pipeline.Key, text string) (pipeline.Match, error) {
	value, mask, ok := strings.Cut(text, "&&&")
	if !ok {
		return pipeline.Match{}, fmt.Errorf("%q: want VALUE&&&MASK: %w", text, pipeline.ErrBadMatch)
	}
	v, err := parseNumber(value, k.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	m, err := parseNumber(mask, k.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	return maskedMatch(k, v, m)
}

// rangeMatch: LOW->HIGH.
func rangeMatch(k *pipeline.Key, text string) (pipeline.Match, error) {
	low, high, ok := strings.Cut(text, "->")
	if !ok {
		return pipeline.Match{}, fmt.Errorf("%q: want LOW->HIGH: %w", text, pipeline.ErrBadMatch)
	}
	l, err := parseBytes(low, k.Width)
	if err != nil {
		return pipeline.Match{}, err
	}
	h, err := parseBytes(high, k.Width)
	return pipeline.Match{Value: l, High: h}, err
}
