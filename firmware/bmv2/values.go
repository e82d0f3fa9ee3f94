package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// scope is where an expression stands.
type scope struct {
	imp    *importer
	params int  // parameters of the enclosing action; of length_exp: fields of the header type
	parser bool // lookahead is allowed
	depth  int
}

// operand reads a typed value ({"type": ..., "value": ...}) that has to be of a kind in want; nil and a
// finding otherwise.
func (s *scope) operand(n *node, want kind) pipeline.Expr {
	x := s.value(n)
	if x == nil {
		return nil
	}
	if got := kindOf(x); !got.accepts(want) {
		n.fail(ErrKind, "want a %v, got a %v", want, got)
		return nil
	}
	return x
}

// value reads a typed value of any kind.
func (s *scope) value(n *node) pipeline.Expr {
	if n == nil {
		return nil
	}
	if s.depth >= maxDepth {
		n.fail(ErrNesting, "more than %d levels", maxDepth)
		return nil
	}
	s.depth++
	defer func() { s.depth-- }()
	// Expressions in conditions and checksums stand without their {"type": "expression"}.
	if obj, ok := n.val.(map[string]any); ok && obj["op"] != nil && obj["type"] == nil {
		return s.expression(n)
	}
	typ := n.member("type")
	val := n.member("value")
	if typ == nil || val == nil {
		return nil
	}
	switch typ.text() {
	case "expression":
		return s.value(val)
	case "field":
		return s.imp.field(val)
	case "hexstr":
		return constant(val)
	case "bool":
		return s.truth(val)
	case "string":
		return &pipeline.String{Value: val.text()}
	case "local", "runtime_data":
		return s.param(val)
	case "lookahead":
		return s.lookahead(val)
	case "register":
		return s.registerElem(val)
	case "parameters_vector":
		return s.list(val)
	case "stack_field":
		return s.imp.stackField(val)
	case "union_stack_field":
		return s.imp.unionStackField(val)
	}
	return s.imp.object(typ, val)
}

// object reads a value whose type is that of a named object.
func (imp *importer) object(typ, val *node) pipeline.Expr {
	switch typ.text() {
	case "header":
		return wrap(lookup(val, imp.headers, "header"), func(h *pipeline.Header) pipeline.Expr {
			return &pipeline.HeaderRef{Header: h}
		})
	case "header_stack":
		return wrap(lookup(val, imp.stacks, "header stack"), func(st *pipeline.Stack) pipeline.Expr {
			return &pipeline.StackRef{Stack: st}
		})
	case "header_union":
		return wrap(lookup(val, imp.unions, "header union"), func(u *pipeline.Union) pipeline.Expr {
			return &pipeline.UnionRef{Union: u}
		})
	case "header_union_stack":
		return wrap(lookup(val, imp.unionStacks, "stack of header unions"), func(st *pipeline.UnionStack) pipeline.Expr {
			return &pipeline.UnionStackRef{Stack: st, Member: -1}
		})
	case "calculation":
		return wrap(lookup(val, imp.calcs, "calculation"), func(c *pipeline.Calculation) pipeline.Expr {
			return &pipeline.CalculationRef{Calculation: c}
		})
	case "counter_array":
		return wrap(lookup(val, imp.counters, "counter array"), func(c *pipeline.Counter) pipeline.Expr {
			return &pipeline.CounterRef{Counter: c}
		})
	case "meter_array":
		return wrap(lookup(val, imp.meters, "meter array"), func(m *pipeline.Meter) pipeline.Expr {
			return &pipeline.MeterRef{Meter: m}
		})
	case "register_array":
		return wrap(lookup(val, imp.registers, "register array"), func(r *pipeline.Register) pipeline.Expr {
			return &pipeline.RegisterRef{Register: r}
		})
	case "extern", "extern_instance":
		return wrap(lookup(val, imp.externs, "extern instance"), func(x *pipeline.Extern) pipeline.Expr {
			return &pipeline.ExternRef{Extern: x}
		})
	}
	typ.fail(ErrUnknown, "no type of value %.80q", typ.text())
	return nil
}

// wrap makes an expression of an object, and nil of nil.
func wrap[T any](obj *T, make func(*T) pipeline.Expr) pipeline.Expr {
	if obj == nil {
		return nil
	}
	return make(obj)
}

func constant(n *node) pipeline.Expr {
	v := n.hexadecimal()
	if v == nil {
		return nil
	}
	return &pipeline.Const{Value: v}
}

func (s *scope) truth(n *node) pipeline.Expr {
	if _, ok := n.val.(bool); !ok {
		n.boolean()
		return nil
	}
	return &pipeline.Bool{Value: n.boolean()}
}

func (s *scope) param(n *node) pipeline.Expr {
	if s.params == 0 {
		n.fail(ErrUnknown, "no parameter %v: there are none here", n.val)
		return nil
	}
	return &pipeline.Param{Index: n.integer(0, s.params-1)}
}

func (s *scope) lookahead(n *node) pipeline.Expr {
	tuple := n.tuple(2, 2)
	if tuple == nil {
		return nil
	}
	if !s.parser {
		n.fail(ErrKind, "lookahead outside of a parser")
		return nil
	}
	return &pipeline.Lookahead{Offset: tuple[0].integer(0, maxHeader), Width: tuple[1].integer(1, maxWidth)}
}

func (s *scope) registerElem(n *node) pipeline.Expr {
	tuple := n.tuple(2, 2)
	if tuple == nil {
		return nil
	}
	reg := lookup(tuple[0], s.imp.registers, "register array")
	index := s.operand(tuple[1], kindNumber)
	if reg == nil || index == nil {
		return nil
	}
	return &pipeline.RegisterElem{Register: reg, Index: index}
}

func (s *scope) list(n *node) pipeline.Expr {
	out := &pipeline.List{}
	for _, item := range n.items() {
		if x := s.value(item); x != nil {
			out.Elems = append(out.Elems, x)
		}
	}
	return out
}

func (imp *importer) stackField(n *node) pipeline.Expr {
	tuple := n.tuple(2, 2)
	if tuple == nil {
		return nil
	}
	st := lookup(tuple[0], imp.stacks, "header stack")
	if st == nil || st.Type == nil {
		return nil
	}
	f := fieldOf(tuple[1], st.Type)
	if f == nil {
		return nil
	}
	return &pipeline.StackFieldRef{Stack: st, Field: f}
}

func (imp *importer) unionStackField(n *node) pipeline.Expr {
	tuple := n.tuple(3, 3)
	if tuple == nil {
		return nil
	}
	st := lookup(tuple[0], imp.unionStacks, "stack of header unions")
	member := memberOf(tuple[1], st)
	if member < 0 {
		return nil
	}
	f := fieldOf(tuple[2], st.Type.Members[member].Type)
	if f == nil {
		return nil
	}
	return &pipeline.UnionStackFieldRef{Stack: st, Member: member, Field: f}
}

// memberOf returns the index of the member of st's union type that n names, or -1.
func memberOf(n *node, st *pipeline.UnionStack) int {
	if st == nil || st.Type == nil {
		return -1
	}
	name := n.text()
	for i, m := range st.Type.Members {
		if m.Name == name && m.Type != nil {
			return i
		}
	}
	n.fail(ErrUnknown, "no member %.80q in union type %q", name, st.Type.Name)
	return -1
}
