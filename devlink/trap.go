package devlink

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mdlayher/netlink"
)

// A Trap is a reason for which the device gives packets to the CPU or drops them.
type Trap struct {
	Handle Handle `json:"-"`
	Name   string `json:"name"`
	// Generic traps mean the same on every device.
	Generic bool       `json:"generic"`
	Type    TrapType   `json:"type"`
	Action  TrapAction `json:"action"`
	Group   string     `json:"group"`
	// Metadata names what accompanies a trapped packet: "input_port", "flow_action_cookie".
	Metadata []string  `json:"metadata,omitempty"`
	Stats    TrapStats `json:"stats"`
}

// TrapStats count what was trapped.
type TrapStats struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	// Dropped counts packets that the device dropped itself; nil where it does not count.
	Dropped *uint64 `json:"dropped,omitempty"`
}

// MarshalJSON implements json.Marshaler: the counters stand in an object "rx".
func (s TrapStats) MarshalJSON() ([]byte, error) {
	type plain TrapStats
	return json.Marshal(struct {
		Rx plain `json:"rx"`
	}{plain(s)})
}

// A TrapType is a trap's purpose (enum devlink_trap_type).
type TrapType uint8

// The trap types.
const (
	TrapTypeDrop TrapType = iota
	TrapTypeException
	TrapTypeControl
)

var trapTypeNames = []string{"drop", "exception", "control"}

// String returns the word of "devlink trap show".
func (t TrapType) String() string { return enumString(trapTypeNames, t) }

// MarshalText implements encoding.TextMarshaler.
func (t TrapType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// A TrapAction is what happens to a packet (enum devlink_trap_action).
type TrapAction uint8

// The trap actions: drop it, give it to the CPU, or forward it and give the CPU a copy.
const (
	TrapActionDrop TrapAction = iota
	TrapActionTrap
	TrapActionMirror
)

var trapActionNames = []string{"drop", "trap", "mirror"}

// String returns the word of "devlink trap show".
func (a TrapAction) String() string { return enumString(trapActionNames, a) }

// MarshalText implements encoding.TextMarshaler.
func (a TrapAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *TrapAction) UnmarshalText(text []byte) (err error) {
	*a, err = parseEnum[TrapAction]("trap action", trapActionNames, text)
	return err
}

// A TrapGroup is a set of traps that share a policer.
type TrapGroup struct {
	Handle  Handle `json:"-"`
	Name    string `json:"name"`
	Generic bool   `json:"generic"`
	// Policer is the policer's number; nil: none.
	Policer *uint32   `json:"policer,omitempty"`
	Stats   TrapStats `json:"stats"`
}

// A TrapPolicer limits how many packets a group gives to the CPU.
type TrapPolicer struct {
	Handle Handle `json:"-"`
	ID     uint32 `json:"policer"`
	// Rate is in packets per second, Burst in packets.
	Rate  uint64 `json:"rate"`
	Burst uint64 `json:"burst"`
	// Stats has nothing but what was dropped.
	Stats TrapStats `json:"-"`
}

// MarshalJSON implements json.Marshaler: what was dropped stands in "stats", in an object "rx".
func (p TrapPolicer) MarshalJSON() ([]byte, error) {
	type plain TrapPolicer
	type rx struct {
		Dropped uint64 `json:"dropped"`
	}
	type stats struct {
		Rx rx `json:"rx"`
	}
	view := struct {
		plain
		Stats *stats `json:"stats,omitempty"`
	}{plain: plain(p)}
	if p.Stats.Dropped != nil {
		view.Stats = &stats{rx{*p.Stats.Dropped}}
	}
	return json.Marshal(view)
}

// Traps lists the traps of a device, or of all devices where h is zero.
func (c *Client) Traps(ctx context.Context, h Handle) ([]Trap, error) {
	return collect(ctx, c, &request{op: "list traps", device: h, cmd: CmdTrapGet, mode: replyDump, filter: true}, decodeTrap)
}

// TrapGroups lists the trap groups of a device, or of all devices where h is zero.
func (c *Client) TrapGroups(ctx context.Context, h Handle) ([]TrapGroup, error) {
	return collect(ctx, c, &request{op: "list trap groups", device: h, cmd: CmdTrapGroupGet, mode: replyDump, filter: true},
		decodeTrapGroup)
}

// TrapPolicers lists the trap policers of a device, or of all devices where h is zero.
func (c *Client) TrapPolicers(ctx context.Context, h Handle) ([]TrapPolicer, error) {
	return collect(ctx, c, &request{
		op: "list trap policers", device: h, cmd: CmdTrapPolicerGet, mode: replyDump, filter: true,
	}, decodeTrapPolicer)
}

// SetTrap changes what happens to the packets of a trap. Only traps of type drop can be changed.
func (c *Client) SetTrap(ctx context.Context, h Handle, name string, action TrapAction) error {
	return c.command(ctx, &request{
		op: "set trap " + name, device: h, cmd: CmdTrapSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrTrapName, name)
			ae.Uint8(attrTrapAction, uint8(action))
		},
	})
}

