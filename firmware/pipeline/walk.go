package pipeline

// Walk calls visit for an expression and for all expressions that it is made of, an operation before its operands.
func Walk(e Expr, visit func(Expr)) {
	visit(e)
	for _, part := range parts(e) {
		Walk(part, visit)
	}
}

// parts returns the expressions that one is made of.
func parts(e Expr) []Expr {
	switch e := e.(type) {
	case *Unary:
		return []Expr{e.X}
	case *Binary:
		return []Expr{e.X, e.Y}
	case *Cond:
		return []Expr{e.If, e.Then, e.Else}
	case *List:
		return e.Elems
	case *StackElem:
		return []Expr{e.Stack, e.Index}
	case *UnionStackElem:
		return []Expr{e.Stack, e.Index}
	case *Access:
		return []Expr{e.Header}
	case *UnionAccess:
		return []Expr{e.Union}
	case *RegisterElem:
		return []Expr{e.Index}
	}
	return nil
}
