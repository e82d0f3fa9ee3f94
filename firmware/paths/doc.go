// Package paths finds packets that lead a P4 parser along each of its ways.
//
// [Find] walks the parser graph from its start to every accept. Along a way it sets the bits that the transitions ask
// for, and everywhere else what is usual there: versions, header lengths, lengths of what follows, so that a parser that
// knows more of the protocols than the program asks for takes the packet for a good one. A way whose conditions cannot
// be met by setting bits of the packet (a value set, computed metadata) has no packet, but says why.
//
// The packets are proposals: whoever needs certainty runs them through an engine.
package paths
