package devlink

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
)

// bitfield32 returns struct nla_bitfield32: the bits' values and which of them count, in host byte order.
func bitfield32(value, selector uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, value)
	return binary.NativeEndian.AppendUint32(b, selector)
}

// decodeBitfield32 returns the bits that are set, and those that count.
func decodeBitfield32(ad *netlink.AttributeDecoder) (set, selector uint32) {
	ad.Do(func(b []byte) error {
		if len(b) != 8 {
			return fmt.Errorf("attribute %d is not a bitfield32; length: %d", ad.Type(), len(b))
		}
		selector = binary.NativeEndian.Uint32(b[4:])
		set = binary.NativeEndian.Uint32(b) & selector
		return nil
	})
	return set, selector
}
