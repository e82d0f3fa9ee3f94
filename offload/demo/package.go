package demo

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/testdata/p4"
)

// driver is the simulated NIC's, which the packages name.
const driver = "p4sim"

// buildPackage makes a package of l3router.p4. A note behind the source changes what the program is made from,
// and with it the source tag, but not what it does.
func buildPackage(version, note string) (*firmware.Package, error) {
	read := func(name string) []byte {
		b, err := p4.FS.ReadFile(name)
		if err != nil {
			panic(err) // embedded
		}
		return b
	}
	source := read("l3router.p4")
	if note != "" {
		source = append(bytes.Clone(source), "\n// "+note+"\n"...)
	}
	image := []byte("simulated device image of l3router " + version + "\n")
	return firmware.Build(firmware.BuildOptions{
		Name: "l3router", Version: version,
		Source:   []firmware.SourceFile{{Name: "l3router.p4", Data: source}},
		Pipeline: read("l3router.json"), P4Info: read("l3router.p4info.txtpb"),
		Images:  []firmware.Image{{Name: "sim", Family: "p4sim", Data: firmware.Bytes(image)}},
		Devices: []firmware.DeviceRecord{{DeviceID: firmware.DeviceID{Driver: driver}, Images: []string{"sim"}}},
	})
}

// fileName is what a package's file is called.
func fileName(pkg *firmware.Package) string {
	return pkg.Manifest.Name + "-" + pkg.Manifest.Version + firmware.Extension
}

// writePackage writes a package into a folder.
func writePackage(pkg *firmware.Package, dir string) error {
	f, err := os.Create(filepath.Join(dir, fileName(pkg)))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := pkg.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}
