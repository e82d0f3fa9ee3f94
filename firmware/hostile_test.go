package firmware_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pldm"
)

// fixHeader makes the checksum of the container's header right again.
func fixHeader(data []byte) {
	if len(data) < 43 {
		return
	}
	if n := int(binary.LittleEndian.Uint16(data[17:])); n >= 43 && n <= len(data) {
		binary.LittleEndian.PutUint32(data[n-4:], crc32.ChecksumIEEE(data[:n-4]))
	}
}

// rebuild takes a package apart, changes container, manifest or components, and puts it together again with right
// lengths and checksums, but with the digests of the manifest as change leaves them. Where change clears the
// manifest's map, the manifest's component stays as change leaves it.
func rebuild(t *testing.T, data []byte, change func(file *pldm.Package, m map[string]any)) []byte {
	t.Helper()
	file, err := pldm.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	text := make([]byte, file.Components[0].Data.Size())
	if _, err := file.Components[0].Data.ReadAt(text, 0); err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	change(file, manifest)
	if len(file.Components) > 0 && len(manifest) > 0 {
		text, err = json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		file.Components[0].Data = firmware.Bytes(text)
	}
	var b bytes.Buffer
	if _, err := pldm.Write(&b, file); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func entry(m map[string]any, i int) map[string]any {
	return m["components"].([]any)[i].(map[string]any)
}

func TestOpenRefuses(t *testing.T) {
	_, good := buildPackage(t, programOptions(t, "l2switch"))
	tests := []struct {
		name    string
		change  func(file *pldm.Package, m map[string]any)
		section string // of the FormatError; "" where it is ErrNotPackage
		want    string
	}{
		{"nothing", func(f *pldm.Package, m map[string]any) {}, "ok", ""},
		{"no components", func(f *pldm.Package, m map[string]any) { f.Components, f.Records = nil, nil }, "", ""},
		{"another vendor's", func(f *pldm.Package, m map[string]any) { f.Components[0].Identifier = 77 }, "", ""},
		{"unknown member", func(f *pldm.Package, m map[string]any) { m["extra"] = 1 }, "manifest", "canonical"},
		{"other format", func(f *pldm.Package, m map[string]any) { m["format"] = 2 }, "manifest", "manifest format 2"},
		{"name", func(f *pldm.Package, m map[string]any) { m["name"] = "../etc" }, "manifest", "name"},
		{"long name", func(f *pldm.Package, m map[string]any) { m["name"] = strings.Repeat("n", 65) }, "manifest", "name"},
		{"version", func(f *pldm.Package, m map[string]any) { m["version"] = "new" }, "manifest", "not a version"},
		{"bar above", func(f *pldm.Package, m map[string]any) { m["lowest_version"] = "2" }, "manifest", "older than lowest_version"},
		{"source tag", func(f *pldm.Package, m map[string]any) { m["source"] = "md5:00" }, "manifest", "source"},
		{"no source tag", func(f *pldm.Package, m map[string]any) { delete(m, "source") }, "manifest", "source"},
		{"created in part of a second", func(f *pldm.Package, m map[string]any) { m["created"] = "2026-01-02T03:04:05.5Z" }, "manifest", "created"},
		{"created elsewhere", func(f *pldm.Package, m map[string]any) { m["created"] = "2026-01-02T03:04:05+01:00" }, "manifest", "created"},
		{"contradiction", func(f *pldm.Package, m map[string]any) {
			m["expect"] = map[string]any{"hitless": true, "needs_reset": true}
		}, "manifest", "expect"},
		{"digest in capitals", func(f *pldm.Package, m map[string]any) {
			entry(m, 0)["sha256"] = strings.ToUpper(entry(m, 0)["sha256"].(string))
		}, "manifest", "sha256"},
		{"encoding", func(f *pldm.Package, m map[string]any) { entry(m, 0)["encoding"] = "xz" }, "manifest", "encoding"},
		{"encoding of an image", func(f *pldm.Package, m map[string]any) { entry(m, 2)["encoding"] = "zstd" }, "manifest", "encoding"},
		{"size", func(f *pldm.Package, m map[string]any) { entry(m, 0)["size"] = 1 }, "manifest", "in the component table"},
		{"identifier", func(f *pldm.Package, m map[string]any) { f.Components[1].Identifier = 3 }, "manifest", "in the component table"},
		{"image of another name", func(f *pldm.Package, m map[string]any) { entry(m, 2)["name"] = "p4info" }, "manifest", "name"},
		{"one component less", func(f *pldm.Package, m map[string]any) {
			m["components"] = m["components"].([]any)[:3]
		}, "manifest", "component table has 4"},
		{"manifest not JSON", func(f *pldm.Package, m map[string]any) {
			f.Components[0].Data = firmware.Bytes([]byte("{"))
			clear(m)
		}, "manifest", ""},
		{"record without images", func(f *pldm.Package, m map[string]any) { f.Records[0].Components = []int{0, 1, 2} }, "record 0", "takes no image"},
		{"record for everything", func(f *pldm.Package, m map[string]any) {
			f.Records[0].Descriptors = []pldm.Descriptor{pldm.Uint16(pldm.DescPCIVendor, 0)}
		}, "record 0", "identifies no device"},
		{"record not understood", func(f *pldm.Package, m map[string]any) {
			f.Records[0].Descriptors[3] = pldm.Vendor("other.title", []byte("x"))
		}, "record 0", "not understood"},
		{"driver name", func(f *pldm.Package, m map[string]any) {
			f.Records[1].Descriptors[1] = pldm.Vendor("p4dev.driver", []byte("../x"))
		}, "record 1", "driver name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := rebuild(t, good, tt.change)
			_, err := firmware.Open(bytes.NewReader(data), int64(len(data)))
			var format *firmware.FormatError
			switch {
			case tt.section == "ok":
				if err != nil || !bytes.Equal(data, good) {
					t.Fatalf("unchanged, but %v", err)
				}
			case tt.section == "":
				if !errors.Is(err, firmware.ErrNotPackage) {
					t.Errorf("error %v, want ErrNotPackage", err)
				}
			case !errors.As(err, &format) || format.Section != tt.section || !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %v, want a FormatError in %s with %q", err, tt.section, tt.want)
			}
		})
	}
}

