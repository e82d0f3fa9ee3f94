package p4rt_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/interp"
)

// What both engines offer is what a server asks for.
var (
	_ p4rt.CounterWriter = (*interp.Switch)(nil)
	_ p4rt.Registrar     = (*interp.Switch)(nil)
	_ p4rt.Metered       = (*interp.Switch)(nil)
	_ p4rt.CounterWriter = (*swfallback.Fallback)(nil)
	_ p4rt.Registrar     = (*swfallback.Fallback)(nil)
	_ p4rt.Metered       = (*swfallback.Fallback)(nil)
)

// stateBench is a server over an interpreter of a program of testdata/p4/features.
type stateBench struct {
	*bench
	t  *testing.T
	sw *interp.Switch
}

func newStateBench(t *testing.T, name string) *stateBench {
	t.Helper()
	base := filepath.Join("..", "..", "testdata", "p4", "features", name)
	json, err := os.ReadFile(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(base + ".p4info.txtpb")
	if err != nil {
		t.Fatal(err)
	}
	program, err := bmv2.Open(json, info)
	if err != nil {
		t.Fatal(err)
	}
	sw, err := interp.New(program, interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &stateBench{t: t, sw: sw}
	b.bench = newBench(t, func(c *p4rt.Config) { c.Target = sw })
	schema, err := p4rt.NewSchema(program, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.server.SetPipeline(&p4rt.Pipeline{Schema: schema})
	b.primary(t)
	return b
}

// modify writes one entity and checks the code of the answer.
func (b *stateBench) modify(op p4v1.Update_Type, e *p4v1.Entity, want codes.Code) {
	b.t.Helper()
	each, rpc := p4rt.WriteErrors(b.write(10, &p4v1.Update{Type: op, Entity: e}), 1)
	if rpc != nil {
		b.t.Fatal(rpc)
	}
	got := codes.OK
	if refused := new(p4rt.UpdateError); errors.As(each[0], &refused) {
		got = refused.Code
	}
	if got != want {
		b.t.Errorf("%v %v: %v, want %v (%v)", op, e, got, want, each[0])
	}
}

func index(n int64) *p4v1.Index { return &p4v1.Index{Index: n} }

func registerEntry(id uint32, i *p4v1.Index, bits ...byte) *p4v1.Entity {
	e := &p4v1.RegisterEntry{RegisterId: id, Index: i}
	if bits != nil {
		e.Data = &p4v1.P4Data{Data: &p4v1.P4Data_Bitstring{Bitstring: bits}}
	}
	return &p4v1.Entity{Entity: &p4v1.Entity_RegisterEntry{RegisterEntry: e}}
}

func TestRegisters(t *testing.T) {
	b := newStateBench(t, "state")
	r, err := b.sw.Program().RegisterByName("state_ingress.blocks")
	if err != nil {
		t.Fatal(err)
	}
	wide := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, nil, 7), codes.OK)
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, index(2), wide...), codes.OK)
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, index(4), 1), codes.OutOfRange)
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, index(-1), 1), codes.InvalidArgument)
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, index(1), append([]byte{1}, wide...)...), codes.OutOfRange)
	b.modify(p4v1.Update_MODIFY, registerEntry(r.ID, index(1)), codes.InvalidArgument)
	b.modify(p4v1.Update_MODIFY, registerEntry(99, index(1), 1), codes.InvalidArgument)
	b.modify(p4v1.Update_INSERT, registerEntry(r.ID, index(1), 1), codes.InvalidArgument)
	b.same(registerEntry(r.ID, nil), registerEntry(r.ID, index(0), 7), registerEntry(r.ID, index(1), 7),
		registerEntry(r.ID, index(2), wide...), registerEntry(r.ID, index(3), 7))
	b.same(registerEntry(r.ID, index(1)), registerEntry(r.ID, index(1), 7))
	all := 0
	for _, reg := range b.sw.Program().Registers {
		all += reg.Size
	}
	if got := b.readAll(registerEntry(0, nil)); len(got) != all {
		t.Errorf("%d elements of all registers, want %d", len(got), all)
	}
}

// same compares what a read finds.
func (b *stateBench) same(request *p4v1.Entity, want ...*p4v1.Entity) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.readAll(request), protocmp.Transform()); diff != "" {
		b.t.Errorf("read %v (-want +got):\n%s", request, diff)
	}
}

