package pldm

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// String is a text of a package in the encoding it was stored in.
type String struct {
	Type StringType
	Data string // bytes as stored, at most 255
}

// StringType is the encoding of a String.
type StringType uint8

// The encodings.
const (
	StringUnknown StringType = 0
	ASCII         StringType = 1
	UTF8          StringType = 2
	UTF16         StringType = 3 // with a byte order mark, else little-endian
	UTF16LE       StringType = 4
	UTF16BE       StringType = 5
)

// Text makes an ASCII String, or a UTF-8 one where s has other characters. It does not check the length.
func Text(s string) String {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return String{Type: UTF8, Data: s}
		}
	}
	return String{Type: ASCII, Data: s}
}

// String decodes the text. Bytes that are no characters of the encoding become U+FFFD; trailing NUL
// characters, which some vendors' tools write, are left out.
func (s String) String() string {
	text := strings.ToValidUTF8(s.Data, "\ufffd")
	switch s.Type {
	case UTF16, UTF16LE, UTF16BE:
		text = decodeUTF16(s.Type, s.Data)
	}
	return strings.TrimRight(text, "\x00")
}

func decodeUTF16(t StringType, data string) string {
	order := binary.ByteOrder(binary.LittleEndian)
	if t == UTF16BE {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(data)/2)
	for b := []byte(data); len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	if t == UTF16 && len(units) > 0 {
		switch units[0] {
		case 0xfeff:
			units = units[1:]
		case 0xfffe:
			return decodeUTF16(UTF16BE, data[2:])
		}
	}
	return string(utf16.Decode(units))
}

// String returns the name of the descriptor type, or its number.
func (t DescriptorType) String() string {
	switch t {
	case DescPCIVendor:
		return "PCI vendor"
	case DescIANAEnterprise:
		return "IANA enterprise"
	case DescUUID:
		return "UUID"
	case DescPnPVendor:
		return "PnP vendor"
	case DescACPIVendor:
		return "ACPI vendor"
	case DescPCIDevice:
		return "PCI device"
	case DescPCISubvendor:
		return "PCI subsystem vendor"
	case DescPCISubdevice:
		return "PCI subsystem"
	case DescPCIRevision:
		return "PCI revision"
	case DescPnPProduct:
		return "PnP product"
	case DescACPIProduct:
		return "ACPI product"
	case DescVendorDefined:
		return "vendor defined"
	}
	return fmt.Sprintf("0x%04x", uint16(t))
}

// String returns the name of the classification, or its number.
func (c Classification) String() string {
	names := [...]string{"unknown", "other", "driver", "configuration", "application", "instrumentation", "BIOS",
		"diagnostic", "operating system", "middleware", "firmware", "code", "service pack", "bundle"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("0x%04x", uint16(c))
}
