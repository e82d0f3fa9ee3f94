package devlink

import (
	"context"
	"encoding/json"
	"fmt"
	"net"

	mdlink "github.com/mdlayher/devlink"
	"github.com/mdlayher/netlink"
)

// A PortType says what a port's network device is.
type PortType = mdlink.PortType

// The port types (enum devlink_port_type).
const (
	PortNotSet     = mdlink.Unknown
	PortAuto       = mdlink.Auto
	PortEthernet   = mdlink.Ethernet
	PortInfiniBand = mdlink.InfiniBand
)

// portTypeNames are the words of "devlink port show".
var portTypeNames = []string{"notset", "auto", "eth", "ib"}

// A PortFlavour says what stands behind a port (enum devlink_port_flavour).
type PortFlavour uint16

// The port flavours.
const (
	FlavourPhysical PortFlavour = iota
	FlavourCPU
	FlavourDSA
	FlavourPCIPF
	FlavourPCIVF
	FlavourVirtual
	FlavourUnused
	FlavourPCISF
)

var flavourNames = []string{"physical", "cpu", "dsa", "pcipf", "pcivf", "virtual", "unused", "pcisf"}

// String returns the word of "devlink port show".
func (f PortFlavour) String() string { return enumString(flavourNames, f) }

// MarshalText implements encoding.TextMarshaler.
func (f PortFlavour) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *PortFlavour) UnmarshalText(text []byte) (err error) {
	*f, err = parseEnum[PortFlavour]("port flavour", flavourNames, text)
	return err
}

// A Port is a devlink port (DEVLINK_CMD_PORT_GET). Pointers are nil where the driver reports nothing.
type Port struct {
	Handle Handle `json:"-"`
	// Index identifies the port within its device.
	Index uint32 `json:"index"`
	// Type is what the port is now; "type" in JSON.
	Type PortType `json:"-"`
	// NetDev and IfIndex name the port's network interface, where Type is PortEthernet.
	NetDev  string `json:"netdev,omitempty"`
	IfIndex uint32 `json:"ifindex,omitempty"`
	// IBDev names the port's RDMA device, where Type is PortInfiniBand.
	IBDev string `json:"ibdev,omitempty"`

	Flavour *PortFlavour `json:"flavour,omitempty"`
	// Number is the number on the front panel.
	Number *uint32 `json:"port,omitempty"`
	// PF, VF and SF are the PCI function's numbers, Controller that of its host, which is outside where External.
	PF         *uint16 `json:"pfnum,omitempty"`
	VF         *uint16 `json:"vfnum,omitempty"`
	SF         *uint32 `json:"sfnum,omitempty"`
	Controller *uint32 `json:"controller,omitempty"`
	External   bool    `json:"external,omitempty"`
	// SplitGroup and SubPort describe a part of a split port.
	SplitGroup *uint32 `json:"split_group,omitempty"`
	SubPort    *uint32 `json:"subport,omitempty"`
	Lanes      uint32  `json:"lanes,omitempty"`
	Splittable *bool   `json:"splittable,omitempty"`

	Function *PortFunction `json:"function,omitempty"`
}

// A PortFunction is the PCI function behind a port representor. Pointers are nil where nothing is reported.
type PortFunction struct {
	// HWAddr is the function's hardware address as colon-separated bytes.
	HWAddr string
	// Active is the state that was asked for, Attached whether a driver holds the function.
	Active   *bool
	Attached *bool
	// What the function may use.
	RoCE        *bool
	Migratable  *bool
	IPsecCrypto *bool
	IPsecPacket *bool
	MaxIOEQs    *uint32
}

// MarshalJSON implements json.Marshaler with the members and words of "devlink -j port show".
func (f PortFunction) MarshalJSON() ([]byte, error) {
	word := func(v *bool, yes, no string) string {
		switch {
		case v == nil:
			return ""
		case *v:
			return yes
		}
		return no
	}
	return json.Marshal(struct {
		HWAddr      string  `json:"hw_addr,omitempty"`
		State       string  `json:"state,omitempty"`
		OpState     string  `json:"opstate,omitempty"`
		RoCE        string  `json:"roce,omitempty"`
		Migratable  string  `json:"migratable,omitempty"`
		IPsecCrypto string  `json:"ipsec_crypto,omitempty"`
		IPsecPacket string  `json:"ipsec_packet,omitempty"`
		MaxIOEQs    *uint32 `json:"max_io_eqs,omitempty"`
	}{f.HWAddr, word(f.Active, "active", "inactive"), word(f.Attached, "attached", "detached"),
		word(f.RoCE, "enable", "disable"), word(f.Migratable, "enable", "disable"),
		word(f.IPsecCrypto, "enable", "disable"), word(f.IPsecPacket, "enable", "disable"), f.MaxIOEQs})
}

// Summary returns the port in the form of github.com/mdlayher/devlink.
func (p Port) Summary() mdlink.Port {
	name := p.NetDev
	if name == "" {
		name = p.IBDev
	}
	return mdlink.Port{Bus: p.Handle.Bus, Device: p.Handle.Dev, Port: int(p.Index), Type: p.Type, Name: name}
}

