package bmv2

import "github.com/p4dev/p4dev/firmware/pipeline"

// parser reads one element of parsers.
func (imp *importer) parser(n *node) {
	p := &pipeline.Parser{Index: len(imp.prog.Parsers), Name: n.member("name").text(), Source: n.source()}
	states := map[string]*pipeline.ParserState{}
	nodes := n.member("parse_states").items()
	for i, sn := range nodes {
		st := &pipeline.ParserState{Index: i, Name: sn.member("name").text(), Source: sn.source()}
		declare(sn.optional("name"), states, st.Name, st)
		p.States = append(p.States, st)
	}
	for i, sn := range nodes {
		imp.parserState(sn, p.States[i], states)
	}
	if init := n.optional("init_state"); init != nil {
		p.Start = lookup(init, states, "parser state")
	}
	imp.prog.Parsers = append(imp.prog.Parsers, p)
}

// parserState fills st from n.
func (imp *importer) parserState(n *node, st *pipeline.ParserState, states map[string]*pipeline.ParserState) {
	if n.object() == nil {
		return
	}
	s := &scope{imp: imp, parser: true}
	for _, op := range n.member("parser_ops").items() {
		p := s.parserOp(op)
		if p.Op == "" {
			continue
		}
		st.Body = append(st.Body, p)
		if b, ok := firstArg(p).(*pipeline.Bool); ok && p.Op == pipeline.OpVerify && !b.Value {
			st.HasReject = true
		}
	}
	for _, k := range n.member("transition_key").items() {
		if key, ok := s.selectKey(k); ok {
			st.Key = append(st.Key, key)
		}
	}
	var last []pipeline.Transition
	for _, t := range n.member("transitions").items() {
		tr, ok := imp.transition(t, st, states)
		switch {
		case !ok:
		case tr.Kind != pipeline.TransitionDefault:
			st.Next = append(st.Next, tr)
		case last != nil:
			t.fail(ErrDuplicate, "a second default transition")
		default:
			last = []pipeline.Transition{tr}
		}
	}
	st.Next = append(st.Next, last...)
}

func firstArg(p pipeline.Primitive) pipeline.Expr {
	if len(p.Args) == 0 {
		return nil
	}
	return p.Args[0]
}

// parserOp reads one element of parser_ops. Where there is a finding, the result has no Op.
func (s *scope) parserOp(n *node) pipeline.Primitive {
	opNode := n.member("op")
	params := n.member("parameters")
	args := params.items()
	if opNode == nil || params == nil {
		return pipeline.Primitive{}
	}
	op := pipeline.Op(opNode.text())
	switch op {
	case pipeline.OpExtract, pipeline.OpExtractVar:
		return s.extract(n, params, op)
	case "primitive":
		if len(args) != 1 {
			params.fail(ErrArguments, "primitive takes 1, got %d", len(args))
			return pipeline.Primitive{}
		}
		return s.parserPrimitive(args[0])
	}
	sig, ok := parserSignatures[op]
	if !ok {
		opNode.fail(ErrOperation, "%.80q in a parser state", string(op))
		return pipeline.Primitive{}
	}
	if !sig.check(params, string(op), len(args)) {
		return pipeline.Primitive{}
	}
	out := s.arguments(args, sig)
	if out == nil {
		return pipeline.Primitive{}
	}
	return pipeline.Primitive{Op: op, Args: out, Source: n.source()}
}

// parserPrimitive reads a primitive that stands alone, in a parser state or a deparser.
func (s *scope) parserPrimitive(n *node) pipeline.Primitive {
	p := s.primitive(n)
	switch p.Op {
	case pipeline.OpJump, pipeline.OpJumpIfZero:
		n.fail(ErrOperation, "%q outside of an action", string(p.Op))
		return pipeline.Primitive{}
	}
	return p
}

// extract reads extract and extract_VL.
func (s *scope) extract(n, params *node, op pipeline.Op) pipeline.Primitive {
	want := 1
	if op == pipeline.OpExtractVar {
		want = 2
	}
	args := params.items()
	if len(args) != want {
		params.fail(ErrArguments, "%s takes %d, got %d", op, want, len(args))
		return pipeline.Primitive{}
	}
	target, typ := s.imp.extractTarget(args[0])
	if target == nil {
		return pipeline.Primitive{}
	}
	p := pipeline.Primitive{Op: op, Args: []pipeline.Expr{target}, Source: n.source()}
	switch {
	case want == 2 && typ.Var == nil:
		args[0].fail(ErrKind, "header type %q has no varbit field", typ.Name)
	case want == 1 && typ.Var != nil && typ.VarLength == nil:
		args[0].fail(ErrKind, "header type %q has a varbit field without a length", typ.Name)
	case typ.Width%8 != 0:
		args[0].fail(ErrWidth, "header type %q has %d bits, which are no whole bytes", typ.Name, typ.Width)
	}
	if want == 2 {
		length := s.operand(args[1], kindNumber)
		if length == nil {
			return pipeline.Primitive{}
		}
		p.Args = append(p.Args, length)
	}
	return p
}

// extractTarget reads what is extracted, and its header type.
func (imp *importer) extractTarget(n *node) (pipeline.Expr, *pipeline.HeaderType) {
	kindNode, val := n.member("type"), n.member("value")
	switch kindNode.text() {
	case "regular":
		h := lookup(val, imp.headers, "header")
		if h == nil {
			return nil, nil
		}
		if h.Metadata {
			val.fail(ErrKind, "%q is metadata", h.Name)
			return nil, nil
		}
		return &pipeline.HeaderRef{Header: h}, h.Type
	case "stack":
		st := lookup(val, imp.stacks, "header stack")
		if st == nil || st.Type == nil {
			return nil, nil
		}
		return &pipeline.StackRef{Stack: st}, st.Type
	case "union_stack":
		tuple := val.tuple(2, 2)
		if tuple == nil {
			return nil, nil
		}
		st := lookup(tuple[0], imp.unionStacks, "stack of header unions")
		member := memberOf(tuple[1], st)
		if member < 0 {
			return nil, nil
		}
		return &pipeline.UnionStackRef{Stack: st, Member: member}, st.Type.Members[member].Type
	}
	kindNode.fail(ErrUnknown, "no target of an extract %v", kindNode.text())
	return nil, nil
}

// deparser reads one element of deparsers.
func (imp *importer) deparser(n *node) {
	d := &pipeline.Deparser{Index: len(imp.prog.Deparsers), Name: n.member("name").text(), Source: n.source()}
	s := &scope{imp: imp}
	for _, item := range n.optional("primitives").items() {
		if p := s.parserPrimitive(item); p.Op != "" {
			d.Body = append(d.Body, p)
		}
	}
	for _, item := range n.member("order").items() {
		h := lookup(item, imp.headers, "header")
		if h == nil {
			continue
		}
		switch {
		case h.Metadata:
			item.fail(ErrKind, "%q is metadata", h.Name)
		case h.Type.Width%8 != 0:
			item.fail(ErrWidth, "%q has %d bits, which are no whole bytes", h.Name, h.Type.Width)
		}
		d.Order = append(d.Order, h)
	}
	imp.prog.Deparsers = append(imp.prog.Deparsers, d)
}
