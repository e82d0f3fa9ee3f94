package interp_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

func TestTrace(t *testing.T) {
	sw := configured(t, "l3router")
	packet := routed(t, sw)
	var rec recorder
	if _, err := sw.ProcessTraced(1, packet, &rec); err != nil {
		t.Fatal(err)
	}
	var extracted, hits, missed []string
	for _, e := range rec.events {
		switch e := e.(type) {
		case interp.Extract:
			extracted = append(extracted, e.Header.Name)
		case interp.Lookup:
			if e.Hit {
				hits = append(hits, e.Table.Alias)
			} else if !e.Table.Hidden {
				missed = append(missed, e.Table.Alias)
			}
		}
		if e.String() == "" {
			t.Errorf("%T without a text", e)
		}
	}
	if diff := cmp.Diff([]string{"ethernet", "ipv4", "udp"}, extracted); diff != "" {
		t.Errorf("extracted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"my_station", "ipv4_lpm", "nexthop"}, hits); diff != "" {
		t.Errorf("hit (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"acl"}, missed); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	if last := rec.events[len(rec.events)-1]; last != (interp.Outcome{Kind: interp.Sent, Port: 2}) {
		t.Errorf("last event %v", last)
	}
}

// TestTraceDefaultSet: whether the control plane has set a default action shows in a miss.
func TestTraceDefaultSet(t *testing.T) {
	sw := load(t, "l3router", interp.Options{})
	table, err := sw.Program().TableByName("my_station")
	if err != nil {
		t.Fatal(err)
	}
	drop, err := table.ActionByName("to_host")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		call *pipeline.ActionCall
		want bool
	}{{nil, false}, {&pipeline.ActionCall{Action: drop}, true}, {nil, false}} {
		if err := sw.SetDefault(table, tt.call); err != nil {
			t.Fatal(err)
		}
		var rec recorder
		if _, err := sw.ProcessTraced(1, udp(t), &rec); err != nil {
			t.Fatal(err)
		}
		misses := 0
		for _, e := range rec.events {
			if l, ok := e.(interp.Lookup); ok && l.Table == table {
				misses++
				if l.Hit || l.DefaultSet != tt.want {
					t.Errorf("default %v: %+v", tt.call, l)
				}
			}
		}
		if misses != 1 {
			t.Errorf("default %v: %d lookups in %s, want 1", tt.call, misses, table.Name)
		}
	}
}

// TestLoop: a packet that is recirculated without end is cut off, and what came out is returned.
func TestLoop(t *testing.T) {
	field := &pipeline.Field{Name: "egress_spec", Width: 9}
	list := &pipeline.FieldList{BMv2ID: 1, Name: "none"}
	std := standardMetadata(field)
	forever := &pipeline.Action{Name: "forever", Body: []pipeline.Primitive{
		{Op: pipeline.OpResubmit, Args: []pipeline.Expr{number(1)}}}}
	p := oneAction(std, forever)
	p.FieldLists = []*pipeline.FieldList{list}
	sw, err := interp.New(p, interp.Options{MaxPasses: 10})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := sw.Process(1, nil); !errors.Is(err, interp.ErrLoop) || len(out) != 0 {
		t.Errorf("got %v, %v; want %v", out, err, interp.ErrLoop)
	}
	forever.Body = []pipeline.Primitive{{Op: pipeline.OpJump, Args: []pipeline.Expr{number(0)}}}
	if sw, err = interp.New(p, interp.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := sw.Process(1, nil); !errors.Is(err, interp.ErrLoop) {
		t.Errorf("got %v; want %v", err, interp.ErrLoop)
	}
}

func TestAssert(t *testing.T) {
	at := pipeline.Source{File: "x.p4", Line: 7, Fragment: "assert(false)"}
	check := &pipeline.Action{Name: "check", Body: []pipeline.Primitive{
		{Op: pipeline.OpAssert, Args: []pipeline.Expr{&pipeline.Bool{}}, Source: at}}}
	sw, err := interp.New(oneAction(standardMetadata(&pipeline.Field{Name: "egress_spec", Width: 9}), check), interp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var failed *interp.AssertError
	if out, err := sw.Process(1, nil); !errors.As(err, &failed) || failed.Source != at || len(out) != 0 {
		t.Errorf("got %v, %v; want a failed assertion at %v", out, err, at)
	}
}

// TestUnsupported: what the engine does not know is refused when the program is loaded.
func TestUnsupported(t *testing.T) {
	std := standardMetadata(&pipeline.Field{Name: "egress_spec", Width: 9})
	psa := oneAction(std, &pipeline.Action{Name: "none"})
	psa.Arch = "psa"
	extern := oneAction(std, &pipeline.Action{Name: "call", Body: []pipeline.Primitive{{Op: pipeline.OpCallExtern}}})
	header := oneAction(std, &pipeline.Action{Name: "take", Body: []pipeline.Primitive{
		{Op: pipeline.OpAssign, Args: []pipeline.Expr{number(1), number(1)}}}})
	for name, p := range map[string]*pipeline.Program{"architecture": psa, "extern": extern, "destination": header} {
		if _, err := interp.New(p, interp.Options{}); !errors.Is(err, errors.ErrUnsupported) || !strings.HasPrefix(err.Error(), "interp: load test: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func number(n int64) *pipeline.Const { return &pipeline.Const{Value: bigInt(n)} }

func standardMetadata(fields ...*pipeline.Field) *pipeline.Header {
	t := &pipeline.HeaderType{Name: "standard_metadata"}
	for i, f := range fields {
		f.Index, f.Offset = i, t.Width
		t.Width += f.Width
		t.Fields = append(t.Fields, f)
	}
	return &pipeline.Header{Name: "standard_metadata", Type: t, Metadata: true}
}

// oneAction is a program that runs one action in ingress.
func oneAction(std *pipeline.Header, a *pipeline.Action) *pipeline.Program {
	call := &pipeline.ActionCallNode{Name: "call", Action: a}
	return &pipeline.Program{
		Name: "test", Arch: "v1model",
		HeaderTypes: []*pipeline.HeaderType{std.Type},
		Headers:     []*pipeline.Header{std},
		Actions:     []*pipeline.Action{a},
		Controls:    []*pipeline.Control{{Name: "ingress", Start: call, Calls: []*pipeline.ActionCallNode{call}}},
	}
}

// TestLarge drives programs of the size that real ones have.
func TestLarge(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(stftest.Corpus(t), "large", "*.json"))
	if err != nil || len(files) != 4 {
		t.Fatalf("programs: %v, %v; want four", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, err := stftest.LoadProgram(file)
			if err != nil {
				t.Fatal(err)
			}
			sw, err := interp.New(p, interp.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for n := 0; n < 256; n += 5 {
				if _, err := sw.Process(uint32(n%16), sample(n)); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
		})
	}
}
