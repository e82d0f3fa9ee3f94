package pipeline

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// ExprString writes an expression in the manner of P4: "(hdr.ipv4.ttl + 0xff) & 0xff", "ipv4.isValid()". It
// is for people and golden files; parameters of actions appear by number, "$0", as an expression does not
// know its action.
func ExprString(x Expr) string { return exprText(x, nil) }

// exprText is ExprString with the names of parameters.
func exprText(x Expr, params []string) string {
	switch x := x.(type) {
	case nil:
		return "?"
	case *Const:
		return constText(x)
	case *Bool:
		return strconv.FormatBool(x.Value)
	case *String:
		return strconv.Quote(x.Value)
	case *Param:
		return paramText(x.Index, params)
	case *Unary:
		return unaryText(x, params)
	case *Binary:
		return binaryText(x, params)
	case *Cond:
		return operandText(x.If, params) + " ? " + operandText(x.Then, params) + " : " + operandText(x.Else, params)
	case *List:
		return "{" + listText(x.Elems, params) + "}"
	case *Lookahead:
		return fmt.Sprintf("lookahead(%d, %d)", x.Offset, x.Width)
	case *Payload:
		return "payload"
	case *RegisterElem:
		return x.Register.Name + "[" + exprText(x.Index, params) + "]"
	}
	return referenceText(x, params)
}

// referenceText is exprText for names of fields, headers and other objects.
func referenceText(x Expr, params []string) string {
	switch x := x.(type) {
	case *FieldRef:
		return x.Header.Name + "." + x.Field.Name
	case *ValidRef:
		return x.Header.Name + ".$valid$"
	case *StackFieldRef:
		return x.Stack.Name + ".last." + x.Field.Name
	case *UnionStackFieldRef:
		return x.Stack.Name + ".last." + memberName(x.Stack.Type, x.Member) + "." + x.Field.Name
	case *HeaderRef:
		return x.Header.Name
	case *StackRef:
		return x.Stack.Name
	case *UnionRef:
		return x.Union.Name
	case *UnionStackRef:
		if x.Member >= 0 {
			return x.Stack.Name + ".next." + memberName(x.Stack.Type, x.Member)
		}
		return x.Stack.Name
	case *StackElem:
		return exprText(x.Stack, params) + "[" + exprText(x.Index, params) + "]"
	case *UnionStackElem:
		return exprText(x.Stack, params) + "[" + exprText(x.Index, params) + "]"
	case *Access:
		return exprText(x.Header, params) + "." + x.Field.Name
	case *UnionAccess:
		return exprText(x.Union, params) + "." + memberName(unionType(x.Union), x.Member)
	case *CalculationRef:
		return x.Calculation.Name
	case *CounterRef:
		return x.Counter.Name
	case *MeterRef:
		return x.Meter.Name
	case *RegisterRef:
		return x.Register.Name
	case *ExternRef:
		return x.Extern.Name
	}
	return fmt.Sprintf("%T", x)
}

// constText writes small numbers in decimal and others in hexadecimal, with P4's width where there is one.
func constText(c *Const) string {
	text := c.Value.String()
	if c.Value.CmpAbs(big.NewInt(9)) > 0 {
		text = fmt.Sprintf("%#x", c.Value)
	}
	if c.Width > 0 {
		return strconv.Itoa(c.Width) + "w" + text
	}
	return text
}

func paramText(i int, params []string) string {
	if i < len(params) {
		return params[i]
	}
	return "$" + strconv.Itoa(i)
}

func unaryText(x *Unary, params []string) string {
	switch x.Op {
	case OpNot:
		return "!" + operandText(x.X, params)
	case OpComplement:
		return "~" + operandText(x.X, params)
	case OpNegate:
		return "-" + operandText(x.X, params)
	case OpDataToBool:
		return "(bool)" + operandText(x.X, params)
	case OpBoolToData:
		return "(bit)" + operandText(x.X, params)
	case OpValid, OpValidUnion:
		return exprText(x.X, params) + ".isValid()"
	case OpLastStackIndex:
		return exprText(x.X, params) + ".lastIndex"
	case OpStackSize:
		return exprText(x.X, params) + ".validElements"
	}
	return string(x.Op) + "(" + exprText(x.X, params) + ")"
}

func binaryText(x *Binary, params []string) string {
	left, right := operandText(x.X, params), operandText(x.Y, params)
	switch x.Op {
	case OpTwoComplement:
		return fmt.Sprintf("signed(%s, %s)", exprText(x.X, params), exprText(x.Y, params))
	case OpSatUnsigned:
		return fmt.Sprintf("saturate_unsigned(%s, %s)", exprText(x.X, params), exprText(x.Y, params))
	case OpSatSigned:
		return fmt.Sprintf("saturate_signed(%s, %s)", exprText(x.X, params), exprText(x.Y, params))
	case OpAnd:
		return left + " && " + right
	case OpOr:
		return left + " || " + right
	}
	return left + " " + strings.TrimRight(string(x.Op), "hub") + " " + right
}

// operandText is exprText in parentheses where the expression has operands of its own.
func operandText(x Expr, params []string) string {
	text := exprText(x, params)
	switch x := x.(type) {
	case *Cond:
		return "(" + text + ")"
	case *Binary:
		switch x.Op {
		case OpTwoComplement, OpSatUnsigned, OpSatSigned:
			return text
		}
		return "(" + text + ")"
	}
	return text
}

func listText(list []Expr, params []string) string {
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = exprText(x, params)
	}
	return strings.Join(parts, ", ")
}

func memberName(t *UnionType, i int) string {
	if t != nil && i >= 0 && i < len(t.Members) {
		return t.Members[i].Name
	}
	return strconv.Itoa(i)
}

// unionType returns the type of a union expression, or nil.
func unionType(x Expr) *UnionType {
	switch x := x.(type) {
	case *UnionRef:
		return x.Union.Type
	case *UnionStackElem:
		if st, ok := x.Stack.(*UnionStackRef); ok {
			return st.Stack.Type
		}
	}
	return nil
}

// String writes the primitive as ExprString writes expressions: "ipv4.ttl = ipv4.ttl - 1".
func (p Primitive) String() string { return p.text(nil) }

func (p Primitive) text(params []string) string {
	switch p.Op {
	case OpAssign, OpAssignVar, OpAssignHeader, OpAssignUnion, OpAssignStack, OpAssignUnionStack, OpSet,
		OpModifyField, OpCopyHeader:
		if len(p.Args) == 2 {
			return exprText(p.Args[0], params) + " = " + exprText(p.Args[1], params)
		}
	case OpJump:
		if len(p.Args) == 1 {
			return "goto " + indexText(p.Args[0])
		}
	case OpJumpIfZero:
		if len(p.Args) == 2 {
			return "unless " + exprText(p.Args[0], params) + " goto " + indexText(p.Args[1])
		}
	}
	return string(p.Op) + "(" + listText(p.Args, params) + ")"
}

// indexText writes a jump's target in decimal, as the body's lines are numbered.
func indexText(x Expr) string {
	if c, ok := x.(*Const); ok {
		return c.Value.String()
	}
	return ExprString(x)
}
