package devlink

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/mdlayher/netlink"
)

// A DpipeHeader is a protocol header, or metadata in the form of one, that the device's tables can refer to.
type DpipeHeader struct {
	Name string `json:"name"`
	// ID is unique among global headers, and among the device's own.
	ID uint32 `json:"id"`
	// Global headers mean the same on every device (enum devlink_dpipe_header_id); the others are the driver's own.
	Global bool         `json:"global"`
	Fields []DpipeField `json:"field"`
}

// A DpipeField is a field of a header.
type DpipeField struct {
	Name string `json:"name"`
	// ID is unique within the header.
	ID uint32 `json:"id"`
	// BitWidth is the field's width in bits.
	BitWidth uint32       `json:"bitwidth"`
	Mapping  DpipeMapping `json:"mapping_type,omitempty"`
}

// A DpipeMapping says what a field's value stands for in the system (enum devlink_dpipe_field_mapping_type).
type DpipeMapping uint32

// The mappings: none, or the number of a network interface.
const (
	DpipeMappingNone DpipeMapping = iota
	DpipeMappingIfIndex
)

var dpipeMappingNames = []string{"none", "ifindex"}

// String returns the word of "devlink dpipe header show".
func (m DpipeMapping) String() string { return enumString(dpipeMappingNames, m) }

// MarshalText implements encoding.TextMarshaler.
func (m DpipeMapping) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// A DpipeMatchType is how a table compares a field (enum devlink_dpipe_match_type).
type DpipeMatchType uint32

// DpipeMatchExact is the only match type there is.
const DpipeMatchExact DpipeMatchType = 0

var dpipeMatchNames = []string{"field_exact"}

// String returns the word of "devlink dpipe table show".
func (t DpipeMatchType) String() string { return enumString(dpipeMatchNames, t) }

// MarshalText implements encoding.TextMarshaler.
func (t DpipeMatchType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A DpipeActionType is what a table does to a field (enum devlink_dpipe_action_type).
type DpipeActionType uint32

// DpipeActionModify is the only action type there is.
const DpipeActionModify DpipeActionType = 0

var dpipeActionNames = []string{"field_modify"}

// String returns the word of "devlink dpipe table show".
func (t DpipeActionType) String() string { return enumString(dpipeActionNames, t) }

// MarshalText implements encoding.TextMarshaler.
func (t DpipeActionType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A DpipeFieldRef names a field by numbers; DpipeHeaders.Find resolves it.
type DpipeFieldRef struct {
	HeaderID uint32 `json:"header_id"`
	// HeaderIndex tells several instances of one header apart, 0 being the first.
	HeaderIndex uint32 `json:"header_index,omitempty"`
	FieldID     uint32 `json:"field_id"`
	// Global says among which headers HeaderID counts.
	Global bool `json:"global"`
}

// A DpipeMatch is one field of a table's key.
type DpipeMatch struct {
	Type DpipeMatchType `json:"type"`
	DpipeFieldRef
}

// A DpipeAction is one field that a table's entries write.
type DpipeAction struct {
	Type DpipeActionType `json:"type"`
	DpipeFieldRef
}

// A DpipeTable is a table of the device's pipeline.
type DpipeTable struct {
	Name string `json:"name"`
	// Size is the number of entries there is room for or that are present, as the driver sees fit.
	Size            uint64 `json:"size"`
	CountersEnabled bool   `json:"counters_enabled"`
	// ResourceID is the resource that the table draws from, ResourceUnits how many units an entry takes; nil: none.
	ResourceID    *uint64       `json:"resource_id,omitempty"`
	ResourceUnits uint64        `json:"resource_units,omitempty"`
	Matches       []DpipeMatch  `json:"match"`
	Actions       []DpipeAction `json:"action"`
}

// DpipeHeaders are the headers of one device.
type DpipeHeaders []DpipeHeader

// Find resolves a reference. Both results are nil where the device did not describe the field.
func (hs DpipeHeaders) Find(ref DpipeFieldRef) (*DpipeHeader, *DpipeField) {
	for i := range hs {
		if hs[i].ID != ref.HeaderID || hs[i].Global != ref.Global {
			continue
		}
		for j := range hs[i].Fields {
			if hs[i].Fields[j].ID == ref.FieldID {
				return &hs[i], &hs[i].Fields[j]
			}
		}
	}
	return nil, nil
}

// DpipeHeaders lists the headers that the device's tables refer to.
func (c *Client) DpipeHeaders(ctx context.Context, h Handle) (DpipeHeaders, error) {
	parts, err := collect(ctx, c, &request{op: "list dpipe headers", device: h, cmd: CmdDpipeHeadersGet, mode: replyMulti},
		decodeDpipeHeaders)
	return flatten(parts), err
}

// DpipeTables lists the device's tables in the driver's order.
func (c *Client) DpipeTables(ctx context.Context, h Handle) ([]DpipeTable, error) {
	parts, err := collect(ctx, c, &request{op: "list dpipe tables", device: h, cmd: CmdDpipeTableGet, mode: replyMulti},
		decodeDpipeTables)
	return flatten(parts), err
}

// DpipeTable returns one table. A table that does not exist, for which the kernel answers with an empty list, is an
// fs.ErrNotExist.
func (c *Client) DpipeTable(ctx context.Context, h Handle, table string) (DpipeTable, error) {
	req := &request{
		op: "get dpipe table " + table, device: h, cmd: CmdDpipeTableGet, mode: replyMulti,
		attrs: func(ae *netlink.AttributeEncoder) { ae.String(attrDpipeTableName, table) },
	}
	parts, err := collect(ctx, c, req, decodeDpipeTables)
	if err != nil {
		return DpipeTable{}, err
	}
	for _, t := range flatten(parts) {
		if t.Name == table {
			return t, nil
		}
	}
	return DpipeTable{}, wrap(req, fmt.Errorf("no such table: %w", fs.ErrNotExist))
}

// SetDpipeCounters switches the counters of a table's entries on or off.
func (c *Client) SetDpipeCounters(ctx context.Context, h Handle, table string, enabled bool) error {
	return c.command(ctx, &request{
		op: "set counters of dpipe table " + table, device: h, cmd: CmdDpipeTableCountersSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrDpipeTableName, table)
			ae.Uint8(attrDpipeTableCountersEnabled, boolByte(enabled))
		},
	})
}

