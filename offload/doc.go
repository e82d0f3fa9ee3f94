// Package offload is the manager: it decides which entries the hardware holds, and keeps hardware and software
// one pipeline to the packets.
//
// Words: the gate compares the source tag of the package with the one that the device reports; only a verified
// gate lets entries into hardware. A placement says where one entry lives and why. A table is complete in
// hardware when all its entries are there; then, and only then, its default action is there too. To spill is
// to stay in software for want of room; a pinned entry is one with SkipSW, which lives in hardware only.
//
// A Manager works over a SoftwareTarget and, where there is one, a HardwareTarget. It keeps no entries of its own:
// what should be is what the software holds, with each entry's SkipHW, and the pinned entries of the
// hardware. So a process that starts anew, or runs one command and ends, goes on from the targets themselves.
// Its methods are those of every target of entries (docs/architecture.md), so a P4Runtime server can stand in
// front of it.
//
// At every moment, also between the single writes of one change, a packet to which the hardware gives an answer
// gets the answer of the whole table as it was before the change or as it is after it; all other packets go to
// software. docs/rationale.md, "Placement", says why the order of the writes makes it so.
//
// Load is the whole of loading a package: find, check, compare, flash, activate, verify, put the entries back.
// The package speaks neither devlink nor P4Runtime itself; offload/hw does both.
package offload
