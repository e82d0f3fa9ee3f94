package bmv2

import (
	"strings"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// action reads one element of actions.
func (imp *importer) action(n *node) {
	a := &pipeline.Action{Index: len(imp.prog.Actions), Name: n.member("name").text(), Source: n.source()}
	id := n.member("id")
	declare(id, imp.actions, id.integer(0, maxID), a)
	imp.actionNames[a.Name] = append(imp.actionNames[a.Name], a)
	names := map[string]bool{}
	for i, p := range n.member("runtime_data").items() {
		param := &pipeline.ActionParam{
			Index: i,
			Name:  p.member("name").text(),
			Width: p.member("bitwidth").integer(1, maxWidth),
		}
		declare(p.optional("name"), names, param.Name, true)
		a.Params = append(a.Params, param)
	}
	s := &scope{imp: imp, params: len(a.Params)}
	a.Body = s.body(n.member("primitives"))
	imp.prog.Actions = append(imp.prog.Actions, a)
}

// body reads the primitives of an action.
func (s *scope) body(n *node) []pipeline.Primitive {
	items := n.items()
	out := make([]pipeline.Primitive, 0, len(items))
	for i, item := range items {
		p := s.primitive(item)
		switch p.Op {
		case pipeline.OpJump:
			jumpTarget(item, p.Args, 0, i, len(items))
		case pipeline.OpJumpIfZero:
			jumpTarget(item, p.Args, 1, i, len(items))
		}
		out = append(out, p)
	}
	return out
}

// jumpTarget checks that argument arg of the primitive at index from is a constant that leads to a primitive
// or to the end of the body. A jump may lead back: p4c writes P4's loops that way.
func jumpTarget(n *node, args []pipeline.Expr, arg, from, end int) {
	if arg >= len(args) {
		return
	}
	c, ok := args[arg].(*pipeline.Const)
	switch {
	case !ok:
		n.fail(ErrKind, "the target of a jump has to be a constant")
	case !c.Value.IsInt64() || c.Value.Int64() < 0 || c.Value.Int64() > int64(end):
		n.fail(ErrRange, "jump to %v of %d primitives", c.Value, end)
	case c.Value.Int64() == int64(from):
		n.fail(ErrCycle, "jump from %d to itself", from)
	}
}

// primitive reads {"op": ..., "parameters": [...]}. Where there is a finding the result has no arguments.
func (s *scope) primitive(n *node) pipeline.Primitive {
	opNode := n.member("op")
	name := opNode.text()
	params := n.member("parameters")
	args := params.items()
	if opNode == nil || params == nil {
		return pipeline.Primitive{}
	}
	op := pipeline.Op(name)
	sig, known := signatures[op]
	switch {
	case !known && s.imp.isExternMethod(name, args):
		return s.externMethod(n, name, args)
	case !known:
		opNode.fail(ErrOperation, "%.80q as a primitive", name)
		return pipeline.Primitive{}
	case !sig.check(params, name, len(args)):
		return pipeline.Primitive{}
	}
	p := pipeline.Primitive{Op: op, Source: n.source(), Args: s.arguments(args, sig)}
	if p.Args == nil && len(args) > 0 {
		return pipeline.Primitive{}
	}
	switch op {
	case pipeline.OpAssert, pipeline.OpAssume, pipeline.OpJumpIfZero:
		p.Args[0] = asBool(p.Args[0])
	}
	s.imp.sameTypes(params, p)
	s.imp.listIDs(params, p)
	return p
}

// arguments reads the arguments of a signature; nil where one of them has a finding.
func (s *scope) arguments(args []*node, sig signature) []pipeline.Expr {
	out := make([]pipeline.Expr, 0, len(args))
	for i, arg := range args {
		if x := s.operand(arg, sig.args[i]); x != nil {
			out = append(out, x)
		}
	}
	if len(out) < len(args) {
		return nil
	}
	return out
}

// asBool makes a condition a boolean: p4c converts the conditions of asserts and jumps to numbers.
func asBool(x pipeline.Expr) pipeline.Expr {
	if kindOf(x) == kindBool {
		return x
	}
	if u, ok := x.(*pipeline.Unary); ok && u.Op == pipeline.OpBoolToData {
		return u.X
	}
	return &pipeline.Unary{Op: pipeline.OpDataToBool, X: x}
}

// isExternMethod reports whether a primitive is a method of an extern instance, which BMv2 spells
// "_TYPE_METHOD" with the instance as first argument.
func (imp *importer) isExternMethod(name string, args []*node) bool {
	if !strings.HasPrefix(name, "_") || len(args) == 0 {
		return false
	}
	obj, _ := args[0].val.(map[string]any)
	return obj["type"] == "extern" || obj["type"] == "extern_instance"
}

func (s *scope) externMethod(n *node, name string, args []*node) pipeline.Primitive {
	ref, ok := s.operand(args[0], kindExtern).(*pipeline.ExternRef)
	if !ok {
		return pipeline.Primitive{}
	}
	method, found := strings.CutPrefix(name, "_"+ref.Extern.Type+"_")
	if !found {
		n.fail(ErrMismatch, "%.80q is no method of a %s", name, ref.Extern.Type)
		return pipeline.Primitive{}
	}
	p := pipeline.Primitive{
		Op:     pipeline.OpCallExtern,
		Args:   []pipeline.Expr{ref, &pipeline.String{Value: method}},
		Source: n.source(),
	}
	for _, arg := range args[1:] {
		x := s.value(arg)
		if x == nil {
			return pipeline.Primitive{}
		}
		p.Args = append(p.Args, x)
	}
	return p
}

// sameTypes checks that both sides of an assignment of headers, unions or stacks have one type.
func (imp *importer) sameTypes(n *node, p pipeline.Primitive) {
	var same bool
	switch p.Op {
	case pipeline.OpAssignHeader, pipeline.OpCopyHeader:
		same = headerTypeOf(p.Args[0]) == headerTypeOf(p.Args[1])
	case pipeline.OpAssignUnion:
		same = unionTypeOf(p.Args[0]) == unionTypeOf(p.Args[1])
	case pipeline.OpAssignStack:
		a, b := p.Args[0].(*pipeline.StackRef).Stack, p.Args[1].(*pipeline.StackRef).Stack
		same = a.Type == b.Type && len(a.Header) == len(b.Header)
	case pipeline.OpAssignUnionStack:
		a, b := p.Args[0].(*pipeline.UnionStackRef).Stack, p.Args[1].(*pipeline.UnionStackRef).Stack
		same = a.Type == b.Type && len(a.Union) == len(b.Union)
	default:
		return
	}
	if !same {
		n.fail(ErrMismatch, "%s between different types", p.Op)
	}
}

// listIDs checks the numbers of learn lists and field lists, where they are constants.
func (imp *importer) listIDs(n *node, p pipeline.Primitive) {
	switch p.Op {
	case pipeline.OpDigest:
		checkID(n, p.Args[1], imp.digests, "learn list")
	case pipeline.OpResubmit, pipeline.OpRecirculate:
		checkID(n, p.Args[0], imp.fieldLists, "field list")
	case pipeline.OpCloneIngress, pipeline.OpCloneEgress:
		checkID(n, p.Args[1], imp.fieldLists, "field list")
	}
}

// checkID reports a constant other than 0 that is no key of ids; 0 is the empty list.
func checkID[T any](n *node, x pipeline.Expr, ids map[int]T, what string) {
	c, ok := x.(*pipeline.Const)
	if !ok || c.Value.Sign() == 0 {
		return
	}
	if c.Value.IsInt64() {
		if _, ok := ids[int(c.Value.Int64())]; ok {
			return
		}
	}
	n.fail(ErrUnknown, "no %s with id %v", what, c.Value)
}
