// Package ddp reads Intel's DDP packages: the compiled parser, packet types and lookup profiles that the Linux driver
// ice loads into E810 and E830 adapters from /lib/firmware/intel/ice/ddp at every probe.
//
// [Read] takes a package apart: segments, buffers, sections. What is wrong with one is a *FormatError with the byte
// offset; reading never panics. A configuration segment's tables become a [Parser] and a [Block] for each lookup
// stage. [Parser.Simulate] makes a model of the hardware parser, which says of a packet what the hardware would say:
// its packet type and the headers with their offsets. [Parser.Graph] draws the parser, and [Compare] says what two
// packages have that the other lacks.
//
// The words are the hardware's. A parse graph node is where the parser stands; the instruction at its program counter
// builds a key; the boost TCAM, which sees the next bytes of the packet, may replace all of the instruction. A match
// in the parse graph (the CAM, or the no-match CAM where no next protocol fits) names the next node and instruction,
// records protocols at offsets, and sets markers. The set of markers is the packet type (PTYPE). Packet types fall
// into groups (PTG); group, flags and interface select a profile, whose field vector is the words of the lookup key.
//
// Layouts are those of Linux 6.12 (drivers/net/ethernet/intel/ice: ice_ddp.h, ice_parser.c, ice_parser_rt.c), checked
// against the packages that Intel ships. Packages are read only: nothing here writes one.
package ddp
