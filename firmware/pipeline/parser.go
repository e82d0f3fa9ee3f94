package pipeline

import "math/big"

// Parser is a parser graph. An error in it ends parsing: parser_error is set and control goes on to ingress.
type Parser struct {
	Index  int
	Name   string
	Source Source
	States []*ParserState
	Start  *ParserState // nil: the parser accepts at once
}

// ParserState is a node of the parser graph: its operations are run in order, then the first transition
// that matches is taken.
type ParserState struct {
	Index  int // in Parser.States
	Name   string
	Source Source
	// Body holds the parser's own operations (OpExtract to OpAdvance) and, between them, any primitive.
	Body []Primitive
	// Key are the components of the select expression; empty when the only transition is the default.
	Key []SelectKey
	// Next are the transitions, the default last. A packet that none of them matches ends parsing with the
	// error NoMatch.
	Next      []Transition
	HasReject bool // the program leaves the graph by reject here; BMv2 JSON writes it as a failing verify
}

// SelectKey is one component of a select expression: a *FieldRef, *StackFieldRef, *UnionStackFieldRef or
// *Lookahead, and its width in bits.
type SelectKey struct {
	Expr  Expr
	Width int
}

// Transition is an edge of the parser graph.
type Transition struct {
	Kind TransitionKind
	// Value and Mask have one element per component of the key. Mask is nil for an exact match, and so is a
	// component's mask. Both are nil unless Kind is TransitionValue.
	Value []*big.Int
	Mask  []*big.Int
	Set   *ValueSet    // TransitionValueSet
	Next  *ParserState // nil: accept
}

// TransitionKind says what a Transition compares with.
type TransitionKind int

// The kinds of transitions.
const (
	TransitionDefault TransitionKind = iota
	TransitionValue
	TransitionValueSet
)

// ValueSet is a parser value set, filled at run time.
type ValueSet struct {
	Index  int
	Name   string
	Source Source
	Width  int // bits of all components together, without padding
	Size   int // most members
	// Key are the widths, in bits, of the components, in the order of the select expressions that use it.
	Key []int

	ID          uint32 // P4Info id, 0 without P4Info
	Alias       string
	Annotations []Annotation
}

// Deparser writes the packet: the listed headers in order, as far as they are valid, then the payload.
type Deparser struct {
	Index  int
	Name   string
	Source Source
	Body   []Primitive // run before the headers are written
	Order  []*Header
}
