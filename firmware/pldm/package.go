package pldm

import (
	"encoding/binary"
	"io"
	"time"
)

// Package is a firmware update package. One that [Read] returned is not changed by this package and may be
// shared by goroutines as far as its reader may be.
type Package struct {
	Version  String
	Released time.Time // whole seconds; zero in a package to write: 1 January 1970 UTC
	// BitmapBits is the length of the records' component bitmaps, a multiple of 8. Write ignores it and takes
	// the least that fits.
	BitmapBits int
	Records    []Record
	Components []Component

	// What Read found; Write ignores it.
	HeaderSize int // bytes, checksum included
	Checksum   uint32
	Size       int64 // bytes of the whole file
}

// Record says which devices the package is for. The kernel takes the first record whose descriptors fit.
type Record struct {
	UpdateFlags uint32 // DeviceUpdateOptionFlags
	Version     String // of the component image set
	Components  []int  // indices into Package.Components, ascending
	Descriptors []Descriptor
	PackageData []byte // handed to the device before the components; may be empty
}

// Descriptor is one identifier of a device. Data is in the descriptor's own order: little-endian numbers.
type Descriptor struct {
	Type DescriptorType
	Data []byte
}

// Component is one image.
type Component struct {
	Classification Classification
	Identifier     uint16
	Stamp          uint32 // comparison stamp; NoStamp where OptionUseStamp is not set
	Options        uint16 // OptionForceUpdate, OptionUseStamp
	Activation     uint16 // Activation bits
	Version        String
	Offset         int64             // bytes from the start of the file; Write ignores it
	Data           *io.SectionReader // the image; Size() is its length
}

// NoStamp is the comparison stamp of a component that does not use it.
const NoStamp = 0xffffffff

// Component options.
const (
	OptionForceUpdate = 1 << 0
	OptionUseStamp    = 1 << 1
)

// Ways in which a component may be activated.
const (
	ActivationAutomatic      = 1 << 0
	ActivationSelfContained  = 1 << 1
	ActivationMediumSpecific = 1 << 2
	ActivationReboot         = 1 << 3
	ActivationDCCycle        = 1 << 4
	ActivationACCycle        = 1 << 5
)

// DescriptorType says what a Descriptor identifies. Values above the named ones exist in later revisions of
// the specification and are kept as they are.
type DescriptorType uint16

// The descriptor types of revision 1.
const (
	DescPCIVendor      DescriptorType = 0x0000 // 2 bytes
	DescIANAEnterprise DescriptorType = 0x0001 // 4 bytes
	DescUUID           DescriptorType = 0x0002 // 16 bytes
	DescPnPVendor      DescriptorType = 0x0003 // 3 bytes
	DescACPIVendor     DescriptorType = 0x0004 // 4 bytes
	DescPCIDevice      DescriptorType = 0x0100 // 2 bytes
	DescPCISubvendor   DescriptorType = 0x0101 // 2 bytes
	DescPCISubdevice   DescriptorType = 0x0102 // 2 bytes
	DescPCIRevision    DescriptorType = 0x0103 // 1 byte
	DescPnPProduct     DescriptorType = 0x0104 // 4 bytes
	DescACPIProduct    DescriptorType = 0x0105 // 4 bytes
	DescVendorDefined  DescriptorType = 0xffff // title and data
)

// Size returns the length in bytes that data of the type must have, or -1 where any length will do.
func (t DescriptorType) Size() int {
	switch t {
	case DescPCIVendor, DescPCIDevice, DescPCISubvendor, DescPCISubdevice:
		return 2
	case DescPCIRevision:
		return 1
	case DescPnPVendor:
		return 3
	case DescIANAEnterprise, DescACPIVendor, DescPnPProduct, DescACPIProduct:
		return 4
	case DescUUID:
		return 16
	}
	return -1
}

// Initial reports whether a record may begin with a descriptor of the type: those that name a vendor.
func (t DescriptorType) Initial() bool { return t <= DescACPIVendor }

// Uint16 makes a descriptor of a 16-bit number.
func Uint16(t DescriptorType, v uint16) Descriptor {
	return Descriptor{Type: t, Data: binary.LittleEndian.AppendUint16(nil, v)}
}

// Uint16 returns the descriptor's number, and false where its data are not two bytes long.
func (d Descriptor) Uint16() (uint16, bool) {
	if len(d.Data) != 2 {
		return 0, false
	}
	return binary.LittleEndian.Uint16(d.Data), true
}

// Vendor makes a vendor-defined descriptor with an ASCII title of at most 255 bytes.
func Vendor(title string, data []byte) Descriptor {
	b := append([]byte{byte(ASCII), byte(len(title))}, title...)
	return Descriptor{Type: DescVendorDefined, Data: append(b, data...)}
}

// Vendor takes a vendor-defined descriptor apart; ok is false where it is of another type or too short.
func (d Descriptor) Vendor() (title String, data []byte, ok bool) {
	if d.Type != DescVendorDefined || len(d.Data) < 2 || len(d.Data) < 2+int(d.Data[1]) {
		return String{}, nil, false
	}
	n := 2 + int(d.Data[1])
	return String{Type: StringType(d.Data[0]), Data: string(d.Data[2:n])}, d.Data[n:], true
}

// Classification says what kind of image a component is.
type Classification uint16

// The classifications of revision 1.
const (
	ClassUnknown         Classification = 0x0000
	ClassOther           Classification = 0x0001
	ClassDriver          Classification = 0x0002
	ClassConfiguration   Classification = 0x0003
	ClassApplication     Classification = 0x0004
	ClassInstrumentation Classification = 0x0005
	ClassBIOS            Classification = 0x0006
	ClassDiagnostic      Classification = 0x0007
	ClassOS              Classification = 0x0008
	ClassMiddleware      Classification = 0x0009
	ClassFirmware        Classification = 0x000a
	ClassCode            Classification = 0x000b
	ClassServicePack     Classification = 0x000c
	ClassBundle          Classification = 0x000d
)
