// Package lookup builds and changes the structures in which generated programs find the entries of a table: a hash
// table for exact keys, or an array where they are short, a trie for prefixes, groups and bit vectors for rules with
// masks. They lie in memory that programs in the kernel read at the same time, and every change is made of single stores
// of at most 8 bytes in such an order that a packet sees an entry as it was or as it will be. What a store takes out of a
// structure is used again only when Memory's Wait has seen every packet off that may still read it.
//
// The package knows nothing of eBPF: the memory may be any, and the Find methods do in Go what generated programs do
// in the kernel.
//
// Vocabulary: a cell is the record of one entry, which a hit leads to; addresses are offsets from the start of the
// memory, 0 is none; a head is a place of HeadSize bytes at a fixed address from which a structure is found.
package lookup
