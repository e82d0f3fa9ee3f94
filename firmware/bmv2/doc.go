// Package bmv2 reads what p4c writes for BMv2: the JSON form of a compiled program (format 2.x, described
// in behavioral-model's docs/JSON_format.md, up to 2.24) and the P4Info that goes with it. The result is a
// pipeline.Program; no other package knows a JSON key.
//
// Import checks everything that an engine would otherwise have to check for every packet: names, numbers of
// arguments, kinds of operands, widths, indexes, and that control flow has no cycle. It does not stop at the
// first finding; each is an *ImportError with a JSON pointer and, where the compiler gave one, the place in
// the P4 source.
//
// Choices where the JSON has several ways to say one thing:
//
//   - A header's validity as a boolean is Unary{OpValid, HeaderRef}, also where the JSON has d2b of the
//     hidden field "$valid$". As a number (a key, an operand of arithmetic) it is ValidRef.
//   - "==" and "!=" of booleans, headers and unions become OpEqBool, OpEqHeader, OpEqUnion and so on.
//   - Conditions of asserts and jumps are booleans, where p4c converts them to numbers.
//   - An expression that only wraps a value is that value; "local" and "runtime_data" are both Param.
//   - A default transition comes last. A state without one ends in the error NoMatch.
//   - Entries: JSON's smallest priority wins, pipeline's largest wins; the order is kept.
//
// The package is not for P4 source, and not for the JSON of PSA or PNA programs with externs of their own:
// their instances are read (pipeline.Extern) but have no meaning here.
package bmv2
