package p4rt_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
)

// bench is a server on a Unix socket with its target and a connection to it.
type bench struct {
	program *testProgram
	memory  *memory
	server  *p4rt.Server
	client  p4v1.P4RuntimeClient
}

func newBench(t *testing.T, change func(*p4rt.Config)) *bench {
	t.Helper()
	b := &bench{program: newTestProgram(), memory: newMemory()}
	config := p4rt.Config{DeviceID: 1, Target: b.memory, Chunk: 3}
	if change != nil {
		change(&config)
	}
	var err error
	if b.server, err = p4rt.NewServer(config); err != nil {
		t.Fatal(err)
	}
	cookie := uint64(0xfeed)
	b.server.SetPipeline(&p4rt.Pipeline{Schema: newSchema(t, b.program.Program), Cookie: &cookie})
	address := "unix:" + filepath.Join(t.TempDir(), "sub", "p4rt.sock")
	listener, err := p4rt.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.server.Serve(ctx, listener) }()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(conn.Close(), <-served); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	b.client = p4v1.NewP4RuntimeClient(conn)
	return b
}

// session is one stream channel.
type session struct {
	t      *testing.T
	stream p4v1.P4Runtime_StreamChannelClient
	cancel context.CancelFunc
}

func (b *bench) open(t *testing.T) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	stream, err := b.client.StreamChannel(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return &session{t, stream, cancel}
}

// arbitrate sends an update; low 0 leaves the election id unset.
func (s *session) arbitrate(device, low uint64) {
	s.t.Helper()
	u := &p4v1.MasterArbitrationUpdate{DeviceId: device}
	if low != 0 {
		u.ElectionId = &p4v1.Uint128{Low: low}
	}
	s.send(u)
}

