package firmware

import (
	"errors"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pldm"
)

// PCIID identifies a kind of PCI device. In a package's records 0 means any, as the kernel's reader has it.
type PCIID struct{ Vendor, Device, Subvendor, Subdevice uint16 }

// String returns "8086:1592", with "-8086:0002" behind it where a subsystem is set.
func (id PCIID) String() string {
	if id.Subvendor == 0 && id.Subdevice == 0 {
		return fmt.Sprintf("%04x:%04x", id.Vendor, id.Device)
	}
	return fmt.Sprintf("%04x:%04x-%04x:%04x", id.Vendor, id.Device, id.Subvendor, id.Subdevice)
}

// covers reports whether a device with id is one of those that the record's identifiers p mean.
func (p PCIID) covers(id PCIID) bool {
	return (p.Vendor == 0 || p.Vendor == id.Vendor) && (p.Device == 0 || p.Device == id.Device) &&
		(p.Subvendor == 0 || p.Subvendor == id.Subvendor) && (p.Subdevice == 0 || p.Subdevice == id.Subdevice)
}

// DeviceID is what a package's records are compared with: PCI identifiers, a driver's name, or both.
type DeviceID struct {
	PCI    PCIID  // zero: not a PCI device, or in a record: any
	Driver string // kernel driver; in a record "": any
}

// String returns the identifiers that are set, separated by a space.
func (id DeviceID) String() string {
	switch {
	case id.PCI == PCIID{} && id.Driver == "":
		return "unidentified device"
	case id.PCI == PCIID{}:
		return "driver " + id.Driver
	case id.Driver == "":
		return "pci " + id.PCI.String()
	}
	return "pci " + id.PCI.String() + " driver " + id.Driver
}

// DeviceRecord says which images a kind of device takes.
type DeviceRecord struct {
	DeviceID
	Images []string // names of images, in the package's order
}

// matches reports whether the record is for the device. Whatever a record states must fit.
func (r *DeviceRecord) matches(id DeviceID) bool {
	if r.PCI != (PCIID{}) && (id.PCI == PCIID{} || !r.PCI.covers(id.PCI)) {
		return false
	}
	return r.Driver == "" || r.Driver == id.Driver
}

// driverTitle is the title of the vendor-defined descriptor that holds a driver's name in ASCII.
const driverTitle = "p4dev.driver"

// noVendor is a PCI vendor identifier that no device has. It stands first in records without PCI identifiers: a
// record must begin with a vendor, and to the kernel's reader one without PCI identifiers fits every PCI device.
const noVendor = 0xffff

// descriptors returns the descriptors of the record.
func (r *DeviceRecord) descriptors() []pldm.Descriptor {
	var ds []pldm.Descriptor
	if r.PCI == (PCIID{}) {
		ds = append(ds, pldm.Uint16(pldm.DescPCIVendor, noVendor))
	} else {
		ds = append(ds, pldm.Uint16(pldm.DescPCIVendor, r.PCI.Vendor), pldm.Uint16(pldm.DescPCIDevice, r.PCI.Device),
			pldm.Uint16(pldm.DescPCISubvendor, r.PCI.Subvendor), pldm.Uint16(pldm.DescPCISubdevice, r.PCI.Subdevice))
	}
	if r.Driver != "" {
		ds = append(ds, pldm.Vendor(driverTitle, []byte(r.Driver)))
	}
	return ds
}

// setDescriptors reads what descriptors wrote. A descriptor that is not understood is an error: to leave it
// out would make the record fit devices that it is not for.
func (r *DeviceRecord) setDescriptors(ds []pldm.Descriptor) error {
	for _, d := range ds {
		v, _ := d.Uint16()
		title, data, _ := d.Vendor()
		switch {
		case d.Type == pldm.DescPCIVendor:
			r.PCI.Vendor = v
		case d.Type == pldm.DescPCIDevice:
			r.PCI.Device = v
		case d.Type == pldm.DescPCISubvendor:
			r.PCI.Subvendor = v
		case d.Type == pldm.DescPCISubdevice:
			r.PCI.Subdevice = v
		case title.String() == driverTitle && r.Driver == "":
			r.Driver = string(data)
		default:
			return fmt.Errorf("descriptor %v is not understood", d.Type)
		}
	}
	if r.PCI == (PCIID{Vendor: noVendor}) {
		r.PCI = PCIID{}
	}
	return r.validate()
}

func (r *DeviceRecord) validate() error {
	if r.DeviceID == (DeviceID{}) {
		return errors.New("identifies no device")
	}
	if r.PCI != (PCIID{}) && (r.PCI.Vendor == 0 || r.PCI.Vendor == noVendor) {
		return fmt.Errorf("PCI vendor 0x%04x", r.PCI.Vendor)
	}
	if r.Driver != "" && !validName(r.Driver) {
		return fmt.Errorf("driver name %.80q", r.Driver)
	}
	if len(r.Images) == 0 {
		return errors.New("takes no image")
	}
	return nil
}

// Matches returns the names of the images that the device takes: those of the first record that fits, as in the
// kernel. Its error wraps ErrMismatch where none does.
func (p *Package) Matches(id DeviceID) (images []string, err error) {
	for i := range p.Devices {
		if p.Devices[i].matches(id) {
			return slices.Clone(p.Devices[i].Images), nil
		}
	}
	return nil, fmt.Errorf("firmware: match %s with %v: %w", p.Manifest.Name, id, ErrMismatch)
}
