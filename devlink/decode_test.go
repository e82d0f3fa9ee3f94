package devlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A decoding is one decoder for tests of all of them.
type decoding struct {
	name    string
	decode  func([]byte) (any, error)
	message []byte // attributes of a message in full
	want    any
}

// as makes decoders of different results alike.
func as[T any](decode func([]byte) (T, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { v, err := decode(b); return v, err }
}

// entriesOf collects what an entryDecoder reads.
func entriesOf(b []byte) ([]DpipeEntry, error) {
	var out []DpipeEntry
	var d entryDecoder
	err := d.message(b, func(e DpipeEntry) bool { out = append(out, e.Clone()); return true })
	return out, err
}

// formatted reads a formatted message in one part.
func formatted(b []byte) (any, error) {
	var m messageBuilder
	if err := m.part(b); err != nil {
		return nil, err
	}
	return m.finish()
}

// chunksOf joins the pieces of a region.
func chunksOf(b []byte) (string, error) {
	var out string
	err := eachChunk(b, func(addr uint64, data []byte) error { out += fmt.Sprintf("%d:%s ", addr, data); return nil })
	return out, err
}

var testHandle = Handle{"pci", "0000:01:00.0"}

// fmsgValue builds a value of a formatted message.
func fmsgValue(typ uint8, data any) []byte { return join(at(112, typ), at(113, data)) }

// fmsgPair builds a named value.
func fmsgPair(name string, value ...[]byte) []byte {
	return join(at(108, nil), at(111, name), join(value...), at(110, nil))
}

// decodings lists every decoder with a message as the kernel makes it, unknown attributes (0xb8 and 700) included.
func decodings() []decoding {
	newer := join(at(0xb8, uint32(3)), at(700, []byte{1, 2, 3}))
	field := join(at(55, uint32(2)), at(52, uint32(4)), at(58, uint32(6)), at(54, uint8(1)))
	match, action := in(40, at(42, uint32(0)), field), in(43, at(45, uint32(0)), field)
	ref := DpipeFieldRef{HeaderID: 4, HeaderIndex: 2, FieldID: 6, Global: true}
	count := func(limit uint8, n uint32) []byte { return in(158, at(159, limit), at(160, n)) }
	stats := in(129, at(0, uint64(1)), at(1, uint64(2)), at(2, uint64(3)))
	wantStats := TrapStats{1, 2, ptr(uint64(3))}
	return []decoding{
		{"device", as(decodeDevice), join(pci, newer, at(136, uint8(1)), in(156,
			in(157, in(162, at(153, uint8(2)), in(163, count(0, 5), count(1, 6)))),
			in(161, in(162, at(153, uint8(1)), in(163, count(0, 7)))))),
			Device{Handle: testHandle, Index: ptr(uint64(3)), ReloadFailed: true,
				Reload: ReloadStats{ReloadFirmwareActivate: {ReloadUnlimited: 5, ReloadNoReset: 6}},
				Remote: ReloadStats{ReloadDriverReinit: {ReloadUnlimited: 7}}}},
		{"port", as(decodePort), join(pci, at(3, uint32(65535)), newer, at(4, uint16(2)), at(6, uint32(9)), at(7, "eth0"),
			at(77, uint16(3)), at(78, uint32(1)), at(127, uint16(2)), at(149, uint8(1)), at(150, uint32(4)),
			at(147, uint32(8)), at(148, uint8(0)), at(10, uint32(5)),
			in(145, at(1, []byte{2, 0, 0, 0, 0, 1}), at(2, uint8(1)), at(3, uint8(0)), at(4, uint64(0x9_0000_0001)), at(6, uint32(24)))),
			Port{Handle: testHandle, Index: 65535, Type: PortEthernet, NetDev: "eth0", IfIndex: 9,
				Flavour: ptr(FlavourPCIPF), Number: ptr(uint32(1)), PF: ptr(uint16(2)), External: true,
				Controller: ptr(uint32(4)), Lanes: 8, Splittable: ptr(false), SplitGroup: ptr(uint32(5)),
				Function: &PortFunction{HWAddr: "02:00:00:00:00:01", Active: ptr(true), Attached: ptr(false),
					RoCE: ptr(true), IPsecPacket: ptr(false), MaxIOEQs: ptr(uint32(24))}}},
		{"info", as(decodeInfo), join(pci, newer, at(98, "ice"), at(99, "s"), at(146, "b"),
			in(100, at(103, "board.id"), at(104, "K1")), in(101, at(103, "fw"), at(104, "1.2")),
			in(101, at(103, "fw.app"), at(104, "3")), in(102, at(103, "fw"), at(104, "1.3"))),
			Info{Handle: testHandle, Driver: "ice", Serial: "s", Board: "b", Versions: Versions{
				Fixed: map[string]string{"board.id": "K1"}, Running: map[string]string{"fw": "1.2", "fw.app": "3"},
				Stored: map[string]string{"fw": "1.3"}}}},
		{"flash status", as(decodeFlashStatus), join(pci, newer, at(124, "Flashing"), at(123, "fw"), at(125, uint64(5)),
			at(126, uint64(9)), at(151, uint64(60))),
			FlashStatus{Component: "fw", Message: "Flashing", Done: 5, Total: 9, Timeout: time.Minute}},
		{"reload", as(decodeReload), join(pci, at(154, uint64(0x6_0000_0006))),
			[]ReloadAction{ReloadDriverReinit, ReloadFirmwareActivate}},
		{"dpipe headers", as(decodeDpipeHeaders), join(pci, in(49, in(50, at(51, "ipv4"), at(52, uint32(1)), at(54, uint8(1)),
			newer, in(53, in(56, at(57, "dst"), at(58, uint32(0)), at(59, uint32(32)), at(60, uint32(1))))))),
			[]DpipeHeader{{Name: "ipv4", ID: 1, Global: true,
				Fields: []DpipeField{{Name: "dst", BitWidth: 32, Mapping: DpipeMappingIfIndex}}}}},
		{"dpipe tables", as(decodeDpipeTables), join(pci, in(27, in(28, at(29, "t"), at(30, uint64(64)), at(33, uint8(1)), newer,
			at(75, uint64(9)), at(76, uint64(2)), in(31, match), in(32, action, action)), in(28, at(29, "u")))),
			[]DpipeTable{{Name: "t", Size: 64, CountersEnabled: true, ResourceID: ptr(uint64(9)), ResourceUnits: 2,
				Matches: []DpipeMatch{{0, ref}}, Actions: []DpipeAction{{0, ref}, {0, ref}}}, {Name: "u"}}},
		{"dpipe entries", as(entriesOf), join(pci, newer, in(34,
			in(35, at(36, uint64(5)), at(39, uint64(6)), newer, in(37, in(41, match, at(46, []byte{1}), at(47, []byte{255}), newer)),
				in(38, in(44, action, at(46, []byte{2, 3}), at(48, uint32(0))))),
			in(35, at(36, uint64(7))))),
			[]DpipeEntry{{Index: 5, Counter: 6, HasCounter: true,
				Match:  []DpipeValue{{Field: ref, Value: HexBytes{1}, Mask: HexBytes{255}}},
				Action: []DpipeValue{{Field: ref, Value: HexBytes{2, 3}, HasMapping: true}}}, {Index: 7}}},
		{"resources", as(decodeResources), join(pci, in(63, in(64, at(65, "kvd"), at(67, uint64(100)), at(66, uint64(1)),
			at(68, uint64(90)), at(72, uint64(2)), at(71, uint64(200)), at(70, uint64(10)), at(73, uint8(0)), at(69, uint8(0)),
			newer, in(63, in(64, at(65, "lin"), at(66, uint64(2)), at(67, uint64(50)), at(74, uint64(7))))))),
			[]Resource{{Name: "kvd", ID: 1, Size: 100, SizeNew: 90, SizeMin: 10, SizeMax: 200, SizeGran: 2, Children: []Resource{
				{Name: "lin", ID: 2, Size: 50, SizeNew: 50, SizeValid: true, Occ: ptr(uint64(7))}}}}},
		{"region", as(decodeRegion), join(pci, at(88, "cr-space"), at(89, uint64(4096)), at(170, uint32(8)),
			in(90, in(91, at(92, uint32(1))), in(91, at(92, uint32(4))))),
			Region{Handle: testHandle, Name: "cr-space", Size: 4096, MaxSnapshots: 8, Snapshots: []uint32{1, 4}}},
		{"chunks", as(chunksOf), join(pci, at(88, "r"), in(93, in(94, at(95, []byte("ab")), at(96, uint64(256))),
			in(94, at(95, []byte("c")), newer, at(96, uint64(258))))), "256:ab 258:c "},
		{"param", as(decodeParam), join(pci, in(80, at(81, "p"), at(82, nil), at(83, uint8(3)),
			in(84, in(85, at(87, uint8(0)), at(86, uint32(9)), at(182, uint32(1))), in(85, at(87, uint8(2)), at(86, uint32(8)))))),
			Param{Handle: testHandle, Name: "p", Generic: true, Type: TypeU32, Values: []ParamValue{
				{CMode: CModeRuntime, Value: uint32(9), Default: uint32(1)}, {CMode: CModePermanent, Value: uint32(8)}}}},
		{"param bool", as(decodeParam), join(pci, in(80, at(81, "p"), at(83, uint8(6)),
			in(84, in(85, at(87, uint8(0)), at(86, nil)), in(85, at(87, uint8(1)), at(182, uint8(1)))))),
			Param{Handle: testHandle, Name: "p", Type: TypeBool, Values: []ParamValue{
				{CMode: CModeRuntime, Value: true}, {CMode: CModeDriverInit, Value: false, Default: true}}}},
		{"reporter", as(decodeReporter), join(pci, at(3, uint32(2)), in(114, at(115, "tx"), at(116, uint8(1)), newer,
			at(117, uint64(3)), at(118, uint64(4)), at(120, uint64(500)), at(121, uint8(1)), at(141, uint8(0)),
			at(119, uint64(77)), at(137, uint64(2e9)))),
			Reporter{Handle: testHandle, Port: ptr(uint32(2)), Name: "tx", State: Unhealthy, Errors: 3, Recoveries: 4,
				GracePeriod: ptr(500 * time.Millisecond), AutoRecover: ptr(true), AutoDump: ptr(false),
				LastDump: ptr(time.Unix(2, 0))}},
		{"formatted message", formatted, in(106, at(107, nil),
			fmsgPair("s", fmsgValue(10, "x")), fmsgPair("b", fmsgValue(6, uint8(1))), fmsgPair("n", fmsgValue(4, uint64(7))),
			fmsgPair("raw", at(109, nil), fmsgValue(11, []byte{1, 2}), fmsgValue(11, []byte{3}), at(110, nil)),
			fmsgPair("list", at(109, nil), fmsgValue(1, uint8(1)), fmsgValue(3, uint32(2)), at(110, nil)),
			fmsgPair("empty", at(109, nil), at(110, nil)), fmsgPair("obj", at(107, nil), at(110, nil)),
			fmsgValue(1, uint8(9)), at(110, nil)),
			Message{{"s", "x"}, {"b", true}, {"n", uint64(7)}, {"raw", HexBytes{1, 2, 3}}, {"list", []any{uint8(1), uint32(2)}},
				{"empty", []any{}}, {"obj", Message{}}, {"", uint8(9)}}},
		{"formatted message with ends too many", formatted, in(106, at(107, nil), fmsgPair("a", fmsgValue(1, uint8(1))),
			at(110, nil), at(110, nil), fmsgPair("b", fmsgValue(1, uint8(2))), at(110, nil)),
			Message{{"a", uint8(1)}, {"b", uint8(2)}}},
		{"trap", as(decodeTrap), join(pci, at(135, "l2_drops"), at(130, "smac"), at(132, uint8(1)), at(133, nil),
			at(131, uint8(2)), in(134, at(0, nil), at(1, nil)), stats),
			Trap{Handle: testHandle, Name: "smac", Generic: true, Type: TrapTypeException, Action: TrapActionMirror,
				Group: "l2_drops", Metadata: []string{"input_port", "flow_action_cookie"}, Stats: wantStats}},
		{"trap group", as(decodeTrapGroup), join(pci, at(135, "g"), at(133, nil), at(142, uint32(4)), stats),
			TrapGroup{Handle: testHandle, Name: "g", Generic: true, Policer: ptr(uint32(4)), Stats: wantStats}},
		{"trap policer", as(decodeTrapPolicer), join(pci, at(142, uint32(4)), at(143, uint64(100)), at(144, uint64(16)), stats),
			TrapPolicer{Handle: testHandle, ID: 4, Rate: 100, Burst: 16, Stats: wantStats}},
		{"self-tests", as(decodeSelftests), join(pci, in(176, at(1, nil), at(2, nil))), []Selftest{SelftestFlash, 2}},
		{"self-test results", as(decodeSelftestResults), join(pci, in(176, in(1, at(2, uint32(1)), at(3, uint8(2))))),
			map[Selftest]SelftestStatus{SelftestFlash: SelftestFail}},
		{"family", as(decodeFamily), familyReply(1)[20:], family{id: 0x15, group: 7}},
		{"handle", as(decodeHandle), pci, testHandle},
	}
}

// TestDecode reads a message of every kind.
func TestDecode(t *testing.T) {
	for _, d := range decodings() {
		t.Run(d.name, func(t *testing.T) {
			got, err := d.decode(d.message)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d.want, got, cmp.AllowUnexported(family{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDecodeTruncated cuts every message at every place: an error or a smaller result, and an error within the first
// attribute.
func TestDecodeTruncated(t *testing.T) {
	for _, d := range decodings() {
		t.Run(d.name, func(t *testing.T) {
			for n := range d.message {
				_, err := d.decode(d.message[:n])
				if err != nil && !errors.Is(err, ErrMalformed) {
					t.Errorf("%d bytes: got %v, want ErrMalformed", n, err)
				}
				if n > 0 && n < 4 && err == nil {
					t.Errorf("%d bytes: no error", n)
				}
			}
		})
	}
}

// TestDecodeSizes gives the attributes of every message a payload that no number has.
func TestDecodeSizes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		decode func([]byte) (any, error)
		attrs  []byte
	}{
		{"reload failed", as(decodeDevice), at(136, uint16(1))},
		{"instance index", as(decodeDevice), at(0xb8, uint16(1))},
		{"ifindex", as(decodePort), at(6, uint64(1))},
		{"flavour", as(decodePort), at(77, uint8(1))},
		{"bitfield", as(decodeReload), at(154, uint32(2))},
		{"field id", as(decodeDpipeTables), in(27, in(28, in(31, in(40, at(58, uint8(1))))))},
		{"entry index", as(entriesOf), in(34, in(35, at(36, uint32(1))))},
		{"entry mapping", as(entriesOf), in(34, in(35, in(37, in(41, at(48, uint64(1))))))},
		{"resource size", as(decodeResources), in(63, in(64, at(67, uint32(1))))},
		{"snapshot", as(decodeRegion), in(90, in(91, at(92, uint8(1))))},
		{"parameter", as(decodeParam), in(80, at(83, uint8(3)), in(84, in(85, at(86, uint8(1)))))},
		{"value", formatted, in(106, fmsgValue(3, uint8(1)))},
		{"counter", as(decodeTrap), in(129, at(1, uint32(1)))},
		{"deep resources", as(decodeResources), nested(63, 64, 20)},
		{"deep message", formatted, in(106, join(repeat(at(107, nil), 70), repeat(at(110, nil), 70)))},
		{"beginning without end", formatted, in(106, at(107, nil))},
	} {
		if v, err := tt.decode(tt.attrs); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, %v, want ErrMalformed", tt.name, v, err)
		}
	}
}

// nested puts two attributes into one another n times.
func nested(outer, inner uint16, n int) []byte {
	var b []byte
	for range n {
		b = in(outer, in(inner, b))
	}
	return b
}

// repeat joins n copies.
func repeat(b []byte, n int) []byte {
	var out []byte
	for range n {
		out = append(out, b...)
	}
	return out
}

// FuzzDecode gives arbitrary bytes to every decoder: none may panic, and every error is ErrMalformed.
func FuzzDecode(f *testing.F) {
	all := decodings()
	for i, d := range all {
		f.Add(uint8(i), d.message)
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		d := all[int(which)%len(all)]
		if _, err := d.decode(b); err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v, want ErrMalformed", d.name, err)
		}
	})
}

// FuzzDatagram gives arbitrary bytes to what reads whole datagrams: replies, notifications, the trace.
func FuzzDatagram(f *testing.F) {
	for i, d := range decodings() {
		f.Add(gen(uint8(i), 2, 2, d.message))
	}
	f.Add(join(gen(7, 2, 2, pci), nlDone(2, 0)))
	f.Add(nlErr(2, 22, at(1, "no"), at(2, uint32(20))))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := replyReader{req: &request{family: family{id: 0x15}}, seq: 2, each: func(Command, []byte) error { return nil }}
		_ = r.read(b)
		events, err := decodeEvents(b, 0x15)
		if err != nil && !errors.Is(err, ErrMalformed) || err == nil && len(b) == 0 && events != nil {
			t.Errorf("got %v, %v", events, err)
		}
		watch := flashWatch{device: testHandle, family: 0x15, progress: func(FlashStatus) {}}
		_ = watch.datagram(b)
		(&tracer{w: io.Discard}).datagram("<-", b)
	})
}

