package pipeline

import "math/big"

// Expr is an expression or operand. The concrete types are all in this file; every one is a pointer.
//
// Arithmetic is that of BMv2: integers of any size and sign, truncated to the width of the destination when
// they are stored. p4c writes masks, TwoComplement and the casts where P4's own types ask for them.
type Expr interface{ expr() }

// Const is an integer constant. Width is its width in bits where the input states one (calculations), else 0.
type Const struct {
	Value *big.Int
	Width int
}

// Bool is a boolean constant.
type Bool struct{ Value bool }

// String is a text constant: the format of log_msg.
type String struct{ Value string }

// FieldRef is a field of a header instance.
type FieldRef struct {
	Header *Header
	Field  *Field
}

// ValidRef is the validity bit of a header as a number, 0 or 1: BMv2's hidden field "$valid$".
type ValidRef struct{ Header *Header }

// StackFieldRef is a field of the last valid element of a stack (P4's stack.last.field).
type StackFieldRef struct {
	Stack *Stack
	Field *Field
}

// UnionStackFieldRef is a field of one member of the last valid union of a stack.
type UnionStackFieldRef struct {
	Stack  *UnionStack
	Member int
	Field  *Field
}

// HeaderRef is a header instance as an operand.
type HeaderRef struct{ Header *Header }

// StackRef is a stack as an operand; as the target of OpExtract it means the next element.
type StackRef struct{ Stack *Stack }

// UnionRef is a union as an operand.
type UnionRef struct{ Union *Union }

// UnionStackRef is a stack of unions as an operand. As the target of OpExtract, Member says which member of
// the next union is extracted; elsewhere it is -1.
type UnionStackRef struct {
	Stack  *UnionStack
	Member int
}

// Param is a parameter of the action that the expression stands in (BMv2's runtime_data and local).
type Param struct{ Index int }

// Lookahead reads Width bits of the packet, Offset bits behind the parser's cursor, without moving it.
type Lookahead struct{ Offset, Width int }

// RegisterElem is one element of a register array as a value.
type RegisterElem struct {
	Register *Register
	Index    Expr
}

// Unary is an operation on one operand.
type Unary struct {
	Op UnaryOp
	X  Expr
}

// Binary is an operation on two operands. The right operand of the casts and of TwoComplement is the width
// in bits.
type Binary struct {
	Op   BinaryOp
	X, Y Expr
}

// Cond is P4's conditional expression: If ? Then : Else.
type Cond struct{ If, Then, Else Expr }

// StackElem is the element of a stack at a computed index; a header.
type StackElem struct {
	Stack Expr // *StackRef
	Index Expr
}

// UnionStackElem is the element of a stack of unions at a computed index; a union.
type UnionStackElem struct {
	Stack Expr // *UnionStackRef
	Index Expr
}

// Access is a field of a computed header.
type Access struct {
	Header Expr // *StackElem, *UnionAccess or *HeaderRef
	Type   *HeaderType
	Field  *Field
}

// UnionAccess is a member of a computed union; a header.
type UnionAccess struct {
	Union  Expr // *UnionStackElem or *UnionRef
	Member int
}

// List is a list of operands (BMv2's parameters_vector).
type List struct{ Elems []Expr }

// Payload stands for the packet's bytes behind the parsed headers, in the input of a Calculation.
type Payload struct{}

// CalculationRef, CounterRef, MeterRef, RegisterRef and ExternRef name an object in an argument list.
type (
	CalculationRef struct{ Calculation *Calculation }
	CounterRef     struct{ Counter *Counter }
	MeterRef       struct{ Meter *Meter }
	RegisterRef    struct{ Register *Register }
	ExternRef      struct{ Extern *Extern }
)

func (*Const) expr()              {}
func (*Bool) expr()               {}
func (*String) expr()             {}
func (*FieldRef) expr()           {}
func (*ValidRef) expr()           {}
func (*StackFieldRef) expr()      {}
func (*UnionStackFieldRef) expr() {}
func (*HeaderRef) expr()          {}
func (*StackRef) expr()           {}
func (*UnionRef) expr()           {}
func (*UnionStackRef) expr()      {}
func (*Param) expr()              {}
func (*Lookahead) expr()          {}
func (*RegisterElem) expr()       {}
func (*Unary) expr()              {}
func (*Binary) expr()             {}
func (*Cond) expr()               {}
func (*StackElem) expr()          {}
func (*UnionStackElem) expr()     {}
func (*Access) expr()             {}
func (*UnionAccess) expr()        {}
func (*List) expr()               {}
func (*Payload) expr()            {}
func (*CalculationRef) expr()     {}
func (*CounterRef) expr()         {}
func (*MeterRef) expr()           {}
func (*RegisterRef) expr()        {}
func (*ExternRef) expr()          {}

// UnaryOp is an operation on one operand; its value is BMv2's spelling.
type UnaryOp string

// The operations on one operand.
const (
	OpComplement     UnaryOp = "~"                // of a number, infinitely wide
	OpNegate         UnaryOp = "neg"              // of a number
	OpNot            UnaryOp = "not"              // of a boolean
	OpDataToBool     UnaryOp = "d2b"              // number to boolean: not 0
	OpBoolToData     UnaryOp = "b2d"              // boolean to number: 0 or 1
	OpValid          UnaryOp = "valid"            // of a header: a boolean
	OpValidUnion     UnaryOp = "valid_union"      // of a union: a boolean
	OpLastStackIndex UnaryOp = "last_stack_index" // of a stack: a number, -1 when it is empty
	OpStackSize      UnaryOp = "size_stack"       // of a stack: a number, the valid elements
)

// BinaryOp is an operation on two operands; its value is BMv2's spelling.
type BinaryOp string

// The operations on two operands.
const (
	OpAdd           BinaryOp = "+"
	OpSub           BinaryOp = "-"
	OpMul           BinaryOp = "*"
	OpDiv           BinaryOp = "/"
	OpMod           BinaryOp = "%"
	OpShl           BinaryOp = "<<"
	OpShr           BinaryOp = ">>"
	OpEq            BinaryOp = "=="
	OpNe            BinaryOp = "!="
	OpGt            BinaryOp = ">"
	OpGe            BinaryOp = ">="
	OpLt            BinaryOp = "<"
	OpLe            BinaryOp = "<="
	OpEqHeader      BinaryOp = "==h"
	OpNeHeader      BinaryOp = "!=h"
	OpEqUnion       BinaryOp = "==u"
	OpNeUnion       BinaryOp = "!=u"
	OpEqBool        BinaryOp = "==b"
	OpNeBool        BinaryOp = "!=b"
	OpAnd           BinaryOp = "and"
	OpOr            BinaryOp = "or"
	OpBitAnd        BinaryOp = "&"
	OpBitOr         BinaryOp = "|"
	OpBitXor        BinaryOp = "^"
	OpTwoComplement BinaryOp = "two_comp_mod" // the low Y bits of X as a signed number
	OpSatUnsigned   BinaryOp = "usat_cast"    // X, saturated to Y bits unsigned
	OpSatSigned     BinaryOp = "sat_cast"     // X, saturated to Y bits signed
)
