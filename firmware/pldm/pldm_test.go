package pldm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/firmware/pldm"
	"github.com/p4dev/p4dev/firmware/pldm/pldmtest"
)

func reader(data string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(data), 0, int64(len(data)))
}

// sample has something of everything.
func sample() *pldm.Package {
	return &pldm.Package{
		Version:  pldm.Text("l3router 1.2.0"),
		Released: time.Date(2024, 3, 1, 12, 30, 59, 0, time.UTC),
		Records: []pldm.Record{
			{
				UpdateFlags: 1, Version: pldm.Text("1.2.0"), Components: []int{0, 2}, PackageData: []byte{1, 2, 3},
				Descriptors: []pldm.Descriptor{
					pldm.Uint16(pldm.DescPCIVendor, 0x8086), pldm.Uint16(pldm.DescPCIDevice, 0x1592),
					pldm.Uint16(pldm.DescPCISubvendor, 0), {Type: pldm.DescPCIRevision, Data: []byte{7}},
				},
			},
			{
				Version: pldm.Text("1.2.0"), Components: []int{1},
				Descriptors: []pldm.Descriptor{
					{Type: pldm.DescUUID, Data: bytes.Repeat([]byte{0xab}, 16)}, pldm.Vendor("title", []byte("data")),
				},
			},
		},
		Components: []pldm.Component{
			{Classification: pldm.ClassFirmware, Identifier: 1, Stamp: pldm.NoStamp, Activation: pldm.ActivationReboot,
				Version: pldm.Text("1"), Data: reader("first image")},
			{Classification: pldm.ClassOther, Identifier: 2, Stamp: 5, Options: pldm.OptionUseStamp,
				Version: pldm.Text("zwölf"), Data: reader("")},
			{Classification: pldm.ClassConfiguration, Identifier: 900, Version: pldm.Text(""), Data: reader("third")},
		},
	}
}

func write(t testing.TB, p *pldm.Package) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := pldm.Write(&b, p)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := pldm.Size(p); err != nil || n != int64(b.Len()) || size != n {
		t.Fatalf("Write says %d bytes and writes %d, Size says %d, %v", n, b.Len(), size, err)
	}
	return b.Bytes()
}

func read(data []byte) (*pldm.Package, error) {
	return pldm.Read(bytes.NewReader(data), int64(len(data)))
}

// plain is a package in a form that can be compared: images as strings, without what Read finds and Write
// ignores.
type plain struct {
	Version    pldm.String
	Released   time.Time
	Records    []pldm.Record
	Components []string
}