// TestEntriesOfManyFields: fields in one place that change from entry to entry, and are the same again.
func TestEntriesOfManyFields(t *testing.T) {
	entry := func(outer, inner, typeAttr, value uint16, field uint32) []byte {
		ref := in(inner, at(typeAttr, field+7), at(55, uint32(0)), at(52, uint32(4)), at(58, field), at(54, uint8(1)))
		return in(35, in(outer, in(value, ref, at(46, field))))
	}
	match := func(field uint32) []byte { return entry(37, 40, 42, 41, field) }
	action := func(field uint32) []byte { return entry(38, 43, 45, 44, field) }
	got, err := entriesOf(join(pci, in(34, match(1), match(2), action(2), match(2), match(2), match(1), action(1))))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, e := range got {
		for kind, list := range map[string][]DpipeValue{"match": e.Match, "action": e.Action} {
			for _, v := range list {
				text = append(text, fmt.Sprint(kind, v.Type, v.Field.FieldID, v.Field.HeaderID, v.Field.Global, binary.NativeEndian.Uint32(v.Value)))
			}
		}
	}
	want := []string{"match8 1 4 true 1", "match9 2 4 true 2", "action9 2 4 true 2", "match9 2 4 true 2", "match9 2 4 true 2",
		"match8 1 4 true 1", "action8 1 4 true 1"}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
