// Package pipeline is the model of a compiled P4 program: header types, parser graph, tables, actions,
// control flow, deparser, and the entries that go into its tables. It is the vocabulary that every other
// package of p4dev speaks: importers make it (firmware/bmv2), engines run it (swfallback/interp), compilers
// lower it (swfallback/bpfgen), and managers compare it with what a device advertises (offload).
//
// The words are P4's own: HeaderType, Header, ParserState, Transition, Table, ActionProfile, Calculation,
// Register. Objects refer to each other by pointer, and every object carries an Index: its position in the
// Program's slice of its kind, dense from 0, so that an engine keeps its own state in plain slices.
//
// A Program is immutable once an importer has returned it and may be shared by any number of goroutines.
// The package knows no file format and imports only the standard library.
package pipeline
