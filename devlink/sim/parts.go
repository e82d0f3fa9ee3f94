package sim

import "slices"

// part is something that a device has and that comes and goes with notifications.
type part struct {
	key      string
	new, del uint8 // commands of its notifications
	body     func(b *skb)
	// coming says in steps, with new, that the part comes to a device that is there already; going that it goes from one
	// that stays, the last step with del. nil: body.
	coming, going []func(b *skb)
	region        string // whose snapshots go with it
}

// partsNow lists the device's parts in the order in which the kernel announces them with the device.
func (in *instance) partsNow() []part {
	var out []part
	for _, p := range in.ports() {
		out = append(out, portPart(p))
	}
	for _, p := range in.policers() {
		out = append(out, part{key: "policer " + itoa(p.ID), new: cmdTrapPolicerNew, del: cmdTrapPolicerDel,
			body: func(b *skb) { putPolicer(b, p) }})
	}
	for _, g := range in.trapGroups() {
		out = append(out, part{key: "group " + g, new: cmdTrapGroupNew, del: cmdTrapGroupDel,
			body: func(b *skb) { in.putTrapGroup(b, g) }})
	}
	for _, t := range in.traps() {
		disabled := t
		disabled.Action = 0
		out = append(out, part{key: "trap " + t.Name, new: cmdTrapNew, del: cmdTrapDel,
			body: func(b *skb) { in.putTrap(b, t) }, going: []func(*skb){func(b *skb) { in.putTrap(b, disabled) }}})
	}
	for _, r := range in.regions() {
		out = append(out, part{key: "region " + r.Name + " " + itoa(r.Life), new: cmdRegionNew, del: cmdRegionDel,
			body: func(b *skb) { in.putRegionNotice(b, r) }, region: r.Name})
	}
	for _, p := range in.paramList() {
		out = append(out, part{key: "param " + p.Name, new: cmdParamNew, del: cmdParamDel,
			body: func(b *skb) { in.putParam(b, p) }})
	}
	return out
}

// portPart is a port, whose netdev comes after it and goes before it.
func portPart(p Port) part {
	out := part{key: "port " + itoa(p.Index), new: cmdPortNew, del: cmdPortDel, body: func(b *skb) { putPort(b, p) }}
	if p.Ifindex == 0 {
		return out
	}
	bare := p
	bare.Ifindex, bare.Ifname = 0, ""
	untyped := func(b *skb) { putPortOf(b, bare, portTypeNone) }
	typed := func(b *skb) { putPort(b, bare) }
	out.coming = []func(*skb){untyped, typed, out.body}
	out.going = []func(*skb){typed, untyped, untyped}
	return out
}

// refresh remembers the device's parts as they are now.
func (in *instance) refresh() { in.parts = in.partsNow() }

// update compares the device's parts with the remembered ones and notifies of the differences.
func (in *instance) update() {
	old := in.parts
	in.refresh()
	in.notifyChange(old, in.parts)
}

// takeDown announces the departure of all that a driver takes down before it is re-initialized: everything but
// its parameters. Reporters go without a word.
func (in *instance) takeDown() {
	old := in.parts
	in.parts = slices.DeleteFunc(slices.Clone(old), func(p part) bool { return p.new != cmdParamNew })
	in.notifyChange(old, in.parts)
	clear(in.health)
}

// notifyChange announces what is only in one of the lists: departures last first, then arrivals, in the order in which
// netdevsim registers.
func (in *instance) notifyChange(old, now []part) {
	for _, p := range slices.Backward(onlyIn(old, now)) {
		steps := p.going
		if steps == nil {
			steps = []func(*skb){p.body}
		}
		last := len(steps) - 1
		for _, body := range steps[:last] {
			in.notify(p.new, body)
		}
		in.notify(p.del, steps[last])
		delete(in.snapshots, p.region)
	}
	for _, p := range onlyIn(now, old) {
		steps := p.coming
		if steps == nil {
			steps = []func(*skb){p.body}
		}
		for _, body := range steps {
			in.notify(p.new, body)
		}
	}
}

// onlyIn returns the parts that only list has, in the order of registration: regions first, ports last.
func onlyIn(list, other []part) []part {
	out := slices.DeleteFunc(slices.Clone(list), func(p part) bool {
		return slices.ContainsFunc(other, func(q part) bool { return q.key == p.key })
	})
	rank := map[uint8]int{cmdRegionNew: -1, cmdPortNew: 1}
	slices.SortStableFunc(out, func(a, b part) int { return rank[a.new] - rank[b.new] })
	return out
}
