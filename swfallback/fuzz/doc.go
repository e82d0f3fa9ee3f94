// Package fuzz makes packet tests for a program that nobody wrote: entries from the tables' types, and packets from
// walks through the parser graph.
//
// What it makes is aimed. Values come from the program (select expressions, conditions, entries of the program),
// from the boundaries of their types, and from entries that were made before, so that an action's argument is often
// what the next table looks for. Packets follow a path of the parser, are then changed so that they hit entries,
// get right checksums most of the time, and are cut off anywhere some of the time.
//
// The same seed makes the same cases. The package runs nothing: see swfallback/stf/testbed for what holds two
// engines against each other, and Shrink for making a case small.
//
//	g := fuzz.New(program, fuzz.Options{Seed: 1})
//	c := g.Case(0)
//	test, err := c.Test("case")
package fuzz
