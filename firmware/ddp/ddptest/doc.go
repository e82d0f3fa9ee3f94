// Package ddptest makes a small DDP package for tests: a parser that knows Ethernet, one VLAN tag, IPv4, UDP, TCP and
// VXLAN, with tables, labels and a switch block laid out as real packages have them.
//
// [Small] is the package; it is the same bytes each time. The parts that it is made of are there for tests that need
// another one, or a damaged one.
package ddptest
