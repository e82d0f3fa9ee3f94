package models

import "github.com/p4dev/p4dev/devlink/sim"

// versions makes a list of versions of one kind from names and values.
func versions(kind sim.VersionKind, pairs ...string) []sim.Version {
	var out []sim.Version
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, sim.Version{Kind: kind, Name: pairs[i], Value: pairs[i+1]})
	}
	return out
}

func join(lists ...[]sim.Version) (out []sim.Version) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func permanent(name string, value uint8) sim.Param {
	return sim.Param{Name: name, Generic: true, Type: sim.ParamU8, Values: map[sim.CMode]any{sim.CModePermanent: value}}
}

func boolean(name string, generic bool, mode sim.CMode, value bool) sim.Param {
	return sim.Param{Name: name, Generic: generic, Type: sim.ParamBool, Values: map[sim.CMode]any{mode: value}}
}

func number(name string, generic bool, mode sim.CMode, value uint32) sim.Param {
	return sim.Param{Name: name, Generic: generic, Type: sim.ParamU32, Values: map[sim.CMode]any{mode: value}}
}

// ICE is an Intel E800 (ice.rst): three flash components that are written from one PLDM file, settings and identifiers
// that an update may overwrite, activation by reload, and the parser package of the driver as fw.app.
func ICE() *Device {
	flash := []string{"fw.mgmt", "2.1.7", "fw.undi", "1.2581.0", "fw.netlist", "1.1.2000-6.7.0", "fw.bundle_id", "0x80002ec0"}
	return &Device{
		Bus: "pci", Name: "0000:01:00.0", DriverName: "ice", Serial: "00-01-ab-ff-ff-ca-05-68",
		Versions: join(versions(sim.Fixed, "board.id", "K65390-000"),
			versions(sim.Running, append(flash, "fw.mgmt.api", "1.5", "fw.mgmt.build", "0x305d955f", "fw.psid.api", "0.80",
				"fw.app.name", "ICE OS Default Package", "fw.app", "1.3.1.0", "fw.app.bundle_id", "0xc0000001")...),
			versions(sim.Stored, flash...)),
		PortList:  []sim.Port{{Index: 0, Number: 0, Ifindex: 3, Ifname: "ens1f0"}},
		Overwrite: true,
		Actions:   []sim.ReloadAction{sim.DriverReinit, sim.FwActivate},
		RegionList: []sim.Region{
			{Name: "nvm-flash", Size: 1 << 16, MaxSnapshots: 1, Snapshot: func() ([]byte, error) { return []byte("nvm"), nil }},
			{Name: "device-caps", Size: 4096, MaxSnapshots: 10, Snapshot: func() ([]byte, error) { return []byte("caps"), nil }},
		},
		Progress: func(component string) []sim.FlashStatus {
			return []sim.FlashStatus{
				{Message: "Preparing to flash"},
				{Message: "Erasing", Component: component, Timeout: 300},
				{Message: "Flashing", Component: component, Done: 0, Total: 4096},
				{Message: "Flashing", Component: component, Done: 4096, Total: 4096},
				{Message: "Activate new firmware by devlink reload"},
			}
		},
	}
}

// MLX5 is an NVIDIA ConnectX (mlx5.rst): activation by reload, which can keep the link up, and reporters of the port.
func MLX5() *Device {
	port := uint32(131071)
	rings := func(f *sim.Fmsg) error {
		f.ArrayPair("SQs", func() {
			for q := range uint32(2) {
				f.Object(func() {
					f.Pair("channel ix", q)
					f.Pair("HW state", uint8(1))
					f.Pair("stopped", false)
				})
			}
		})
		return nil
	}
	return &Device{
		Bus: "pci", Name: "0000:03:00.0", DriverName: "mlx5_core",
		Versions: join(versions(sim.Fixed, "fw.psid", "MT_0000000359"),
			versions(sim.Running, "fw.version", "22.33.1048", "fw", "22.33.1048"),
			versions(sim.Stored, "fw.version", "22.33.1048", "fw", "22.33.1048")),
		PortList: []sim.Port{{Index: port, Number: 0, Ifindex: 4, Ifname: "enp3s0f0np0"}},
		Actions:  []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}, Limits: []sim.ReloadLimit{sim.LimitNoReset},
		ParamList: []sim.Param{
			boolean("enable_roce", true, sim.CModeDriverinit, true),
			number("io_eq_size", true, sim.CModeDriverinit, 1024),
			{Name: "flow_steering_mode", Type: sim.ParamString, Values: map[sim.CMode]any{sim.CModeRuntime: "smfs"}},
		},
		ReporterList: []sim.Reporter{
			{Name: "fw", Diagnose: func(f *sim.Fmsg) error { f.Pair("Syndrome", uint8(0)); return nil },
				Dump: func(f *sim.Fmsg) error { f.Pair("dump fw traces", "none"); return nil }},
			{Name: "tx", Port: &port, Diagnose: rings, Recover: func() error { return nil }},
		},
	}
}