func (b *stateBench) readAll(request *p4v1.Entity) []*p4v1.Entity {
	b.t.Helper()
	found, _, err := b.read(request)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func TestCountersWrite(t *testing.T) {
	b := newStateBench(t, "state")
	c, err := b.sw.Program().CounterByName("state_ingress.by_port")
	if err != nil {
		t.Fatal(err)
	}
	entry := func(i *p4v1.Index, packets, bytes int64) *p4v1.Entity {
		return &p4v1.Entity{Entity: &p4v1.Entity_CounterEntry{CounterEntry: &p4v1.CounterEntry{CounterId: c.ID, Index: i,
			Data: &p4v1.CounterData{PacketCount: packets, ByteCount: bytes}}}}
	}
	b.modify(p4v1.Update_MODIFY, entry(nil, 1, 60), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(index(3), 7, 700), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(index(16), 7, 700), codes.OutOfRange)
	b.modify(p4v1.Update_DELETE, entry(index(3), 7, 700), codes.InvalidArgument)
	for i, want := range map[int]pipeline.Count{2: {Packets: 1, Bytes: 60}, 3: {Packets: 7, Bytes: 700}} {
		if got, err := b.sw.ReadCounter(c, i); err != nil || got != want {
			t.Errorf("element %d: %v, want %v, %v", i, got, want, err)
		}
	}
}

func TestMeters(t *testing.T) {
	b := newStateBench(t, "selector")
	m, err := b.sw.Program().MeterByName("selector_ingress.shapers")
	if err != nil {
		t.Fatal(err)
	}
	rates := &p4v1.MeterConfig{Cir: 1000, Cburst: 20, Pir: 2000, Pburst: 40}
	entry := func(id uint32, i *p4v1.Index, c *p4v1.MeterConfig) *p4v1.Entity {
		return &p4v1.Entity{Entity: &p4v1.Entity_MeterEntry{MeterEntry: &p4v1.MeterEntry{MeterId: id, Index: i, Config: c}}}
	}
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(2), rates), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(3), rates), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(3), nil), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(4), rates), codes.OutOfRange)
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(2), &p4v1.MeterConfig{Cir: 2, Pir: 1}), codes.OutOfRange)
	b.modify(p4v1.Update_MODIFY, entry(m.ID, index(2), &p4v1.MeterConfig{Cir: -2}), codes.InvalidArgument)
	b.modify(p4v1.Update_INSERT, entry(m.ID, index(2), rates), codes.InvalidArgument)
	b.same(entry(m.ID, nil, nil), entry(m.ID, index(0), nil), entry(m.ID, index(1), nil), entry(m.ID, index(2), rates),
		entry(m.ID, index(3), nil))
	b.same(entry(0, nil, nil), b.readAll(entry(m.ID, nil, nil))...)
}

func TestDirectMeters(t *testing.T) {
	b := newStateBench(t, "selector")
	table, err := b.sw.Program().TableByName("selector_ingress.policed")
	if err != nil {
		t.Fatal(err)
	}
	e, err := pipeline.ParseEntry(b.sw.Program(), table.Name, []string{"5"}, "police", nil, 0)
	if err == nil {
		err = b.sw.Insert(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	rates := &p4v1.MeterConfig{Cir: 1000, Cburst: 20, Pir: 2000, Pburst: 40}
	entry := func(key byte, c *p4v1.MeterConfig) *p4v1.Entity {
		te := &p4v1.TableEntry{TableId: table.ID, Match: []*p4v1.FieldMatch{{FieldId: table.Keys[0].ID,
			FieldMatchType: &p4v1.FieldMatch_Exact_{Exact: &p4v1.FieldMatch_Exact{Value: []byte{key}}}}}}
		return &p4v1.Entity{Entity: &p4v1.Entity_DirectMeterEntry{DirectMeterEntry: &p4v1.DirectMeterEntry{TableEntry: te, Config: c}}}
	}
	b.same(entry(5, nil), entry(5, nil))
	b.modify(p4v1.Update_MODIFY, entry(5, rates), codes.OK)
	b.modify(p4v1.Update_MODIFY, entry(6, rates), codes.NotFound)
	b.modify(p4v1.Update_DELETE, entry(5, rates), codes.InvalidArgument)
	b.same(entry(5, nil), entry(5, rates))
	every := &p4v1.Entity{Entity: &p4v1.Entity_DirectMeterEntry{DirectMeterEntry: &p4v1.DirectMeterEntry{}}}
	b.same(every, entry(5, rates))
}