func flatten(t interface {
	Helper()
	Fatalf(string, ...any)
}, p *pldm.Package) plain {
	t.Helper()
	out := plain{Version: p.Version, Released: p.Released, Records: p.Records}
	for i, c := range p.Components {
		data, err := io.ReadAll(io.NewSectionReader(c.Data, 0, c.Data.Size()))
		if err != nil {
			t.Fatalf("component %d: %v", i, err)
		}
		out.Components = append(out.Components, fmt.Sprintf("%v %d %x %d %d %v %q",
			c.Classification, c.Identifier, c.Stamp, c.Options, c.Activation, c.Version, data))
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	data := write(t, sample())
	if err := pldmtest.KernelAccepts(data); err != nil {
		t.Errorf("the kernel's reader: %v", err)
	}
	got, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flatten(t, sample()), flatten(t, got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i, c := range got.Components {
		if c.Offset%pldm.Align != 0 || c.Offset < int64(got.HeaderSize) {
			t.Errorf("component %d at byte %d", i, c.Offset)
		}
	}
	if again := write(t, got); !bytes.Equal(data, again) {
		t.Error("written again it is another file")
	}
}

// TestBytes pins the header, byte for byte, of a package with one component.
func TestBytes(t *testing.T) {
	p := &pldm.Package{
		Version:    pldm.Text("v"),
		Released:   time.Date(2026, 11, 23, 10, 9, 8, 0, time.FixedZone("", 3600)),
		Records:    []pldm.Record{{Descriptors: []pldm.Descriptor{pldm.Uint16(pldm.DescPCIVendor, 0x1234)}, Components: []int{0}}},
		Components: []pldm.Component{{Classification: 10, Identifier: 0x102, Stamp: 1, Activation: 2, Version: pldm.Text("c"), Data: reader("xy")}},
	}
	want := "f018878ccb7d49439800a02f059aca02" + "01" + "5500" + // identifier, revision, header size
		"0000" + "000000" + "08" + "09" + "09" + "17" + "0b" + "ea07" + "16" + // 2026-11-23 09:09:08 UTC
		"0800" + "01" + "01" + "76" + // bitmap length, version
		"01" + "1200" + "01" + "00000000" + "00" + "00" + "0000" + "01" + "0000" + "0200" + "3412" + // one record
		"0100" + "0a00" + "0201" + "01000000" + "0000" + "0200" + "60000000" + "02000000" + "01" + "01" + "63"
	data := write(t, p)
	if got := fmt.Sprintf("%x", data[:len(want)/2]); got != want {
		t.Errorf("header\n got %s\nwant %s", got, want)
	}
	if header := len(want)/2 + 4; int(data[17]) != header || string(data[0x60:]) != "xy" {
		t.Errorf("header of %d bytes, want %d; behind it %q", data[17], header, data[header:])
	}
}

func TestRapid(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) pldm.String {
		return pldm.String{Type: pldm.StringType(rapid.IntRange(0, 5).Draw(t, "type")), Data: string(rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "text"))}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := &pldm.Package{Version: text.Draw(t, "version"), Released: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "released"), 0).UTC()}
		for range rapid.IntRange(0, 20).Draw(t, "components") {
			p.Components = append(p.Components, pldm.Component{
				Classification: pldm.Classification(rapid.Uint16().Draw(t, "class")), Identifier: rapid.Uint16().Draw(t, "identifier"),
				Stamp: rapid.Uint32().Draw(t, "stamp"), Version: text.Draw(t, "version"), Data: reader(rapid.String().Draw(t, "image")),
			})
		}
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			rec := pldm.Record{UpdateFlags: rapid.Uint32().Draw(t, "flags"), Version: text.Draw(t, "version")}
			for i := range p.Components {
				if rapid.Bool().Draw(t, "applicable") {
					rec.Components = append(rec.Components, i)
				}
			}
			rec.Descriptors = []pldm.Descriptor{pldm.Uint16(pldm.DescPCIVendor, rapid.Uint16().Draw(t, "vendor")),
				pldm.Vendor("t", rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data"))}
			p.Records = append(p.Records, rec)
		}
		var b bytes.Buffer
		if _, err := pldm.Write(&b, p); err != nil {
			t.Fatalf("write: %v", err)
		}
		if err := pldmtest.KernelAccepts(b.Bytes()); err != nil {
			t.Fatalf("the kernel's reader: %v", err)
		}
		got, err := read(b.Bytes())
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		if diff := cmp.Diff(flatten(t, p), flatten(t, got)); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}

// fixChecksum makes the checksum right again where the header size allows it.
func fixChecksum(data []byte) {
	if len(data) < 19 {
		return
	}
	if n := int(binary.LittleEndian.Uint16(data[17:])); n >= 4 && n <= len(data) {
		binary.LittleEndian.PutUint32(data[n-4:], crc32.ChecksumIEEE(data[:n-4]))
	}
}

