package pipeline

// FormatField writes a field's value as people read it, by the rules of Key.Notation: an address, a number, or
// hexadecimal digits. The value is big-endian and has (Width+7)/8 bytes; a varbit field's, of any length, is written
// in hexadecimal.
func FormatField(f *Field, value []byte) string {
	if f.Var {
		return formatValue(value, f.Width, NotationHex)
	}
	return formatValue(value, f.Width, notation(f.Name, f.Width, nil))
}

// FormatKey writes the value that a packet has for one component of a key: (Width+7)/8 bytes, big-endian.
func FormatKey(k *Key, value []byte) string { return formatValue(value, k.Width, k.Notation()) }
