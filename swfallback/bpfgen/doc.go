// Package bpfgen compiles a pipeline.Program into eBPF: instructions and map specifications for
// github.com/cilium/ebpf. It makes no system call and runs on any operating system; bpfrun loads, pins and
// attaches what it made, swfallback fills the maps.
//
// The compiler is a specialiser followed by an ordinary back end. The specialiser (lower*.go) runs the
// program symbolically from the parser on: what is known on a path (which headers are valid and where they
// lie, constants in metadata, that a checksum was right) is used up on that path and costs nothing at run
// time; paths that know the same meet again. What is left is a graph of blocks in SSA form (ir.go) that
// touches the packet in place. Passes (passes.go) simplify it, allocate registers and emit instructions;
// Options.Dump shows the text after each.
//
// State that outlives a packet is in maps, and only there: every entry, with its priority and its flags, can
// be decoded from the map that holds it (TableLayout).
//
// Generated code is for little-endian machines; all integers in maps are little-endian unless a layout says
// that a value is kept in the byte order of the wire.
package bpfgen
