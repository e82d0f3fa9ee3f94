package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// dpipeForm is how a device's entries are written: what their numbers mean, and how the driver writes values. A dump may
// hold a hundred thousand entries, so names are looked up once and nothing is made by reflection.
type dpipeForm struct {
	headers devlink.DpipeHeaders
	// order is that of numbers: devices with a pipeline region have them in network order, others numbers of 1, 2, 4
	// and 8 bytes in the host's, by the custom of the kernel's drivers.
	order            binary.ByteOrder
	matches, actions *fieldNames
}

// fieldNames holds the fields that were looked up so far, of matches or of actions.
type fieldNames struct {
	typeName func(uint32) string
	known    []*namedField // few: a map takes longer
}

type fieldKey struct {
	typ uint32
	ref devlink.DpipeFieldRef
}

// namedField is a field with its names.
type namedField struct {
	key fieldKey
	dpipeField
	object []byte // JSON of it, indented as in an entry, up to its last member
}

func newDpipeForm(headers devlink.DpipeHeaders, network bool) *dpipeForm {
	f := &dpipeForm{headers: headers, order: binary.NativeEndian}
	if network {
		f.order = binary.BigEndian
	}
	f.matches = &fieldNames{func(t uint32) string { return devlink.DpipeMatchType(t).String() }, nil}
	f.actions = &fieldNames{func(t uint32) string { return devlink.DpipeActionType(t).String() }, nil}
	return f
}

// field looks the field of a value up.
func (f *dpipeForm) field(n *fieldNames, v *devlink.DpipeValue) *namedField {
	key := fieldKey{v.Type, v.Field}
	for _, known := range n.known {
		if known.key == key {
			return known
		}
	}
	field := &namedField{key: key, dpipeField: newDpipeField(f.headers, n.typeName(v.Type), v.Field)}
	field.object = bytes.TrimSuffix(jsonText(field.dpipeField, "          "), []byte("\n          }"))
	n.known = append(n.known, field)
	return field
}

// jsonText is the JSON of a value as printJSON has it; lines that are not the first begin with the prefix.
func jsonText(v any, prefix string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent(prefix, "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of strings and structs of strings
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// appendQuoted appends a string as JSON.
func appendQuoted(b []byte, s string) []byte {
	odd := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
	if strings.ContainsFunc(s, odd) {
		return append(b, jsonText(s, "")...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendEntry appends an entry as JSON, as devlink shows it, with its table's name, which is quoted already. Lines that
// are not the first are indented by six spaces.
func (f *dpipeForm) appendEntry(b, table []byte, e devlink.DpipeEntry) []byte {
	b = append(append(b, "{\n        \"table\": "...), table...)
	b = strconv.AppendUint(append(b, ",\n        \"index\": "...), e.Index, 10)
	if e.HasCounter {
		b = strconv.AppendUint(append(b, ",\n        \"counter\": "...), e.Counter, 10)
	}
	b = f.appendObjects(append(b, ",\n        \"match_value\": "...), f.matches, e.Match)
	b = f.appendObjects(append(b, ",\n        \"action_value\": "...), f.actions, e.Action)
	return append(b, "\n      }"...)
}

// appendObjects appends fields with their values as a JSON list.
func (f *dpipeForm) appendObjects(b []byte, n *fieldNames, values []devlink.DpipeValue) []byte {
	if len(values) == 0 {
		return append(b, "[]"...)
	}
	b = append(b, '[')
	for i := range values {
		v := &values[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, "\n          "...), f.field(n, v).object...)
		if v.HasMapping {
			b = strconv.AppendUint(append(b, ",\n            \"mapping_value\": "...), uint64(v.Mapping), 10)
		}
		if len(v.Mask) > 0 {
			b = f.appendValue(append(b, ",\n            \"value_mask\": "...), v.Field, v.Mask, `"`)
		}
		b = f.appendValue(append(b, ",\n            \"value\": "...), v.Field, v.Value, `"`)
		b = append(b, "\n          }"...)
	}
	return append(b, "\n        ]"...)
}

// appendText appends fields with their values for people: "header.field=value", with the mask and the interface behind.
func (f *dpipeForm) appendText(b []byte, n *fieldNames, values []devlink.DpipeValue) []byte {
	if len(values) == 0 {
		return append(b, '-')
	}
	for i := range values {
		v := &values[i]
		if i > 0 {
			b = append(b, ' ')
		}
		field := f.field(n, v)
		b = append(append(append(append(b, field.Header...), '.'), field.Field...), '=')
		b = f.appendValue(b, v.Field, v.Value, "")
		if len(v.Mask) > 0 {
			b = f.appendValue(append(b, "&&&"...), v.Field, v.Mask, "")
		}
		if v.HasMapping {
			b = append(append(append(b, " ("...), orElse(field.Mapping, "mapping")...), ' ')
			b = append(strconv.AppendUint(b, uint64(v.Mapping), 10), ')')
		}
	}
	return b
}

// The headers that the kernel defines for all drivers (enum devlink_dpipe_header_id); each has one field, 0.
const (
	dpipeEthernet = iota
	dpipeIPv4
	dpipeIPv6
)

// appendValue appends a value: an address where the field is one of the kernel's own, else a number where it has 1, 2, 4
// or 8 bytes. Everything else is bytes in hexadecimal. What is not a number stands in quotes.
func (f *dpipeForm) appendValue(b []byte, ref devlink.DpipeFieldRef, v devlink.HexBytes, quote string) []byte {
	if ref.Global && ref.FieldID == 0 {
		switch {
		case ref.HeaderID == dpipeEthernet && len(v) >= 6:
			return append(appendMAC(append(b, quote...), v[:6]), quote...)
		case ref.HeaderID == dpipeIPv4 && len(v) == 4:
			var address [4]byte
			binary.BigEndian.PutUint32(address[:], f.order.Uint32(v))
			return append(netip.AddrFrom4(address).AppendTo(append(b, quote...)), quote...)
		case ref.HeaderID == dpipeIPv6 && len(v) == 16:
			return append(netip.AddrFrom16([16]byte(v)).AppendTo(append(b, quote...)), quote...)
		}
	}
	switch len(v) {
	case 1:
		return strconv.AppendUint(b, uint64(v[0]), 10)
	case 2:
		return strconv.AppendUint(b, uint64(f.order.Uint16(v)), 10)
	case 4:
		return strconv.AppendUint(b, uint64(f.order.Uint32(v)), 10)
	case 8:
		return strconv.AppendUint(b, f.order.Uint64(v), 10)
	}
	return append(hex.AppendEncode(append(append(b, quote...), "0x"...), v), quote...)
}

// appendMAC appends a hardware address with colons.
func appendMAC(b []byte, address []byte) []byte {
	for i := range address {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, address[i:i+1])
	}
	return b
}
