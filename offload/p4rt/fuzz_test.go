package p4rt_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	p4v1 "github.com/p4lang/p4runtime/go/p4/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload/p4rt"
)

// FuzzDecodeEntry: whatever a client sends, decoding it does not panic, and what is accepted passes the model's
// own check and survives a round trip.
func FuzzDecodeEntry(f *testing.F) {
	p := newTestProgram()
	s, err := p4rt.NewSchema(p.Program, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, te := range []*p4v1.TableEntry{
		{TableId: p.exact.ID, Match: []*p4v1.FieldMatch{exactField(1, "\x01")}, Action: action(p.drop.ID)},
		{TableId: p.lpm.ID, Match: []*p4v1.FieldMatch{exactField(1, "\x01"), lpmField(2, "\x0a\x00\x00\x00", 8)},
			Action: action(p.forward.ID, "\x01", "\x02")},
		{TableId: p.acl.ID, Priority: 3, Action: action(p.drop.ID), Match: []*p4v1.FieldMatch{
			ternaryField(1, "\x03\x00", "\xff\x00"), optionalField(2, "\x06"), rangeField(3, "\x50", "\x01\x00")}},
		{TableId: p.exact.ID, IsDefaultAction: true, Action: action(p.drop.ID)},
	} {
		data, err := proto.Marshal(te)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		te := &p4v1.TableEntry{}
		if proto.Unmarshal(data, te) != nil {
			return
		}
		if _, _, err := s.DecodeDefault(te); err == nil && te.GetIsDefaultAction() {
			return
		}
		e, err := s.DecodeEntry(te)
		if err != nil {
			return
		}
		if err := pipeline.CheckEntry(e); err != nil {
			t.Fatalf("%v was accepted: %v", te, err)
		}
		first, err := s.EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := s.DecodeEntry(first)
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.EncodeEntry(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first, second, protocmp.Transform()); diff != "" {
			t.Fatal(diff)
		}
	})
}
