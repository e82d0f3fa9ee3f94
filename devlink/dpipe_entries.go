package devlink

import (
	"bytes"
	"context"
	"encoding/hex"
	"iter"
	"slices"

	"github.com/mdlayher/netlink"
)

// HexBytes are bytes that show as "0x..." in text and JSON.
type HexBytes []byte

// String returns the bytes in hexadecimal, first byte first, after "0x".
func (b HexBytes) String() string { return "0x" + hex.EncodeToString(b) }

// MarshalText implements encoding.TextMarshaler.
func (b HexBytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// A DpipeEntry is an entry that the device holds now.
type DpipeEntry struct {
	// Index is unique within the table.
	Index uint64 `json:"index"`
	// Counter counts hits where HasCounter: the table's counters are enabled.
	Counter    uint64 `json:"counter,omitempty"`
	HasCounter bool   `json:"-"`

	Match  []DpipeValue `json:"match_value"`
	Action []DpipeValue `json:"action_value"`
}

// Clone returns a copy that shares nothing with e.
func (e DpipeEntry) Clone() DpipeEntry {
	e.Match, e.Action = cloneValues(e.Match), cloneValues(e.Action)
	return e
}

func cloneValues(values []DpipeValue) []DpipeValue {
	values = slices.Clone(values)
	for i := range values {
		values[i].Value, values[i].Mask = slices.Clone(values[i].Value), slices.Clone(values[i].Mask)
	}
	return values
}

// A DpipeValue is what an entry compares a field with or writes into it.
type DpipeValue struct {
	// Type is a DpipeMatchType or a DpipeActionType.
	Type  uint32        `json:"type"`
	Field DpipeFieldRef `json:"ref"`
	// Value is as the driver gives it: by the custom of the kernel's drivers 1, 2, 4 and 8 bytes are a number in the
	// host's byte order, an IPv4 address of the kernel's own header as well, and other lengths are in network order.
	// Devices that run a P4 program have all of them in network order.
	Value HexBytes `json:"value"`
	// Mask is as long as Value; nil: all bits count.
	Mask HexBytes `json:"mask,omitempty"`
	// Mapping is the value in the system's terms, such as an interface number, where HasMapping.
	Mapping    uint32 `json:"mapping,omitempty"`
	HasMapping bool   `json:"-"`
}

// DpipeEntries reads a table's entries while the loop goes on: a table of any size passes through in one datagram's
// memory. An entry's values are overwritten when the loop goes on; Clone makes an entry that can be kept. An error is the
// last pair. The loop may make other calls on the same Client; leaving it early is allowed.
func (c *Client) DpipeEntries(ctx context.Context, h Handle, table string) iter.Seq2[DpipeEntry, error] {
	req := request{
		op: "list entries of dpipe table " + table, device: h, cmd: CmdDpipeEntriesGet, mode: replyMulti,
		attrs: func(ae *netlink.AttributeEncoder) { ae.String(attrDpipeTableName, table) },
	}
	return func(yield func(DpipeEntry, error) bool) {
		var d entryDecoder
		req := req // the iterator may be run again
		err := c.exec(ctx, &req, func(_ Command, attrs []byte) error {
			return d.message(attrs, func(e DpipeEntry) bool { return yield(e, nil) })
		})
		if err != nil {
			yield(DpipeEntry{}, err)
		}
	}
}

// An entryDecoder reads entries one after the other into the same memory. Their bytes alias the datagram.
type entryDecoder struct {
	values []DpipeValue // of one entry
	refs   []encodedRef // that of the value in the same place, in the entry before
}

// An encodedRef is the attribute that says what a value is of, and what it says: mostly the same in all entries.
type encodedRef struct {
	attrs    []byte
	typeAttr uint16 // of the type in them
	typ      uint32
	field    DpipeFieldRef
}

// message reads one DEVLINK_CMD_DPIPE_ENTRIES_GET message. It returns errStop when yield returns false.
func (d *entryDecoder) message(attrs []byte, yield func(DpipeEntry) bool) error {
	c := cursor{rest: attrs}
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		if typ != attrDpipeEntries {
			continue
		}
		entries := cursor{rest: data}
		for typ, data, ok := entries.next(); ok; typ, data, ok = entries.next() {
			if typ != attrDpipeEntry {
				continue
			}
			e, err := d.entry(data)
			if err != nil {
				return err
			}
			if !yield(e) {
				return errStop
			}
		}
		c.fail(entries.err)
	}
	return c.err
}

// entry reads what is nested in a DEVLINK_ATTR_DPIPE_ENTRY.
func (d *entryDecoder) entry(b []byte) (DpipeEntry, error) {
	var e DpipeEntry
	d.values = d.values[:0]
	c := cursor{rest: b}
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		var err error
		switch typ {
		case attrDpipeEntryIndex:
			e.Index = c.u64(typ, data)
		case attrDpipeEntryCounter:
			e.Counter, e.HasCounter = c.u64(typ, data), true
		case attrDpipeEntryMatchValues:
			e.Match, err = d.list(data, attrDpipeMatchValue, attrDpipeMatch, attrDpipeMatchType)
		case attrDpipeEntryActionValues:
			e.Action, err = d.list(data, attrDpipeActionValue, attrDpipeAction, attrDpipeActionType)
		}
		c.fail(err)
	}
	return e, c.err
}

// list reads a list of values. The result has no room to grow, so that appending to it copies.
func (d *entryDecoder) list(b []byte, each, ref, typeAttr uint16) ([]DpipeValue, error) {
	start := len(d.values)
	c := cursor{rest: b}
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		if typ != each {
			continue
		}
		c.fail(d.value(data, ref, typeAttr))
	}
	return d.values[start:len(d.values):len(d.values)], c.err
}

// value reads one value.
func (d *entryDecoder) value(b []byte, ref, typeAttr uint16) error {
	at := len(d.values)
	d.values = append(d.values, DpipeValue{})
	v := &d.values[at]
	c := cursor{rest: b}
	for typ, data, ok := c.next(); ok; typ, data, ok = c.next() {
		switch typ {
		case ref:
			var err error
			v.Type, v.Field, err = d.ref(at, data, typeAttr)
			c.fail(err)
		case attrDpipeValue:
			v.Value = data
		case attrDpipeValueMask:
			v.Mask = data
		case attrDpipeValueMapping:
			v.Mapping, v.HasMapping = c.u32(typ, data), true
		}
	}
	return c.err
}

// ref reads what the value in a place is of.
func (d *entryDecoder) ref(at int, b []byte, typeAttr uint16) (uint32, DpipeFieldRef, error) {
	for len(d.refs) <= at {
		d.refs = append(d.refs, encodedRef{})
	}
	known := &d.refs[at]
	if typeAttr == known.typeAttr && bytes.Equal(known.attrs, b) {
		return known.typ, known.field, nil
	}
	typ, field, err := decodeDpipeRef(b, typeAttr)
	if err == nil {
		*known = encodedRef{append(known.attrs[:0], b...), typeAttr, typ, field}
	}
	return typ, field, err
}
