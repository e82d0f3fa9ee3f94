package models

import (
	"encoding/binary"
	"net/netip"

	"github.com/p4dev/p4dev/devlink/sim"
)

// Headers of mlxsw's tables: the driver's own and the three that the kernel defines for all drivers (enum
// devlink_dpipe_header_id).
const (
	mlxswMeta = 0 // local

	globalEthernet = 0
	globalIPv4     = 1
	globalIPv6     = 2
)

// Fields of mlxsw_meta, by their place (spectrum_dpipe.c).
const (
	metaERIF = iota
	metaForward
	metaDrop
	metaAdjIndex
	metaAdjSize
	metaAdjHashIndex
)

func meta(field uint32) sim.DpipeFieldRef { return sim.DpipeFieldRef{Header: mlxswMeta, Field: field} }
func global(header uint32) sim.DpipeFieldRef {
	return sim.DpipeFieldRef{Header: header, Global: true}
}

// u32 is a value as the driver writes it: 32 bits in the host's byte order.
func u32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// ipv4 is an address as the driver writes it: a number in the host's byte order.
func ipv4(text string) []byte {
	a := netip.MustParseAddr(text).As4()
	return u32(binary.BigEndian.Uint32(a[:]))
}

func ipv6(text string) []byte {
	a := netip.MustParseAddr(text).As16()
	return a[:]
}

// mac is a hardware address as the driver writes it: 6 bytes of 8.
func mac(b ...byte) []byte { return append(b, 0, 0)[:8] }

// MLXSW is an NVIDIA Spectrum switch (mlxsw.rst, core.c, spectrum_dpipe.c, spectrum_kvdl.c): the driver that describes its
// router by dpipe tables, in memory that its resources divide.
func MLXSW() *Device {
	d := &Device{
		Bus: "pci", Name: "0000:06:00.0", DriverName: "mlxsw_spectrum",
		Versions: join(versions(sim.Fixed, "hw.revision", "A0", "fw.psid", "MT_2750110033"),
			versions(sim.Running, "fw.version", "13.2010.1006")),
		PortList: []sim.Port{{Index: 1, Number: 17, Lanes: 4, Ifindex: 9, Ifname: "sw1p17"}},
		ParamList: []sim.Param{
			{Name: "fw_load_policy", Generic: true, Type: sim.ParamU8, Values: map[sim.CMode]any{sim.CModeDriverinit: uint8(0)}},
			number("acl_region_rehash_interval", false, sim.CModeRuntime, 5000),
		},
		Actions: []sim.ReloadAction{sim.DriverReinit, sim.FwActivate},
		TrapList: []sim.Trap{
			{Name: "ingress_vlan_filter", Group: "l2_drops", Generic: true, InPort: true, Packets: 12, Bytes: 1704},
			{Name: "irif_disabled", Group: "l3_drops", InPort: true, Packets: 3, Bytes: 426},
		},
		ReporterList: []sim.Reporter{{Name: "fw_fatal", Test: func() error { return nil },
			Dump: func(f *sim.Fmsg) error { f.ObjectPair("event", func() { f.Pair("id", uint32(1)) }); return nil }}},
		ResourceList: []sim.Resource{{ID: 1, Name: "kvd", Size: 258048, Min: 258048, Max: 258048, Granularity: 128,
			Children: []sim.Resource{
				{ID: 2, Name: "linear", Size: 98304, Max: 159744, Granularity: 128, Occupancy: func() uint64 { return 136 }},
				{ID: 3, Name: "hash_double", Size: 60416, Min: 32768, Max: 192512, Granularity: 128},
				{ID: 4, Name: "hash_single", Size: 99328, Min: 65536, Max: 225280, Granularity: 128},
			}}},
		Headers: []sim.DpipeHeader{
			{ID: mlxswMeta, Name: "mlxsw_meta", Fields: []sim.DpipeField{
				{Name: "erif_port", Width: 32, Mapping: 1}, {Name: "l3_forward", Width: 1}, {Name: "l3_drop", Width: 1},
				{Name: "adj_index", Width: 32}, {Name: "adj_size", Width: 32}, {Name: "adj_hash_index", Width: 32},
			}},
			{ID: globalEthernet, Name: "ethernet", Global: true, Fields: []sim.DpipeField{{Name: "destination mac", Width: 48}}},
			{ID: globalIPv4, Name: "ipv4", Global: true, Fields: []sim.DpipeField{{Name: "destination ip", Width: 32}}},
			{ID: globalIPv6, Name: "ipv6", Global: true, Fields: []sim.DpipeField{{Name: "destination ip", Width: 128}}},
		},
	}
	d.Tables, d.Entries = mlxswTables(), mlxswEntries()
	return d
}

func mlxswTables() []sim.DpipeTable {
	erif := []sim.DpipeFieldRef{meta(metaERIF)}
	dmac := []sim.DpipeFieldRef{global(globalEthernet)}
	return []sim.DpipeTable{
		{Name: "mlxsw_erif", Size: 1000, Matches: erif, Actions: []sim.DpipeFieldRef{meta(metaForward), meta(metaDrop)}},
		{Name: "mlxsw_host4", Size: 1, Matches: append(erif[:1:1], global(globalIPv4)), Actions: dmac,
			Resource: 4, Units: 1, Counters: true},
		{Name: "mlxsw_host6", Size: 1, Matches: append(erif[:1:1], global(globalIPv6)), Actions: dmac, Resource: 3, Units: 2},
		{Name: "mlxsw_adj", Size: 2, Matches: []sim.DpipeFieldRef{meta(metaAdjIndex), meta(metaAdjSize), meta(metaAdjHashIndex)},
			Actions: append(dmac[:1:1], meta(metaERIF)), Resource: 2, Units: 1},
	}
}

func mlxswEntries() map[string][]sim.DpipeEntry {
	hits, ifindex := uint64(99), uint32(9)
	rif := sim.DpipeValue{Field: meta(metaERIF), Value: u32(1), Mapping: &ifindex}
	peer := sim.DpipeValue{Field: global(globalEthernet), Value: mac(2, 0, 0, 0, 0, 0xb2)}
	adj := func(index uint64, hash uint32) sim.DpipeEntry {
		return sim.DpipeEntry{Index: index, Matches: []sim.DpipeValue{{Field: meta(metaAdjIndex), Value: u32(512)},
			{Field: meta(metaAdjSize), Value: u32(2)}, {Field: meta(metaAdjHashIndex), Value: u32(hash)}},
			Actions: []sim.DpipeValue{peer, rif}}
	}
	return map[string][]sim.DpipeEntry{
		"mlxsw_erif": {{Index: 1, Matches: []sim.DpipeValue{rif}, Actions: []sim.DpipeValue{{Field: meta(metaForward), Value: u32(1)}}}},
		"mlxsw_host4": {{Counter: &hits, Actions: []sim.DpipeValue{peer},
			Matches: []sim.DpipeValue{rif, {Field: global(globalIPv4), Value: ipv4("192.0.2.2")}}}},
		"mlxsw_host6": {{Actions: []sim.DpipeValue{peer},
			Matches: []sim.DpipeValue{rif, {Field: global(globalIPv6), Value: ipv6("2001:db8::2")}}}},
		"mlxsw_adj": {adj(0, 0), adj(1, 1)},
	}
}
