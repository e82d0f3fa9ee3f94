package simnic

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// TestRedirect wants a packet that the device hands over to be forwarded by a native XDP program on the host's
// netdev, and to leave by the wire of the port it was redirected to.
func TestRedirect(t *testing.T) {
	bpftest.Require(t, "bpf")
	b := newBench(t, Limits{})
	attach := func(port int, instructions ...asm.Instruction) {
		t.Helper()
		program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: instructions})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { program.Close() })
		var l link.Link
		err = inNamespace(b.nic.cfg.Ports[port].HostNamespace, func() (err error) {
			l, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: b.nic.ports[port].host.index, Flags: link.XDPDriverMode})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	attach(0, asm.Mov.Imm(asm.R1, int32(b.nic.ports[1].host.index)), asm.Mov.Imm(asm.R2, 0), asm.FnRedirect.Call(), asm.Return())
	attach(1, asm.Mov.Imm(asm.R0, 1), asm.Return()) // XDP_DROP
	in := unhex(t, packetIn)
	b.send(b.wire[0], in)
	b.expect(b.wire[1], in)
	b.send(b.wire[1], in)
	b.expect(nil, nil)
	if s := b.nic.Stats(); s.Misses[NoProgram] != 2 || s.FromHost != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestAgent writes entries and a default entry over P4Runtime and forwards a packet by them.
func TestAgent(t *testing.T) {
	b := newBench(t, Limits{})
	b.load("l3router", "1.0")
	path := filepath.Join(t.TempDir(), "agent.sock")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.nic.ServeAgent(ctx, "unix:"+path) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient("passthrough:agent", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := p4v1.NewP4RuntimeClient(conn)
	election := &p4v1.Uint128{Low: 1}
	stream, err := client.StreamChannel(ctx, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	arbitration := &p4v1.MasterArbitrationUpdate{DeviceId: 1, ElectionId: election}
	if err := stream.Send(&p4v1.StreamMessageRequest{Update: &p4v1.StreamMessageRequest_Arbitration{Arbitration: arbitration}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	req := &p4v1.WriteRequest{DeviceId: 1, ElectionId: election, Updates: b.updates()}
	if _, err := client.Write(ctx, req); err != nil {
		t.Fatal(err)
	}
	b.send(b.wire[0], unhex(t, packetIn))
	b.expect(b.wire[1], unhex(t, packetOut))
	b.load("l2switch", "1.0") // the agent follows the device
	config, err := client.GetForwardingPipelineConfig(ctx, &p4v1.GetForwardingPipelineConfigRequest{DeviceId: 1})
	if err != nil || config.GetConfig().GetP4Info().GetTables()[0].GetPreamble().GetAlias() != "port_vlan" {
		t.Errorf("config %v, %v", config, err)
	}
}

// updates are P4Runtime's form of route and of the acl's default entry.
func (b *bench) updates() []*p4v1.Update {
	b.t.Helper()
	b.nic.agents.mu.Lock()
	schema := b.nic.agents.running.pipeline(b.nic.cfg.Log).Schema
	b.nic.agents.mu.Unlock()
	var out []*p4v1.Update
	add := func(typ p4v1.Update_Type, e *p4v1.TableEntry, err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, &p4v1.Update{Type: typ, Entity: &p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: e}}})
	}
	for _, words := range [][4]string{
		{"my_station", "1 02:00:00:00:00:01", "route", ""},
		{"ipv4_lpm", "10.1.0.0/16", "set_nexthop", "1"},
		{"nexthop", "1", "forward", "2 02:00:00:00:00:02 02:00:00:00:00:b2"},
	} {
		e, err := schema.EncodeEntry(b.entry(words[0], words[1], words[2], words[3]))
		add(p4v1.Update_INSERT, e, err)
	}
	acl, err := b.nic.Program().TableByName("acl")
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := schema.EncodeDefault(acl, acl.Default)
	add(p4v1.Update_MODIFY, e, err)
	return out
}

// BenchmarkEngine measures one routed packet within the device.
func BenchmarkEngine(b *testing.B) {
	bench := newBench(b, Limits{})
	bench.load("l3router", "1.0")
	bench.route()
	bench.writeDefaults()
	in := unhex(b, packetIn)
	b.ReportAllocs()
	for b.Loop() {
		if v := bench.nic.decide(1, in); v.miss || len(v.out) != 1 {
			b.Fatalf("%+v", v)
		}
	}
}
