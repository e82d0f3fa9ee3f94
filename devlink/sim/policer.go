package sim

import (
	"slices"
	"syscall"
)

func (in *instance) policers() []Policer {
	if d, ok := in.device.(TrapPolicer); ok {
		return d.Policers()
	}
	return nil
}

func putPolicer(b *skb, p Policer) {
	b.u32(attrTrapPolicerID, p.ID)
	b.u64(attrTrapPolicerRate, p.Rate)
	b.u64(attrTrapPolicerBurst, p.Burst)
	if p.Dropped != nil {
		b.nest(attrStats|nlaNested, func() { b.u64(statsRxDropped, p.Dropped()) })
	}
}

// policer finds the policer that a request names.
func (r *request) policer() (Policer, error) {
	list := r.in.policers()
	if len(list) == 0 {
		return Policer{}, syscall.EOPNOTSUPP
	}
	i := slices.IndexFunc(list, func(p Policer) bool {
		return r.attrs.has(attrTrapPolicerID) && p.ID == r.attrs.u32(attrTrapPolicerID)
	})
	if i < 0 {
		return Policer{}, extack(syscall.ENOENT, "Device did not register this trap policer")
	}
	return list[i], nil
}

func (r *request) getPolicer() error {
	p, err := r.policer()
	if err != nil {
		return err
	}
	return r.reply(cmdTrapPolicerNew, func(b *skb) { putPolicer(b, p) })
}

func dumpPolicers(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, p := range in.policers() {
			out = append(out, item{cmdTrapPolicerNew, func(b *skb) { putPolicer(b, p) }})
		}
		return out, nil
	})
}

func (r *request) setPolicer() error {
	p, err := r.policer()
	if err != nil {
		return err
	}
	rate, burst := p.Rate, p.Burst
	if r.attrs.has(attrTrapPolicerRate) {
		rate = r.attrs.u64(attrTrapPolicerRate)
	}
	if r.attrs.has(attrTrapPolicerBurst) {
		burst = r.attrs.u64(attrTrapPolicerBurst)
	}
	switch {
	case rate > p.MaxRate:
		return extack(syscall.EINVAL, "Policer rate higher than limit")
	case rate < p.MinRate:
		return extack(syscall.EINVAL, "Policer rate lower than limit")
	case burst > p.MaxBurst:
		return extack(syscall.EINVAL, "Policer burst size higher than limit")
	case burst < p.MinBurst:
		return extack(syscall.EINVAL, "Policer burst size lower than limit")
	}
	return r.in.device.(TrapPolicer).SetPolicer(p.ID, rate, burst)
}

// setTrapGroup sets the action of a group's traps and binds the group to a policer, 0 being none.
func (r *request) setTrapGroup() error {
	name := r.attrs.str(attrTrapGroupName)
	if !r.attrs.has(attrTrapGroupName) || !slices.Contains(r.in.trapGroups(), name) {
		return extack(syscall.ENOENT, "Device did not register this trap group")
	}
	if !r.attrs.has(attrTrapAction) {
		return r.setGroupPolicer(name)
	}
	if err := r.setGroupAction(name, r.attrs.u8(attrTrapAction)); err != nil {
		return err
	}
	if err := r.setGroupPolicer(name); err != nil {
		return extack(toError(err).Errno, "Trap group set failed, but some changes were committed already")
	}
	return nil
}

func (r *request) setGroupPolicer(name string) error {
	if !r.attrs.has(attrTrapPolicerID) {
		return nil
	}
	d, ok := r.in.device.(TrapGroupSetter)
	if !ok {
		return syscall.EOPNOTSUPP
	}
	if r.attrs.u32(attrTrapPolicerID) == 0 {
		return d.SetTrapGroup(name, nil)
	}
	p, err := r.policer()
	if err != nil {
		return err
	}
	return d.SetTrapGroup(name, &p.ID)
}

// setGroupAction changes the traps of a group.
func (r *request) setGroupAction(group string, action uint8) error {
	d, ok := r.in.device.(TrapSetter)
	switch {
	case action > 2:
		return extack(syscall.EINVAL, "Invalid trap action")
	case !ok:
		return syscall.EOPNOTSUPP
	}
	for _, t := range r.in.traps() {
		if t.Group != group {
			continue
		}
		if err := r.setTrapAction(d, t, action); err != nil {
			return err
		}
	}
	return nil
}
