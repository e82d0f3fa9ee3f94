package ddp_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// eachParser runs f for every receive parser of Intel's packages.
func eachParser(t *testing.T, f func(t *testing.T, p *ddp.Parser)) {
	packages := ddptest.Packages(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		data, err := os.ReadFile(packages[name])
		if err != nil {
			t.Fatal(err)
		}
		pkg, err := ddp.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range pkg.Configurations() {
			t.Run(name+" "+s.Type.String(), func(t *testing.T) {
				p, err := s.Parser(false)
				if err != nil {
					t.Fatal(err)
				}
				f(t, p)
			})
		}
	}
}

// shapes returns the packets that have a packet type's name.
func shapes(name string) []shape {
	list := []shape{{}}
	each := func(values []string, set func(*shape, string)) {
		var more []shape
		for _, s := range list {
			for _, v := range values {
				n := s
				set(&n, v)
				more = append(more, n)
			}
		}
		list = more
	}
	switch {
	case strings.Contains(name, "_TUN_MAC"):
		each([]string{"vxlan", "geneve", "nvgre"}, func(s *shape, v string) { s.tunnel = v })
	case strings.Contains(name, "_TUN"):
		each([]string{"gre", "grek", "grec", "grecks"}, func(s *shape, v string) { s.tunnel = v })
	case strings.Contains(name, "GTPU_"):
		each([]string{"", "options", "extension"}, func(s *shape, v string) { s.gtp = v })
	}
	if strings.Contains(name, "IPV6") {
		each([]string{"", "ext"}, func(s *shape, v string) { s.ext = v != "" })
	}
	if strings.Contains(name, "_TUN_MAC") {
		each([]string{"", "8100"}, func(s *shape, v string) {
			if v != "" {
				s.inner = []uint16{0x8100}
			}
		})
	}
	each([]string{"", "8100", "88a8", "88a8 8100", "8100 8100", "9100 8100", "single 8100", "single 88a8 8100", "single 9100 8100"}, func(s *shape, v string) {
		for _, tag := range strings.Fields(v) {
			if tag == "single" {
				s.single = true
				continue
			}
			var n uint16
			fmt.Sscanf(tag, "%x", &n)
			s.tags = append(s.tags, n)
		}
	})
	return list
}

// simulators returns one in double and one in single VLAN mode.
func simulators(t *testing.T, p *ddp.Parser) map[bool]*ddp.Simulator {
	t.Helper()
	sims := map[bool]*ddp.Simulator{}
	for _, single := range []bool{false, true} {
		settings := ddp.DefaultSettings()
		settings.SingleVLAN = single
		settings.ECPRI = []uint16{ecpriPort}
		sim, err := p.Simulate(settings)
		if err != nil {
			t.Fatal(err)
		}
		sims[single] = sim
	}
	return sims
}

// TestPTypes builds packets from the names of packet types: the parser must give each packet its name, and find its
// headers where they are. Every packet type that the marker TCAM can give must be reached.
func TestPTypes(t *testing.T) {
	eachParser(t, func(t *testing.T, p *ddp.Parser) {
		sims := simulators(t, p)
		reached, packets := map[int]bool{}, 0
		for _, l := range p.Names.PType {
			if strings.Contains(l.Name, "RESERVED") {
				continue
			}
			for _, s := range shapes(l.Name) {
				if strings.HasSuffix(t.Name(), "e830") && len(s.tags) > 0 {
					continue // the tables are those of e810
				}
				if checkPacket(t, sims[s.single], l.Name, s) {
					reached[int(l.Value)] = true
				}
				packets++
			}
		}
		for _, e := range p.PTypes {
			if !e.Match.Off() && !reached[int(e.PType)] {
				t.Errorf("packet type %d %q: no packet has it", e.PType, p.Names.PType.Name(int(e.PType)))
			}
		}
		t.Logf("%d packets, %d packet types", packets, len(reached))
	})
}

func checkPacket(t *testing.T, sim *ddp.Simulator, name string, s shape) bool {
	t.Helper()
	packet, want, err := build(name, s)
	if err != nil {
		t.Error(err)
		return false
	}
	r, err := sim.Run(packet)
	have := found(r)
	var missing []string
	for _, w := range want {
		if !slices.Contains(have, w) {
			missing = append(missing, w)
		}
	}
	if err != nil || r.Name != name || missing != nil || r.Errors != 0 {
		t.Errorf("%s %+v: packet type %q, errors %#x, %v; headers %v, not there: %v", name, s, r.Name, r.Errors, err, have, missing)
		return false
	}
	for _, step := range r.Steps {
		for _, alu := range step.ALU {
			if strings.Contains(alu, "not") {
				t.Errorf("%s: %s", name, alu)
			}
		}
	}
	return true
}

// TestOthers are headers and flags that no packet type's name tells.
func TestOthers(t *testing.T) {
	mpls := func(labels int, name string) []byte {
		packet, _, err := build(name, shape{})
		if err != nil {
			t.Fatal(err)
		}
		stack := bytes.Repeat([]byte{0, 0, 0x10, 64}, labels)
		stack[len(stack)-2] |= 1 // bottom of stack
		packet[12], packet[13] = 0x88, 0x47
		return slices.Insert(packet, 14, stack...)
	}
	tcp := func(flags byte) []byte {
		packet, _, err := build("MAC_IPV4_TCP", shape{})
		if err != nil {
			t.Fatal(err)
		}
		packet[14+20+13] = flags
		return packet
	}
	tests := []struct {
		name   string
		packet []byte
		ptype  string
		header string
		flags  []string
	}{
		{"MPLS", mpls(1, "MAC_IPV4_UDP_PAY"), "MAC_IPV4_UDP_PAY", "UDP_LAST@38", []string{"OUTER_MPLS_8847"}},
		{"two of MPLS", mpls(2, "MAC_IPV6_TCP"), "MAC_IPV6_TCP", "TCP@62", []string{"OUTER_MPLS_8847", "INNER_MPLS", "SYN"}},
		{"SYN", tcp(2), "MAC_IPV4_TCP", "TCP@34", []string{"SYN"}},
		{"FIN, URG", tcp(0x21), "MAC_IPV4_TCP", "TCP@34", []string{"FIN", "URG"}},
		{"RST, PSH, ACK", tcp(0x1c), "MAC_IPV4_TCP", "TCP@34", []string{"RST", "PSH", "ACK"}},
	}
	eachParser(t, func(t *testing.T, p *ddp.Parser) {
		sim := simulators(t, p)[false]
		for _, tt := range tests {
			r, err := sim.Run(tt.packet)
			if err != nil || r.Name != tt.ptype || !slices.Contains(found(r), tt.header) || !slices.Equal(r.PacketFlags, tt.flags) {
				t.Errorf("%s: %q, %v, headers %v, flags %v", tt.name, r.Name, err, found(r), r.PacketFlags)
			}
		}
	})
}
