package devlink

import (
	"context"

	"github.com/mdlayher/netlink"
)

// A ReloadAction is what a reload does (enum devlink_reload_action).
type ReloadAction uint8

// The reload actions. ReloadDefault leaves the choice to the kernel, which re-initialises the driver.
const (
	ReloadDefault ReloadAction = iota
	ReloadDriverReinit
	ReloadFirmwareActivate
)

var reloadActionNames = []string{"unspecified", "driver_reinit", "fw_activate"}

// String returns the word of "devlink dev reload".
func (a ReloadAction) String() string { return enumString(reloadActionNames, a) }

// MarshalText implements encoding.TextMarshaler.
func (a ReloadAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *ReloadAction) UnmarshalText(text []byte) (err error) {
	*a, err = parseEnum[ReloadAction]("reload action", reloadActionNames, text)
	return err
}

// A ReloadLimit is what a reload must not do (enum devlink_reload_limit).
type ReloadLimit uint8

// The reload limits. ReloadNoReset allows neither a reset nor any loss of configuration or link.
const (
	ReloadUnlimited ReloadLimit = iota
	ReloadNoReset
)

var reloadLimitNames = []string{"unspecified", "no_reset"}

// String returns the word of "devlink dev reload".
func (l ReloadLimit) String() string { return enumString(reloadLimitNames, l) }

// MarshalText implements encoding.TextMarshaler.
func (l ReloadLimit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *ReloadLimit) UnmarshalText(text []byte) (err error) {
	*l, err = parseEnum[ReloadLimit]("reload limit", reloadLimitNames, text)
	return err
}

// A ReloadRequest says how to reload a device. The zero value re-initialises the driver without limits.
type ReloadRequest struct {
	Action ReloadAction
	// Limits that the driver must keep or refuse; ReloadUnlimited is ignored.
	Limits []ReloadLimit
	// NetNS is the network namespace that the device moves to; nil: it stays.
	NetNS *NetNS
}

// A NetNS names a network namespace in exactly one way: the first field that is not nil counts.
type NetNS struct {
	FD  *uint32 // open file descriptor of this process
	PID *uint32 // a process in the namespace
	ID  *uint32 // the namespace's id as seen from the client's
}

// encode adds the namespace to a request.
func (n *NetNS) encode(ae *netlink.AttributeEncoder) {
	switch {
	case n == nil:
	case n.FD != nil:
		ae.Uint32(attrNetnsFd, *n.FD)
	case n.PID != nil:
		ae.Uint32(attrNetnsPid, *n.PID)
	case n.ID != nil:
		ae.Uint32(attrNetnsId, *n.ID)
	}
}

// Reload reloads a device and returns the actions that the driver performed, which may be more than was asked for. It
// returns nil where the request named neither action nor limit: the kernel then says nothing.
func (c *Client) Reload(ctx context.Context, h Handle, r ReloadRequest) ([]ReloadAction, error) {
	req := &request{op: "reload device", device: h, cmd: CmdReload, attrs: func(ae *netlink.AttributeEncoder) {
		if r.Action != ReloadDefault {
			ae.Uint8(attrReloadAction, uint8(r.Action))
		}
		var limits uint32
		for _, l := range r.Limits {
			limits |= 1 << l &^ 1
		}
		if limits != 0 {
			ae.Bytes(attrReloadLimits, bitfield32(limits, limits))
		}
		r.NetNS.encode(ae)
	}}
	var performed []ReloadAction
	err := c.exec(ctx, req, func(_ Command, attrs []byte) error {
		var err error
		performed, err = decodeReload(attrs)
		return err
	})
	return performed, err
}

// decodeReload reads a DEVLINK_CMD_RELOAD reply.
func decodeReload(attrs []byte) ([]ReloadAction, error) {
	var performed []ReloadAction
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != attrReloadActionsPerformed {
			return
		}
		value, _ := decodeBitfield32(ad)
		for a := range ReloadAction(32) {
			if value&(1<<a) != 0 {
				performed = append(performed, a)
			}
		}
	})
	return performed, err
}