func (s *session) send(u *p4v1.MasterArbitrationUpdate) {
	s.t.Helper()
	err := s.stream.Send(&p4v1.StreamMessageRequest{Update: &p4v1.StreamMessageRequest_Arbitration{Arbitration: u}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// expect receives an advisory message.
func (s *session) expect(code codes.Code, highest uint64) {
	s.t.Helper()
	m, err := s.stream.Recv()
	if err != nil {
		s.t.Fatalf("receive: %v", err)
	}
	a := m.GetArbitration()
	if got := codes.Code(a.GetStatus().GetCode()); got != code || a.GetElectionId().GetLow() != highest {
		s.t.Fatalf("advisory %v with election id %d, want %v with %d", got, a.GetElectionId().GetLow(), code, highest)
	}
}

// expectEnd waits for the stream's status.
func (s *session) expectEnd(code codes.Code) {
	s.t.Helper()
	_, err := s.stream.Recv()
	if status.Code(err) != code {
		s.t.Fatalf("stream ended with %v, want %v", err, code)
	}
}

func (b *bench) primary(t *testing.T) *session {
	t.Helper()
	s := b.open(t)
	s.arbitrate(1, 10)
	s.expect(codes.OK, 10)
	return s
}

func (b *bench) write(low uint64, updates ...*p4v1.Update) error {
	_, err := b.client.Write(context.Background(), &p4v1.WriteRequest{
		DeviceId: 1, ElectionId: &p4v1.Uint128{Low: low}, Updates: updates})
	return err
}

func (b *bench) read(requests ...*p4v1.Entity) (found []*p4v1.Entity, messages int, err error) {
	stream, err := b.client.Read(context.Background(), &p4v1.ReadRequest{DeviceId: 1, Entities: requests})
	if err != nil {
		return nil, 0, err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return found, messages, nil
		}
		if err != nil {
			return found, messages, err
		}
		messages++
		found = append(found, m.GetEntities()...)
	}
}

func tableUpdate(op p4v1.Update_Type, te *p4v1.TableEntry) *p4v1.Update {
	return &p4v1.Update{Type: op, Entity: tableEntity(te)}
}

func tableEntity(te *p4v1.TableEntry) *p4v1.Entity {
	return &p4v1.Entity{Entity: &p4v1.Entity_TableEntry{TableEntry: te}}
}

func (b *bench) host(n byte) *p4v1.TableEntry {
	return &p4v1.TableEntry{TableId: b.program.exact.ID, Match: []*p4v1.FieldMatch{exactField(1, string(n))},
		Action: action(b.program.drop.ID)}
}

func TestWriteReportsEveryUpdate(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	full := tableUpdate(p4v1.Update_INSERT, b.host(1))
	err := b.write(10, full, full, tableUpdate(p4v1.Update_DELETE, b.host(9)), tableUpdate(p4v1.Update_INSERT, b.host(2)),
		&p4v1.Update{Type: p4v1.Update_INSERT}, &p4v1.Update{Entity: tableEntity(b.host(3))})
	if status.Code(err) != codes.Unknown {
		t.Fatalf("status %v, want Unknown", err)
	}
	each, rpc := p4rt.WriteErrors(err, 6)
	if rpc != nil {
		t.Fatal(rpc)
	}
	for i, want := range []error{nil, pipeline.ErrExists, pipeline.ErrNotFound, nil} {
		if !errors.Is(each[i], want) {
			t.Errorf("update %d: %v, want %v", i, each[i], want)
		}
	}
	for i := 4; i < 6; i++ {
		var ue *p4rt.UpdateError
		if !errors.As(each[i], &ue) || ue.Code != codes.InvalidArgument {
			t.Errorf("update %d: %v, want InvalidArgument", i, each[i])
		}
	}
	if found, _, err := b.read(tableEntity(&p4v1.TableEntry{})); err != nil || len(found) != 2 {
		t.Errorf("%d entries, error %v; want the two that were inserted", len(found), err)
	}
}

func TestWriteBatchesInserts(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	err := b.write(10, tableUpdate(p4v1.Update_INSERT, b.host(1)), tableUpdate(p4v1.Update_INSERT, b.host(2)),
		tableUpdate(p4v1.Update_DELETE, b.host(1)), tableUpdate(p4v1.Update_INSERT, b.host(3)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2, 1}, b.memory.inserts); diff != "" {
		t.Errorf("sizes of inserts (-want +got):\n%s", diff)
	}
}

func TestWriteChecks(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	insert := []*p4v1.Update{tableUpdate(p4v1.Update_INSERT, b.host(1))}
	id := &p4v1.Uint128{Low: 10}
	tests := []struct {
		name    string
		request *p4v1.WriteRequest
		want    codes.Code
	}{
		{"other device", &p4v1.WriteRequest{DeviceId: 2, ElectionId: id, Updates: insert}, codes.NotFound},
		{"other role", &p4v1.WriteRequest{DeviceId: 1, Role: "x", ElectionId: id, Updates: insert}, codes.NotFound},
		{"no election id", &p4v1.WriteRequest{DeviceId: 1, Updates: insert}, codes.PermissionDenied},
		{"backup's election id", &p4v1.WriteRequest{DeviceId: 1, ElectionId: &p4v1.Uint128{Low: 9}}, codes.PermissionDenied},
		{"higher than the primary's", &p4v1.WriteRequest{DeviceId: 1, ElectionId: &p4v1.Uint128{High: 1}}, codes.PermissionDenied},
		{"rollback", &p4v1.WriteRequest{DeviceId: 1, ElectionId: id, Atomicity: p4v1.WriteRequest_ROLLBACK_ON_ERROR}, codes.Unimplemented},
		{"atomic", &p4v1.WriteRequest{DeviceId: 1, ElectionId: id, Atomicity: p4v1.WriteRequest_DATAPLANE_ATOMIC}, codes.Unimplemented},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := b.client.Write(context.Background(), tt.request); status.Code(err) != tt.want {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
	b.server.SetPipeline(nil)
	if err := b.write(10, insert...); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("without a pipeline: %v, want FailedPrecondition", err)
	}
}

func TestDefaultEntry(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	p := b.program
	def := func(table *pipeline.Table, a *p4v1.TableAction) *p4v1.TableEntry {
		return &p4v1.TableEntry{TableId: table.ID, IsDefaultAction: true, Action: a}
	}
	tests := []struct {
		name  string
		op    p4v1.Update_Type
		entry *p4v1.TableEntry
		want  codes.Code
	}{
		{"modify", p4v1.Update_MODIFY, def(p.exact, action(p.forward.ID, "\x01", "\x02")), codes.OK},
		{"insert", p4v1.Update_INSERT, def(p.exact, action(p.drop.ID)), codes.InvalidArgument},
		{"delete", p4v1.Update_DELETE, def(p.exact, nil), codes.InvalidArgument},
		{"with a match", p4v1.Update_MODIFY, &p4v1.TableEntry{TableId: p.exact.ID, IsDefaultAction: true,
			Match: []*p4v1.FieldMatch{exactField(1, "\x01")}}, codes.InvalidArgument},
		{"constant, another action", p4v1.Update_MODIFY, def(p.constant, action(p.forward.ID, "\x01", "\x02")), codes.PermissionDenied},
		{"constant, its own action", p4v1.Update_MODIFY, def(p.constant, action(p.drop.ID)), codes.OK},
		{"indirect table", p4v1.Update_MODIFY, def(p.indirect, action(p.drop.ID)), codes.PermissionDenied},
		{"keyless table", p4v1.Update_MODIFY, def(p.keyless, action(p.forward.ID, "\x01", "\x02")), codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each, rpc := p4rt.WriteErrors(b.write(10, tableUpdate(tt.op, tt.entry)), 1)
			if rpc != nil {
				t.Fatal(rpc)
			}
			if got := p4rt.EncodeError(each[0]).GetCanonicalCode(); codes.Code(got) != tt.want {
				var ue *p4rt.UpdateError
				if !errors.As(each[0], &ue) || ue.Code != tt.want {
					t.Errorf("%v, want %v", each[0], tt.want)
				}
			}
		})
	}
	if call := b.memory.defaults[p.exact]; call == nil || call.Action != p.forward {
		t.Errorf("default of exact is %v", call)
	}
	if err := b.write(10, tableUpdate(p4v1.Update_MODIFY, def(p.exact, nil))); err != nil {
		t.Fatal(err)
	}
	found, _, err := b.read(tableEntity(def(p.exact, nil)))
	if err != nil || len(found) != 1 || found[0].GetTableEntry().GetAction() != nil {
		t.Errorf("after the reset: %v, error %v; want a default entry without an action", found, err)
	}
}

func TestReadFiltersAndChunks(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	p := b.program
	acl := func(prio int32, src string) *p4v1.TableEntry {
		return &p4v1.TableEntry{TableId: p.acl.ID, Priority: prio, Action: action(p.drop.ID), Metadata: []byte("m" + src),
			Match: []*p4v1.FieldMatch{ternaryField(1, src, "\xff")}}
	}
	route := &p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.forward.ID, "\x01", "\x02"),
		Match: []*p4v1.FieldMatch{exactField(1, "\x05"), lpmField(2, "\x0a\x00\x00\x00", 8)}}
	written := []*p4v1.TableEntry{b.host(1), b.host(2), route, acl(3, "\x01"), acl(3, "\x02"), acl(4, "\x01"), acl(5, "\x07")}
	var updates []*p4v1.Update
	for _, te := range written {
		updates = append(updates, tableUpdate(p4v1.Update_INSERT, te))
	}
	if err := b.write(10, updates...); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		query *p4v1.TableEntry
		want  []int // of written
	}{
		{"everything", &p4v1.TableEntry{}, []int{0, 1, 2, 3, 4, 5, 6}},
		{"one table", &p4v1.TableEntry{TableId: p.acl.ID}, []int{3, 4, 5, 6}},
		{"priority", &p4v1.TableEntry{TableId: p.acl.ID, Priority: 3}, []int{3, 4}},
		{"match and priority", &p4v1.TableEntry{TableId: p.acl.ID, Priority: 4, Match: acl(4, "\x01").Match}, []int{5}},
		{"metadata", &p4v1.TableEntry{TableId: p.acl.ID, Metadata: []byte("m\x02")}, []int{4}},
		{"action", &p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.forward.ID)}, []int{2}},
		{"another action", &p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.drop.ID)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, messages, err := b.read(tableEntity(tt.query))
			if err != nil {
				t.Fatal(err)
			}
			var want []*p4v1.Entity
			for _, i := range tt.want {
				want = append(want, tableEntity(written[i]))
			}
			if diff := cmp.Diff(want, found, protocmp.Transform()); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if wantMessages := (len(want) + 2) / 3; messages != wantMessages {
				t.Errorf("%d messages, want %d", messages, wantMessages)
			}
		})
	}
}