// decodeDpipeHeaders reads one DEVLINK_CMD_DPIPE_HEADERS_GET message.
func decodeDpipeHeaders(attrs []byte) ([]DpipeHeader, error) {
	var out []DpipeHeader
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != attrDpipeHeaders {
			return
		}
		nest(ad, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == attrDpipeHeader {
				out = append(out, decodeDpipeHeader(ad))
			}
		})
	})
	return out, err
}

// decodeDpipeHeader reads the header nested in the attribute ad stands at.
func decodeDpipeHeader(ad *netlink.AttributeDecoder) DpipeHeader {
	var h DpipeHeader
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrDpipeHeaderName:
			h.Name = ad.String()
		case attrDpipeHeaderId:
			h.ID = ad.Uint32()
		case attrDpipeHeaderGlobal:
			h.Global = ad.Uint8() != 0
		case attrDpipeHeaderFields:
			h.Fields = []DpipeField{} // a header may have none
			nest(ad, func(ad *netlink.AttributeDecoder) {
				if ad.Type() == attrDpipeField {
					h.Fields = append(h.Fields, decodeDpipeField(ad))
				}
			})
		}
	})
	return h
}

// decodeDpipeField reads the field nested in the attribute ad stands at.
func decodeDpipeField(ad *netlink.AttributeDecoder) DpipeField {
	var f DpipeField
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrDpipeFieldName:
			f.Name = ad.String()
		case attrDpipeFieldId:
			f.ID = ad.Uint32()
		case attrDpipeFieldBitwidth:
			f.BitWidth = ad.Uint32()
		case attrDpipeFieldMappingType:
			f.Mapping = DpipeMapping(ad.Uint32())
		}
	})
	return f
}

// decodeDpipeTables reads one DEVLINK_CMD_DPIPE_TABLE_GET message.
func decodeDpipeTables(attrs []byte) ([]DpipeTable, error) {
	var out []DpipeTable
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != attrDpipeTables {
			return
		}
		nest(ad, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == attrDpipeTable {
				out = append(out, decodeDpipeTable(ad))
			}
		})
	})
	return out, err
}

// decodeDpipeTable reads the table nested in the attribute ad stands at.
func decodeDpipeTable(ad *netlink.AttributeDecoder) DpipeTable {
	var t DpipeTable
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrDpipeTableName:
			t.Name = ad.String()
		case attrDpipeTableSize:
			t.Size = ad.Uint64()
		case attrDpipeTableCountersEnabled:
			t.CountersEnabled = ad.Uint8() != 0
		case attrDpipeTableResourceId:
			t.ResourceID = ptr(ad.Uint64())
		case attrDpipeTableResourceUnits:
			t.ResourceUnits = ad.Uint64()
		case attrDpipeTableMatches:
			nestedRefs(ad, attrDpipeMatch, attrDpipeMatchType, func(typ uint32, ref DpipeFieldRef) {
				t.Matches = append(t.Matches, DpipeMatch{DpipeMatchType(typ), ref})
			})
		case attrDpipeTableActions:
			nestedRefs(ad, attrDpipeAction, attrDpipeActionType, func(typ uint32, ref DpipeFieldRef) {
				t.Actions = append(t.Actions, DpipeAction{DpipeActionType(typ), ref})
			})
		}
	})
	return t
}

// nestedRefs calls add for every match or action, attributes of type each, inside the attribute that ad stands at.
func nestedRefs(ad *netlink.AttributeDecoder, each, typeAttr uint16, add func(typ uint32, ref DpipeFieldRef)) {
	nest(ad, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != each {
			return
		}
		ad.Do(func(b []byte) error {
			typ, ref, err := decodeDpipeRef(b, typeAttr)
			add(typ, ref)
			return err
		})
	})
}

// decodeDpipeRef reads a match or an action: its type, and the field it is about.
func decodeDpipeRef(b []byte, typeAttr uint16) (typ uint32, ref DpipeFieldRef, err error) {
	c := cursor{rest: b}
	for t, data, ok := c.next(); ok; t, data, ok = c.next() {
		switch t {
		case typeAttr:
			typ = c.u32(t, data)
		case attrDpipeHeaderIndex:
			ref.HeaderIndex = c.u32(t, data)
		case attrDpipeHeaderId:
			ref.HeaderID = c.u32(t, data)
		case attrDpipeFieldId:
			ref.FieldID = c.u32(t, data)
		case attrDpipeHeaderGlobal:
			ref.Global = c.u8(t, data) != 0
		}
	}
	return typ, ref, c.err
}

// flatten joins the parts of a multipart reply; nil where there is nothing.
func flatten[T any](parts [][]T) []T {
	var out []T
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// boolByte returns 0 or 1.
func boolByte(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
