package main

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/p4dev/p4dev/devlink/sim/models"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// ddpPlace is a place with the small DDP package, one that lacks TCP, and a damaged one.
func ddpPlace(t *testing.T) *place {
	p := newPlace(t, "l3router")
	small := ddptest.Small()
	p.write("small.pkg", small)
	var less []ddptest.Section
	for _, s := range ddptest.Sections() {
		if s.Type != 76 && !(s.Type == 50 && s.Data[2] == 100) && !(s.Type == 55 && s.Data[4] == 3) {
			less = append(less, s)
		}
	}
	p.write("less.pkg", ddptest.Package(ddptest.Config(less...)))
	p.write("cut.pkg", small[:len(small)-100])
	enc, err := zstd.NewWriter(nil)
	p.must(err)
	p.write("small.pkg.zst", enc.EncodeAll(small, nil))
	return p
}

func TestInspectDDP(t *testing.T) {
	p := ddpPlace(t)
	p.do(exitDone, "inspect", "small.pkg")
	p.do(exitDone, "inspect", "--list", "all", "small.pkg")
	p.do(exitDone, "-j", "inspect", "--segment", "e810", "--list", "protocols,ptypes,profiles,groups,instructions", "small.pkg")
	p.do(exitDone, "inspect", "--graph", "text", "small.pkg")
	p.do(exitDone, "inspect", "--graph", "mermaid", "small.pkg")
	p.do(exitFailed, "inspect", "--graph", "text", "--tx", "small.pkg")
	p.do(exitFailed, "inspect", "--segment", "e830", "small.pkg")
	p.do(exitFailed, "inspect", "--list", "everything", "small.pkg")
	p.do(exitFailed, "inspect", "--text", "small.pkg")
	p.do(exitFailed, "inspect", "cut.pkg")
	p.do(exitFailed, "inspect", "--list", "ptypes", "l3router.json")
	p.golden("inspect_ddp")
	plain, packed := p.look("inspect", "small.pkg"), p.look("inspect", "small.pkg.zst")
	if strings.ReplaceAll(packed, "small.pkg.zst", "small.pkg") != plain {
		t.Errorf("compressed it shows as\n%s\nelse as\n%s", packed, plain)
	}
	for format, want := range map[string]string{"svg": "<svg", "dot": "digraph"} {
		if out := p.look("inspect", "--graph", format, "small.pkg"); !strings.Contains(out, want) {
			t.Errorf("%s: %.100s", format, out)
		}
	}
}

// Packets for the small package: UDP behind a VLAN tag, VXLAN, a packet too short for anything.
const (
	tagged  = "020000000001 020000000002 8100 0064 0800 4500001c000100004011000 0c0000201c0000202 9c409c4100080000"
	overlay = "020000000001 020000000002 0800 45000024000100004011000 0c0000201c0000202 9c4012b500100000 0800000000002a00"
)

func TestTraceDDP(t *testing.T) {
	p := ddpPlace(t)
	p.do(exitDone, "trace", "--ddp", "small.pkg", "--packet", tagged)
	p.do(exitDone, "-j", "trace", "--ddp", "small.pkg", "--packet", overlay)
	p.do(exitDone, "trace", "--ddp", "small.pkg", "--vxlan", "4790", "--packet", overlay)
	p.do(exitDone, "trace", "--ddp", "small.pkg", "--single-vlan", "--packet", tagged)
	p.do(exitDone, "trace", "--ddp", "small.pkg", "--packet", "02")
	p.do(exitFailed, "trace", "--ddp", "small.pkg", "--vxlan", "1,2", "--packet", overlay)
	p.do(exitFailed, "trace", "--ddp", "small.pkg", "--vxlan", "70000", "--packet", overlay)
	p.do(exitFailed, "trace", "--ddp", "l3router.json", "--packet", overlay)
	p.do(exitFailed, "trace", "--ddp", "small.pkg", "l3router.json", "--packet", overlay)
	p.do(exitFailed, "trace", "--ddp", "small.pkg", "--port", "1", "--packet", overlay)
	p.do(exitMissing, "trace", "--ddp", "nothing.pkg", "--packet", overlay)
	p.golden("trace_ddp")
}

func TestDiff(t *testing.T) {
	p := ddpPlace(t)
	p.do(exitDone, "diff", "small.pkg", "small.pkg.zst")
	p.do(exitDiffers, "diff", "small.pkg", "less.pkg")
	p.do(exitDiffers, "diff", "--all", "less.pkg", "small.pkg")
	p.do(exitDiffers, "-j", "diff", "small.pkg", "less.pkg")
	p.do(exitTrouble, "diff", "small.pkg", "nothing.pkg")
	p.do(exitTrouble, "diff", "small.pkg", "cut.pkg")
	p.golden("diff")
}