// TestMalformed breaks the sample in one place each. Offsets: the first record is at 51, its descriptors at 68,
// the second record at 94, the component table at 146.
func TestMalformed(t *testing.T) {
	put16 := func(at int, v uint16) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint16(b[at:], v); return b }
	}
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	put8 := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	const components = 146
	tests := []struct {
		name    string
		change  func([]byte) []byte
		offset  int64
		section string
		is      error
	}{
		{"empty", cut(0), 0, "package header", io.ErrUnexpectedEOF},
		{"cut in the fixed header", cut(35), 35, "package header", io.ErrUnexpectedEOF},
		{"cut in the header", cut(100), 100, "package header: header size", io.ErrUnexpectedEOF},
		{"identifier", put8(3, 0), 0, "package header: identifier", pldm.ErrNotPLDM},
		{"revision", put8(16, 2), 16, "package header: revision", errors.ErrUnsupported},
		{"identifier of revision 2", func(b []byte) []byte {
			copy(b, "\x12\x44\xd2\x64\x8d\x7d\x47\x18\xa0\x30\xfc\x8a\x56\x58\x7d\x5a\x02")
			return b
		}, 16, "package header: revision", errors.ErrUnsupported},
		{"header size too small", put16(17, 42), 17, "package header: header size", nil},
		{"header size one less", put16(17, 224), -1, "", nil},
		{"bitmap not whole bytes", put16(32, 9), 32, "package header: component bitmap length", nil},
		{"bitmap too short", nil, 32, "package header: component bitmap length", nil},
		{"bitmap beyond the header", put16(32, 0xfff8), 62, "record 0: applicable components", io.ErrUnexpectedEOF},
		{"package version too long", put8(35, 255), 36, "package header: version string", io.ErrUnexpectedEOF},
		{"too many records", put8(50, 255), -1, "", nil},
		{"record length", put16(51, 44), 51, "record 0: length", nil},
		{"record version too long", put8(59, 255), 63, "record 0: version string", io.ErrUnexpectedEOF},
		{"package data too long", put16(60, 0xffff), 91, "record 0: package data", io.ErrUnexpectedEOF},
		{"first descriptor names no vendor", put16(68, 0x0100), 68, "record 0 descriptor 0: type", nil},
		{"descriptor length wrong", put16(70, 3), 70, "record 0 descriptor 0: length", nil},
		{"too many descriptors", put8(53, 255), -1, "", nil},
		{"too many components", put16(components, 0xffff), 32, "package header: component bitmap length", nil},
		{"one component less", put16(components, 2), -1, "header checksum", nil},
		{"component in the header", put32(components+2+12, 8), components + 14, "component 0: location offset", pldm.ErrOverlap},
		{"component behind the end", put32(components+2+12, 0xffffffff), components + 14, "component 0: location offset", io.ErrUnexpectedEOF},
		{"component too large", put32(components+2+16, 0xffffffff), components + 14, "component 0: location offset", io.ErrUnexpectedEOF},
		{"component version too long", put8(components+2+21, 200), components + 24, "component 0: version string", io.ErrUnexpectedEOF},
		{"components overlap", put32(components+2+16, 17), 256, "component 2: image", pldm.ErrOverlap},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := write(t, sample())
			if tt.change == nil {
				data = shortBitmap(t)
			} else {
				data = tt.change(data)
			}
			fixChecksum(data)
			checkMalformed(t, data, tt.offset, tt.section, tt.is)
		})
	}
}

// shortBitmap is a file with nine components and bitmaps of eight bits.
func shortBitmap(t *testing.T) []byte {
	p := sample()
	for len(p.Components) < 8 {
		p.Components = append(p.Components, p.Components[1])
	}
	data := write(t, p)
	n := int(binary.LittleEndian.Uint16(data[17:]))
	entry := make([]byte, 22) // a component without name and image
	data = append(append(data[:n-4:n-4], entry...), data[n-4:]...)
	binary.LittleEndian.PutUint16(data[146:], 9)
	binary.LittleEndian.PutUint16(data[17:], uint16(n+22))
	return data
}

func checkMalformed(t *testing.T, data []byte, offset int64, section string, is error) {
	t.Helper()
	_, err := read(data)
	var format *pldm.FormatError
	if !errors.As(err, &format) {
		t.Fatalf("error %v, want a *FormatError", err)
	}
	if offset >= 0 && format.Offset != offset || section != "" && format.Section != section {
		t.Errorf("%s at byte %d, want %s at byte %d: %v", format.Section, format.Offset, section, offset, err)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %v, want one that is %v", err, is)
	}
}

// TestDamage flips every bit of the header: the checksum must see each of them.
func TestDamage(t *testing.T) {
	data := write(t, sample())
	for i := range int(binary.LittleEndian.Uint16(data[17:])) * 8 {
		data[i/8] ^= 1 << (i % 8)
		if _, err := read(data); err == nil {
			t.Errorf("bit %d of byte %d is flipped, and nobody sees it", i%8, i/8)
		}
		data[i/8] ^= 1 << (i % 8)
	}
}

