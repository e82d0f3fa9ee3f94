package firmware_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pldm"
)

// zeros is a file of zero bytes that counts how many of them are read.
type zeros struct{ read int64 }

func (z *zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	z.read += int64(len(b))
	return len(b), nil
}

// TestLargeImage opens a package with an image of 256 MiB: nothing of it may be read, let alone kept.
func TestLargeImage(t *testing.T) {
	const size = 256 << 20
	image := &zeros{}
	o := programOptions(t, "l2switch")
	o.Images[1].Data = io.NewSectionReader(image, 0, size)
	built, err := firmware.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	var head limitedWriter
	total, err := built.WriteTo(&head)
	if err != nil {
		t.Fatal(err)
	}
	image.read = 0
	file := &overlay{head: head.b, rest: image}
	pkg, err := firmware.Open(file, total)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pkg.Program(); err != nil {
		t.Fatal(err)
	}
	if got := pkg.Images[1].Data.Size(); got != size || image.read != 0 {
		t.Errorf("image of %d bytes, %d of them read", got, image.read)
	}
}

// limitedWriter keeps the first 64 KiB.
type limitedWriter struct{ b []byte }

func (w *limitedWriter) Write(b []byte) (int, error) {
	w.b = append(w.b, b[:min(len(b), 64<<10-len(w.b))]...)
	return len(b), nil
}

// overlay is a file that begins with head and goes on with rest.
type overlay struct {
	head []byte
	rest io.ReaderAt
}

func (o *overlay) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) <= int64(len(o.head)) {
		return copy(b, o.head[at:]), nil
	}
	return o.rest.ReadAt(b, at)
}

func TestManifestOptions(t *testing.T) {
	o := programOptions(t, "l2switch")
	o.Created = time.Date(2026, 11, 23, 10, 9, 8, 7, time.FixedZone("", 3600))
	o.MinP4dev, o.LowestVersion, o.Expect.NeedsReset = "0.9", "1.2.0-rc.1", true
	_, data := buildPackage(t, o)
	pkg := openPackage(t, data)
	got := pkg.Manifest
	got.Components = nil
	want := firmware.Manifest{
		Arch: "v1model", Created: time.Date(2026, 11, 23, 9, 9, 8, 0, time.UTC), Expect: firmware.Expect{NeedsReset: true}, Format: 1,
		LowestVersion: "1.2.0-rc.1", MinP4dev: "0.9", Name: "l2switch", Version: "1.2.0",
		Source: "sha256:d14bb06c0e03344bbabf81af298fa4f749cc8ade3591fd33fb558024d3da1913",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, c := range pkg.Container().Components {
		if c.Activation != pldm.ActivationMediumSpecific || c.Stamp != pldm.NoStamp || c.Version.String() != "1.2.0" {
			t.Errorf("component %d: activation %d, stamp %x, version %s", c.Identifier, c.Activation, c.Stamp, c.Version)
		}
	}
	if err := pkg.Verify(); err != nil {
		t.Error(err)
	}
}

// TestP4InfoForms gives P4Info as text and as binary.
func TestP4InfoForms(t *testing.T) {
	o := programOptions(t, "l3router")
	pkg, text := buildPackage(t, o)
	binary, err := pkg.P4Info()
	if err != nil {
		t.Fatal(err)
	}
	o = programOptions(t, "l3router")
	o.P4Info = binary
	if _, data := buildPackage(t, o); !bytes.Equal(text, data) {
		t.Error("the packages differ")
	}
}
