package ddp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/ddp/ddptest"
)

// small reads the small package.
func small(t testing.TB) (*ddp.Package, *ddp.Segment) {
	t.Helper()
	p, err := ddp.Read(ddptest.Small())
	if err != nil {
		t.Fatal(err)
	}
	s := p.Segment(ddp.SegmentE810)
	if s == nil {
		t.Fatal("no configuration")
	}
	return p, s
}

func TestRead(t *testing.T) {
	p, s := small(t)
	if m := p.Metadata(); m == nil || m.Name != "Small Test Package" || m.Version.String() != "1.2.3.4" {
		t.Errorf("metadata %+v", m)
	}
	var types []string
	for _, seg := range p.Segments {
		types = append(types, seg.Type.String())
	}
	if diff := cmp.Diff([]string{"metadata", "notes", "signature", "e810"}, types); diff != "" {
		t.Errorf("segments, -want +got:\n%s", diff)
	}
	if sig := p.Segments[2].Signature; sig.Segment != ddp.SegmentE810 || sig.AlgorithmName() != "rsa3k" || sig.Signed != 3 || sig.BufferCount != 4 {
		t.Errorf("signature %+v", sig)
	}
	if len(s.Devices) != 2 || s.Devices[0].String() != "8086:1592" || s.Devices[1].String() != "8086:1593-8086:0002" {
		t.Errorf("devices %v", s.Devices)
	}
	if len(s.NVM) != 1 || s.NVM[0].String() != "4.20.0.0" {
		t.Errorf("NVM versions %v", s.NVM)
	}
	sections := 0
	for _, b := range s.Buffers {
		sections += len(b.Sections)
	}
	if want := len(ddptest.Sections()); sections != want || len(s.Buffers) < 2 || s.Buffers[0].Sections[0].Type != ddp.SectionMetadata {
		t.Errorf("%d sections in %d buffers, want %d", sections, len(s.Buffers), want)
	}
	c, err := s.Info()
	if err != nil || c.Name != "Small Test Package" || c.Version.String() != "1.2.3.4" || c.Track != 0xc0000001 {
		t.Errorf("configuration %+v, %v", c, err)
	}
}

func TestDamage(t *testing.T) {
	good := ddptest.Small()
	config := int(binary.LittleEndian.Uint32(good[8+4*3:]))
	buffers := config + 44 + 4 + 16 + 4 + 4 + 4
	tests := []struct {
		name    string
		change  func(b []byte) []byte
		section string // of the error
		cause   error  // nil: any
	}{
		{"empty", func([]byte) []byte { return nil }, "package header", io.ErrUnexpectedEOF},
		{"other file", func(b []byte) []byte { return append([]byte("\x7fELF\x02\x01\x01\x00"), b...) }, "package header", ddp.ErrNotDDP},
		{"segment behind the end", set32(16, 0xffffff), "segment table: entry 2", nil},
		{"segment in the table", set32(12, 4), "segment table: entry 1", nil},
		{"segment in another", set32(16, 100), "segment table: entry 2", nil},
		{"segment longer than the file", set32(config+8, 1<<30), "segment 3: size", nil},
		{"segment shorter than its header", set32(config+8, 20), "segment 3: size", nil},
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, "segment 3: size", nil},
		{"too many devices", set32(config+44, 1<<31), "segment 3 (e810): device count", io.ErrUnexpectedEOF},
		{"too many buffers", set32(buffers-4, 1000), "segment 3 (e810): buffer count", io.ErrUnexpectedEOF},
		{"no sections", set16(buffers, 0), "segment 3 (e810) buffer 0: section count", nil},
		{"too many sections", set16(buffers, 512), "segment 3 (e810) buffer 0: section count", nil},
		{"section table behind the data", set16(buffers, 500), "segment 3 (e810) buffer 0 section", nil},
		{"data end behind the buffer", set16(buffers+2, 4097), "segment 3 (e810) buffer 0: data end", nil},
		{"section in the table", set16(buffers+8, 8), "segment 3 (e810) buffer 0 section 0 (metadata)", nil},
		{"section behind the data", set16(buffers+10, 4000), "segment 3 (e810) buffer 0 section 0 (metadata)", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ddp.Read(tt.change(bytes.Clone(good)))
			var format *ddp.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("error %v, want a FormatError", err)
			}
			if !strings.HasPrefix(format.Section, tt.section) || tt.cause != nil && !errors.Is(err, tt.cause) {
				t.Errorf("error %v, want it in %q because of %v", err, tt.section, tt.cause)
			}
		})
	}
}

