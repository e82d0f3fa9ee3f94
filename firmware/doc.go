// Package firmware is what lies in /lib/firmware/p4dev: the package format (.p4fw), the order in which the
// kernel searches for a file, signatures, the checks before a package goes into a device, and the history of
// what was loaded.
//
// A [Package] holds one compiled P4 program: a manifest, the pipeline (p4c's BMv2 JSON, compressed), P4Info, and
// one image for each family of devices that can run it. [Build] makes one, [Open] and [OpenFile] read one;
// [Package.Program] gives the program as every other package of p4dev speaks of it. The container is a PLDM
// firmware update package (firmware/pldm), so that a driver can take it apart with the kernel's own library.
//
//	pkg, err := firmware.OpenFile("/lib/firmware/p4dev/l3router.p4fw")
//	if err != nil {
//		return err
//	}
//	defer pkg.Close()
//	if err := pkg.Verify(); err != nil {
//		return err
//	}
//	prog, err := pkg.Program()
//
// Packages are not trusted. Everything that a reader needs is checked before it is used, decompression is
// bounded, and each component's SHA-256 is compared whenever the component is read. Damage is reported as a
// [*FormatError] with the byte offset. Who made a package is another matter: [VerifySignature] against a list of
// allowed signers, and [Check] puts everything together that speaks for or against loading.
//
// The same inputs make the same bytes, on any machine. docs/formats.md has the formats in full.
package firmware
