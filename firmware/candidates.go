package firmware

import (
	"fmt"
	"strings"
)

// Folder is where packages lie, below each of the kernel's folders of firmware.
const Folder = "p4dev"

// Extension is the end of a package's name.
const Extension = ".p4fw"

// DeviceIdentity is what is known of one device; every part may be empty.
type DeviceIdentity struct {
	DeviceID
	Bus     string // "pci"
	Address string // on the bus: "0000:01:00.0"
	Serial  string // serial number as devlink reports it
}

// Candidates returns the names under which a package for the device is looked for, the most particular first,
// for Search.Lookup:
//
//	p4dev/serial-SERIAL.p4fw
//	p4dev/BUS-ADDRESS.p4fw                          p4dev/pci-0000:01:00.0.p4fw
//	p4dev/pci-VENDOR:DEVICE-SUBVENDOR:SUBDEVICE.p4fw  four hexadecimal digits each
//	p4dev/pci-VENDOR:DEVICE.p4fw
//	p4dev/DRIVER.p4fw
//
// Names for what is not known are left out, and those that no file system takes. Characters of the device's own texts other than letters, digits and
// "._:+-" become "%" and two hexadecimal digits for each byte, and so does a dot in front.
func Candidates(id DeviceIdentity) []string {
	var names []string
	add := func(name string) {
		if len(name) <= maxFileName {
			names = append(names, Folder+"/"+name+Extension)
		}
	}
	if id.Serial != "" {
		add("serial-" + fileName(id.Serial))
	}
	if id.Bus != "" && id.Address != "" {
		add(fileName(id.Bus) + "-" + fileName(id.Address))
	}
	if id.PCI.Subvendor != 0 || id.PCI.Subdevice != 0 {
		add("pci-" + id.PCI.String())
	}
	if id.PCI != (PCIID{}) {
		add("pci-" + PCIID{Vendor: id.PCI.Vendor, Device: id.PCI.Device}.String())
	}
	if id.Driver != "" {
		add(fileName(id.Driver))
	}
	return names
}

// maxFileName bounds a name without its extension, so that NAME.p4fw.zst has less than the usual 255 bytes.
const maxFileName = 240

// fileName makes a text that a device reported safe as a part of a file's name. Different texts stay different.
func fileName(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:+-"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if strings.IndexByte(plain, c) >= 0 || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
