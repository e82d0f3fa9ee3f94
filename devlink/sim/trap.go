package sim

import (
	"slices"
	"strconv"
	"syscall"
)

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func (in *instance) traps() []Trap {
	if d, ok := in.device.(Trapper); ok {
		return d.Traps()
	}
	return nil
}

// trapGroups lists the groups of the traps, in the order in which they first occur.
func (in *instance) trapGroups() []string {
	var out []string
	for _, t := range in.traps() {
		if !slices.Contains(out, t.Group) {
			out = append(out, t.Group)
		}
	}
	return out
}

func (in *instance) putTrap(b *skb, t Trap) {
	b.str(attrTrapGroupName, t.Group)
	b.str(attrTrapName, t.Name)
	b.u8(attrTrapType, t.Type)
	if t.Generic {
		b.flag(attrTrapGeneric)
	}
	b.u8(attrTrapAction, t.Action)
	b.nest(attrTrapMetadata|nlaNested, func() {
		if t.InPort {
			b.flag(metadataInPort)
		}
		if t.Cookie {
			b.flag(metadataCookie)
		}
	})
	putTrapStats(b, t.Dropped, t.Packets, t.Bytes)
}

func putTrapStats(b *skb, dropped func() uint64, packets, bytes uint64) {
	b.nest(attrStats|nlaNested, func() {
		if dropped != nil {
			b.u64(statsRxDropped, dropped())
		}
		b.u64(statsRxPackets, packets)
		b.u64(statsRxBytes, bytes)
	})
}

func (in *instance) putTrapGroup(b *skb, group string) {
	b.str(attrTrapGroupName, group)
	if genericGroup(group) {
		b.flag(attrTrapGeneric)
	}
	if d, ok := in.device.(TrapPolicer); ok {
		if id := d.GroupPolicer(group); id != nil {
			b.u32(attrTrapPolicerID, *id)
		}
	}
	var packets, bytes uint64
	for _, t := range in.traps() {
		if t.Group == group {
			packets += t.Packets
			bytes += t.Bytes
		}
	}
	putTrapStats(b, nil, packets, bytes)
}

// genericGroup reports whether a group is one of those that the core defines for all drivers.
func genericGroup(name string) bool {
	switch name {
	case "l2_drops", "l3_drops", "l3_exceptions", "buffer_drops", "tunnel_drops", "acl_drops", "stp", "lacp", "lldp",
		"mc_snooping", "dhcp", "neigh_discovery", "bfd", "ospf", "bgp", "vrrp", "pim", "uc_loopback", "local_delivery",
		"external_delivery", "ipv6", "ptp_event", "ptp_general", "acl_sample", "acl_trap", "parser_error_drops", "eapol":
		return true
	}
	return false
}

func (r *request) trap() (Trap, error) {
	list := r.in.traps()
	if len(list) == 0 {
		return Trap{}, syscall.EOPNOTSUPP
	}
	i := slices.IndexFunc(list, func(t Trap) bool { return r.attrs.has(attrTrapName) && t.Name == r.attrs.str(attrTrapName) })
	if i < 0 {
		return Trap{}, extack(syscall.ENOENT, "Device did not register this trap")
	}
	return list[i], nil
}

func (r *request) getTrap() error {
	t, err := r.trap()
	if err != nil {
		return err
	}
	return r.reply(cmdTrapNew, func(b *skb) { r.in.putTrap(b, t) })
}

func dumpTraps(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, t := range in.traps() {
			out = append(out, item{cmdTrapNew, func(b *skb) { in.putTrap(b, t) }})
		}
		return out, nil
	})
}

func (r *request) setTrap() error {
	t, err := r.trap()
	if err != nil || !r.attrs.has(attrTrapAction) {
		return err
	}
	action := r.attrs.u8(attrTrapAction)
	d, ok := r.in.device.(TrapSetter)
	switch {
	case action > 2:
		return extack(syscall.EINVAL, "Invalid trap action")
	case !ok:
		return syscall.EOPNOTSUPP
	}
	return r.setTrapAction(d, t, action)
}

// setTrapAction changes a trap. Those that are not for drops stay as they are, with a warning.
func (r *request) setTrapAction(d TrapSetter, t Trap, action uint8) error {
	if t.Action != action && t.Type != 0 {
		r.warn = "Cannot change action of non-drop traps. Skipping"
		return nil
	}
	return d.SetTrap(t.Name, action)
}

func (r *request) getTrapGroup() error {
	groups := r.in.trapGroups()
	if len(groups) == 0 {
		return syscall.EOPNOTSUPP
	}
	name := r.attrs.str(attrTrapGroupName)
	if !r.attrs.has(attrTrapGroupName) || !slices.Contains(groups, name) {
		return extack(syscall.ENOENT, "Device did not register this trap group")
	}
	return r.reply(cmdTrapGroupNew, func(b *skb) { r.in.putTrapGroup(b, name) })
}

func dumpTrapGroups(r *request) dumper {
	return overDevices(r, func(in *instance) ([]item, error) {
		var out []item
		for _, g := range in.trapGroups() {
			out = append(out, item{cmdTrapGroupNew, func(b *skb) { in.putTrapGroup(b, g) }})
		}
		return out, nil
	})
}
