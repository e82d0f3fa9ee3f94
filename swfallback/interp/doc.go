// Package interp is the reference engine: it runs a pipeline.Program packet by packet, written to be read
// beside the P4_16 specification, v1model.p4 and the description of BMv2's simple_switch. When another engine
// disagrees with it, the specifications decide; comments name them.
//
// It is not a fast path and not a simulator of queues: a packet is carried through ingress, replication and
// egress before Process returns, and every queue is empty whenever the program asks for its depth. Names are
// resolved and expressions compiled to functions once, in New, so that the reading costs packets little.
//
// Words: a pass is one run of a packet through ingress or egress; the parsed representation is the packet's
// headers and metadata; a call is an action with the arguments of an entry. Files follow the specification:
// parser, control, table, action, calculation (checksums and the deparser), and v1model for what surrounds
// the blocks. Other architectures get files like v1model's.
//
//	sw, err := interp.New(program, interp.Options{})
//	err = sw.Insert(&pipeline.Entry{...})
//	out, err := sw.Process(1, packet)
//
// A Switch does one thing at a time: a packet, or a call of the control plane. Its methods may be called by
// any number of goroutines; each takes the Switch's only lock. A packet therefore sees a table before or
// after a change, never during one, and everything in a program is atomic. Callbacks for digests run when the
// lock is free again; a Tracer runs while it is held and must not call the Switch.
package interp
