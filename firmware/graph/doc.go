// Package graph draws parser graphs: as text for a terminal, as Mermaid for documents, as DOT for Graphviz and
// as SVG. A Graph knows nothing of where it came from; FromParser makes one of a P4 parser, and readers of
// what hardware parsers do make theirs.
//
// SVG is laid out here, in plain Go: the drawing needs no other program, and importing the package starts
// nothing.
//
// All forms are deterministic: nodes and edges appear in the order of the Graph. Names come from programs and
// devices and may hold anything; every form escapes them.
package graph
