package devlink

import (
	"context"
	"encoding/json"

	mdlink "github.com/mdlayher/devlink"
	"github.com/mdlayher/netlink"
)

// A Device is a devlink instance and what it says about reloads (DEVLINK_CMD_GET).
type Device struct {
	Handle Handle

	// Index is the instance's number in the kernel, which kernels after 6.19 report; nil before.
	Index *uint64

	// ReloadFailed reports that the last reload left the device without its driver's entities: only another reload
	// can bring it back.
	ReloadFailed bool

	// Reload counts the reloads that were asked of this host, Remote those that another host of a shared device
	// caused. Both are nil where the driver has no reload.
	Reload ReloadStats
	Remote ReloadStats
}

// MarshalJSON implements json.Marshaler with the members of "devlink -j -s dev show".
func (d Device) MarshalJSON() ([]byte, error) {
	type stats struct {
		Reload *ReloadStats `json:"reload,omitempty"`
		Remote *ReloadStats `json:"remote_reload,omitempty"`
	}
	view := struct {
		Index        *uint64 `json:"index,omitempty"`
		ReloadFailed bool    `json:"reload_failed,omitempty"`
		Stats        *stats  `json:"stats,omitempty"`
	}{Index: d.Index, ReloadFailed: d.ReloadFailed}
	if d.Reload != nil || d.Remote != nil {
		view.Stats = new(stats)
	}
	if d.Reload != nil {
		view.Stats.Reload = &d.Reload
	}
	if d.Remote != nil {
		view.Stats.Remote = &d.Remote
	}
	return json.Marshal(view)
}

// Summary returns the device in the form of github.com/mdlayher/devlink.
func (d Device) Summary() mdlink.Device {
	return mdlink.Device{Bus: d.Handle.Bus, Device: d.Handle.Dev}
}

// ReloadStats counts successful reloads by action and limit.
type ReloadStats map[ReloadAction]map[ReloadLimit]uint32

// Devices lists all devices in the kernel's order.
func (c *Client) Devices(ctx context.Context) ([]Device, error) {
	return collect(ctx, c, &request{op: "list devices", cmd: CmdGet, mode: replyDump}, decodeDevice)
}

// Device returns one device. Where there is none of that name the error is ErrDeviceGone.
func (c *Client) Device(ctx context.Context, h Handle) (Device, error) {
	return single(ctx, c, &request{op: "get device", device: h, cmd: CmdGet}, decodeDevice)
}

// decodeDevice reads a DEVLINK_CMD_GET, NEW or DEL message.
func decodeDevice(attrs []byte) (Device, error) {
	var d Device
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			d.Handle.decode(ad)
		case attrIndex:
			index := decodeUint(ad)
			d.Index = &index
		case attrReloadFailed:
			d.ReloadFailed = ad.Uint8() != 0
		case attrDevStats:
			nest(ad, d.decodeStats)
		}
	})
	return d, err
}

// decodeStats reads one attribute of DEVLINK_ATTR_DEV_STATS.
func (d *Device) decodeStats(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrReloadStats:
		d.Reload = decodeReloadStats(ad)
	case attrRemoteReloadStats:
		d.Remote = decodeReloadStats(ad)
	}
}

// decodeReloadStats reads the counters by action that are nested in the attribute ad stands at.
func decodeReloadStats(ad *netlink.AttributeDecoder) ReloadStats {
	stats := make(ReloadStats)
	nest(ad, func(ad *netlink.AttributeDecoder) {
		if ad.Type() != attrReloadActionInfo {
			return
		}
		var action ReloadAction
		limits := make(map[ReloadLimit]uint32)
		nest(ad, func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case attrReloadAction:
				action = ReloadAction(ad.Uint8())
			case attrReloadActionStats:
				nest(ad, func(ad *netlink.AttributeDecoder) {
					if ad.Type() == attrReloadStatsEntry {
						limit, n := decodeReloadCount(ad)
						limits[limit] = n
					}
				})
			}
		})
		stats[action] = limits
	})
	return stats
}

// decodeReloadCount reads one DEVLINK_ATTR_RELOAD_STATS_ENTRY.
func decodeReloadCount(ad *netlink.AttributeDecoder) (limit ReloadLimit, n uint32) {
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrReloadStatsLimit:
			limit = ReloadLimit(ad.Uint8())
		case attrReloadStatsValue:
			n = ad.Uint32()
		}
	})
	return limit, n
}

// decodeUint reads an attribute of netlink's type "uint": four or eight bytes, as the value needs.
func decodeUint(ad *netlink.AttributeDecoder) uint64 {
	var eight bool
	ad.Do(func(b []byte) error { eight = len(b) == 8; return nil })
	if eight {
		return ad.Uint64()
	}
	return uint64(ad.Uint32())
}