func TestReadCounters(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	p := b.program
	route := &p4v1.TableEntry{TableId: p.lpm.ID, Action: action(p.drop.ID), Match: []*p4v1.FieldMatch{exactField(1, "\x05")}}
	if err := b.write(10, tableUpdate(p4v1.Update_INSERT, route)); err != nil {
		t.Fatal(err)
	}
	counter := func(id uint32, index *p4v1.Index) *p4v1.Entity {
		return &p4v1.Entity{Entity: &p4v1.Entity_CounterEntry{CounterEntry: &p4v1.CounterEntry{CounterId: id, Index: index}}}
	}
	direct := func(te *p4v1.TableEntry) *p4v1.Entity {
		return &p4v1.Entity{Entity: &p4v1.Entity_DirectCounterEntry{DirectCounterEntry: &p4v1.DirectCounterEntry{TableEntry: te}}}
	}
	absent := &p4v1.TableEntry{TableId: p.lpm.ID, Match: []*p4v1.FieldMatch{exactField(1, "\x06")}}
	tests := []struct {
		name  string
		query *p4v1.Entity
		want  int
		code  codes.Code
	}{
		{"all counters", counter(0, nil), 4, codes.OK},
		{"one array", counter(p.counter.ID, nil), 4, codes.OK},
		{"one element", counter(p.counter.ID, &p4v1.Index{Index: 3}), 1, codes.OK},
		{"past the end", counter(p.counter.ID, &p4v1.Index{Index: 4}), 0, codes.OutOfRange},
		{"negative", counter(p.counter.ID, &p4v1.Index{Index: -1}), 0, codes.InvalidArgument},
		{"direct", direct(route), 1, codes.OK},
		{"direct of a table", direct(&p4v1.TableEntry{TableId: p.lpm.ID}), 1, codes.OK},
		{"direct, no such entry", direct(absent), 0, codes.NotFound},
		{"direct, no counter", direct(&p4v1.TableEntry{TableId: p.exact.ID}), 0, codes.InvalidArgument},
		{"entity not set", &p4v1.Entity{}, 0, codes.InvalidArgument},
		{"digests", &p4v1.Entity{Entity: &p4v1.Entity_DigestEntry{}}, 0, codes.Unimplemented},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, _, err := b.read(tt.query)
			each, rpc := p4rt.WriteErrors(err, 1)
			if rpc != nil {
				t.Fatal(rpc)
			}
			var ue *p4rt.UpdateError
			if got := each[0]; tt.code != codes.OK && (!errors.As(got, &ue) || ue.Code != tt.code) || tt.code == codes.OK && got != nil {
				t.Errorf("error %v, want %v", got, tt.code)
			}
			if len(found) != tt.want {
				t.Errorf("%d entities, want %d", len(found), tt.want)
			}
		})
	}
	q := tableEntity(&p4v1.TableEntry{TableId: p.lpm.ID, CounterData: &p4v1.CounterData{}})
	found, _, err := b.read(q)
	if err != nil || len(found) != 1 || found[0].GetTableEntry().GetCounterData().GetPacketCount() != 1 {
		t.Errorf("entry with its counter: %v, error %v", found, err)
	}
}

