package ddp_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// simulator makes one of the small package's receive parser.
func simulator(t testing.TB, s ddp.Settings) *ddp.Simulator {
	t.Helper()
	_, seg := small(t)
	p, err := seg.Parser(false)
	if err != nil {
		t.Fatal(err)
	}
	sim, err := p.Simulate(s)
	if err != nil {
		t.Fatal(err)
	}
	return sim
}

// found is a result's headers in short.
func found(r *ddp.Result) []string {
	var list []string
	for _, h := range r.Headers {
		list = append(list, fmt.Sprintf("%s@%d", h.Name, h.Offset))
	}
	return list
}

func TestRun(t *testing.T) {
	mac := []string{"MAC_DEPTH0@0", "ETYPE_DEPTH0@12", "IPV4_DEPTH0@14"}
	vlan := []string{"MAC_DEPTH0@0", "VLAN_EXTERNAL@14", "ETYPE_DEPTH0@16"}
	tests := []struct {
		name  string
		shape shape
		want  []string
	}{
		{"MAC_PAY", shape{}, mac[:2]},
		{"MAC_IPV4_PAY", shape{}, mac},
		{"MAC_IPV4_UDP_PAY", shape{}, append(mac[:3:3], "UDP_LAST@34")},
		{"MAC_IPV4_TCP", shape{}, append(mac[:3:3], "TCP@34")},
		{"MAC_IPV4_TUN_PAY", shape{tunnel: "vxlan"}, append(mac[:3:3], "UDP_DEPTH0@34")},
		{"MAC_PAY", shape{tags: []uint16{0x8100}}, vlan},
		{"MAC_IPV4_PAY", shape{tags: []uint16{0x8100}}, append(vlan[:3:3], "IPV4_DEPTH0@18")},
		{"MAC_IPV4_TCP", shape{tags: []uint16{0x8100}, single: true}, append(vlan[:3:3], "IPV4_DEPTH0@18", "TCP@38")},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.name, tt.shape), func(t *testing.T) {
			settings := ddp.DefaultSettings()
			settings.SingleVLAN = tt.shape.single
			packet, _, err := build(tt.name, tt.shape)
			if err != nil {
				t.Fatal(err)
			}
			r, err := simulator(t, settings).Run(packet)
			if err != nil || r.Name != tt.name {
				t.Fatalf("packet type %q, %v; want %q", r.Name, err, tt.name)
			}
			if diff := cmp.Diff(tt.want, found(r)); diff != "" {
				t.Errorf("headers, -want +got:\n%s", diff)
			}
			if len(tt.shape.tags) > 0 != slices.Contains(r.PacketFlags, "VLAN_8100") {
				t.Errorf("packet flags %v", r.PacketFlags)
			}
		})
	}
}

