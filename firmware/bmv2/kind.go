package bmv2

import (
	"math/bits"
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// kind is what an operand is. The kinds that an argument may have are or-ed together.
type kind uint32

const (
	kindNumber kind = 1 << iota
	kindPlace       // a field: a number that can be stored to; always together with kindNumber
	kindVarbit      // a varbit field
	kindBool
	kindHeader
	kindStack
	kindUnion
	kindUnionStack
	kindString
	kindList
	kindCalculation
	kindCounter
	kindMeter
	kindRegister
	kindExtern
)

// String names the kinds: "number or boolean".
func (k kind) String() string {
	names := [...]string{"number", "field", "varbit field", "boolean", "header", "header stack",
		"header union", "stack of header unions", "string", "list", "calculation", "counter array", "meter array",
		"register array", "extern instance"}
	if k&kindPlace != 0 {
		k &^= kindNumber
	}
	var parts []string
	for ; k != 0; k &= k - 1 {
		parts = append(parts, names[bits.TrailingZeros32(uint32(k))])
	}
	return strings.Join(parts, " or ")
}

// accepts reports whether an operand of kind k will do where want is asked for.
func (k kind) accepts(want kind) bool { return k&want != 0 }

// kindOf returns the kind of a resolved expression; 0 for nil.
func kindOf(x pipeline.Expr) kind {
	switch x := x.(type) {
	case *pipeline.FieldRef:
		return fieldKind(x.Field)
	case *pipeline.StackFieldRef:
		return fieldKind(x.Field)
	case *pipeline.UnionStackFieldRef:
		return fieldKind(x.Field)
	case *pipeline.Access:
		return fieldKind(x.Field)
	case *pipeline.RegisterElem:
		return kindNumber | kindPlace
	case *pipeline.Const, *pipeline.ValidRef, *pipeline.Param, *pipeline.Lookahead:
		return kindNumber
	case *pipeline.Bool:
		return kindBool
	case *pipeline.HeaderRef, *pipeline.StackElem, *pipeline.UnionAccess:
		return kindHeader
	case *pipeline.UnionRef, *pipeline.UnionStackElem:
		return kindUnion
	case *pipeline.Unary:
		return unaryKind(x.Op)
	case *pipeline.Binary:
		return binaryKind(x.Op)
	case *pipeline.Cond:
		return kindOf(x.Then) &^ kindPlace
	}
	return objectKind(x)
}

// objectKind is kindOf for references to whole objects.
func objectKind(x pipeline.Expr) kind {
	switch x.(type) {
	case *pipeline.StackRef:
		return kindStack
	case *pipeline.UnionStackRef:
		return kindUnionStack
	case *pipeline.String:
		return kindString
	case *pipeline.List:
		return kindList
	case *pipeline.CalculationRef:
		return kindCalculation
	case *pipeline.CounterRef:
		return kindCounter
	case *pipeline.MeterRef:
		return kindMeter
	case *pipeline.RegisterRef:
		return kindRegister
	case *pipeline.ExternRef:
		return kindExtern
	}
	return 0
}

func fieldKind(f *pipeline.Field) kind {
	if f.Var {
		return kindVarbit
	}
	return kindNumber | kindPlace
}

func unaryKind(op pipeline.UnaryOp) kind {
	switch op {
	case pipeline.OpNot, pipeline.OpDataToBool, pipeline.OpValid, pipeline.OpValidUnion:
		return kindBool
	}
	return kindNumber
}

func binaryKind(op pipeline.BinaryOp) kind {
	switch op {
	case pipeline.OpEq, pipeline.OpNe, pipeline.OpGt, pipeline.OpGe, pipeline.OpLt, pipeline.OpLe,
		pipeline.OpEqHeader, pipeline.OpNeHeader, pipeline.OpEqUnion, pipeline.OpNeUnion,
		pipeline.OpEqBool, pipeline.OpNeBool, pipeline.OpAnd, pipeline.OpOr:
		return kindBool
	}
	return kindNumber
}
