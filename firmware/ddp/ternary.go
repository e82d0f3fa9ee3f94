package ddp

import "bytes"

// Ternary is what a TCAM entry matches, byte by byte: a key matches where Mask has a bit if it has Value's, unless
// Never has any.
type Ternary struct {
	Value, Mask []byte
	Never       []byte // bits that nothing matches: how an entry is switched off
}

// ternary decodes the hardware's two words for each bit: 10 matches a zero, 01 a one, 11 anything, 00 nothing.
func ternary(key, inverse []byte) Ternary {
	t := Ternary{Value: make([]byte, len(key)), Mask: make([]byte, len(key)), Never: make([]byte, len(key))}
	for i := range key {
		t.Mask[i] = key[i] ^ inverse[i]
		t.Value[i] = inverse[i] & t.Mask[i]
		t.Never[i] = ^(key[i] | inverse[i])
	}
	return t
}

// Off reports whether nothing can match.
func (t *Ternary) Off() bool {
	for _, n := range t.Never {
		if n != 0 {
			return true
		}
	}
	return len(t.Value) == 0
}

// Matches reports whether a key of the same length matches.
func (t *Ternary) Matches(key []byte) bool {
	if t.Off() || len(key) != len(t.Value) {
		return false
	}
	for i, v := range t.Value {
		if key[i]&t.Mask[i] != v {
			return false
		}
	}
	return true
}

// setByte makes byte i match a value where mask has bits, and anything elsewhere.
func (t *Ternary) setByte(i int, value, mask byte) {
	t.Value[i], t.Mask[i], t.Never[i] = value&mask, mask, 0
}

// clone returns a copy that shares nothing.
func (t *Ternary) clone() Ternary {
	return Ternary{bytes.Clone(t.Value), bytes.Clone(t.Mask), bytes.Clone(t.Never)}
}
