package sim

import (
	"maps"
	"slices"
	"syscall"
)

func (in *instance) putSelftests(b *skb) {
	b.nest(attrSelftests, func() {
		for _, id := range in.device.(Selftester).Selftests() {
			b.flag(uint16(id))
		}
	})
}

func (r *request) getSelftests() error {
	if _, ok := r.in.device.(Selftester); !ok {
		return syscall.EOPNOTSUPP
	}
	return r.reply(cmdSelftestsGet, r.in.putSelftests)
}

func dumpSelftests(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		if _, ok := in.device.(Selftester); !ok {
			return nil, nil
		}
		return []item{{cmdSelftestsGet, in.putSelftests}}, nil
	})
}

// runSelftests runs the tests that the request names and the driver has; the others are left out of the answer,
// as the kernel does for tests that it does not know.
func (r *request) runSelftests() error {
	d, ok := r.in.device.(Selftester)
	if !ok {
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
				if slices.Contains(d.Selftests(), uint32(id)) {
					status = d.Selftest(uint32(id))
				}
				b.nest(selftestResult, func() {
					b.u32(selftestResultID, uint32(id))
					b.u8(selftestResultStatus, status)
				})
			}
		})
	})
}
