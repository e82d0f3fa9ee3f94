package devlink

import (
	"context"

	"github.com/mdlayher/netlink"
)

// An Info says what a device is and which versions of its components there are (DEVLINK_CMD_INFO_GET).
type Info struct {
	Handle Handle `json:"-"`
	Driver string `json:"driver,omitempty"`
	// Serial is the device's serial number, Board that of the board it is on.
	Serial   string   `json:"serial_number,omitempty"`
	Board    string   `json:"board.serial_number,omitempty"`
	Versions Versions `json:"versions"`
}

// Versions maps component names, such as "fw" or "fw.app", to versions. The maps are nil where the device reports
// none of the kind.
type Versions struct {
	// Fixed versions identify the hardware and do not change.
	Fixed map[string]string `json:"fixed,omitempty"`
	// Running versions are executing now.
	Running map[string]string `json:"running,omitempty"`
	// Stored versions are in flash and run after the next activation or reset.
	Stored map[string]string `json:"stored,omitempty"`
}

// Info asks a device who it is.
func (c *Client) Info(ctx context.Context, h Handle) (Info, error) {
	return single(ctx, c, &request{op: "get info", device: h, cmd: CmdInfoGet}, decodeInfo)
}

// Infos asks all devices who they are. Devices whose drivers cannot say are left out.
func (c *Client) Infos(ctx context.Context) ([]Info, error) {
	return collect(ctx, c, &request{op: "get info", cmd: CmdInfoGet, mode: replyDump}, decodeInfo)
}

// decodeInfo reads a DEVLINK_CMD_INFO_GET reply.
func decodeInfo(attrs []byte) (Info, error) {
	var i Info
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			i.Handle.decode(ad)
		case attrInfoDriverName:
			i.Driver = ad.String()
		case attrInfoSerialNumber:
			i.Serial = ad.String()
		case attrInfoBoardSerialNumber:
			i.Board = ad.String()
		case attrInfoVersionFixed:
			decodeVersion(ad, &i.Versions.Fixed)
		case attrInfoVersionRunning:
			decodeVersion(ad, &i.Versions.Running)
		case attrInfoVersionStored:
			decodeVersion(ad, &i.Versions.Stored)
		}
	})
	return i, err
}

// decodeVersion adds one name and version to the map, which it makes where needed.
func decodeVersion(ad *netlink.AttributeDecoder, into *map[string]string) {
	var name, value string
	nest(ad, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrInfoVersionName:
			name = ad.String()
		case attrInfoVersionValue:
			value = ad.String()
		}
	})
	if *into == nil {
		*into = make(map[string]string)
	}
	(*into)[name] = value
}
