package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/devlink"
)

// shownEntry and shownValue are the JSON form of entries, for encoding/json.
type shownEntry struct {
	Table   string       `json:"table"`
	Index   uint64       `json:"index"`
	Counter *uint64      `json:"counter,omitempty"`
	Match   []shownValue `json:"match_value"`
	Action  []shownValue `json:"action_value"`
}

type shownValue struct {
	dpipeField
	MappingValue *uint32 `json:"mapping_value,omitempty"`
	Mask         any     `json:"value_mask,omitempty"`
	Value        any     `json:"value"`
}

// oddHeaders have names that need escapes, a mapping, and the kernel's own three headers.
var oddHeaders = devlink.DpipeHeaders{
	{Name: `a "b" <c>`, ID: 0, Fields: []devlink.DpipeField{{Name: "f\n0", ID: 0, Mapping: devlink.DpipeMappingIfIndex}, {Name: "f1", ID: 1}}},
	{Name: "ethernet", ID: dpipeEthernet, Global: true, Fields: []devlink.DpipeField{{Name: "destination mac"}}},
	{Name: "ipv4", ID: dpipeIPv4, Global: true, Fields: []devlink.DpipeField{{Name: "destination ip"}}},
	{Name: "ipv6", ID: dpipeIPv6, Global: true, Fields: []devlink.DpipeField{{Name: "destination ip"}}},
}

// anyEntry draws an entry.
func anyEntry(t *rapid.T) devlink.DpipeEntry {
	values := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) devlink.DpipeValue {
		v := devlink.DpipeValue{Type: rapid.Uint32Range(0, 1).Draw(t, "type"), Field: devlink.DpipeFieldRef{
			HeaderID: rapid.Uint32Range(0, 3).Draw(t, "header"), HeaderIndex: rapid.Uint32Range(0, 1).Draw(t, "instance"),
			FieldID: rapid.Uint32Range(0, 2).Draw(t, "field"), Global: rapid.Bool().Draw(t, "global")}}
		v.Value = rapid.SliceOfN(rapid.Byte(), 0, 17).Draw(t, "value")
		if rapid.Bool().Draw(t, "masked") {
			v.Mask = rapid.SliceOfN(rapid.Byte(), len(v.Value), len(v.Value)).Draw(t, "mask")
		}
		if v.HasMapping = rapid.Bool().Draw(t, "mapped"); v.HasMapping {
			v.Mapping = rapid.Uint32().Draw(t, "mapping")
		}
		return v
	}), 0, 3)
	e := devlink.DpipeEntry{Index: rapid.Uint64().Draw(t, "index"), Match: values.Draw(t, "match"), Action: values.Draw(t, "action")}
	if e.HasCounter = rapid.Bool().Draw(t, "counted"); e.HasCounter {
		e.Counter = rapid.Uint64().Draw(t, "counter")
	}
	return e
}

// plainValue is what a value is for encoding/json.
func plainValue(ref devlink.DpipeFieldRef, b devlink.HexBytes, order binary.ByteOrder) any {
	own := ref.Global && ref.FieldID == 0
	switch {
	case own && ref.HeaderID == dpipeEthernet && len(b) >= 6:
		return net.HardwareAddr(b[:6]).String()
	case own && ref.HeaderID == dpipeIPv4 && len(b) == 4:
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, order.Uint32(b)))).String()
	case own && ref.HeaderID == dpipeIPv6 && len(b) == 16:
		return netip.AddrFrom16([16]byte(b)).String()
	}
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(order.Uint16(b))
	case 4:
		return uint64(order.Uint32(b))
	case 8:
		return order.Uint64(b)
	}
	return b.String()
}

func viewOf(table string, e devlink.DpipeEntry, order binary.ByteOrder) shownEntry {
	view := shownEntry{Table: table, Index: e.Index}
	if e.HasCounter {
		view.Counter = &e.Counter
	}
	values := func(list []devlink.DpipeValue, typ func(uint32) string) []shownValue {
		out := []shownValue{}
		for _, v := range list {
			w := shownValue{dpipeField: newDpipeField(oddHeaders, typ(v.Type), v.Field), Value: plainValue(v.Field, v.Value, order)}
			if len(v.Mask) > 0 {
				w.Mask = plainValue(v.Field, v.Mask, order)
			}
			if v.HasMapping {
				w.MappingValue = &v.Mapping
			}
			out = append(out, w)
		}
		return out
	}
	view.Match = values(e.Match, func(t uint32) string { return devlink.DpipeMatchType(t).String() })
	view.Action = values(e.Action, func(t uint32) string { return devlink.DpipeActionType(t).String() })
	return view
}

// TestEntriesJSON: what is written entry by entry is what encoding/json makes of all of them.
func TestEntriesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got, want bytes.Buffer
		f := newDpipeForm(oddHeaders, rapid.Bool().Draw(t, "network"))
		s := &jsonStream{out: &got, key: "table_entry"}
		views := map[string][]shownEntry{}
		for i := range rapid.IntRange(0, 2).Draw(t, "devices") {
			device, table := fmt.Sprintf(`pci/"%d`, i), rapid.SampledFrom([]string{"t", "t\u2028", `"<`}).Draw(t, "table")
			for _, e := range rapid.SliceOfN(rapid.Custom(anyEntry), 0, 3).Draw(t, "entries") {
				s.listed(device)
				s.buf = f.appendEntry(s.buf, jsonText(table, ""), e)
				if err := s.end(); err != nil {
					t.Fatal(err)
				}
				views[device] = append(views[device], viewOf(table, e, f.order))
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		if err := (&app{out: &want}).printJSON(map[string]any{"table_entry": views}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), got.String()); diff != "" {
			t.Fatalf("(-encoding/json +got):\n%s", diff)
		}
	})
}

// TestEntriesFlush: a long list is written before its end, and is one JSON value.
func TestEntriesFlush(t *testing.T) {
	var out strings.Builder
	s := &jsonStream{out: &out, key: "k"}
	for range 3 {
		s.listed("d")
		s.buf = append(s.buf, `"`+strings.Repeat("x", streamChunk)+`"`...)
		if err := s.end(); err != nil || len(s.buf) > 0 {
			t.Fatalf("%d bytes held back, %v", len(s.buf), err)
		}
	}
	if err := s.close(); err != nil || strings.Count(out.String(), "\n") != 9 {
		t.Errorf("%v, %d lines", err, strings.Count(out.String(), "\n"))
	}
}
