package models

import (
	"math"

	"github.com/p4dev/p4dev/devlink/sim"
)

// netdevsimRegion is the size of netdevsim's region in bytes.
const netdevsimRegion = 32 << 10

// Netdevsim is the kernel's own simulated device with two ports, as Linux 6.1 and 6.12 have it: the recordings in
// testdata/wire hold this model to it. Only that a flash changes its version is the models' own: the kernel's never does.
func Netdevsim() *Device {
	d := &Device{}
	*d = Device{
		Bus: "netdevsim", Name: "netdevsim1", DriverName: "netdevsim",
		Versions: []sim.Version{{Kind: sim.Stored, Name: "fw.mgmt", Value: "10.20.30", Component: true},
			{Kind: sim.Running, Name: "fw.mgmt", Value: "10.20.30", Component: true}},
		PortList: []sim.Port{{Index: 0, Number: 1, Ifindex: 8, Ifname: "eni1np1"}, {Index: 1, Number: 2, Ifindex: 10, Ifname: "eni1np2"}},
		ParamList: []sim.Param{
			number("max_macs", true, sim.CModeDriverinit, 32),
			boolean("test1", false, sim.CModeDriverinit, true),
		},
		RegionList: []sim.Region{{Name: "dummy", Size: netdevsimRegion, MaxSnapshots: 16, Snapshot: func() ([]byte, error) {
			return d.random(netdevsimRegion), nil
		}}},
		ResourceList: []sim.Resource{
			entries(1, "IPv4", entries(2, "fib"), entries(3, "fib-rules")),
			entries(4, "IPv6", entries(5, "fib"), entries(6, "fib-rules")),
			entries(7, "nexthops"),
		},
		ReporterList: netdevsimReporters(d),
		Overwrite:    true,
		Actions:      []sim.ReloadAction{sim.DriverReinit},
		Progress:     netdevsimProgress,
	}
	d.Reinit = func() { netdevsimTraps(d) }
	d.Reinit()
	return d
}

// entries is a resource that can have any size at all. Those without parts report how much is used.
func entries(id uint64, name string, parts ...sim.Resource) sim.Resource {
	r := sim.Resource{ID: id, Name: name, Size: math.MaxUint64, Max: math.MaxUint64, Children: parts}
	if len(parts) == 0 {
		r.Occupancy = func() uint64 { return 0 }
	}
	return r
}

// netdevsimTraps registers policers, groups and traps. One counter counts the packets dropped by all traps: it goes up
// whenever it is asked for.
func netdevsimTraps(d *Device) {
	var dropped uint64
	counter := func(n *uint64) func() uint64 { return func() uint64 { *n++; return *n - 1 } }
	d.TrapList, d.PolicerList = nil, nil
	add := func(group string, t sim.Trap) {
		t.Group, t.Generic, t.InPort, t.Dropped = group, t.Name != "fid_miss", true, counter(&dropped)
		d.TrapList = append(d.TrapList, t)
	}
	for _, name := range []string{"source_mac_is_multicast", "vlan_tag_mismatch", "ingress_vlan_filter",
		"ingress_spanning_tree_filter", "port_list_is_empty", "port_loopback_filter"} {
		add("l2_drops", sim.Trap{Name: name})
	}
	const exception, control, trap, mirror = 1, 2, 1, 2
	add("l2_drops", sim.Trap{Name: "fid_miss", Type: exception, Action: trap})
	add("l3_drops", sim.Trap{Name: "blackhole_route"})
	add("l3_exceptions", sim.Trap{Name: "ttl_value_is_too_small", Type: exception, Action: trap})
	add("buffer_drops", sim.Trap{Name: "tail_drop"})
	add("acl_drops", sim.Trap{Name: "ingress_flow_action_drop", Cookie: true})
	add("acl_drops", sim.Trap{Name: "egress_flow_action_drop", Cookie: true})
	add("mc_snooping", sim.Trap{Name: "igmp_query", Type: control, Action: mirror})
	add("mc_snooping", sim.Trap{Name: "igmp_v1_report", Type: control, Action: trap})
	d.Groups = map[string]uint32{"l3_drops": 1, "l3_exceptions": 1, "buffer_drops": 2, "acl_drops": 3, "mc_snooping": 3}
	for i, burst := range []uint64{128, 256, 512} {
		d.PolicerList = append(d.PolicerList, sim.Policer{ID: uint32(i) + 1, Rate: 1000 * (uint64(i) + 1), Burst: burst,
			MinRate: 1, MaxRate: 8000, MinBurst: 8, MaxBurst: 65536, Dropped: counter(new(uint64))})
	}
}

// netdevsimProgress is what a flash update reports; the kernel's device has 500 steps.
func netdevsimProgress(component string) []sim.FlashStatus {
	return []sim.FlashStatus{
		{Message: "Preparing to flash"},
		{Message: "Flashing", Component: component, Done: 0, Total: 500000},
		{Message: "Flashing", Component: component, Done: 500000, Total: 500000},
		{Message: "Flash select", Component: component, Timeout: 81},
		{Message: "Flashing done", Component: component},
	}
}

func netdevsimReporters(d *Device) []sim.Reporter {
	message := func(f *sim.Fmsg) error { return dummyMessage(f, d.random(16)) }
	nothing := func(*sim.Fmsg) error { return nil }
	return []sim.Reporter{
		{Name: "empty", Dump: nothing, Diagnose: nothing},
		{Name: "dummy", Diagnose: message, Dump: message, Recover: func() error { return nil }},
	}
}

// dummyMessage is what netdevsim's reporter says: a value of every kind.
func dummyMessage(f *sim.Fmsg, random []byte) error {
	f.Pair("test_bool", true)
	f.Pair("test_u8", uint8(1))
	f.Pair("test_u32", uint32(3))
	f.Pair("test_u64", uint64(4))
	f.Pair("test_string", "somestring")
	f.Pair("test_binary", random)
	f.ObjectPair("test_nest", func() {
		f.Pair("nested_test_bool", false)
		f.Pair("nested_test_u8", uint8(0))
	})
	f.End() // of an array, and of a pair, that were not begun
	f.End()
	f.ArrayPair("test_u32_array", func() {
		for i := range uint32(10) {
			f.Value(i)
		}
	})
	f.ArrayPair("test_array_of_objects", func() {
		for i := range uint8(10) {
			f.Object(func() {
				f.Pair("in_array_nested_test_bool", false)
				f.Pair("in_array_nested_test_u8", i)
			})
		}
	})
	return nil
}