// TestTunnelPorts: VXLAN is where the settings have it, and nowhere else.
func TestTunnelPorts(t *testing.T) {
	packet, _, err := build("MAC_IPV4_TUN_PAY", shape{tunnel: "vxlan"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := simulator(t, ddp.Settings{VXLAN: []uint16{4790}}).Run(packet)
	if err != nil || r.Name != "MAC_IPV4_UDP_PAY" {
		t.Errorf("with another port: %q, %v", r.Name, err)
	}
	_, s := small(t)
	p, err := s.Parser(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Simulate(ddp.Settings{VXLAN: []uint16{1, 2}}); err == nil {
		t.Error("two ports fit into one entry")
	}
	if _, err := p.Simulate(ddp.Settings{Geneve: []uint16{1}}); err != nil {
		t.Errorf("a tunnel that the package does not know: %v", err)
	}
}

// TestIHL: the header offset moves by the header's own length, and a length below 5 is an error.
func TestIHL(t *testing.T) {
	packet, _, err := build("MAC_IPV4_UDP_PAY", shape{})
	if err != nil {
		t.Fatal(err)
	}
	packet[14] = 0x46
	packet = slices.Insert(packet, 34, 1, 1, 1, 0)
	sim := simulator(t, ddp.DefaultSettings())
	r, err := sim.Run(packet)
	if err != nil || r.Name != "MAC_IPV4_UDP_PAY" || found(r)[3] != "UDP_LAST@38" || r.Errors != 0 {
		t.Errorf("with options: %q, %v, %v, errors %#x", r.Name, err, found(r), r.Errors)
	}
	packet[14] = 0x44
	if r, err = sim.Run(packet); err != nil || r.Errors != 1<<3 {
		t.Errorf("short header: errors %#x, %v", r.Errors, err)
	}
}

// TestStuck: a key without a match, and a circle.
func TestStuck(t *testing.T) {
	work := ddptest.Work{Priority: 3, NextB: 16}
	wild := work // sets program counter and node to what no table has
	wild.Priority, wild.ALU[0] = 0, ddptest.ALU{Op: 1, Destination: 111, Immediate: 0xffff}
	wild.ALU[1] = ddptest.ALU{Op: 1, Destination: 109, Immediate: 0xffff}
	for _, tt := range []struct {
		name  string
		entry []byte
	}{{"no way on", ddptest.CAM(ddptest.Key{Node: 5}, ddptest.Action{Protocol: 255, Marker: 71})},
		{"circle", ddptest.CAM(ddptest.Key{}, ddptest.Action{Protocol: 255, Marker: 71})},
		{"no instruction", ddptest.CAM(ddptest.Key{}, ddptest.Action{PC: 200, Protocol: 255, Marker: 71})},
		{"no such node", ddptest.CAM(ddptest.Key{}, ddptest.Action{PC: 1, Protocol: 255, Marker: 71})}} {
		p, err := ddp.Read(ddptest.Package(ddptest.Config(ddptest.Table(58, 0, ddptest.Init(0, 0)),
			ddptest.Table(52, 0, ddptest.Instruction(false, 0, work), ddptest.Instruction(false, 0, wild)), ddptest.Table(50, 0, tt.entry))))
		if err != nil {
			t.Fatal(err)
		}
		parser, err := p.Segment(ddp.SegmentE810).Parser(false)
		if err != nil {
			t.Fatal(err)
		}
		sim, err := parser.Simulate(ddp.DefaultSettings())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sim.Run(make([]byte, 60)); !errors.Is(err, ddp.ErrStuck) {
			t.Errorf("%s: error %v, want ErrStuck", tt.name, err)
		}
	}
}

func TestBlock(t *testing.T) {
	_, s := small(t)
	b, err := s.Block("sw")
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Groups) != 64 || b.Groups[26] != 85 || len(b.Interfaces) != 2 || len(b.Profiles) != 3 || len(b.Vectors) != 6 {
		t.Errorf("%d groups, %d interfaces, %d profiles, %d vectors", len(b.Groups), len(b.Interfaces), len(b.Profiles), len(b.Vectors))
	}
	for ptype, want := range map[int]string{26: "PROFID_IPV4_TCP", 24: "PROFID_IPV4_UDP", 1: "PROFID_DEFAULT", 2000: "PROFID_DEFAULT"} {
		p := b.Find(ptype, 0)
		if p == nil || b.ProfileNames.Name(int(p.Profile)) != want {
			t.Errorf("packet type %d has profile %+v, want %s", ptype, p, want)
		}
	}
	v := b.Vector(4)
	if len(v) != 8 || v[3] != (ddp.FieldWord{Protocol: 32, Offset: 12}) || !v[6].Used() || v[7].Used() {
		t.Errorf("field vector %v", v)
	}
	if b.Vector(200) != nil {
		t.Error("profile 200 has a field vector")
	}
	if got := b.Flags.Apply(1<<3 | 1<<40); got != 1<<3 {
		t.Errorf("flags %#x", got)
	}
	if _, err := s.Block("nothing"); err == nil {
		t.Error("there is a block of that name")
	}
}
