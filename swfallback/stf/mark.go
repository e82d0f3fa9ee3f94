package stf

import (
	"encoding/hex"
	"strings"
)

// Differences returns the indices of the nibbles, from 0, in which a packet differs from the pattern, in order: where
// both have a digit and they are not the same, where the packet ends too early, and where it goes on behind the end
// that the pattern demands. It is empty just where the pattern matches.
func (p Pattern) Differences(packet []byte) []int {
	if p.Any {
		return nil
	}
	digits := hex.EncodeToString(packet)
	var at []int
	for i := range max(len(digits), len(p.Nibble)) {
		switch {
		case i >= len(p.Nibble):
			if p.Exact {
				at = append(at, i)
			}
		case i >= len(digits), p.Nibble[i] != wildcard && hexDigits[p.Nibble[i]] != digits[i]:
			at = append(at, i)
		}
	}
	return at
}

const hexDigits = "0123456789abcdef"

// Mark returns a line to print below the packet or the pattern in hexadecimal: ^ below each nibble that differs, no
// blanks at its end.
func (p Pattern) Mark(packet []byte) string {
	var b strings.Builder
	for _, at := range p.Differences(packet) {
		b.WriteString(strings.Repeat(" ", at-b.Len()))
		b.WriteByte('^')
	}
	return b.String()
}
