package ddp_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// readAll reads a package with all its tables, and runs a packet through what is there of a parser.
func readAll(data, packet []byte) {
	p, err := ddp.Read(data)
	if err != nil {
		return
	}
	for _, s := range p.Configurations() {
		_, _ = s.Info()
		for _, name := range ddp.Blocks() {
			if b, err := s.Block(name); err == nil {
				_ = b.Vector(3)
				_ = b.Find(24, 1)
			}
		}
		parser, err := s.Parser(false)
		if err != nil {
			continue
		}
		_, _, _ = parser.Graph(), parser.Protocols(), parser.PacketTypes()
		if sim, err := parser.Simulate(ddp.DefaultSettings()); err == nil {
			r, _ := sim.Run(packet)
			_ = s.Select(r)
			_ = r.Text(io.Discard)
		}
	}
	_, _ = ddp.Compare(p, p)
}

func tagged(f *testing.F) []byte {
	packet, _, err := build("MAC_IPV4_UDP_PAY", shape{tags: []uint16{0x8100}})
	if err != nil {
		f.Fatal(err)
	}
	return packet
}

// FuzzRead reads bytes of any kind.
func FuzzRead(f *testing.F) {
	f.Add(ddptest.Small())
	f.Add(ddptest.Package(ddptest.Config(ddptest.Sections()[:3]...)))
	f.Add([]byte{1, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0})
	packet := tagged(f)
	f.Fuzz(func(_ *testing.T, data []byte) { readAll(data, packet) })
}

// FuzzTables damages a whole package in one place.
func FuzzTables(f *testing.F) {
	small, packet := ddptest.Small(), tagged(f)
	f.Add(uint32(0), []byte{2})
	for at := 44; at < len(small); at += 999 {
		f.Add(uint32(at), []byte{0xff, 0xff})
	}
	f.Fuzz(func(_ *testing.T, at uint32, patch []byte) {
		data := bytes.Clone(small)
		copy(data[int(at)%len(data):], patch)
		readAll(data, packet)
	})
}

// FuzzRun sends packets of any kind and length through the small parser.
func FuzzRun(f *testing.F) {
	for _, name := range []string{"MAC_PAY", "MAC_IPV4_TCP", "MAC_IPV4_TUN_PAY"} {
		packet, _, err := build(name, shape{tunnel: "vxlan"})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet)
	}
	f.Add([]byte{})
	f.Add(make([]byte, 2000))
	sim := simulator(f, ddp.DefaultSettings())
	f.Fuzz(func(t *testing.T, packet []byte) {
		r, err := sim.Run(packet)
		if err != nil {
			t.Fatalf("%v: %s", err, hex.EncodeToString(packet))
		}
		if r.PType < 0 {
			t.Fatalf("no packet type: %v", r.Markers)
		}
	})
}
