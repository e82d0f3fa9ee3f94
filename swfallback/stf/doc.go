// Package stf reads packet tests and runs them against any engine.
//
// A test is text in the format of p4c's packet tests (STF): lines that fill tables, send packets and say what
// must come out. A second reader takes files of simple_switch_CLI commands, for what STF cannot say: ranges,
// action profiles, value sets. Both become a Test; Run plays it.
//
//	add ipv4_lpm hdr.ipv4.dst_addr:0x0a01**** set_nexthop(nexthop_id:1)
//	packet 1 020000000001 ... # port, bytes in hexadecimal
//	expect 2 0200000000b2 **** ... $
//
// Rules, those of p4c's own runner:
//
//   - In an expect, * is a nibble that does not matter; $ ends the packet, without it what follows does not
//     matter; without bytes any packet will do.
//   - Packets are compared per port and in order. A port that a line names must emit as many packets as it
//     has expects; other ports are not looked at.
//   - Where a test names several ports, its configuration takes effect before the first packet, wherever it
//     stands; with one port the order of the file holds.
//   - A name may be shortened to its end where that is unambiguous. The larger priority wins in an add, the
//     smaller one in a table_add.
//
// The package is not a language: it has no variables, no loops and no clock.
package stf
