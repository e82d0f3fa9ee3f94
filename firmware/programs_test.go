package firmware_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pldm/pldmtest"
	"github.com/p4dev/p4dev/testdata/p4"
)

// programNames returns the names of all programs in testdata/p4, without ".p4".
func programNames(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.p4", "features/*.p4"} {
		found, err := fs.Glob(p4.FS, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			names = append(names, strings.TrimSuffix(f, ".p4"))
		}
	}
	if len(names) != 16 {
		t.Fatalf("%d programs in testdata/p4, want 16: %v", len(names), names)
	}
	return names
}

func readProgram(t testing.TB, name string) []byte {
	t.Helper()
	data, err := fs.ReadFile(p4.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// programOptions are the options for one of the programs, with two images.
func programOptions(t testing.TB, name string) firmware.BuildOptions {
	t.Helper()
	source, err := firmware.ReadSource(p4.FS, name+".p4")
	if err != nil {
		t.Fatal(err)
	}
	return firmware.BuildOptions{
		Name: path.Base(name), Version: "1.2.0", LowestVersion: "1.0", Source: source,
		Pipeline: readProgram(t, name+".json"), P4Info: readProgram(t, name+".p4info.txtpb"),
		Images: []firmware.Image{
			{Name: "sim-a0", Family: "simnic", Data: firmware.Bytes([]byte("image of " + name))},
			{Name: "x100", Family: "example", Data: firmware.Bytes(bytes.Repeat([]byte{0xa5}, 1000))},
		},
		Devices: []firmware.DeviceRecord{
			{DeviceID: firmware.DeviceID{PCI: firmware.PCIID{Vendor: 0x8086, Device: 0x1592}}, Images: []string{"x100"}},
			{DeviceID: firmware.DeviceID{Driver: "simnic"}, Images: []string{"sim-a0"}},
		},
	}
}

func buildPackage(t testing.TB, o firmware.BuildOptions) (*firmware.Package, []byte) {
	t.Helper()
	pkg, err := firmware.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := pkg.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("WriteTo: %d of %d bytes, %v", n, b.Len(), err)
	}
	return pkg, b.Bytes()
}

func openPackage(t testing.TB, data []byte) *firmware.Package {
	t.Helper()
	pkg, err := firmware.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

func TestPrograms(t *testing.T) {
	for _, name := range programNames(t) {
		t.Run(name, func(t *testing.T) {
			o := programOptions(t, name)
			built, data := buildPackage(t, o)
			if _, again := buildPackage(t, programOptions(t, name)); !bytes.Equal(data, again) {
				t.Error("a second build gives other bytes")
			}
			if err := built.Verify(); err != nil {
				t.Errorf("as built: %v", err)
			}
			if err := pldmtest.KernelAccepts(data); err != nil {
				t.Errorf("the kernel's reader: %v", err)
			}
			pkg := openPackage(t, data)
			if err := pkg.Verify(); err != nil {
				t.Errorf("as opened: %v", err)
			}
			checkProgram(t, pkg, o)
		})
	}
}

// checkProgram compares an opened package with what it was made of.
func checkProgram(t *testing.T, pkg *firmware.Package, o firmware.BuildOptions) {
	t.Helper()
	if got, err := pkg.Pipeline(); err != nil || !bytes.Equal(got, o.Pipeline) {
		t.Errorf("pipeline: %d bytes of %d, %v", len(got), len(o.Pipeline), err)
	}
	want, err := bmv2.ReadP4Info(o.P4Info)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkg.P4Info()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := bmv2.ReadP4Info(data); err != nil || !proto.Equal(got, want) {
		t.Errorf("P4Info differs: %v", err)
	}
	prog, err := pkg.Program()
	if err != nil {
		t.Fatal(err)
	}
	if prog.Name != pkg.Manifest.Name+".p4" || pkg.Manifest.Arch != "v1model" {
		t.Errorf("program %s for %s, the manifest says %s for %s", prog.Name, prog.Arch, pkg.Manifest.Name, pkg.Manifest.Arch)
	}
	tag, err := firmware.SourceTag(o.Source...)
	if err != nil || pkg.Manifest.Source != tag {
		t.Errorf("source tag %s, want %s, %v", pkg.Manifest.Source, tag, err)
	}
	if diff := cmp.Diff(o.Devices, pkg.Devices); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	for i, img := range pkg.Images {
		var got, want bytes.Buffer
		if _, err := got.ReadFrom(img.Data); err != nil {
			t.Fatal(err)
		}
		if _, err := want.ReadFrom(o.Images[i].Data); err != nil {
			t.Fatal(err)
		}
		if img.Name != o.Images[i].Name || img.Family != o.Images[i].Family || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("image %d is %s, %s, %d bytes", i, img.Name, img.Family, got.Len())
		}
	}
}

// TestMatches compares our choice of a record with the kernel's.
func TestMatches(t *testing.T) {
	o := programOptions(t, "l2switch")
	sub := firmware.PCIID{Vendor: 0x8086, Device: 0x1592, Subvendor: 0x8086, Subdevice: 2}
	o.Devices = []firmware.DeviceRecord{
		{DeviceID: firmware.DeviceID{PCI: sub}, Images: []string{"sim-a0", "x100"}},
		{DeviceID: firmware.DeviceID{Driver: "simnic"}, Images: []string{"sim-a0"}},
		{DeviceID: firmware.DeviceID{PCI: firmware.PCIID{Vendor: 0x8086}}, Images: []string{"x100"}},
	}
	_, data := buildPackage(t, o)
	pkg := openPackage(t, data)
	tests := []struct {
		name   string
		id     firmware.DeviceID
		record int
	}{
		{"subsystem", firmware.DeviceID{PCI: sub}, 0},
		{"other subsystem", firmware.DeviceID{PCI: firmware.PCIID{Vendor: 0x8086, Device: 0x1592, Subvendor: 1, Subdevice: 2}}, 2},
		{"vendor", firmware.DeviceID{PCI: firmware.PCIID{Vendor: 0x8086, Device: 0x10fb}, Driver: "ixgbe"}, 2},
		{"other vendor", firmware.DeviceID{PCI: firmware.PCIID{Vendor: 0x15b3, Device: 0x1017}, Driver: "mlx5_core"}, -1},
		{"driver", firmware.DeviceID{Driver: "simnic"}, 1},
		{"nothing known", firmware.DeviceID{}, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			images, err := pkg.Matches(tt.id)
			if tt.record < 0 && !errors.Is(err, firmware.ErrMismatch) {
				t.Errorf("images %v, error %v, want ErrMismatch", images, err)
			}
			if tt.record >= 0 {
				if diff := cmp.Diff(o.Devices[tt.record].Images, images); diff != "" || err != nil {
					t.Errorf("images (-want +got):\n%s%v", diff, err)
				}
			}
			if tt.id.PCI == (firmware.PCIID{}) {
				return
			}
			pci := [4]uint16{tt.id.PCI.Vendor, tt.id.PCI.Device, tt.id.PCI.Subvendor, tt.id.PCI.Subdevice}
			if got := pldmtest.KernelMatch(data, pci); got != tt.record {
				t.Errorf("the kernel takes record %d, want %d", got, tt.record)
			}
		})
	}
}

// TestGoldenDigest pins the bytes of one package. Where it fails because of a new version of the compressor,
// packages are no longer reproducible across that change: say so in the change log, and pin the new digest.
func TestGoldenDigest(t *testing.T) {
	pkg, _ := buildPackage(t, programOptions(t, "l3router"))
	got, err := pkg.SHA256()
	if err != nil {
		t.Fatal(err)
	}
	const want = "a74dd4340918ed18a450c34a66bdad4d732c1a3be501766b3a015097e725cd09"
	if got != want {
		t.Errorf("SHA-256 of the package is %s, want %s", got, want)
	}
}

func ExampleBuild() {
	pkg, err := firmware.Build(firmware.BuildOptions{
		Name: "l2switch", Version: "1.0.0",
		Source:   []firmware.SourceFile{{Name: "l2switch.p4", Data: mustRead("l2switch.p4")}},
		Pipeline: mustRead("l2switch.json"),
		P4Info:   mustRead("l2switch.p4info.txtpb"),
		Images:   []firmware.Image{{Name: "sim", Data: firmware.Bytes([]byte("..."))}},
		Devices:  []firmware.DeviceRecord{{DeviceID: firmware.DeviceID{Driver: "simnic"}, Images: []string{"sim"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pkg.Manifest.Name, pkg.Manifest.Version, pkg.Manifest.Arch)
	fmt.Println(pkg.Manifest.Source)
	fmt.Println(pkg.Matches(firmware.DeviceID{Driver: "simnic"}))
	// Output:
	// l2switch 1.0.0 v1model
	// sha256:d14bb06c0e03344bbabf81af298fa4f749cc8ade3591fd33fb558024d3da1913
	// [sim] <nil>
}

func mustRead(name string) []byte {
	data, err := fs.ReadFile(p4.FS, name)
	if err != nil {
		panic(err)
	}
	return data
}
