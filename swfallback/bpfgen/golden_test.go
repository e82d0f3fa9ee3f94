package bpfgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// TestStages compares every stage of small programs with golden files; P4DEV_UPDATE=1 rewrites them.
func TestStages(t *testing.T) {
	for name, p := range tinyPrograms() {
		testStages(t, name, p, FormSpecial)
		testStages(t, name+"_general", p, FormGeneral)
	}
}

func testStages(t *testing.T, name string, p *pipeline.Program, form Form) {
	t.Run(name, func(t *testing.T) {
		var text strings.Builder
		_, err := Compile(p, Options{Form: form, Dump: func(stage, dump string) {
			text.WriteString("== " + stage + "\n" + strings.TrimRight(dump, "\n") + "\n")
		}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".txt")
		if os.Getenv("P4DEV_UPDATE") != "" {
			if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := firstDifference(text.String(), string(want)); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	})
}

// firstDifference returns the first line that differs, "" for none.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return "got  " + a + "\nwant " + b
		}
	}
	return ""
}

// tinyPrograms returns programs of a few lines: what they do is their name.
func tinyPrograms() map[string]*pipeline.Program {
	drop := newTiny()
	drop.action("drop", nil, pipeline.Primitive{Op: pipeline.OpMarkToDrop})
	drop.ingress.Start = drop.call("drop")

	forward := newTiny()
	forward.action("set_port", []int{9}, assign(forward.std("egress_spec"), &pipeline.Param{Index: 0}))
	forward.action("drop", nil, pipeline.Primitive{Op: pipeline.OpMarkToDrop})
	forward.table("by_mac", pipeline.MatchExact, forward.field("dst"), "set_port", "drop")

	ternary := newTiny()
	ternary.action("set_port", []int{9}, assign(ternary.std("egress_spec"), &pipeline.Param{Index: 0}))
	ternary.table("by_type", pipeline.MatchTernary, ternary.field("type"), "set_port")

	written := newTiny()
	written.action("set_port", []int{9}, assign(written.std("egress_spec"), &pipeline.Param{Index: 0}))
	t := written.table("by_type", pipeline.MatchExact, written.field("type"), "set_port")
	t.Immutable = true
	for port := byte(1); port <= 2; port++ {
		t.Entries = append(t.Entries, &pipeline.Entry{Table: t, Match: []pipeline.Match{{Value: []byte{8, port}}},
			Call: &pipeline.ActionCall{Action: written.actions["set_port"], Args: [][]byte{{0, port}}}})
	}

	push := newTiny()
	push.action("push", nil,
		pipeline.Primitive{Op: pipeline.OpAddHeader, Args: []pipeline.Expr{&pipeline.HeaderRef{Header: push.tag}}},
		assign(&pipeline.FieldRef{Header: push.tag, Field: push.tag.Type.Fields[0]}, push.field("type")),
		assign(push.std("egress_spec"), number(3)))
	push.ingress.Start = push.call("push")
	return map[string]*pipeline.Program{"drop": drop.Program, "forward": forward.Program,
		"ternary": ternary.Program, "push": push.Program, "written": written.Program}
}
