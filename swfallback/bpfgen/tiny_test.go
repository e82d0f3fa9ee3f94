package bpfgen

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// tiny is a program under construction: Ethernet, and a tag of 16 bits that the parser does not know.
type tiny struct {
	*pipeline.Program
	ingress  *pipeline.Control
	meta     *pipeline.Header
	ethernet *pipeline.Header
	tag      *pipeline.Header
	actions  map[string]*pipeline.Action
}

func newTiny() *tiny {
	layout := func(names []string, widths []int) *pipeline.HeaderType {
		t := &pipeline.HeaderType{}
		for i, n := range names {
			t.Fields = append(t.Fields, &pipeline.Field{Index: i, Name: n, Width: widths[i], Offset: t.Width})
			t.Width += widths[i]
		}
		return t
	}
	t := &tiny{Program: &pipeline.Program{Name: "tiny.p4", Arch: "v1model"}, actions: make(map[string]*pipeline.Action)}
	header := func(name string, ht *pipeline.HeaderType, meta bool) *pipeline.Header {
		ht.Index, ht.Name = len(t.HeaderTypes), name
		t.HeaderTypes = append(t.HeaderTypes, ht)
		h := &pipeline.Header{Index: len(t.Headers), Name: name, Type: ht, Metadata: meta}
		t.Headers = append(t.Headers, h)
		return h
	}
	t.meta = header("standard_metadata", layout(
		[]string{"ingress_port", "egress_spec", "egress_port", "parser_error", "checksum_error"}, []int{9, 9, 9, 32, 1}), true)
	t.ethernet = header("ethernet", layout([]string{"dst", "src", "type"}, []int{48, 48, 16}), false)
	t.tag = header("tag", layout([]string{"value"}, []int{16}), false)
	start := &pipeline.ParserState{Name: "start",
		Body: []pipeline.Primitive{{Op: pipeline.OpExtract, Args: []pipeline.Expr{&pipeline.HeaderRef{Header: t.ethernet}}}},
		Next: []pipeline.Transition{{Kind: pipeline.TransitionDefault}}}
	t.Parsers = []*pipeline.Parser{{Name: "parser", States: []*pipeline.ParserState{start}, Start: start}}
	t.Deparsers = []*pipeline.Deparser{{Name: "deparser", Order: []*pipeline.Header{t.ethernet, t.tag}}}
	t.ingress = &pipeline.Control{Name: "ingress"}
	t.Controls = []*pipeline.Control{t.ingress, {Index: 1, Name: "egress"}}
	return t
}

// std returns a field of standard metadata, field one of the Ethernet header.
func (t *tiny) std(name string) *pipeline.FieldRef   { return fieldOf(t.meta, name) }
func (t *tiny) field(name string) *pipeline.FieldRef { return fieldOf(t.ethernet, name) }

func fieldOf(h *pipeline.Header, name string) *pipeline.FieldRef {
	for _, f := range h.Type.Fields {
		if f.Name == name {
			return &pipeline.FieldRef{Header: h, Field: f}
		}
	}
	panic("no field " + name)
}

func number(n int64) *pipeline.Const { return &pipeline.Const{Value: big.NewInt(n)} }

func assign(dst, src pipeline.Expr) pipeline.Primitive {
	return pipeline.Primitive{Op: pipeline.OpAssign, Args: []pipeline.Expr{dst, src}}
}

// action adds an action with parameters of the given widths.
func (t *tiny) action(name string, params []int, body ...pipeline.Primitive) *pipeline.Action {
	a := &pipeline.Action{Index: len(t.Actions), Name: name, Body: body}
	for i, w := range params {
		a.Params = append(a.Params, &pipeline.ActionParam{Index: i, Width: w})
	}
	t.Actions = append(t.Actions, a)
	t.actions[name] = a
	return a
}

// call makes a node that runs an action.
func (t *tiny) call(action string) pipeline.Node {
	n := &pipeline.ActionCallNode{Index: len(t.ingress.Calls), Name: "call " + action, Action: t.actions[action]}
	t.ingress.Calls = append(t.ingress.Calls, n)
	return n
}

// table adds a table with one component and makes it the start of ingress.
func (t *tiny) table(name string, kind pipeline.MatchKind, key *pipeline.FieldRef, actions ...string) *pipeline.Table {
	tab := &pipeline.Table{Index: len(t.Tables), Name: name, Control: t.ingress, Match: kind, Size: 16,
		Keys: []*pipeline.Key{{Name: key.Field.Name, Kind: kind, Width: key.Field.Width, Expr: key}}}
	for _, a := range actions {
		tab.Actions = append(tab.Actions, t.actions[a])
		tab.Next = append(tab.Next, nil)
	}
	t.Tables = append(t.Tables, tab)
	t.ingress.Tables = append(t.ingress.Tables, tab)
	t.ingress.Start = tab
	return tab
}