func TestWriteLimits(t *testing.T) {
	long := pldm.Text(strings.Repeat("x", 256))
	tests := []struct {
		name   string
		change func(*pldm.Package)
		want   string
	}{
		{"version", func(p *pldm.Package) { p.Version = long }, "version string of 256 bytes"},
		{"component version", func(p *pldm.Package) { p.Components[1].Version = long }, "component 1: version string of 256 bytes"},
		{"no image", func(p *pldm.Package) { p.Components[1].Data = nil }, "component 1: no image"},
		{"components", func(p *pldm.Package) {
			for len(p.Components) < 256 {
				p.Components = append(p.Components, p.Components[0])
			}
		}, "256 components"},
		{"records", func(p *pldm.Package) {
			for len(p.Records) < 256 {
				p.Records = append(p.Records, p.Records[0])
			}
		}, "256 records"},
		{"unknown component", func(p *pldm.Package) { p.Records[0].Components = []int{3} }, "record 0: component 3 of 3"},
		{"first descriptor", func(p *pldm.Package) { p.Records[0].Descriptors[0].Type = pldm.DescPCIDevice }, "first descriptor"},
		{"descriptor length", func(p *pldm.Package) { p.Records[0].Descriptors[1].Data = []byte{1} }, "descriptor 1: 1 bytes for PCI device"},
		{"header", func(p *pldm.Package) { p.Records[0].PackageData = make([]byte, 65535) }, "at most 65535 fit"},
		{"year", func(p *pldm.Package) { p.Released = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) }, "year 1969"},
		{"4 GiB", func(p *pldm.Package) {
			p.Components[0].Data = io.NewSectionReader(strings.NewReader(""), 0, 1<<32)
		}, "beyond 32 bits"},
		{"short image", func(p *pldm.Package) {
			p.Components[0].Data = io.NewSectionReader(strings.NewReader("abc"), 0, 4)
		}, "3 of 4 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := sample()
			tt.change(p)
			if _, err := pldm.Write(io.Discard, p); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestString(t *testing.T) {
	tests := []struct {
		in   pldm.String
		want string
	}{
		{pldm.Text("a"), "a"},
		{pldm.Text("ä"), "ä"},
		{pldm.String{Type: pldm.ASCII, Data: "1.0\x00\x00"}, "1.0"},
		{pldm.String{Type: pldm.ASCII, Data: "a\xff"}, "a\ufffd"},
		{pldm.String{Type: pldm.UTF16LE, Data: "a\x00b\x00c"}, "ab"},
		{pldm.String{Type: pldm.UTF16BE, Data: "\x00a\x00b"}, "ab"},
		{pldm.String{Type: pldm.UTF16, Data: "\xfe\xff\x00a"}, "a"},
		{pldm.String{Type: pldm.UTF16, Data: "\xff\xfea\x00"}, "a"},
	}
	for _, tt := range tests {
		if got := tt.in.String(); got != tt.want {
			t.Errorf("%d %q: got %q, want %q", tt.in.Type, tt.in.Data, got, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, sample()))
	f.Add(write(f, &pldm.Package{}))
	f.Fuzz(func(t *testing.T, data []byte) {
		read(data) // with the checksum as it is
		fixChecksum(data)
		p, err := read(data)
		if err != nil {
			var format *pldm.FormatError
			if !errors.As(err, &format) || format.Offset < 0 || format.Section == "" {
				t.Fatalf("error %#v, want a *FormatError", err)
			}
			return
		}
		if len(p.Components) > pldm.MaxComponents {
			return
		}
		if err := pldmtest.KernelAccepts(data); err != nil {
			t.Fatalf("we read what the kernel does not: %v", err)
		}
		var b bytes.Buffer
		if _, err := pldm.Write(&b, p); err != nil {
			if year := p.Released.Year(); !p.Released.IsZero() && (year < 1970 || year > 65535) {
				return
			}
			if strings.Contains(err.Error(), "at most 65535 fit") {
				return // the bitmaps that Write makes may be longer
			}
			t.Fatalf("cannot write what was read: %v", err)
		}
		again, err := read(b.Bytes())
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		want := flatten(t, p)
		if want.Released.IsZero() {
			want.Released = time.Unix(0, 0).UTC()
		}
		if diff := cmp.Diff(want, flatten(t, again)); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	})
}
