package interp_test

import (
	"encoding/hex"
	"path/filepath"
	"testing"

	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// BenchmarkL3Router sends a routed IPv4 packet through the reference program with the entries of its test.
func BenchmarkL3Router(b *testing.B) {
	sw := configured(b, "l3router")
	packet := routed(b, sw)
	b.ReportAllocs()
	b.SetBytes(int64(len(packet)))
	for b.Loop() {
		if out, err := sw.Process(1, packet); err != nil || len(out) != 1 {
			b.Fatalf("got %d packets, error %v", len(out), err)
		}
	}
}

// configured runs the program with everything but packets of its test.
func configured(tb testing.TB, name string) *interp.Switch {
	tb.Helper()
	dir := filepath.Join(stftest.Root(tb), "testdata", "p4")
	p, err := stftest.LoadProgram(filepath.Join(dir, name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	sw, err := interp.New(p, interp.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	test, err := stftest.Case{Name: name, Files: []string{filepath.Join(dir, name+".stf")}}.Load()
	if err != nil {
		tb.Fatal(err)
	}
	config := &stf.Test{Name: name}
	for _, s := range test.Statements {
		switch s.(type) {
		case *stf.Packet, *stf.Expect, *stf.CheckCounter:
		default:
			config.Statements = append(config.Statements, s)
		}
	}
	if _, err := stf.Run(tb.Context(), config, engine(sw)); err != nil {
		tb.Fatal(err)
	}
	return sw
}

// udp is a UDP packet for l3router, addressed to its port 1.
func udp(tb testing.TB) []byte {
	tb.Helper()
	packet, err := hex.DecodeString("0200000000010200000000aa0800" +
		"4500002000014000401125ca0a0000010a010101" + "045708ae000c0000" + "cafef00d")
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

// routed is udp, after it was seen that the entries of l3router's test send it to port 2.
func routed(tb testing.TB, sw *interp.Switch) []byte {
	tb.Helper()
	packet := udp(tb)
	out, err := sw.Process(1, packet)
	if err != nil || len(out) != 1 || out[0].Port != 2 {
		tb.Fatalf("want one packet to port 2, got %v, %v", out, err)
	}
	return packet
}
