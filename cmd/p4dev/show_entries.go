package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/p4dev/p4dev/devlink"
)

// dpipeEntry is an entry of a device's table as devlink shows it, with the table's name.
type dpipeEntry struct {
	Table   string       `json:"table"`
	Index   uint64       `json:"index"`
	Counter *uint64      `json:"counter,omitempty"`
	Match   []fieldValue `json:"match_value"`
	Action  []fieldValue `json:"action_value"`
}

// fieldValue is a field with its value.
type fieldValue struct {
	dpipeField
	MappingValue *uint32 `json:"mapping_value,omitempty"`
	Mask         any     `json:"value_mask,omitempty"`
	Value        any     `json:"value"`
}

// dpipeForm is how a driver writes values.
type dpipeForm struct {
	headers devlink.DpipeHeaders
	// network reports big-endian numbers, as devices with a pipeline region have them; others write numbers of 1, 2, 4
	// and 8 bytes in the host's byte order, by the custom of the kernel's drivers.
	network bool
}

func (f dpipeForm) entry(table string, e devlink.DpipeEntry) dpipeEntry {
	v := dpipeEntry{Table: table, Index: e.Index, Match: []fieldValue{}, Action: []fieldValue{}}
	if e.HasCounter {
		v.Counter = &e.Counter
	}
	for _, m := range e.Match {
		v.Match = append(v.Match, f.value(devlink.DpipeMatchType(m.Type).String(), m))
	}
	for _, act := range e.Action {
		v.Action = append(v.Action, f.value(devlink.DpipeActionType(act.Type).String(), act))
	}
	return v
}

func (f dpipeForm) value(typ string, v devlink.DpipeValue) fieldValue {
	view := fieldValue{dpipeField: newDpipeField(f.headers, typ, v.Field), Value: f.show(v.Field, v.Value)}
	if len(v.Mask) > 0 {
		view.Mask = f.show(v.Field, v.Mask)
	}
	if v.HasMapping {
		view.MappingValue = &v.Mapping
	}
	return view
}

// The headers that the kernel defines for all drivers (enum devlink_dpipe_header_id); each has one field, 0.
const (
	dpipeEthernet = iota
	dpipeIPv4
	dpipeIPv6
)

// show turns a value into an address where the field is one of the kernel's own, else into a number where it has 1, 2,
// 4 or 8 bytes. Everything else is bytes, which show in hexadecimal.
func (f dpipeForm) show(ref devlink.DpipeFieldRef, b devlink.HexBytes) any {
	if ref.Global && ref.FieldID == 0 {
		switch {
		case ref.HeaderID == dpipeEthernet && len(b) >= 6:
			return net.HardwareAddr(b[:6]).String()
		case ref.HeaderID == dpipeIPv4 && len(b) == 4:
			return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, f.order().Uint32(b)))).String()
		case ref.HeaderID == dpipeIPv6 && len(b) == 16:
			return netip.AddrFrom16([16]byte(b)).String()
		}
	}
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(f.order().Uint16(b))
	case 4:
		return uint64(f.order().Uint32(b))
	case 8:
		return f.order().Uint64(b)
	}
	return b
}

func (f dpipeForm) order() binary.ByteOrder {
	if f.network {
		return binary.BigEndian
	}
	return binary.NativeEndian
}

// String returns "header.field=value", with the mask and the interface behind it.
func (v fieldValue) String() string {
	text := fmt.Sprintf("%v=%v", v.dpipeField, v.Value)
	if v.Mask != nil {
		text += fmt.Sprintf("&&&%v", v.Mask)
	}
	if v.MappingValue != nil {
		text += fmt.Sprintf(" (%s %d)", orElse(v.Mapping, "mapping"), *v.MappingValue)
	}
	return text
}

func textDpipeEntries(w io.Writer, entries []dpipeEntry) error {
	var rows [][]string
	for _, e := range entries {
		counter := "-"
		if e.Counter != nil {
			counter = fmt.Sprint(*e.Counter)
		}
		rows = append(rows, []string{e.Table, fmt.Sprint(e.Index), counter, fieldValues(e.Match) + " -> " + fieldValues(e.Action)})
	}
	return table(w, "TABLE INDEX COUNTER ENTRY", rows)
}

func fieldValues(list []fieldValue) string {
	var words []string
	for _, v := range list {
		words = append(words, v.String())
	}
	return orElse(strings.Join(words, " "), "-")
}
