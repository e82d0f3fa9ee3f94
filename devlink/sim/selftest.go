package sim

import (
	"maps"
	"slices"
	"syscall"
)

// selftests returns what the device can test; nil: nothing, ever.
func (in *instance) selftests() []uint32 {
	if d, ok := in.device.(Selftester); ok {
		return d.Selftests()
	}
	return nil
}

func (in *instance) putSelftests(b *skb) {
	b.nest(attrSelftests, func() {
		for _, id := range in.selftests() {
			b.flag(uint16(id))
		}
	})
}

func (r *request) getSelftests() error {
	if r.in.selftests() == nil {
		return syscall.EOPNOTSUPP
	}
	return r.reply(cmdSelftestsGet, r.in.putSelftests)
}

func dumpSelftests(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		if in.selftests() == nil {
			return nil, nil
		}
		return []item{{cmdSelftestsGet, in.putSelftests}}, nil
	})
}

// runSelftests runs the tests that the request names and the driver has; the others are left out of the answer,
// as the kernel does for tests that it does not know.
func (r *request) runSelftests() error {
	known := r.in.selftests()
	if known == nil {
		return syscall.EOPNOTSUPP
	}
	at, ok := r.attrs[attrSelftests]
	if !ok {
		return &Error{Errno: syscall.EINVAL, Message: "selftest required", Missing: attrSelftests}
	}
	wanted := parseAttrs(at.data, 0)
	return r.reply(cmdSelftestsRun, func(b *skb) {
		b.nest(attrSelftests, func() {
			for _, id := range slices.Sorted(maps.Keys(wanted)) {
				status := uint8(0) // skipped
				if slices.Contains(known, uint32(id)) {
					status = r.in.device.(Selftester).Selftest(uint32(id))
				}
				b.nest(selftestResult, func() {
					b.u32(selftestResultID, uint32(id))
					b.u8(selftestResultStatus, status)
				})
			}
		})
	})
}
