package devlink

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestJSON pins the keys, which are those of "devlink -j" where the meaning is the same.
func TestJSON(t *testing.T) {
	for _, tt := range []struct {
		name string
		v    any
		want string
	}{
		{"device", Device{Handle: testHandle, ReloadFailed: true,
			Reload: ReloadStats{ReloadDriverReinit: {ReloadUnlimited: 1, ReloadNoReset: 2}}},
			`{"reload_failed":true,"stats":{"reload":{"driver_reinit":{"no_reset":2,"unspecified":1}}}}`},
		{"port", Port{Handle: testHandle, Index: 3, Type: PortEthernet, NetDev: "eth0", Flavour: ptr(FlavourPhysical),
			Number: ptr(uint32(0)), Splittable: ptr(false)},
			`{"index":3,"netdev":"eth0","flavour":"physical","port":0,"splittable":false,"type":"eth"}`},
		{"info", Info{Handle: testHandle, Driver: "ice", Board: "b", Versions: Versions{Running: map[string]string{"fw": "1"}}},
			`{"driver":"ice","board.serial_number":"b","versions":{"running":{"fw":"1"}}}`},
		{"table", DpipeTable{Name: "t", Size: 4, Matches: []DpipeMatch{{DpipeMatchExact, DpipeFieldRef{HeaderID: 1, FieldID: 2}}}},
			`{"name":"t","size":4,"counters_enabled":false,"match":[{"type":"field_exact","header_id":1,"field_id":2,"global":false}],"action":null}`},
		{"field", DpipeField{Name: "port", ID: 1, BitWidth: 9, Mapping: DpipeMappingIfIndex},
			`{"name":"port","id":1,"bitwidth":9,"mapping_type":"ifindex"}`},
		{"value", DpipeValue{Value: HexBytes{10, 0, 0, 1}},
			`{"type":0,"ref":{"header_id":0,"field_id":0,"global":false},"value":"0x0a000001"}`},
		{"resource", Resource{Name: "kvd", ID: 1, Size: 2, SizeNew: 2, SizeValid: true, SizeMax: 4, SizeGran: 1},
			`{"name":"kvd","id":1,"size_valid":true,"size_min":0,"size_gran":1,"unit":"entry","size":2,"size_max":4}`},
		{"region", Region{Handle: testHandle, Name: "r", Size: 4, MaxSnapshots: 2, Snapshots: []uint32{1}},
			`{"name":"r","size":4,"max":2,"snapshot":[1]}`},
		{"param", Param{Handle: testHandle, Name: "p", Type: TypeBool, Values: []ParamValue{{CMode: CModeDriverInit, Value: false}}},
			`{"name":"p","type":"driver-specific","value_type":"bool","values":[{"cmode":"driverinit","value":false}]}`},
		{"reporter", Reporter{Handle: testHandle, Name: "fw", State: Unhealthy, Errors: 1, AutoDump: ptr(true)},
			`{"reporter":"fw","state":"error","error":1,"recover":0,"auto_dump":true}`},
		{"grace", Reporter{Handle: testHandle, GracePeriod: ptr(1500 * time.Millisecond)},
			`{"reporter":"","state":"healthy","error":0,"recover":0,"grace_period":1500}`},
		{"trap", Trap{Handle: testHandle, Name: "t", Type: TrapTypeControl, Action: TrapActionMirror, Group: "g"},
			`{"name":"t","generic":false,"type":"control","action":"mirror","group":"g","stats":{"rx":{"packets":0,"bytes":0}}}`},
		{"flash", FlashStatus{Message: "Flashing", Done: 1, Total: 2, Timeout: 81 * time.Second},
			`{"msg":"Flashing","done":1,"total":2,"timeout":81}`},
		{"message", Message{{"b", []any{uint8(1), HexBytes{2}}}, {"a", Message{}}}, `{"b":[1,"0x02"],"a":{}}`},
		{"self-tests", map[Selftest]SelftestStatus{SelftestFlash: SelftestPass}, `{"flash":"passed"}`},
		{"policy", Param{Name: ParamFirmwareLoadPolicy, Generic: true, Type: TypeU8, Values: []ParamValue{
			{CMode: CModePermanent, Value: uint8(2), Default: uint8(9)}}},
			`{"name":"fw_load_policy","type":"generic","value_type":"u8","values":[{"cmode":"permanent","value":"disk","default":9}]}`},
		{"policer", TrapPolicer{ID: 1, Rate: 2, Burst: 4, Stats: TrapStats{Dropped: ptr(uint64(3))}},
			`{"policer":1,"rate":2,"burst":4,"stats":{"rx":{"dropped":3}}}`},
		{"function", PortFunction{HWAddr: "00:11", Active: ptr(true), RoCE: ptr(false), MaxIOEQs: ptr(uint32(8))},
			`{"hw_addr":"00:11","state":"active","roce":"disable","max_io_eqs":8}`},
		{"resize", Resource{Name: "kvd", Size: 2, SizeNew: 4},
			`{"name":"kvd","id":0,"size_valid":false,"size_min":0,"size_gran":0,"unit":"entry","size":2,"size_new":4,"size_max":0}`},
		{"unlimited", Resource{Name: "fib", Size: Unlimited, SizeNew: Unlimited, SizeMax: Unlimited},
			`{"name":"fib","id":0,"size_valid":false,"size_min":0,"size_gran":0,"unit":"entry","size":"unlimited","size_max":"unlimited"}`},
		{"flash begins", Event{Command: CmdFlashUpdate, Device: testHandle, Flash: &FlashStatus{}},
			`{"command":"begin","flash":{"pci/0000:01:00.0":{}}}`},
		{"health changes", Event{Command: CmdHealthReporterRecover, Device: testHandle,
			Health: &Reporter{Port: ptr(uint32(1)), Name: "tx", Errors: 1}},
			`{"command":"status","health":{"pci/0000:01:00.0/1":[{"port":1,"reporter":"tx","state":"healthy","error":1,"recover":0}]}}`},
		{"lost", Event{Lost: true}, `{"command":"lost"}`},
		{"event", Event{Command: CmdPortDel, Device: testHandle, Deleted: true, Raw: []byte{1}},
			`{"command":"del","port":{"pci/0000:01:00.0":{}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := json.Marshal(tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestJSONBack reads ports and enumerations that were written.
func TestJSONBack(t *testing.T) {
	want := Port{Index: 3, Type: PortInfiniBand, IBDev: "mlx5_0", Flavour: ptr(FlavourPCISF)}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Port
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"type":"fast"}`), &got); err == nil {
		t.Error("a port type that does not exist was accepted")
	}
	var a ReloadAction
	var m CMode
	if err := a.UnmarshalText([]byte("fw_activate")); err != nil || a != ReloadFirmwareActivate {
		t.Errorf("got %v, %v", a, err)
	}
	if err := m.UnmarshalText([]byte("")); err == nil {
		t.Error("an empty configuration mode was accepted")
	}
	if err := a.UnmarshalText([]byte("7")); err != nil || a.String() != "7" {
		t.Errorf("got %v, %v", a, err)
	}
}

// TestPortJSON: what is written member by member is what encoding/json makes of the struct.
func TestPortJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type plain Port
		p := rapid.Make[plain]().Draw(t, "port")
		got, err := Port(p).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(struct {
			plain
			Type string `json:"type"`
		}{p, enumString(portTypeNames, uint16(p.Type))})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("(-encoding/json +got):\n%s", diff)
		}
	})
}
