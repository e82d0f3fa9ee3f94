package bench

import (
	"math/big"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// builder makes the small programs that rows need beside those of testdata: Ethernet, IPv4 and UDP, one table.
type builder struct {
	*pipeline.Program
	headers map[string]*pipeline.Header
}

// newBuilder starts a program that parses the named headers, all of them in every packet.
func newBuilder(name string, parsed ...string) *builder {
	b := &builder{Program: &pipeline.Program{Name: name, Arch: "v1model"}, headers: make(map[string]*pipeline.Header)}
	b.header("standard_metadata", true, "ingress_port", 9, "egress_spec", 9, "egress_port", 9, "parser_error", 32)
	b.header("ethernet", false, "dst", 48, "src", 48, "type", 16)
	b.header("ipv4", false, "front", 64, "ttl", 8, "protocol", 8, "checksum", 16, "src", 32, "dst", 32)
	b.header("udp", false, "sport", 16, "dport", 16, "length", 16, "checksum", 16)
	start := &pipeline.ParserState{Name: "start", Next: []pipeline.Transition{{Kind: pipeline.TransitionDefault}}}
	var order []*pipeline.Header
	for _, h := range parsed {
		order = append(order, b.headers[h])
		start.Body = append(start.Body, pipeline.Primitive{Op: pipeline.OpExtract,
			Args: []pipeline.Expr{&pipeline.HeaderRef{Header: b.headers[h]}}})
	}
	b.Parsers = []*pipeline.Parser{{Name: "parser", States: []*pipeline.ParserState{start}, Start: start}}
	b.Deparsers = []*pipeline.Deparser{{Name: "deparser", Order: order}}
	b.Controls = []*pipeline.Control{{Name: "ingress"}, {Index: 1, Name: "egress"}}
	return b
}

// header adds a header; fields are names and widths in turn.
func (b *builder) header(name string, metadata bool, fields ...any) {
	t := &pipeline.HeaderType{Index: len(b.HeaderTypes), Name: name}
	for i := 0; i+1 < len(fields); i += 2 {
		f := &pipeline.Field{Index: i / 2, Name: fields[i].(string), Width: fields[i+1].(int), Offset: t.Width}
		t.Fields = append(t.Fields, f)
		t.Width += f.Width
	}
	b.HeaderTypes = append(b.HeaderTypes, t)
	h := &pipeline.Header{Index: len(b.Headers), Name: name, Type: t, Metadata: metadata}
	b.Headers = append(b.Headers, h)
	b.headers[name] = h
}

// field refers to a field of a header.
func (b *builder) field(header, name string) *pipeline.FieldRef {
	h := b.headers[header]
	for _, f := range h.Type.Fields {
		if f.Name == name {
			return &pipeline.FieldRef{Header: h, Field: f}
		}
	}
	return nil
}

// action adds an action that sets egress_spec.
func (b *builder) action(name string, port pipeline.Expr, params ...*pipeline.ActionParam) *pipeline.Action {
	a := &pipeline.Action{Index: len(b.Actions), Name: name, Params: params, Body: []pipeline.Primitive{
		{Op: pipeline.OpAssign, Args: []pipeline.Expr{b.field("standard_metadata", "egress_spec"), port}}}}
	b.Actions = append(b.Actions, a)
	return a
}

// key makes a component of a table's key.
func (b *builder) key(header, name string, kind pipeline.MatchKind) *pipeline.Key {
	ref := b.field(header, name)
	return &pipeline.Key{Name: header + "." + name, Kind: kind, Width: ref.Field.Width, Expr: ref}
}

// table makes ingress a table whose entries say to which port a packet goes; a miss drops it.
func (b *builder) table(size int, keys ...*pipeline.Key) *pipeline.Table {
	ingress := b.Controls[0]
	forward := b.action("forward", &pipeline.Param{Index: 0}, &pipeline.ActionParam{Name: "port", Width: 9})
	drop := b.action("drop", number(511))
	t := &pipeline.Table{Name: "table", Control: ingress, Size: size, Keys: keys,
		Actions: []*pipeline.Action{forward, drop}, Next: make([]pipeline.Node, 2),
		Default: &pipeline.ActionCall{Action: drop}, DefaultConst: true}
	for i, k := range keys {
		k.Index = i
		t.Match = max(t.Match, k.Kind)
	}
	b.Tables = []*pipeline.Table{t}
	ingress.Tables, ingress.Start = b.Tables, t
	return t
}

// sendTo is an entry's call that sends a packet to a port.
func sendTo(t *pipeline.Table, port byte) *pipeline.ActionCall {
	return &pipeline.ActionCall{Action: t.Actions[0], Args: [][]byte{{0, port}}}
}

func number(n int64) *pipeline.Const { return &pipeline.Const{Value: big.NewInt(n)} }

// forwarder sends what comes in on port 1 to port 2, and all else to the host.
func forwarder() *pipeline.Program {
	b := newBuilder("forward.p4")
	ingress := b.Controls[0]
	node := func(name string, port int64) *pipeline.ActionCallNode {
		n := &pipeline.ActionCallNode{Index: len(ingress.Calls), Name: name, Action: b.action(name, number(port))}
		ingress.Calls = append(ingress.Calls, n)
		return n
	}
	only := &pipeline.Conditional{Name: "if port 1", Then: node("forward", 2), Else: node("to_host", 509),
		If: &pipeline.Binary{Op: pipeline.OpEq, X: b.field("standard_metadata", "ingress_port"), Y: number(1)}}
	ingress.Conditionals, ingress.Start = []*pipeline.Conditional{only}, only
	return b.Program
}

// exactTable is a program with one exact table: the destination address of the frame.
func exactTable(size int) (*pipeline.Program, *pipeline.Table) {
	b := newBuilder("exact.p4", "ethernet")
	t := b.table(size, b.key("ethernet", "dst", pipeline.MatchExact))
	return b.Program, t
}

// ternaryTable is a program with one table of addresses, protocol and ports; the ports are ranges when asked for.
func ternaryTable(size int, ports pipeline.MatchKind) (*pipeline.Program, *pipeline.Table) {
	b := newBuilder("ternary.p4", "ethernet", "ipv4", "udp")
	t := b.table(size, b.key("ipv4", "src", pipeline.MatchTernary), b.key("ipv4", "dst", pipeline.MatchTernary),
		b.key("ipv4", "protocol", pipeline.MatchTernary), b.key("udp", "sport", pipeline.MatchTernary),
		b.key("udp", "dport", ports))
	return b.Program, t
}
