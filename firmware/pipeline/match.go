package pipeline

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// ParseMatch reads what one component of a key is compared with, as people write it:
//
//	exact, valid     VALUE
//	lpm              VALUE/LENGTH; VALUE alone is the whole width: 10.0.0.1 is 10.0.0.1/32
//	ternary          VALUE&&&MASK, VALUE/LENGTH, or VALUE for a mask of all ones
//	optional         VALUE
//	range            LOW..HIGH, or VALUE for that value alone
//	all but exact    * or _ for any value
//
// A VALUE is a number (80, 0x50, 0b1010000), true or false with 1 bit, a MAC address with 48 bits, an IPv4
// address with 32 or an IPv6 address with 128. Bits of the value outside of its mask or prefix must not be
// set: 10.0.0.1/8 is more likely a mistake than 10.0.0.0/8.
//
// The error wraps ErrBadMatch or ErrBadRange, names the key and says what is expected.
func ParseMatch(k *Key, s string) (Match, error) {
	m, err := parseMatch(k, strings.TrimSpace(s))
	if err == nil {
		err = checkMatch(k, &m)
	}
	if err != nil {
		return Match{}, fmt.Errorf("pipeline: parse match: key %s: want %s: %w", k.Name, Form(k), err)
	}
	return m, nil
}

// Form describes how a match for the key is written: "VALUE/LENGTH, VALUE an IPv4 address such as 10.0.0.1".
func Form(k *Key) string {
	value := k.Notation().example(k.Width)
	switch k.Kind {
	case MatchLPM:
		return "VALUE/LENGTH or *, VALUE " + value
	case MatchTernary:
		return "VALUE&&&MASK, VALUE or *, VALUE " + value
	case MatchOptional:
		return "VALUE or *, VALUE " + value
	case MatchRange:
		return "LOW..HIGH, VALUE or *, VALUE " + value
	}
	return value
}

func parseMatch(k *Key, s string) (Match, error) {
	if s == "*" || s == "_" {
		if m, ok := AnyMatch(k); ok {
			return m, nil
		}
		return Match{}, fmt.Errorf("got %q for a key of kind %v: %w", s, k.Kind, ErrBadMatch)
	}
	if low, high, ok := strings.Cut(s, ".."); ok && k.Kind == MatchRange {
		return parseRange(k, low, high)
	}
	if value, mask, ok := strings.Cut(s, "&&&"); ok {
		return parseMasked(k, strings.TrimSpace(value), strings.TrimSpace(mask))
	}
	if value, length, ok := strings.Cut(s, "/"); ok {
		return parsePrefix(k, value, length)
	}
	value, err := parseValue(s, k.Width, ErrBadMatch)
	if err != nil {
		return Match{}, err
	}
	m := Match{Value: value}
	switch k.Kind {
	case MatchLPM:
		m.Prefix = k.Width
	case MatchTernary, MatchOptional:
		m.Mask = onesBytes(k.Width)
	case MatchRange:
		m.High = append([]byte(nil), value...)
	}
	return m, nil
}

func parseRange(k *Key, low, high string) (Match, error) {
	var m Match
	var err error
	if m.Value, err = parseValue(strings.TrimSpace(low), k.Width, ErrBadMatch); err != nil {
		return m, err
	}
	m.High, err = parseValue(strings.TrimSpace(high), k.Width, ErrBadMatch)
	return m, err
}

// parseMasked reads VALUE&&&MASK, for an lpm key only with the mask of a prefix.
func parseMasked(k *Key, value, mask string) (Match, error) {
	if k.Kind != MatchTernary && k.Kind != MatchLPM {
		return Match{}, fmt.Errorf("a mask for a key of kind %v: %w", k.Kind, ErrBadMatch)
	}
	var m Match
	var err error
	if m.Value, err = parseValue(value, k.Width, ErrBadMatch); err != nil {
		return m, err
	}
	if m.Mask, err = parseValue(mask, k.Width, ErrBadMatch); err != nil {
		return m, fmt.Errorf("mask: %w", err)
	}
	if k.Kind == MatchLPM {
		length, ok := prefixOf(m.Mask, k.Width)
		if !ok {
			return m, fmt.Errorf("mask %s is no prefix: %w", mask, ErrBadMatch)
		}
		m.Mask, m.Prefix = nil, length
	}
	return m, nil
}

// parsePrefix reads VALUE/LENGTH.
func parsePrefix(k *Key, value, length string) (Match, error) {
	if k.Kind != MatchTernary && k.Kind != MatchLPM {
		return Match{}, fmt.Errorf("a prefix for a key of kind %v: %w", k.Kind, ErrBadMatch)
	}
	n, err := strconv.ParseUint(length, 10, 31)
	if err != nil {
		return Match{}, fmt.Errorf("prefix length %.20q: %w", length, ErrBadMatch)
	}
	if n > uint64(k.Width) {
		return Match{}, fmt.Errorf("prefix length %d: %w", n, ErrBadRange)
	}
	m := Match{Prefix: int(n)}
	if m.Value, err = parseValue(value, k.Width, ErrBadMatch); err != nil {
		return m, err
	}
	if k.Kind == MatchTernary {
		m.Mask, m.Prefix = prefixMask(m.Prefix, k.Width), 0
	}
	return m, nil
}

// prefixMask returns width bits of which the first length are one, as (width+7)/8 bytes.
func prefixMask(length, width int) []byte {
	b := onesBytes(width)
	free := width - length
	for i := len(b) - 1; free > 0; i-- {
		b[i] &^= byte(1<<min(free, 8) - 1)
		free -= 8
	}
	return b
}

// prefixOf returns the length of the prefix that the mask is, and whether it is one.
func prefixOf(mask []byte, width int) (int, bool) {
	ones := 0
	for _, c := range mask {
		ones += bits.OnesCount8(c)
	}
	want := prefixMask(ones, width)
	return ones, string(want) == string(mask)
}

// FormatMatch writes a match so that ParseMatch reads it back: "*" where it is any value, addresses as such,
// masks of a prefix on addresses as VALUE/LENGTH.
func FormatMatch(k *Key, m Match) string {
	if IsAny(k, m) {
		return "*"
	}
	n := k.Notation()
	value := formatValue(m.Value, k.Width, n)
	switch k.Kind {
	case MatchLPM:
		return value + "/" + strconv.Itoa(m.Prefix)
	case MatchTernary, MatchOptional:
		return formatMasked(k, m, n, value)
	case MatchRange:
		if string(m.Value) == string(m.High) {
			return value
		}
		return value + ".." + formatValue(m.High, k.Width, n)
	}
	return value
}

func formatMasked(k *Key, m Match, n Notation, value string) string {
	length, prefix := prefixOf(m.Mask, k.Width)
	switch {
	case prefix && length == k.Width:
		return value
	case prefix && (n == NotationIPv4 || n == NotationIPv6):
		return value + "/" + strconv.Itoa(length)
	case n == NotationDecimal || n == NotationBool:
		n = NotationHex
		value = formatValue(m.Value, k.Width, n)
	}
	return value + "&&&" + formatValue(m.Mask, k.Width, n)
}
