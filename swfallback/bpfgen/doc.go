// Package bpfgen compiles a pipeline.Program into eBPF: instructions and map specifications for
// github.com/cilium/ebpf. It makes no system call and runs on any operating system; bpfrun loads, pins and
// attaches what it made, swfallback fills the maps.
//
// A program is lowered in one of two forms to a graph of blocks in SSA form (ir.go). The special form runs it
// symbolically from the parser on: what is known on a path (which headers are valid and where they lie,
// constants in metadata, that a checksum was right) is used up on that path and costs nothing at run time;
// paths that know the same meet again, and the packet is touched in place. The general form (home*.go)
// keeps headers and metadata in a map, compiles every point of the program once, and is cut into parts that
// tail-call each other where it is too large (split.go). It takes all of v1model, and it makes the copies of
// packets in the tc program (homed_tc.go) for both. Most of lower*.go serves both forms; where l.home is set
// it is the general one. Passes (passes.go) simplify, allocate registers and emit instructions;
// Options.Dump shows the text after each.
//
// State that outlives a packet is in maps, and only there: every entry, with its priority and its flags, can
// be decoded from the map that holds it (TableLayout).
//
// Generated code is for little-endian machines; all integers in maps are little-endian unless a layout says
// that a value is kept in the byte order of the wire.
package bpfgen
