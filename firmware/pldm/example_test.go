package pldm_test

import (
	"bytes"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pldm"
)

func ExampleRead() {
	var file bytes.Buffer
	if _, err := pldm.Write(&file, sample()); err != nil {
		fmt.Println(err)
		return
	}
	p, err := pldm.Read(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Version, p.Released.Format("2006-01-02"))
	for _, d := range p.Records[0].Descriptors {
		fmt.Printf("%v %x\n", d.Type, d.Data)
	}
	for _, c := range p.Components {
		fmt.Printf("%v %d: %d bytes at %d, version %q\n", c.Classification, c.Identifier, c.Data.Size(), c.Offset, c.Version)
	}
	// Output:
	// l3router 1.2.0 2024-03-01
	// PCI vendor 8680
	// PCI device 9215
	// PCI subsystem vendor 0000
	// PCI revision 07
	// firmware 1: 11 bytes at 240, version "1"
	// other 2: 0 bytes at 256, version "zwölf"
	// configuration 900: 5 bytes at 256, version ""
}
