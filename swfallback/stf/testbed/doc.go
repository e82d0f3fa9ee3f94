// Package testbed runs packet tests on the engines that p4dev has: the interpreter, and the kernel, over real ports
// or in test runs. It stands above swfallback, which the rest of swfallback/stf knows nothing of.
//
// Over real ports, every test gets a network namespace and a BPF file system of its own, which end with the
// test or, however it dies, with the process. Ports are veth pairs, but for tests with frames that end within a VLAN
// tag: the receiving end of a veth pair drops these, so such a test gets taps. Packets that are shorter than an Ethernet
// header travel behind one, which the program does not see.
//
// Rivals are the interpreter and the kernel with the same program; they are held against each other on cases that
// package fuzz makes.
//
// A test that an engine cannot run is skipped with the engine's reason; it never counts as passed.
package testbed
