// Package pldm reads and writes DMTF PLDM firmware update packages: DSP0267, package header format revision 1,
// the revision that the Linux kernel takes apart for drivers (lib/pldmfw, Linux 5.11 and later).
//
// It is a codec of the container only. It knows nothing of what the components hold and works on any vendor's
// package: [Read] takes the header apart and gives every component as a window on the input, so that images of
// any size cost no memory, and [Write] streams a package out. Signatures, manifests and the meaning of a
// component are the business of package firmware.
//
// A package is a header, which ends in a CRC-32 over all of its bytes, and behind it the component images:
//
//	package header          UUID, revision, header size, date, version string
//	device records          descriptors (PCI identifiers, ...), and which components the device takes
//	component table         classification, identifier, version string, offset and size of each image
//	header checksum
//	component images
//
// All numbers are little-endian. Strings carry their encoding and have at most 255 bytes. The header has at most
// 65,535 bytes, an offset or a size at most 32 bits.
//
// The input is not trusted: every size and offset is checked before it is used, and what is wrong is reported
// as a [*FormatError] with the byte offset of the field. Reading never panics.
package pldm
