package devlink

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
)

// Name, version and multicast group of the devlink family, and the numbers of the family that resolves names
// (linux/devlink.h, linux/genetlink.h).
const (
	familyName    = "devlink"
	familyVersion = 1
	groupName     = "config"

	controlFamily  = 0x10
	controlVersion = 1
	controlGet     = 3 // CTRL_CMD_GETFAMILY
	controlID      = 1 // CTRL_ATTR_FAMILY_ID
	controlName    = 2 // CTRL_ATTR_FAMILY_NAME
	controlGroups  = 7 // CTRL_ATTR_MCAST_GROUPS
	groupAttrName  = 1 // CTRL_ATTR_MCAST_GRP_NAME
	groupAttrID    = 2 // CTRL_ATTR_MCAST_GRP_ID
)

// A family holds the numbers that the endpoint gave to devlink.
type family struct {
	id    uint16
	group uint32 // of "config"; 0: there is none
}

// control is the family that is known before any other.
var control = family{id: controlFamily}

// resolveFamily asks for devlink's numbers. Its absence is ErrNoDevlink.
func resolveFamily(ctx context.Context, w *wire) (*family, error) {
	var f family
	req := &request{
		op: "resolve family devlink", cmd: controlGet, family: control, version: controlVersion,
		attrs: func(ae *netlink.AttributeEncoder) { ae.String(controlName, familyName) },
	}
	err := w.do(ctx, req, func(_ Command, attrs []byte) error {
		var err error
		f, err = decodeFamily(attrs)
		return err
	})
	var op *OpError
	if errors.As(err, &op) && op.Errno == errnoENOENT {
		return nil, ErrNoDevlink
	}
	if err != nil {
		return nil, fmt.Errorf("resolve family devlink: %w", err)
	}
	if f.id == 0 {
		return nil, fmt.Errorf("resolve family devlink: %w: no family number in the reply", ErrMalformed)
	}
	return &f, nil
}

// decodeFamily reads a CTRL_CMD_NEWFAMILY reply.
func decodeFamily(attrs []byte) (family, error) {
	var f family
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case controlID:
			f.id = ad.Uint16()
		case controlGroups:
			nest(ad, func(ad *netlink.AttributeDecoder) { // an array: the types are positions
				var name string
				var id uint32
				nest(ad, func(ad *netlink.AttributeDecoder) {
					switch ad.Type() {
					case groupAttrName:
						name = ad.String()
					case groupAttrID:
						id = ad.Uint32()
					}
				})
				if name == groupName {
					f.group = id
				}
			})
		}
	})
	return f, err
}