// TestManifestHasOneForm changes how the manifest is written, not what it says.
func TestManifestHasOneForm(t *testing.T) {
	_, good := buildPackage(t, programOptions(t, "l2switch"))
	for _, change := range [][2]string{
		{`{"arch"`, `{ "arch"`}, {`"format":1`, `"format":1,"format":1`}, {`"arch"`, `"ARCH"`},
		{`"l2switch"`, `"l2\u0073witch"`}, {`"1.2.0"}`, "\"1.2.0\"}\n"}, {`"expect":{}`, `"expect":{"hitless":false}`},
	} {
		t.Run(change[1], func(t *testing.T) {
			data := rebuild(t, good, func(f *pldm.Package, m map[string]any) {
				text := make([]byte, f.Components[0].Data.Size())
				if _, err := f.Components[0].Data.ReadAt(text, 0); err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(text, []byte(change[0])) {
					t.Fatalf("no %s in %s", change[0], text)
				}
				f.Components[0].Data = firmware.Bytes(bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1))
				clear(m)
			})
			if _, err := firmware.Open(bytes.NewReader(data), int64(len(data))); err == nil || !strings.Contains(err.Error(), "canonical") {
				t.Errorf("error %v, want one about the canonical form", err)
			}
		})
	}
}

func TestVerifyFinds(t *testing.T) {
	_, good := buildPackage(t, programOptions(t, "l2switch"))
	pkg := openPackage(t, good)
	if err := pkg.Verify(); err != nil {
		t.Fatal(err)
	}
	components := pkg.Container().Components
	flip := func(at int64) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 1; return b }
	}
	tests := []struct {
		name    string
		change  func([]byte) []byte
		offset  int64
		section string
		is      error
	}{
		{"pipeline", flip(components[1].Offset + 100), components[1].Offset, "component 2 (pipeline)", firmware.ErrDigest},
		{"P4Info", flip(components[2].Offset), components[2].Offset, "component 3 (p4info)", firmware.ErrDigest},
		{"image", flip(components[4].Offset + 999), components[4].Offset, "component 17 (x100)", firmware.ErrDigest},
		{"padding", flip(components[1].Offset - 1), components[1].Offset - 1, "component 2: image", nil},
		{"behind the end", func(b []byte) []byte { return append(b, 0) }, int64(len(good)), "end of file", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := openPackage(t, tt.change(bytes.Clone(good))).Verify()
			var format *firmware.FormatError
			if !errors.As(err, &format) || format.Offset != tt.offset || format.Section != tt.section {
				t.Errorf("error %v, want %s at byte %d", err, tt.section, tt.offset)
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v, want %v", err, tt.is)
			}
		})
	}
}