// String returns BUS/DEVICE/INDEX.
func (p Port) String() string { return fmt.Sprintf("%v/%d", p.Handle, p.Index) }

// UnmarshalJSON implements json.Unmarshaler with the form of MarshalJSON.
func (p *Port) UnmarshalJSON(b []byte) error {
	type plain Port
	both := struct {
		*plain
		Type string `json:"type"`
	}{plain: (*plain)(p)}
	if err := json.Unmarshal(b, &both); err != nil || both.Type == "" {
		return err
	}
	typ, err := parseEnum[uint16]("port type", portTypeNames, []byte(both.Type))
	p.Type = PortType(typ)
	return err
}

// Ports lists the ports of a device, or of all devices where h is zero, in the kernel's order.
func (c *Client) Ports(ctx context.Context, h Handle) ([]Port, error) {
	return collect(ctx, c, &request{op: "list ports", device: h, cmd: CmdPortGet, mode: replyDump, filter: true}, decodePort)
}

// Port returns one port by its index. A missing device or port is ErrDeviceGone.
func (c *Client) Port(ctx context.Context, h Handle, index uint32) (Port, error) {
	return single(ctx, c, &request{
		op: fmt.Sprintf("get port %d", index), device: h, cmd: CmdPortGet,
		attrs: func(ae *netlink.AttributeEncoder) { ae.Uint32(attrPortIndex, index) },
	}, decodePort)
}

// decodePort reads a DEVLINK_CMD_PORT_GET, PORT_NEW or PORT_DEL message.
func decodePort(attrs []byte) (Port, error) {
	var p Port
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if !p.decodeIdentity(ad) {
			p.decodeAttribute(ad)
		}
	})
	return p, err
}

// decodeIdentity takes what says which port it is and what it is now.
func (p *Port) decodeIdentity(ad *netlink.AttributeDecoder) bool {
	switch ad.Type() {
	case attrBusName, attrDevName:
		p.Handle.decode(ad)
	case attrPortIndex:
		p.Index = ad.Uint32()
	case attrPortType:
		p.Type = PortType(ad.Uint16())
	case attrPortNetdevName:
		p.NetDev = ad.String()
	case attrPortNetdevIfindex:
		p.IfIndex = ad.Uint32()
	case attrPortIbdevName:
		p.IBDev = ad.String()
	default:
		return false
	}
	return true
}

// decodeAttribute takes what describes the port further.
func (p *Port) decodeAttribute(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrPortFlavour:
		p.Flavour = ptr(PortFlavour(ad.Uint16()))
	case attrPortNumber:
		p.Number = ptr(ad.Uint32())
	case attrPortPciPfNumber:
		p.PF = ptr(ad.Uint16())
	case attrPortPciVfNumber:
		p.VF = ptr(ad.Uint16())
	case attrPortPciSfNumber:
		p.SF = ptr(ad.Uint32())
	case attrPortControllerNumber:
		p.Controller = ptr(ad.Uint32())
	case attrPortExternal:
		p.External = ad.Uint8() != 0
	case attrPortSplitGroup:
		p.SplitGroup = ptr(ad.Uint32())
	case attrPortSplitSubportNumber:
		p.SubPort = ptr(ad.Uint32())
	case attrPortLanes:
		p.Lanes = ad.Uint32()
	case attrPortSplittable:
		p.Splittable = ptr(ad.Uint8() != 0)
	case attrPortFunction:
		p.Function = decodeFunction(ad)
	}
}

// Attributes nested in DEVLINK_ATTR_PORT_FUNCTION (enum devlink_port_function_attr).
const (
	functionHWAddr  = 1
	functionState   = 2
	functionOpState = 3
	functionCaps    = 4
	functionMaxEQs  = 6
)

// Bits of a function's capabilities (enum devlink_port_fn_attr_cap).
const (
	capRoCE = 1 << iota
	capMigratable
	capIPsecCrypto
	capIPsecPacket
)

// decodeFunction reads the function nested in the attribute ad stands at.
func decodeFunction(ad *netlink.AttributeDecoder) *PortFunction {
	f := new(PortFunction)
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case functionHWAddr:
			f.HWAddr = net.HardwareAddr(ad.Bytes()).String()
		case functionState:
			f.Active = ptr(ad.Uint8() == 1)
		case functionOpState:
			f.Attached = ptr(ad.Uint8() == 1)
		case functionCaps:
			f.decodeCaps(ad)
		case functionMaxEQs:
			f.MaxIOEQs = ptr(ad.Uint32())
		}
	})
	return f
}

// decodeCaps takes the capabilities that a driver reports.
func (f *PortFunction) decodeCaps(ad *netlink.AttributeDecoder) {
	set, known := decodeBitfield32(ad)
	for bit, into := range map[uint32]**bool{
		capRoCE: &f.RoCE, capMigratable: &f.Migratable, capIPsecCrypto: &f.IPsecCrypto, capIPsecPacket: &f.IPsecPacket,
	} {
		if known&bit != 0 {
			*into = ptr(set&bit != 0)
		}
	}
}

// ptr returns a pointer to a copy of v.
func ptr[T any](v T) *T { return &v }
