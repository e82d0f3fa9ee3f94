package devlink

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/mdlayher/netlink"
)

// A CMode says when a parameter's value takes effect (enum devlink_param_cmode).
type CMode uint8

// The configuration modes: at once; at the next driver_reinit reload; after a reset, kept in the device.
const (
	CModeRuntime CMode = iota
	CModeDriverInit
	CModePermanent
)

var cmodeNames = []string{"runtime", "driverinit", "permanent"}

// String returns the word of "devlink dev param show".
func (m CMode) String() string { return enumString(cmodeNames, m) }

// MarshalText implements encoding.TextMarshaler.
func (m CMode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *CMode) UnmarshalText(text []byte) (err error) {
	*m, err = parseEnum[CMode]("configuration mode", cmodeNames, text)
	return err
}

// A ValueType is the type of a parameter or of a diagnosed value, in the kernel's numbering of attribute types.
type ValueType uint8

// The value types and the Go types that hold them. A string may come as either of two types.
const (
	TypeU8        ValueType = 1  // uint8
	TypeU16       ValueType = 2  // uint16
	TypeU32       ValueType = 3  // uint32
	TypeU64       ValueType = 4  // uint64
	TypeString    ValueType = 5  // string
	TypeBool      ValueType = 6  // bool
	TypeNulString ValueType = 10 // string
	TypeBinary    ValueType = 11 // HexBytes
)

var valueTypeNames = []string{
	TypeU8: "u8", TypeU16: "u16", TypeU32: "u32", TypeU64: "u64",
	TypeString: "string", TypeBool: "bool", TypeNulString: "nul-string", TypeBinary: "binary",
}

// String returns the type's name, such as "u32".
func (t ValueType) String() string { return enumString(valueTypeNames, t) }

// MarshalText implements encoding.TextMarshaler.
func (t ValueType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A Param is a configuration parameter of a device.
type Param struct {
	Handle Handle
	Name   string
	// Generic parameters mean the same for every driver.
	Generic bool
	Type    ValueType
	Values  []ParamValue
}

// MarshalJSON implements json.Marshaler with the members of "devlink -j dev param show": "type" is "generic" or
// "driver-specific", and values that have names show them. "value_type" is Type.
func (p Param) MarshalJSON() ([]byte, error) {
	view := struct {
		Name      string       `json:"name"`
		Type      string       `json:"type"`
		ValueType ValueType    `json:"value_type"`
		Values    []ParamValue `json:"values"`
	}{p.Name, "driver-specific", p.Type, make([]ParamValue, 0, len(p.Values))}
	if p.Generic {
		view.Type = "generic"
	}
	for _, v := range p.Values {
		v.Value, v.Default = p.Named(v.Value), p.Named(v.Default)
		view.Values = append(view.Values, v)
	}
	return json.Marshal(view)
}

// A ParamValue is a parameter's value in one configuration mode.
type ParamValue struct {
	CMode CMode `json:"cmode"`
	// Value is a uint8, uint16, uint32, uint64, string or bool as Param.Type says, or HexBytes for a type that this
	// package does not know.
	Value any `json:"value"`
	// Default is likewise; nil where the driver does not say, as before Linux 6.19.
	Default any `json:"default,omitempty"`
}

// Value returns the value in a mode, or nil where the parameter has none there.
func (p Param) Value(mode CMode) any {
	for _, v := range p.Values {
		if v.CMode == mode {
			return v.Value
		}
	}
	return nil
}

// names are those that the kernel's headers give to the values of a parameter (enum devlink_param_fw_load_policy_value
// and enum devlink_param_reset_dev_on_drv_probe_value), by value; nil: they have none.
func (p Param) names() []string {
	switch p.Name {
	case ParamFirmwareLoadPolicy:
		return []string{"driver", "flash", "disk", "unknown"}
	case ParamResetOnProbe:
		return []string{"unknown", "always", "never", "disk"}
	}
	return nil
}

// The parameters whose values have names, and that say where a device takes its firmware from.
const (
	ParamFirmwareLoadPolicy = "fw_load_policy"
	ParamResetOnProbe       = "reset_dev_on_drv_probe"
)

// Named returns the name of one of the parameter's values where it has one, else the value itself.
func (p Param) Named(value any) any {
	n, ok := value.(uint8)
	if names := p.names(); ok && int(n) < len(names) {
		return names[n]
	}
	return value
}

// ParseValue reads a value of the parameter's type from text, numbers in any base that Go's literals have or by their
// names.
func (p Param) ParseValue(text string) (any, error) {
	var v any
	var err error
	var n uint64
	if i := slices.Index(p.names(), text); i >= 0 && p.Type == TypeU8 {
		return uint8(i), nil
	}
	if _, numErr := strconv.ParseUint(text, 0, 64); p.names() != nil && numErr != nil {
		return nil, fmt.Errorf("devlink: parse value %q of parameter %s: want one of %q or a number", text, p.Name, p.names())
	}
	switch p.Type {
	case TypeU8:
		n, err = strconv.ParseUint(text, 0, 8)
		v = uint8(n)
	case TypeU16:
		n, err = strconv.ParseUint(text, 0, 16)
		v = uint16(n)
	case TypeU32:
		n, err = strconv.ParseUint(text, 0, 32)
		v = uint32(n)
	case TypeU64:
		v, err = strconv.ParseUint(text, 0, 64)
	case TypeBool:
		v, err = strconv.ParseBool(text)
	case TypeString, TypeNulString:
		v = text
	default:
		err = fmt.Errorf("values of type %v are not supported", p.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("devlink: parse value of parameter %s: %w", p.Name, err)
	}
	return v, nil
}

// Params lists the parameters of a device, or of all devices where h is zero.
func (c *Client) Params(ctx context.Context, h Handle) ([]Param, error) {
	return collect(ctx, c, &request{op: "list parameters", device: h, cmd: CmdParamGet, mode: replyDump, filter: true},
		decodeParam)
}

// Param returns one parameter.
func (c *Client) Param(ctx context.Context, h Handle, name string) (Param, error) {
	return single(ctx, c, &request{
		op: "get parameter " + name, device: h, cmd: CmdParamGet,
		attrs: func(ae *netlink.AttributeEncoder) { ae.String(attrParamName, name) },
	}, decodeParam)
}

// SetParam changes a parameter in one mode. The value's Go type has to be the one that the parameter has: the kernel
// refuses others. [Param.ParseValue] makes one from text.
func (c *Client) SetParam(ctx context.Context, h Handle, name string, mode CMode, value any) error {
	req := &request{op: "set parameter " + name, device: h, cmd: CmdParamSet}
	typ, put, err := encodeValue(value)
	if err != nil {
		return wrap(req, err)
	}
	req.attrs = func(ae *netlink.AttributeEncoder) {
		ae.String(attrParamName, name)
		ae.Uint8(attrParamType, uint8(typ))
		put(ae)
		ae.Uint8(attrParamValueCmode, uint8(mode))
	}
	return c.command(ctx, req)
}

// ResetParam takes a parameter's default in one mode (from Linux 6.19 on; the drivers before ignore what they do not
// know or refuse it).
func (c *Client) ResetParam(ctx context.Context, h Handle, p Param, mode CMode) error {
	return c.command(ctx, &request{op: "reset parameter " + p.Name, device: h, cmd: CmdParamSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrParamName, p.Name)
			ae.Uint8(attrParamType, uint8(p.Type))
			ae.Uint8(attrParamValueCmode, uint8(mode))
			ae.Flag(attrParamResetDefault, true)
		}})
}

