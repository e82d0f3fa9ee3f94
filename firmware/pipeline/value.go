package pipeline

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// Notation is how people write a number of an entry.
type Notation int

// The notations. All of them accept numbers too: 80, 0x50, 0b1010000.
const (
	NotationDecimal Notation = iota // 80
	NotationHex                     // 0x0800, with all digits of the width
	NotationMAC                     // 02:00:00:00:00:01, 48 bits
	NotationIPv4                    // 10.0.0.1, 32 bits
	NotationIPv6                    // 2001:db8::1, 128 bits
	NotationBool                    // true or false, 1 bit
)

// Notation returns how values of the key are written: by its @format annotation, else by width and name. A
// number of 48 bits is a MAC address and one of 128 bits an IPv6 address unless the name speaks of something
// else; one of 32 bits is an IPv4 address only if the name speaks of an address.
func (k *Key) Notation() Notation {
	if _, ok := k.Expr.(*ValidRef); ok || k.Kind == MatchValid {
		return NotationBool
	}
	return notation(k.Name, k.Width, k.Annotations)
}

// Notation returns how values of the parameter are written, by the rules of Key.Notation.
func (p *ActionParam) Notation() Notation { return notation(p.Name, p.Width, p.Annotations) }

func notation(name string, width int, annotations []Annotation) Notation {
	for _, a := range annotations {
		if a.Name != "format" {
			continue
		}
		switch strings.Trim(a.Body, `" `) {
		case "MAC_ADDRESS":
			return atWidth(width, 48, NotationMAC)
		case "IPV4_ADDRESS":
			return atWidth(width, 32, NotationIPv4)
		case "IPV6_ADDRESS":
			return atWidth(width, 128, NotationIPv6)
		}
	}
	words := nameWords(name)
	switch {
	case width == 48 && !mentions(words, "time", "timestamp", "tstamp", "ts", "bytes", "packets", "counter", "seq"):
		return NotationMAC
	case width == 128 && !mentions(words, "hash", "key", "data", "payload", "label", "counter"):
		return NotationIPv6
	case width == 32 && mentions(words, "addr", "address", "ip", "ipv4", "ip4", "dst", "src", "daddr", "saddr",
		"dip", "sip", "dstip", "srcip", "dstaddr", "srcaddr", "prefix", "gateway", "gw"):
		return NotationIPv4
	case width > 32 || mentions(words, "type", "ethertype", "flags", "mask", "tag", "bits", "crc", "checksum"):
		return NotationHex
	}
	return NotationDecimal
}

func atWidth(width, want int, n Notation) Notation {
	if width != want {
		return NotationHex
	}
	return n
}

// nameWords returns the words of a name's last part: "hdr.ipv4.dstAddr" has "dst" and "addr".
func nameWords(name string) []string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func mentions(words []string, any ...string) bool {
	for _, w := range words {
		for _, a := range any {
			if w == a {
				return true
			}
		}
	}
	return false
}

// example returns how a value of the notation looks, for error messages.
func (n Notation) example(width int) string {
	switch n {
	case NotationMAC:
		return "a MAC address such as 02:00:00:00:00:01"
	case NotationIPv4:
		return "an IPv4 address such as 10.0.0.1"
	case NotationIPv6:
		return "an IPv6 address such as 2001:db8::1"
	case NotationBool:
		return "true or false"
	}
	return fmt.Sprintf("a number of %d bits such as 10 or 0xa", width)
}

// ParseArg reads the value of an action's parameter: a number (10, 0xa, 0b1010), or an address where the width
// is that of one: MAC with 48 bits, IPv4 with 32, IPv6 with 128. The result has (Width+7)/8 bytes.
//
// The error wraps ErrBadAction, or ErrBadRange for a number with too many bits, and says what is expected.
func ParseArg(p *ActionParam, s string) ([]byte, error) {
	b, err := parseValue(s, p.Width, ErrBadAction)
	if err != nil {
		return nil, fmt.Errorf("pipeline: parse argument: parameter %s: want %s: %w",
			p.Name, p.Notation().example(p.Width), err)
	}
	return b, nil
}

// FormatArg writes the value of an action's parameter so that ParseArg reads it back.
func FormatArg(p *ActionParam, arg []byte) string { return formatValue(arg, p.Width, p.Notation()) }

// parseValue reads one value of a width into (width+7)/8 bytes.
func parseValue(s string, width int, sentinel error) ([]byte, error) {
	size := (width + 7) / 8
	switch {
	case s == "true" && width == 1:
		return []byte{1}, nil
	case s == "false" && width == 1:
		return []byte{0}, nil
	case strings.ContainsRune(s, ':') && width == 48:
		return parseMAC(s, sentinel)
	case strings.ContainsAny(s, ":.") && (width == 32 || width == 128):
		return parseAddr(s, width, sentinel)
	}
	digits, base := s, 10
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		digits, base = s[2:], 16
	case strings.HasPrefix(s, "0b"), strings.HasPrefix(s, "0B"):
		digits, base = s[2:], 2
	}
	if digits == "" || len(digits) > width+8 || strings.ContainsAny(digits, "+-_") {
		return nil, fmt.Errorf("got %.60q: %w", s, sentinel)
	}
	if v, err := strconv.ParseUint(digits, base, 64); err == nil {
		if width < 64 && v>>width != 0 {
			return nil, fmt.Errorf("%s does not fit into %d bits: %w", s, width, ErrBadRange)
		}
		b := make([]byte, size)
		for i := size - 1; i >= 0 && v != 0; i-- {
			b[i] = byte(v)
			v >>= 8
		}
		return b, nil
	}
	v, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil, fmt.Errorf("got %.60q: %w", s, sentinel)
	}
	if v.BitLen() > width {
		return nil, fmt.Errorf("%.60s does not fit into %d bits: %w", s, width, ErrBadRange)
	}
	return v.FillBytes(make([]byte, size)), nil
}

// parseMAC reads six bytes of one or two hexadecimal digits.
func parseMAC(s string, sentinel error) ([]byte, error) {
	parts := strings.Split(s, ":")
	b := make([]byte, 0, 6)
	for _, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) > 2 {
			return nil, fmt.Errorf("got %.60q: %w", s, sentinel)
		}
		b = append(b, byte(v))
	}
	if len(b) != 6 {
		return nil, fmt.Errorf("got %.60q: %w", s, sentinel)
	}
	return b, nil
}

func parseAddr(s string, width int, sentinel error) ([]byte, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || addr.BitLen() != width || addr.Zone() != "" {
		return nil, fmt.Errorf("got %.60q: %w", s, sentinel)
	}
	return addr.AsSlice(), nil
}

// formatValue writes b, which has the bytes that width asks for; anything else is written in hexadecimal.
func formatValue(b []byte, width int, n Notation) string {
	if len(b) != (width+7)/8 {
		return fmt.Sprintf("0x%x", b)
	}
	switch n {
	case NotationBool:
		if width == 1 && b[0] <= 1 {
			return strconv.FormatBool(b[0] == 1)
		}
	case NotationMAC:
		if width == 48 {
			return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
		}
	case NotationIPv4, NotationIPv6:
		if addr, ok := netip.AddrFromSlice(b); ok {
			return addr.String()
		}
	case NotationDecimal:
		return new(big.Int).SetBytes(b).String()
	}
	digits := fmt.Sprintf("%x", b)
	if nibbles := (width + 3) / 4; len(digits) > nibbles && digits[0] == '0' {
		digits = digits[1:]
	}
	return "0x" + digits
}
