package bmv2_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// vocabulary is a program of what the other test programs do not have: externs, unions in stacks, lists,
// registers as values, varbit lengths in the header type, action calls, old spellings.
const vocabulary = `{"__meta__": {"version": [2, 24]}, "program": "vocabulary.p4",
"header_types": [
	{"name": "e_t", "id": 0, "fields": [["a", 8], ["b", 8, true]]},
	{"name": "o_t", "id": 1, "fields": [["len", 8], ["data", "*"]], "max_length": 16,
		"length_exp": {"type": "expression", "value": {"op": "*", "left": {"type": "local", "value": 0}, "right": {"type": "hexstr", "value": "0x8"}}}}],
"headers": [
	{"name": "e", "id": 0, "header_type": "e_t", "metadata": false}, {"name": "f", "id": 1, "header_type": "e_t", "metadata": false},
	{"name": "o", "id": 2, "header_type": "o_t", "metadata": false},
	{"name": "u[0].x", "id": 3, "header_type": "e_t", "metadata": false}, {"name": "u[0].y", "id": 4, "header_type": "o_t", "metadata": false}],
"header_union_types": [{"name": "u_t", "id": 0, "headers": [["x", "e_t"], ["y", "o_t"]]}],
"header_unions": [{"name": "u[0]", "id": 0, "union_type": "u_t", "header_ids": [3, 4]}],
"header_union_stacks": [{"name": "u", "id": 0, "union_type": "u_t", "header_union_ids": [0]}],
"register_arrays": [{"name": "r", "id": 0, "size": 4, "bitwidth": 8}],
"extern_instances": [{"name": "x0", "id": 0, "type": "box", "attribute_values": [
	{"name": "mode", "type": "string", "value": "fast"}, {"name": "depth", "type": "hexstr", "value": "0x10"}]}],
"learn_lists": [{"id": 1, "name": "seen", "elements": [{"type": "field", "value": ["e", "a"]}, {"type": "hexstr", "value": "0x7", "bitwidth": 4}]}],
"actions": [{"name": "act", "id": 5, "runtime_data": [{"name": "p", "bitwidth": 8}], "primitives": [
	{"op": "_box_put", "parameters": [{"type": "extern", "value": "x0"}, {"type": "runtime_data", "value": 0}]},
	{"op": "log_msg", "parameters": [{"type": "string", "value": "a={}"}, {"type": "parameters_vector", "value": [{"type": "field", "value": ["e", "a"]}]}]},
	{"op": "assign", "parameters": [{"type": "register", "value": ["r", {"type": "local", "value": 0}]}, {"type": "hexstr", "value": "-0x2"}]},
	{"op": "assign", "parameters": [{"type": "field", "value": ["e", "a"]},
		{"type": "expression", "value": {"op": "-", "left": null, "right": {"type": "register", "value": ["r", {"type": "hexstr", "value": "0x1"}]}}}]},
	{"op": "assign", "parameters": [{"type": "expression", "value": {"op": "access_field",
		"left": {"type": "expression", "value": {"op": "access_union_header",
			"left": {"type": "expression", "value": {"op": "dereference_union_stack",
				"left": {"type": "header_union_stack", "value": "u"}, "right": {"type": "field", "value": ["e", "a"]}}},
			"right": 0}}, "right": 1}}, {"type": "hexstr", "value": "0x1"}]},
	{"op": "assert", "parameters": [{"type": "expression", "value": {"op": "!=", "left": {"type": "header", "value": "e"}, "right": {"type": "header", "value": "f"}}}]},
	{"op": "assume", "parameters": [{"type": "expression", "value": {"op": "==", "left": {"type": "bool", "value": true},
		"right": {"type": "expression", "value": {"op": "valid", "left": null, "right": {"type": "header", "value": "e"}}}}}]},
	{"op": "assert", "parameters": [{"type": "field", "value": ["e", "a"]}]},
	{"op": "mark_to_drop", "parameters": []}]},
	{"name": "done", "id": 6, "runtime_data": [], "primitives": []}],
"parsers": [{"name": "p", "id": 0, "init_state": "s", "parse_states": [{"name": "s", "id": 0, "parser_ops": [
	{"op": "extract", "parameters": [{"type": "union_stack", "value": ["u", "x"]}]},
	{"op": "extract", "parameters": [{"type": "regular", "value": "o"}]},
	{"op": "shift", "parameters": [{"type": "hexstr", "value": "0x2"}]}],
	"transition_key": [{"type": "union_stack_field", "value": ["u", "x", "a"]}, {"type": "lookahead", "value": [4, 12]}],
	"transitions": [{"type": "hexstr", "value": "0x010fff", "mask": null, "next_state": "s"}]}]}],
"deparsers": [{"name": "d", "id": 0, "order": ["e"], "primitives": [{"op": "remove_header", "parameters": [{"type": "header", "value": "f"}]}]}],
"pipelines": [{"name": "ingress", "id": 0, "init_table": "call",
	"action_calls": [{"name": "call", "id": 0, "action_id": 6, "next_node": "t"}],
	"tables": [{"name": "t", "id": 0, "match_type": "exact", "type": "simple", "max_size": 4, "with_counters": true,
		"key": [{"match_type": "valid", "target": "e", "mask": null}], "actions": ["act", "done"],
		"next_tables": {"act": null, "done": null},
		"entries": [{"match_key": [{"match_type": "valid", "key": true}], "action_entry": {"action_id": 5, "action_data": ["0x7"]}}]}]}]
}`

func TestVocabulary(t *testing.T) {
	prog, err := bmv2.Import([]byte(vocabulary))
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := pipeline.WriteText(&buf, prog); err != nil {
		t.Fatal(err)
	}
	text := buf.String()
	for _, want := range []string{
		"int<8> b", "varbit<120> data", "length len * 8", "depth = 0x10", `mode = "fast"`,
		`extern_method(x0, "put", p)`, `log_msg("a={}", {e.a})`, "r[p] = -2", "e.a = -r[1]", "u[e.a].x.b = 1",
		"assert(e != f)", "assume(true == e.isValid())", "assert((bool)e.a)", "mark_to_drop()",
		"extract(u.next.x)", "shift(2)", "select (u.last.x.a:8, lookahead(4, 12):12) {", "0x01, 0xfff: s",
		"remove_header(f)", "start call", "call call: done, then t", "key e.$valid$: valid e.$valid$<1>",
		"entry e.$valid$=true act p=7", "immutable", "counter t", "digest 1 seen id 0x17", "{e.a, 4w7}",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if ref := prog.Tables[0].Counter; ref == nil || ref.Table != prog.Tables[0] || ref.Index != 0 {
		t.Errorf("direct counter without counter array: %+v", ref)
	}
}
