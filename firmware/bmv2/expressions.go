package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// expression reads {"op": ..., "left": ..., "right": ...}.
func (s *scope) expression(n *node) pipeline.Expr {
	opNode := n.member("op")
	op := opNode.text()
	switch op {
	case "?":
		return s.conditional(n)
	case "dereference_header_stack", "dereference_stack":
		return s.stackElem(n)
	case "dereference_union_stack":
		return s.unionStackElem(n)
	case "access_field":
		return s.access(n)
	case "access_union_header":
		return s.unionAccess(n)
	}
	if want := unaryOperand(pipeline.UnaryOp(op)); want != 0 {
		return s.unary(n, pipeline.UnaryOp(op), want)
	}
	if want := binaryOperand(pipeline.BinaryOp(op)); want != 0 {
		if op == "-" && n.optional("left") == nil {
			return s.unary(n, pipeline.OpNegate, kindNumber)
		}
		return s.binary(n, pipeline.BinaryOp(op), want)
	}
	opNode.fail(ErrOperation, "%.80q in an expression", op)
	return nil
}

// unaryOperand returns the kind that op asks for, 0 where it is no operation on one operand.
func unaryOperand(op pipeline.UnaryOp) kind {
	switch op {
	case pipeline.OpComplement, pipeline.OpDataToBool:
		return kindNumber
	case pipeline.OpNot, pipeline.OpBoolToData:
		return kindBool
	case pipeline.OpValid:
		return kindHeader
	case pipeline.OpValidUnion:
		return kindUnion
	case pipeline.OpLastStackIndex, pipeline.OpStackSize:
		return kindStack | kindUnionStack
	}
	return 0
}

// binaryOperand returns the kinds that op asks for, 0 where it is no operation on two operands.
func binaryOperand(op pipeline.BinaryOp) kind {
	switch op {
	case pipeline.OpAdd, pipeline.OpSub, pipeline.OpMul, pipeline.OpDiv, pipeline.OpMod, pipeline.OpShl,
		pipeline.OpShr, pipeline.OpGt, pipeline.OpGe, pipeline.OpLt, pipeline.OpLe, pipeline.OpBitAnd,
		pipeline.OpBitOr, pipeline.OpBitXor, pipeline.OpTwoComplement, pipeline.OpSatUnsigned,
		pipeline.OpSatSigned:
		return kindNumber
	case pipeline.OpEq, pipeline.OpNe:
		return kindNumber | kindVarbit | kindBool | kindHeader | kindUnion
	case pipeline.OpEqHeader, pipeline.OpNeHeader:
		return kindHeader
	case pipeline.OpEqUnion, pipeline.OpNeUnion:
		return kindUnion
	case pipeline.OpEqBool, pipeline.OpNeBool, pipeline.OpAnd, pipeline.OpOr:
		return kindBool
	}
	return 0
}

func (s *scope) unary(n *node, op pipeline.UnaryOp, want kind) pipeline.Expr {
	x := s.operand(n.member("right"), want)
	if x == nil {
		return nil
	}
	if ref, ok := x.(*pipeline.ValidRef); ok && op == pipeline.OpDataToBool {
		return &pipeline.Unary{Op: pipeline.OpValid, X: &pipeline.HeaderRef{Header: ref.Header}}
	}
	return &pipeline.Unary{Op: op, X: x}
}

func (s *scope) binary(n *node, op pipeline.BinaryOp, want kind) pipeline.Expr {
	left, right := n.member("left"), n.member("right")
	x := s.operand(left, want)
	if x == nil {
		s.value(right)
		return nil
	}
	if op == pipeline.OpEq || op == pipeline.OpNe {
		op, want = comparison(op, kindOf(x))
	}
	y := s.operand(right, want)
	if y == nil {
		return nil
	}
	switch op {
	case pipeline.OpTwoComplement, pipeline.OpSatUnsigned, pipeline.OpSatSigned:
		if c, ok := y.(*pipeline.Const); ok && (!c.Value.IsInt64() || c.Value.Int64() < 1 || c.Value.Int64() > maxWidth) {
			right.fail(ErrRange, "a width of %v bits", c.Value)
			return nil
		}
	case pipeline.OpEqHeader, pipeline.OpNeHeader:
		if tx, ty := headerTypeOf(x), headerTypeOf(y); tx != ty {
			right.fail(ErrMismatch, "headers of different types are compared")
			return nil
		}
	}
	return &pipeline.Binary{Op: op, X: x, Y: y}
}