func set16(at int, v uint16) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
}

func set32(at int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
}

// TestDamagedTables: the container is whole, a table is not.
func TestDamagedTables(t *testing.T) {
	tests := []struct {
		name    string
		section ddptest.Section
		want    string
	}{
		{"more entries than bytes", ddptest.Section{Type: 52, Data: []byte{9, 0, 0, 0, 1}}, "rx_imem: 9 entries of 48 bytes"},
		{"more than the hardware has", ddptest.Table(58, 16, make([]byte, 24)), "rx_metainit: header"},
		{"no header", ddptest.Section{Type: 50, Data: []byte{1, 0}}, "rx_cam: header"},
		{"labels", ddptest.Section{Type: 0x80000016, Data: []byte{2, 0, 1}}, "label_ptype: 2 labels"},
		{"label count", ddptest.Section{Type: 0x80000016, Data: []byte{2}}, "label_ptype: label count"},
		{"profiles", ddptest.Section{Type: 14, Data: []byte{1, 0, 0}}, "sw_profile_tcam: 1 entries of 13 bytes"},
		{"profile count", ddptest.Section{Type: 14, Data: []byte{1}}, "sw_profile_tcam: entry count"},
		{"vectors", ddptest.Section{Type: 16, Data: []byte{3, 0, 0, 0, 1, 2}}, "sw_field_vector: header"},
		{"vector header", ddptest.Section{Type: 16, Data: []byte{3, 0}}, "sw_field_vector: header"},
		{"key builder", ddptest.Section{Type: 11, Data: make([]byte, 30)}, "sw_key_builder: key builder"},
		{"metadata", ddptest.Section{Type: 1, Data: make([]byte, 30)}, "metadata: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ddp.Read(ddptest.Package(ddptest.Config(tt.section)))
			if err != nil {
				t.Fatal(err)
			}
			s := p.Segment(ddp.SegmentE810)
			_, parser := s.Parser(false)
			_, block := s.Block("sw")
			_, info := s.Info()
			err = errors.Join(parser, block, info)
			var format *ddp.FormatError
			for _, e := range []error{info, block, parser} {
				if errors.As(e, &format) {
					break
				}
			}
			if format == nil || !strings.HasPrefix(format.Section, tt.want) || format.Offset != s.Buffers[0].Sections[0].Offset {
				t.Errorf("error %v, want a FormatError in %q", err, tt.want)
			}
		})
	}
}

func TestNoParser(t *testing.T) {
	_, s := small(t)
	if _, err := s.Parser(true); !errors.Is(err, ddp.ErrNoParser) {
		t.Errorf("transmit parser: error %v, want ErrNoParser", err)
	}
}

func TestSectionNames(t *testing.T) {
	for number, want := range map[ddp.SectionType]string{1: "metadata", 12: "sw_xlt1", 36: "fd_field_vector", 50: "rx_cam", 66: "tx_boost",
		72: "rx_marker_group", 79: "tx_nomatch_spill", 84: "pe_profile_tcam", 97: "rx_flag_redirect", 98: "tx_flag_redirect", 524: "0x20c",
		0x80000016: "label_ptype", 0x80000039: "label_parser_flag", 0x80000040: "0x80000040"} {
		if got := number.String(); got != want {
			t.Errorf("section %d is %q, want %q", uint32(number), got, want)
		}
	}
}

func TestDetect(t *testing.T) {
	if !ddp.Detect(ddptest.Small()[:12]) {
		t.Error("12 bytes of a package are none")
	}
	for _, other := range []string{"", "\x01\x00\x00\x00", "{\"program\": 1}  ", "\x01\x00\x00\x00\x00\x00\x00\x00\x0c\x00\x00\x00",
		"\x01\x00\x00\x00\x02\x00\x00\x00\x0c\x00\x00\x00"} {
		if ddp.Detect([]byte(other)) {
			t.Errorf("%q is a package", other)
		}
	}
}