func TestCompat(t *testing.T) {
	p := ddpPlace(t)
	p.do(exitDiffers, "compat", "l3router.json", "small.pkg")
	p.do(exitTrouble, "compat", "small.pkg", "small.pkg")
	p.do(exitTrouble, "compat", "l3router.json", "nothing.pkg")
	p.golden("compat")
	var v compatView
	r := p.do(exitDiffers, "-j", "compat", "l3router.json", "small.pkg")
	p.must(json.Unmarshal([]byte(r.out), &v))
	for _, w := range v.Ways {
		if packet, err := hex.DecodeString(w.Packet); err != nil || len(packet) < 60 {
			t.Errorf("%v: packet %q, %v", w.States, w.Packet, err)
		}
	}
	if v.Counts[compatYes] != 8 || v.Counts[compatNo] != 6 || v.More {
		t.Errorf("counts %v, more %t", v.Counts, v.More)
	}
}

// called gives the small package another name and version.
func called(name string, version [4]byte) []byte {
	sections := ddptest.Sections()
	meta := sections[0].Data
	copy(meta, version[:])
	copy(meta[4:32], make([]byte, 28))
	copy(meta[4:32], name)
	return ddptest.Package(ddptest.Config(sections...))
}

// TestShowDDP: a device of the driver ice, and packages on disk.
func TestShowDDP(t *testing.T) {
	p := newPlace(t)
	p.serve(models.ICE(), models.MLX5())
	p.do(exitDone, "show", iceDev, "ddp") // no package on disk
	p.do(exitFailed, "show", iceDev, "--graph", "text")
	folder := "root/lib/firmware/intel/ice/"
	p.write(folder+"ddp/ice.pkg", called("ICE OS Default Package", [4]byte{1, 3, 1, 0}))
	p.write(folder+"ddp/ice-1.3.1.0.pkg", called("ICE OS Default Package", [4]byte{1, 3, 1, 0}))
	p.write(folder+"ddp-comms/ice_comms-1.3.52.0.pkg", called("ICE COMMS Package", [4]byte{1, 3, 52, 0}))
	p.write(folder+"ddp-lag/ice_lag-1.3.1.0.pkg", []byte("no package"))
	p.do(exitDone, "show", iceDev, "ddp")
	p.do(exitDone, "-j", "show", iceDev, "ddp")
	p.do(exitDone, "show", iceDev, "--graph", "text")
	p.do(exitMissing, "show", mlx5Dev, "ddp")
	// The driver prefers the file with the device's serial number.
	p.write(folder+"ddp/ice-0001abffffca0568.pkg", called("ICE OS Default Package", [4]byte{1, 3, 1, 0}))
	p.do(exitDone, "show", iceDev, "ddp")
	p.golden("show_ddp")
}

// TestRealPackages: all commands on what Intel ships.
func TestRealPackages(t *testing.T) {
	packages := ddptest.Packages(t)
	p := newPlace(t, "l3router", "vxlan_gateway")
	for name, path := range packages {
		data, err := os.ReadFile(path)
		p.must(err)
		p.write(name+".pkg", data)
		p.says(p.do(exitDone, "inspect", "--list", "all", name+".pkg"), "MAC_IPV4_UDP_PAY", "IPV4_TCP", "BOOST_MAC_IPV4", "TCP[0:4]")
		p.says(p.do(exitDone, "compat", "l3router.json", name+".pkg"), "14 ways: yes 14")
		p.says(p.do(exitDone, "compat", "vxlan_gateway.json", name+".pkg"), "5 ways: yes 3, passes 2")
		p.says(p.do(exitDone, "trace", "--ddp", name+".pkg", "--packet", overlay), "MAC_IPV4_TUN_MAC_PAY", "IPV4_DEPTH0 at 14")
		p.says(p.do(exitDone, "inspect", "--graph", "svg", name+".pkg"), "<svg", "IPV6_1")
		if strings.Contains(p.look("-j", "inspect", name+".pkg"), "null") {
			t.Errorf("%s: null in JSON", name)
		}
	}
	if packages["ice"] != "" && packages["ice_comms"] != "" {
		p.says(p.do(exitDiffers, "diff", "ice.pkg", "ice_comms.pkg"), "e810 e830 protocol: 5\n+ AH\n+ ESP\n", "+ 329 MAC_IPV4_GTPU\n")
	}
}