// replaceComponent puts other bytes into a component, with the digest that goes with them.
func replaceComponent(t *testing.T, data []byte, i int, content []byte) []byte {
	return rebuild(t, data, func(f *pldm.Package, m map[string]any) {
		tag, err := firmware.SourceTag(firmware.SourceFile{Data: content})
		if err != nil {
			t.Fatal(err)
		}
		f.Components[i].Data = firmware.Bytes(content)
		entry(m, i-1)["sha256"] = strings.TrimPrefix(tag, "sha256:")
		entry(m, i-1)["size"] = len(content)
	})
}

func TestVerifyProgram(t *testing.T) {
	_, good := buildPackage(t, programOptions(t, "l2switch"))
	other, _ := buildPackage(t, programOptions(t, "l3router"))
	otherInfo, err := other.P4Info()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"P4Info of another program": replaceComponent(t, good, 2, otherInfo),
		"P4Info not protobuf":       replaceComponent(t, good, 2, []byte("\x01\xff\xff")),
		"pipeline not zstd":         replaceComponent(t, good, 1, []byte(`{"program":"x"}`)),
		"pipeline not JSON":         replaceComponent(t, good, 1, compress(t, []byte("not JSON"))),
		"other architecture": rebuild(t, good, func(f *pldm.Package, m map[string]any) {
			m["arch"] = "pna"
		}),
		"record does not take the pipeline": rebuild(t, good, func(f *pldm.Package, m map[string]any) {
			f.Records[0].Components = []int{0, 4}
		}),
		"image that no record takes": rebuild(t, good, func(f *pldm.Package, m map[string]any) {
			f.Records = f.Records[:1]
		}),
	} {
		t.Run(name, func(t *testing.T) {
			err := openPackage(t, data).Verify()
			var format *firmware.FormatError
			if !errors.As(err, &format) {
				t.Errorf("error %v, want a FormatError", err)
			}
		})
	}
}

func compress(t *testing.T, data []byte) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return enc.EncodeAll(data, nil)
}

