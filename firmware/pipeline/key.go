package pipeline

import "encoding/binary"

// EntryKey returns the identity of an entry in its table: two entries of one table with the same match and
// priority have the same key, others a different one. It is not for people to read. The entry must have
// passed CheckEntry.
func EntryKey(e *Entry) string {
	var buf [64]byte
	return string(AppendEntryKey(buf[:0], e))
}

// AppendEntryKey is EntryKey for callers that reuse a buffer: it appends to b and returns it.
func AppendEntryKey(b []byte, e *Entry) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(e.Priority))
	for i := range e.Match {
		m := &e.Match[i]
		b = append(b, m.Value...)
		switch e.Table.Keys[i].Kind {
		case MatchLPM:
			b = binary.BigEndian.AppendUint32(b, uint32(m.Prefix))
		case MatchTernary, MatchOptional:
			b = append(b, m.Mask...)
		case MatchRange:
			b = append(b, m.High...)
		}
	}
	return b
}

// AnyMatch returns the match that every value of the key fits, which exact keys and keys of kind valid do not
// have.
func AnyMatch(k *Key) (Match, bool) {
	size := (k.Width + 7) / 8
	switch k.Kind {
	case MatchLPM:
		return Match{Value: make([]byte, size)}, true
	case MatchTernary, MatchOptional:
		return Match{Value: make([]byte, size), Mask: make([]byte, size)}, true
	case MatchRange:
		return Match{Value: make([]byte, size), High: onesBytes(k.Width)}, true
	}
	return Match{}, false
}

// IsAny reports whether every value of the key fits the match.
func IsAny(k *Key, m Match) bool {
	switch k.Kind {
	case MatchLPM:
		return m.Prefix == 0
	case MatchTernary, MatchOptional:
		return allZero(m.Mask)
	case MatchRange:
		return allZero(m.Value) && allOnes(m.High, k.Width)
	}
	return false
}

// onesBytes returns width one bits as (width+7)/8 bytes.
func onesBytes(width int) []byte {
	b := make([]byte, (width+7)/8)
	for i := range b {
		b[i] = 0xff
	}
	if rest := width % 8; rest != 0 {
		b[0] = 1<<rest - 1
	}
	return b
}