// encodeValue returns a value's type and how to write it. A bool is the presence of the attribute.
func encodeValue(value any) (ValueType, func(*netlink.AttributeEncoder), error) {
	const data = attrParamValueData
	switch v := value.(type) {
	case uint8:
		return TypeU8, func(ae *netlink.AttributeEncoder) { ae.Uint8(data, v) }, nil
	case uint16:
		return TypeU16, func(ae *netlink.AttributeEncoder) { ae.Uint16(data, v) }, nil
	case uint32:
		return TypeU32, func(ae *netlink.AttributeEncoder) { ae.Uint32(data, v) }, nil
	case uint64:
		return TypeU64, func(ae *netlink.AttributeEncoder) { ae.Uint64(data, v) }, nil
	case string:
		return TypeString, func(ae *netlink.AttributeEncoder) { ae.String(data, v) }, nil
	case bool:
		return TypeBool, func(ae *netlink.AttributeEncoder) { ae.Flag(data, v) }, nil
	}
	return 0, nil, fmt.Errorf("no parameter holds a value of Go type %T", value)
}

// decodeParam reads a DEVLINK_CMD_PARAM_GET, PARAM_NEW or PARAM_DEL message.
func decodeParam(attrs []byte) (Param, error) {
	var p Param
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if !p.Handle.decode(ad) && ad.Type() == attrParam {
			nest(ad, p.decode)
		}
	})
	return p, err
}

// decode takes one attribute of DEVLINK_ATTR_PARAM. The kernel puts the type before the values.
func (p *Param) decode(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrParamName:
		p.Name = ad.String()
	case attrParamGeneric:
		p.Generic = true
	case attrParamType:
		p.Type = ValueType(ad.Uint8())
	case attrParamValuesList:
		nest(ad, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == attrParamValue {
				p.Values = append(p.Values, decodeParamValue(ad, p.Type))
			}
		})
	}
}

// decodeParamValue reads the value nested in the attribute ad stands at.
func decodeParamValue(ad *netlink.AttributeDecoder, typ ValueType) ParamValue {
	var v ParamValue
	if typ == TypeBool {
		v.Value = false // true is the presence of the data
	}
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrParamValueCmode:
			v.CMode = CMode(ad.Uint8())
		case attrParamValueData:
			if typ == TypeBool {
				v.Value = ad.Flag()
			} else {
				v.Value = decodeValue(ad, typ)
			}
		case attrParamValueDefault:
			v.Default = decodeValue(ad, typ)
		}
	})
	return v
}

// decodeValue reads the attribute that ad stands at as a value of a type; a bool is a byte here.
func decodeValue(ad *netlink.AttributeDecoder, typ ValueType) any {
	switch typ {
	case TypeU8:
		return ad.Uint8()
	case TypeU16:
		return ad.Uint16()
	case TypeU32:
		return ad.Uint32()
	case TypeU64:
		return ad.Uint64()
	case TypeString, TypeNulString:
		return ad.String()
	case TypeBool:
		return ad.Uint8() != 0
	}
	return HexBytes(ad.Bytes())
}