// TestBomb has a pipeline of 1 GiB that is 32 KiB when compressed.
func TestBomb(t *testing.T) {
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 1 << 8 {
		if _, err := enc.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	_, good := buildPackage(t, programOptions(t, "l2switch"))
	data := replaceComponent(t, good, 1, b.Bytes())
	limits := firmware.Limits{Pipeline: 1 << 20, P4Info: 1 << 20}
	bomb, err := firmware.OpenLimited(bytes.NewReader(data), int64(len(data)), limits)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = bomb.Verify()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, firmware.ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
		t.Errorf("%d MiB allocated for 256 that unpack, with a limit of 1", got>>20)
	}
	limits = firmware.Limits{Pipeline: 20 << 10, P4Info: 16 << 20}
	pkg, err := firmware.OpenLimited(bytes.NewReader(good), int64(len(good)), limits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pkg.Program(); !errors.Is(err, firmware.ErrTooLarge) {
		t.Errorf("33 KiB of pipeline, limit 20 KiB: error %v, want ErrTooLarge", err)
	}
}

func TestBuildRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*firmware.BuildOptions)
		want   string
	}{
		{"empty", func(o *firmware.BuildOptions) { o.Pipeline, o.Images = nil, nil }, "neither"},
		{"name", func(o *firmware.BuildOptions) { o.Name = "a b" }, "name"},
		{"version", func(o *firmware.BuildOptions) { o.Version = "" }, "version"},
		{"source", func(o *firmware.BuildOptions) { o.Source = nil }, "source"},
		{"source tag", func(o *firmware.BuildOptions) { o.SourceTag = "sha256:" + strings.Repeat("0", 64) }, "source"},
		{"arch", func(o *firmware.BuildOptions) { o.Arch = "psa" }, "architecture"},
		{"JSON", func(o *firmware.BuildOptions) { o.Pipeline = []byte("{}") }, "bmv2"},
		{"P4Info", func(o *firmware.BuildOptions) { o.P4Info = []byte("tables {") }, "P4Info"},
		{"P4Info alone", func(o *firmware.BuildOptions) { o.Pipeline = nil }, "without a pipeline"},
		{"image name", func(o *firmware.BuildOptions) { o.Images[0].Name = "pipeline" }, "name"},
		{"image twice", func(o *firmware.BuildOptions) { o.Images[1].Name = "sim-a0" }, "name"},
		{"image without data", func(o *firmware.BuildOptions) { o.Images[0].Data = nil }, "no data"},
		{"unknown image", func(o *firmware.BuildOptions) { o.Devices[0].Images = []string{"y"} }, "device record 0"},
		{"record for every device", func(o *firmware.BuildOptions) { o.Devices[0].PCI = firmware.PCIID{} }, "identifies no device"},
		{"vendor that stands for none", func(o *firmware.BuildOptions) { o.Devices[0].PCI.Vendor = 0xffff }, "vendor 0xffff"},
		{"image for nobody", func(o *firmware.BuildOptions) { o.Devices = o.Devices[:1] }, "no device record takes it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := programOptions(t, "l2switch")
			tt.change(&o)
			if _, err := firmware.Build(o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestOpaque(t *testing.T) {
	o := programOptions(t, "l2switch")
	o.Pipeline, o.P4Info, o.Source = nil, nil, nil
	_, data := buildPackage(t, o)
	pkg := openPackage(t, data)
	if !pkg.Opaque() || pkg.Verify() != nil {
		t.Errorf("opaque %v, verify %v", pkg.Opaque(), pkg.Verify())
	}
	if _, err := pkg.Program(); !errors.Is(err, firmware.ErrOpaque) {
		t.Errorf("error %v, want ErrOpaque", err)
	}
	if info, err := pkg.P4Info(); info != nil || err != nil {
		t.Errorf("P4Info %q, %v", info, err)
	}
	if _, err := pkg.Component("pipeline"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}

func TestSoftwareOnly(t *testing.T) {
	o := programOptions(t, "l2switch")
	o.Images, o.Devices = nil, nil
	_, data := buildPackage(t, o)
	pkg := openPackage(t, data)
	if err := pkg.Verify(); err != nil {
		t.Error(err)
	}
	if _, err := pkg.Matches(firmware.DeviceID{Driver: "simnic"}); !errors.Is(err, firmware.ErrMismatch) {
		t.Errorf("error %v, want ErrMismatch", err)
	}
}

func FuzzOpen(f *testing.F) {
	_, good := buildPackage(f, programOptions(f, "l2switch"))
	f.Add(good)
	o := programOptions(f, "l2switch")
	o.Pipeline, o.P4Info, o.Source = nil, nil, nil
	_, opaque := buildPackage(f, o)
	f.Add(opaque)
	f.Fuzz(func(t *testing.T, data []byte) {
		fixHeader(data)
		limits := firmware.Limits{Pipeline: 1 << 20, P4Info: 1 << 20}
		pkg, err := firmware.OpenLimited(bytes.NewReader(data), int64(len(data)), limits)
		if err != nil {
			var format *firmware.FormatError
			if !errors.As(err, &format) && !errors.Is(err, firmware.ErrNotPackage) {
				t.Fatalf("error %v, want a FormatError or ErrNotPackage", err)
			}
			return
		}
		verr := pkg.Verify()
		if _, err := pkg.Program(); verr == nil && err != nil && !pkg.Opaque() {
			t.Fatalf("verified, but %v", err)
		}
		pkg.Matches(firmware.DeviceID{Driver: "simnic"})
	})
}