// TrapGroupSettings are what SetTrapGroup changes; nil leaves a setting as it is.
type TrapGroupSettings struct {
	// Action is that of all the group's traps of type drop.
	Action *TrapAction
	// Policer is the number of the policer to bind the group to; 0: none.
	Policer *uint32
}

// SetTrapGroup changes a trap group.
func (c *Client) SetTrapGroup(ctx context.Context, h Handle, name string, s TrapGroupSettings) error {
	return c.command(ctx, &request{
		op: "set trap group " + name, device: h, cmd: CmdTrapGroupSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.String(attrTrapGroupName, name)
			if s.Action != nil {
				ae.Uint8(attrTrapAction, uint8(*s.Action))
			}
			if s.Policer != nil {
				ae.Uint32(attrTrapPolicerId, *s.Policer)
			}
		},
	})
}

// TrapPolicerSettings are what SetTrapPolicer changes; nil leaves a setting as it is.
type TrapPolicerSettings struct {
	Rate  *uint64 // packets per second
	Burst *uint64 // packets
}

// SetTrapPolicer changes a policer.
func (c *Client) SetTrapPolicer(ctx context.Context, h Handle, id uint32, s TrapPolicerSettings) error {
	return c.command(ctx, &request{
		op: fmt.Sprintf("set trap policer %d", id), device: h, cmd: CmdTrapPolicerSet,
		attrs: func(ae *netlink.AttributeEncoder) {
			ae.Uint32(attrTrapPolicerId, id)
			if s.Rate != nil {
				ae.Uint64(attrTrapPolicerRate, *s.Rate)
			}
			if s.Burst != nil {
				ae.Uint64(attrTrapPolicerBurst, *s.Burst)
			}
		},
	})
}

// trapMetadataNames are the words of "devlink trap show", by attribute (DEVLINK_ATTR_TRAP_METADATA_TYPE_*).
var trapMetadataNames = []string{"input_port", "flow_action_cookie"}

// decodeTrap reads a DEVLINK_CMD_TRAP_GET, TRAP_NEW or TRAP_DEL message.
func decodeTrap(attrs []byte) (Trap, error) {
	var t Trap
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			t.Handle.decode(ad)
		case attrTrapName:
			t.Name = ad.String()
		case attrTrapGeneric:
			t.Generic = true
		case attrTrapType:
			t.Type = TrapType(ad.Uint8())
		case attrTrapAction:
			t.Action = TrapAction(ad.Uint8())
		case attrTrapGroupName:
			t.Group = ad.String()
		case attrTrapMetadata:
			nest(ad, func(ad *netlink.AttributeDecoder) {
				t.Metadata = append(t.Metadata, enumString(trapMetadataNames, ad.Type()))
			})
		case attrStats:
			t.Stats = decodeTrapStats(ad)
		}
	})
	return t, err
}

// Attributes nested in DEVLINK_ATTR_STATS.
const (
	statsRxPackets = 0
	statsRxBytes   = 1
	statsRxDropped = 2
)

// decodeTrapStats reads the counters nested in the attribute ad stands at.
func decodeTrapStats(ad *netlink.AttributeDecoder) TrapStats {
	var s TrapStats
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case statsRxPackets:
			s.Packets = ad.Uint64()
		case statsRxBytes:
			s.Bytes = ad.Uint64()
		case statsRxDropped:
			s.Dropped = ptr(ad.Uint64())
		}
	})
	return s
}

// decodeTrapGroup reads a DEVLINK_CMD_TRAP_GROUP_GET, TRAP_GROUP_NEW or TRAP_GROUP_DEL message.
func decodeTrapGroup(attrs []byte) (TrapGroup, error) {
	var g TrapGroup
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			g.Handle.decode(ad)
		case attrTrapGroupName:
			g.Name = ad.String()
		case attrTrapGeneric:
			g.Generic = true
		case attrTrapPolicerId:
			g.Policer = ptr(ad.Uint32())
		case attrStats:
			g.Stats = decodeTrapStats(ad)
		}
	})
	return g, err
}

// decodeTrapPolicer reads a DEVLINK_CMD_TRAP_POLICER_GET, TRAP_POLICER_NEW or TRAP_POLICER_DEL message.
func decodeTrapPolicer(attrs []byte) (TrapPolicer, error) {
	var p TrapPolicer
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			p.Handle.decode(ad)
		case attrTrapPolicerId:
			p.ID = ad.Uint32()
		case attrTrapPolicerRate:
			p.Rate = ad.Uint64()
		case attrTrapPolicerBurst:
			p.Burst = ad.Uint64()
		case attrStats:
			p.Stats = decodeTrapStats(ad)
		}
	})
	return p, err
}
