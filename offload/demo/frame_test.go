package demo

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/testdata/p4"
)

func program(t *testing.T) *pipeline.Program {
	t.Helper()
	json, err := p4.FS.ReadFile("l3router.json")
	if err != nil {
		t.Fatal(err)
	}
	info, err := p4.FS.ReadFile("l3router.p4info.txtpb")
	if err != nil {
		t.Fatal(err)
	}
	prog, err := bmv2.Open(json, info)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func TestFrame(t *testing.T) {
	for i, r := range routes {
		in, out := r.flow(uint32(i)).frame(), r.expect(uint32(i))
		for name, b := range map[string][]byte{"in": in, "out": out} {
			if len(b) != 64 || onesSum(b[ethernetLen:ethernetLen+ipv4Len]) != 0xffff {
				t.Errorf("%s %s: %d bytes, checksum of the header %#x", r.prefix, name, len(b), onesSum(b[ethernetLen:ethernetLen+ipv4Len]))
			}
			if seq, ok := seqOf(b); !ok || seq != uint32(i) {
				t.Errorf("%s %s: sequence number %d, %v", r.prefix, name, seq, ok)
			}
		}
		if in[ethernetLen+8] != out[ethernetLen+8]+1 || !bytes.Equal(out[0:6], peerMAC[r.nexthop-1]) || !bytes.Equal(out[6:12], routerMAC[1]) {
			t.Errorf("%s: not routed: %x", r.prefix, out)
		}
		if !bytes.Equal(in[26:], out[26:]) {
			t.Errorf("%s: more than addresses, hops and checksum differ:\n%x\n%x", r.prefix, in, out)
		}
	}
}

// TestSeqOf: what is not the demonstration's is not taken for it.
func TestSeqOf(t *testing.T) {
	good := routes[0].flow(1).frame()
	arp := bytes.Clone(good)
	binary.BigEndian.PutUint16(arp[12:], 0x0806)
	tcp := bytes.Clone(good)
	tcp[ethernetLen+9] = 6
	for name, b := range map[string][]byte{"empty": nil, "cut": good[:ethernetLen+ipv4Len+udpLen+3], "arp": arp, "tcp": tcp} {
		if seq, ok := seqOf(b); ok {
			t.Errorf("%s: sequence number %d", name, seq)
		}
	}
}

// TestRoutes: every address leads to its own route and to no longer one, the routes are more than the hardware has
// room for, and all of them are entries of the program.
func TestRoutes(t *testing.T) {
	if len(routes) <= hardwareRoutes {
		t.Errorf("%d routes fit into hardware", len(routes))
	}
	for _, r := range routes {
		best := -1
		for _, other := range routes {
			if other.prefix.Contains(r.dst) {
				best = max(best, other.prefix.Bits())
			}
		}
		if best != r.prefix.Bits() {
			t.Errorf("%s belongs to a prefix of %d bits, not to %s", r.dst, best, r.prefix)
		}
	}
	list, err := entries(program(t))
	if err != nil || len(list) != 1+len(peerMAC)+len(routes) {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

// TestPackages: a note changes the source tag and nothing of the program.
func TestPackages(t *testing.T) {
	first, err := buildPackage("1.0.0", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := buildPackage("1.1.0", "another source")
	if err != nil {
		t.Fatal(err)
	}
	if first.Manifest.Source == second.Manifest.Source {
		t.Error("both have one source tag")
	}
	a, errA := first.Pipeline()
	b, errB := second.Pipeline()
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the programs differ: %v, %v", errA, errB)
	}
	if name := fileName(second); name != "l3router-1.1.0.p4fw" {
		t.Errorf("file %q", name)
	}
}

func TestTallyOK(t *testing.T) {
	for _, tt := range []struct {
		tally Tally
		want  bool
	}{
		{Tally{Sent: 1}, true}, {Tally{}, false}, {Tally{Sent: 1, Lost: 1}, false}, {Tally{Sent: 1, Wrong: 1}, false},
	} {
		if got := tt.tally.OK(); got != tt.want {
			t.Errorf("%+v: %v", tt.tally, got)
		}
	}
}
