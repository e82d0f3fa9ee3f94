package interp_test

import (
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestIntrinsicMetadata: what the architecture tells a program is there for one that reads it. l3router never does, so
// its action that rewrites addresses is made to put an intrinsic field into the source address.
func TestIntrinsicMetadata(t *testing.T) {
	packet := udp(t)
	for name, want := range map[string]uint64{
		"standard_metadata.ingress_port":              1,
		"standard_metadata.egress_spec":               2,
		"standard_metadata.packet_length":             uint64(len(packet)),
		"standard_metadata.parser_error":              0,
		"intrinsic_metadata.ingress_global_timestamp": 2_500_000,
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{time.Unix(1000, 0)}
			sw, err := interp.New(withSource(t, name), interp.Options{Now: c.Now})
			if err != nil {
				t.Fatal(err)
			}
			play(t, sw, stf.Read, `
				add my_station std_meta.ingress_port:1 hdr.ethernet.dst_addr:0x020000000001 route()
				add ipv4_lpm hdr.ipv4.dst_addr:0x0a01**** set_nexthop(nexthop_id:1)
				add nexthop meta.nexthop_id:1 forward(port:2, smac:0x020000000002, dmac:0x0200000000b2)`)
			c.now = c.now.Add(2500 * time.Millisecond)
			out, err := sw.Process(1, packet)
			if err != nil || len(out) != 1 {
				t.Fatalf("got %v, %v", out, err)
			}
			if got := binary.BigEndian.Uint64(out[0].Packet[4:]) & (1<<48 - 1); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

// withSource is l3router with a field in place of the source address of what it forwards.
func withSource(t *testing.T, name string) *pipeline.Program {
	t.Helper()
	p, err := stftest.LoadProgram(filepath.Join(stftest.Root(t), "testdata", "p4", "l3router.json"))
	if err != nil {
		t.Fatal(err)
	}
	source, replaced := p.FieldByName(name), 0
	for _, a := range p.Actions {
		for i := range a.Body {
			args := a.Body[i].Args
			if len(args) != 2 || a.Body[i].Op != pipeline.OpAssign {
				continue
			}
			if to, ok := args[0].(*pipeline.FieldRef); ok && to.Header.Name == "ethernet" && to.Field.Name == "src_addr" {
				args[1] = source
				replaced++
			}
		}
	}
	if source == nil || replaced != 1 {
		t.Fatalf("field %v, put in %d places", source, replaced)
	}
	return p
}
