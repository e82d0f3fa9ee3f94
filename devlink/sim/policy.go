package sim

import (
	"bytes"
	"syscall"
)

// kind is what the policy of an attribute asks of its payload.
type kind struct {
	size     int    // bytes of an integer
	str      bool   // a string with a terminating zero
	bits     uint32 // valid bits of a bitfield32, else 0
	min, max uint8  // range of a u8 where max is not 0
}

// policyOf returns devlink's policy of the attributes that requests carry, false where there is none.
func policyOf(typ uint16) (kind, bool) {
	switch typ {
	case attrBusName, attrDevName, attrDpipeTableName, attrParamName, attrRegionName, attrHealthName,
		attrFlashFileName, attrFlashComponent, attrTrapName, attrTrapGroupName:
		return kind{str: true}, true
	case attrPortIndex, attrRegionSnapshotID, attrTrapPolicerID:
		return kind{size: 4}, true
	case attrResourceID, attrResourceSize, attrRegionChunkAddr, attrRegionChunkLen, attrHealthGrace, attrHealthBurst,
		attrTrapPolicerRate, attrTrapPolicerBurst:
		return kind{size: 8}, true
	case attrDpipeTableCounters, attrParamType, attrParamValueCmode, attrHealthAutoRecover, attrHealthAutoDump, attrTrapAction:
		return kind{size: 1}, true
	case attrReloadAction:
		return kind{size: 1, min: 1, max: reloadActionMax}, true
	case attrFlashOverwrite:
		return kind{size: 8, bits: overwriteValid}, true
	case attrReloadLimits:
		return kind{size: 8, bits: reloadLimitsValid}, true
	}
	return kind{}, false
}

// validate checks the attributes of a request as the kernel's liberal validation does: integers may be too
// long but not too short, strings end in zero, unknown attributes pass.
func (a attrs) validate() error {
	for typ := uint16(1); typ <= attrMax; typ++ {
		if at, ok := a[typ]; ok {
			if err := at.validate(typ); err != nil {
				return err
			}
		}
	}
	return nil
}

func (at attr) validate(typ uint16) error {
	k, ok := policyOf(typ)
	if !ok {
		return nil
	}
	failed := func(errno syscall.Errno, msg string) error {
		return &Error{Errno: errno, Message: msg, offset: at.offset}
	}
	switch n := len(at.data); {
	case k.str && bytes.IndexByte(at.data, 0) < 0:
		return failed(syscall.EINVAL, "Attribute failed policy validation")
	case n < k.size:
		return failed(syscall.ERANGE, "Attribute failed policy validation")
	case typ >= strictFrom && !k.str && n != k.size:
		return failed(syscall.EINVAL, "invalid attribute length")
	case k.max != 0 && (at.data[0] < k.min || at.data[0] > k.max):
		return failed(syscall.ERANGE, "integer out of range")
	case k.bits != 0 && !validBits(at.data, k.bits):
		return failed(syscall.EINVAL, "Attribute failed policy validation")
	}
	return nil
}

// validBits reports whether a bitfield32 selects, and sets, valid bits only.
func validBits(b []byte, valid uint32) bool {
	value, selector := host.Uint32(b), host.Uint32(b[4:])
	return selector&^valid == 0 && value&^valid == 0 && value&^selector == 0
}
