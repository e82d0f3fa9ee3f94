// Package swfallback is the software target: it runs a P4 program in the kernel, in eBPF at XDP, for every packet
// that no hardware handles, and holds the program's entries. It puts together what swfallback/bpfgen compiles
// and swfallback/bpfrun loads.
//
// # State
//
// The kernel's maps are the only place where entries, counters and registers live. Everything is pinned below
// /sys/fs/bpf/p4dev/NAME: the running pipeline in pipeline/, with programs/ and maps/, and the attachment of every
// port in links/. The program itself is pinned too, compressed, so that any process can Open the target and read
// and write its entries; a target keeps forwarding while no process is there at all.
//
// # Concurrency
//
// A Fallback may be used by any number of goroutines, and any number of processes may have the same target open.
// Every method holds an exclusive lock (flock) on NAME.lock in /run/p4dev while it works; the lock goes with its
// process. A copy of the keys of a table is kept in memory and read again when another process has changed the
// table, which a version number in the map p4dev_state tells. Once another process has replaced or detached the
// pipeline, methods return ErrStale.
//
// # What packets see
//
// The methods that write take several entries and do all or nothing, also when the kernel refuses one in the
// middle; but packets may see the first entry before the last, and for a moment those that are taken back:
//
//   - a table of exact keys (hash map) or with a prefix (trie): each entry appears, changes and disappears as a
//     whole, many of them one after the other;
//   - a table with ternary, optional or range keys: all entries of one call at once, the table's inner map is
//     built aside and exchanged;
//   - a default action: in words of 8 bytes; a packet may see new arguments beside old ones for an instant;
//   - a multicast group or clone session: as a whole;
//   - Replace and Specialise: each port in one step, one port after the other; no packet is lost. A packet meets all
//     tables that a specialised program has in its text as they were at one moment.
//
// A counter of a deleted entry may be carried by its last packets into the entry that takes its slot next.
package swfallback