// BNXT is a Broadcom NetXtreme (bnxt.rst).
func BNXT() *Device {
	fw := []string{"fw.psid", "0.0.6", "fw", "220.0.59.0", "fw.mgmt", "220.0.59.0", "fw.nsci", "220.0.54.0", "fw.roce", "220.0.59.0"}
	return &Device{
		Bus: "pci", Name: "0000:04:00.0", DriverName: "bnxt_en", Serial: "B0-26-28-FF-FE-C9-04-80", Board: "BCM957508-P2100G",
		Versions: join(versions(sim.Fixed, "board.id", "BCM957508-P2100G", "asic.id", "1750", "asic.rev", "1"),
			versions(sim.Running, append(fw, "fw.mgmt.api", "1.10.2")...), versions(sim.Stored, fw...)),
		PortList: []sim.Port{{Index: 0, Number: 0, Ifindex: 5, Ifname: "enp4s0f0np0"}},
		Actions:  []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}, Limits: []sim.ReloadLimit{sim.LimitNoReset},
		ParamList: []sim.Param{
			boolean("enable_sriov", true, sim.CModePermanent, true),
			number("msix_vec_per_pf_max", true, sim.CModePermanent, 128),
			boolean("gre_ver_check", false, sim.CModePermanent, true),
		},
		Tests: map[uint32]uint8{1: 1},
	}
}

// NFP is a Netronome or Corigine Agilio (nfp.rst): firmware in flash and on disk, chosen by fw_load_policy, and no
// reload.
func NFP() *Device {
	fw := []string{"fw.bundle_id", "bundle_230125", "fw.mgmt", "22.10.0", "fw.cpld", "0x2030000", "fw.app", "nic-2.1.16",
		"fw.undi", "22.7.0", "fw.ncsi", "22.7.1", "chip.init", "22.10.0"}
	return &Device{
		Bus: "pci", Name: "0000:05:00.0", DriverName: "nfp", Serial: "161600350123",
		Versions: join(versions(sim.Fixed, "board.id", "AMDA2001-1003", "board.rev", "10", "board.manufacture", "CGA",
			"board.model", "blue", "board.part_number", "AMDA2001-1003-10"),
			versions(sim.Running, fw...), versions(sim.Stored, fw...)),
		PortList:  []sim.Port{{Index: 0, Number: 0, Lanes: 2, Ifindex: 6, Ifname: "enp5s0np0"}},
		ParamList: []sim.Param{permanent("fw_load_policy", 1), permanent("reset_dev_on_drv_probe", 2)},
	}
}

// Ionic is a Pensando DSC (ionic.rst): what is stored is not reported, and installing takes long.
func Ionic() *Device {
	return &Device{
		Bus: "pci", Name: "0000:b5:00.0", DriverName: "ionic", Serial: "FLM18420073",
		Versions: join(versions(sim.Fixed, "asic.id", "0x0", "asic.rev", "0xa0"), versions(sim.Running, "fw", "1.37.0")),
		PortList: []sim.Port{{Index: 0, Flavour: 0, Ifindex: 7, Ifname: "enp181s0"}},
		Progress: func(string) []sim.FlashStatus {
			return []sim.FlashStatus{
				{Message: "Downloading", Done: 0, Total: 100}, {Message: "Downloading", Done: 100, Total: 100},
				{Message: "Installing", Timeout: 25 * 60}, {Message: "Selecting", Timeout: 30}, {Message: "Flash done"},
			}
		},
	}
}