func TestConfigAndCapabilities(t *testing.T) {
	b := newBench(t, nil)
	b.primary(t)
	ctx := context.Background()
	c, err := b.client.Capabilities(ctx, &p4v1.CapabilitiesRequest{})
	if err != nil || c.GetP4RuntimeApiVersion() != "1.5.0" {
		t.Errorf("capabilities %v, error %v", c, err)
	}
	if _, err := b.client.Capabilities(ctx, &p4v1.CapabilitiesRequest{DeviceId: 5}); status.Code(err) != codes.NotFound {
		t.Errorf("capabilities of another device: %v, want NotFound", err)
	}
	g, err := b.client.GetForwardingPipelineConfig(ctx, &p4v1.GetForwardingPipelineConfigRequest{DeviceId: 1})
	if err != nil || g.GetConfig().GetCookie().GetCookie() != 0xfeed {
		t.Errorf("config %v, error %v", g, err)
	}
	_, err = b.client.SetForwardingPipelineConfig(ctx, &p4v1.SetForwardingPipelineConfigRequest{
		DeviceId: 1, ElectionId: &p4v1.Uint128{Low: 10}, Action: p4v1.SetForwardingPipelineConfigRequest_VERIFY})
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("set config: %v, want Unimplemented", err)
	}
	b.server.SetPipeline(nil)
	g, err = b.client.GetForwardingPipelineConfig(ctx, &p4v1.GetForwardingPipelineConfigRequest{DeviceId: 1})
	if err != nil || g.GetConfig() != nil {
		t.Errorf("config without a pipeline %v, error %v; want unset", g, err)
	}
}

func TestListenRefusesWhatIsNotItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := p4rt.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p4rt.Listen("unix:" + path); err == nil {
		t.Error("a socket in use was taken over")
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = p4rt.Listen("unix:" + path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