// comparison returns the operation that "==" and "!=" are for an operand of kind k, and the kind that the
// other operand must have.
func comparison(op pipeline.BinaryOp, k kind) (pipeline.BinaryOp, kind) {
	equal := op == pipeline.OpEq
	pick := func(eq, ne pipeline.BinaryOp, want kind) (pipeline.BinaryOp, kind) {
		if equal {
			return eq, want
		}
		return ne, want
	}
	switch {
	case k&kindHeader != 0:
		return pick(pipeline.OpEqHeader, pipeline.OpNeHeader, kindHeader)
	case k&kindUnion != 0:
		return pick(pipeline.OpEqUnion, pipeline.OpNeUnion, kindUnion)
	case k&kindBool != 0:
		return pick(pipeline.OpEqBool, pipeline.OpNeBool, kindBool)
	}
	return op, k &^ kindPlace
}

func (s *scope) conditional(n *node) pipeline.Expr {
	cond := s.operand(n.member("cond"), kindBool)
	then := s.operand(n.member("left"), kindNumber|kindBool)
	var alt pipeline.Expr
	if then == nil {
		s.value(n.member("right"))
	} else {
		alt = s.operand(n.member("right"), kindOf(then)&^kindPlace)
	}
	if cond == nil || then == nil || alt == nil {
		return nil
	}
	return &pipeline.Cond{If: cond, Then: then, Else: alt}
}

func (s *scope) stackElem(n *node) pipeline.Expr {
	st := s.operand(n.member("left"), kindStack)
	index := s.operand(n.member("right"), kindNumber)
	if st == nil || index == nil {
		return nil
	}
	return &pipeline.StackElem{Stack: st, Index: index}
}

func (s *scope) unionStackElem(n *node) pipeline.Expr {
	st := s.operand(n.member("left"), kindUnionStack)
	index := s.operand(n.member("right"), kindNumber)
	if st == nil || index == nil {
		return nil
	}
	return &pipeline.UnionStackElem{Stack: st, Index: index}
}

func (s *scope) access(n *node) pipeline.Expr {
	h := s.operand(n.member("left"), kindHeader)
	right := n.member("right")
	if h == nil || right == nil {
		return nil
	}
	typ := headerTypeOf(h)
	if typ == nil || len(typ.Fields) == 0 {
		right.fail(ErrUnknown, "a field of a header without fields")
		return nil
	}
	return &pipeline.Access{Header: h, Type: typ, Field: typ.Fields[right.integer(0, len(typ.Fields)-1)]}
}

func (s *scope) unionAccess(n *node) pipeline.Expr {
	u := s.operand(n.member("left"), kindUnion)
	right := n.member("right")
	if u == nil || right == nil {
		return nil
	}
	typ := unionTypeOf(u)
	if typ == nil || len(typ.Members) == 0 {
		right.fail(ErrUnknown, "a member of a union without members")
		return nil
	}
	return &pipeline.UnionAccess{Union: u, Member: right.integer(0, len(typ.Members)-1)}
}

// headerTypeOf returns the type of an expression of kindHeader, nil where a finding hides it.
func headerTypeOf(x pipeline.Expr) *pipeline.HeaderType {
	switch x := x.(type) {
	case *pipeline.HeaderRef:
		return x.Header.Type
	case *pipeline.StackElem:
		return x.Stack.(*pipeline.StackRef).Stack.Type
	case *pipeline.UnionAccess:
		if typ := unionTypeOf(x.Union); typ != nil && x.Member < len(typ.Members) {
			return typ.Members[x.Member].Type
		}
	}
	return nil
}

// unionTypeOf returns the type of an expression of kindUnion, nil where a finding hides it.
func unionTypeOf(x pipeline.Expr) *pipeline.UnionType {
	switch x := x.(type) {
	case *pipeline.UnionRef:
		return x.Union.Type
	case *pipeline.UnionStackElem:
		return x.Stack.(*pipeline.UnionStackRef).Stack.Type
	}
	return nil
}
