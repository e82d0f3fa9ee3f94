package paths_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/paths"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// header makes an instance with fields of the given widths, named f0, f1, ...
func header(name string, widths ...int) *pipeline.Header {
	t := &pipeline.HeaderType{Name: name + "_t"}
	for i, w := range widths {
		t.Fields = append(t.Fields, &pipeline.Field{Index: i, Name: fmt.Sprintf("f%d", i), Width: w, Offset: t.Width})
		t.Width += w
	}
	return &pipeline.Header{Name: name, Type: t}
}

func extract(x pipeline.Expr) []pipeline.Primitive {
	return []pipeline.Primitive{{Op: pipeline.OpExtract, Args: []pipeline.Expr{x}}}
}

func on(value int64, next *pipeline.ParserState) pipeline.Transition {
	return pipeline.Transition{Kind: pipeline.TransitionValue, Value: []*big.Int{big.NewInt(value)}, Next: next}
}

func otherwise(next *pipeline.ParserState) pipeline.Transition {
	return pipeline.Transition{Next: next}
}

// ways returns each way as its states, with its packet's first n bytes, or the reason for there being none.
func ways(p *pipeline.Parser, limits paths.Limits, n int) (list []string, more bool) {
	found, more := paths.Find(p, limits)
	for _, path := range found {
		text := ""
		for _, s := range path.States {
			text += s.Name + " "
		}
		if path.Packet == nil {
			list = append(list, text+path.Reason)
			continue
		}
		list = append(list, fmt.Sprintf("%s%x", text, path.Packet[:n]))
	}
	return list, more
}

func TestFind(t *testing.T) {
	eth, ip := header("eth", 96, 16), header("ip", 8, 64, 8)
	set := &pipeline.ValueSet{Name: "tags", Width: 16}
	parseIP := &pipeline.ParserState{Name: "ip", Index: 1, Body: extract(&pipeline.HeaderRef{Header: ip}), Next: []pipeline.Transition{otherwise(nil)}}
	start := &pipeline.ParserState{Name: "start", Body: extract(&pipeline.HeaderRef{Header: eth}),
		Key: []pipeline.SelectKey{{Expr: &pipeline.FieldRef{Header: eth, Field: eth.Type.Fields[1]}, Width: 16}},
		Next: []pipeline.Transition{on(0x0800, parseIP), {Kind: pipeline.TransitionValueSet, Set: set, Next: parseIP},
			{Kind: pipeline.TransitionValue, Value: []*big.Int{big.NewInt(0x0800)}, Mask: []*big.Int{big.NewInt(0xff00)}, Next: nil}, otherwise(nil)}}
	got, more := ways(&pipeline.Parser{Start: start, States: []*pipeline.ParserState{start, parseIP}}, paths.DefaultLimits(), 16)
	want := []string{
		"start ip 020000000001020000000002" + "0800" + "4500", // what is usual in IPv4
		"start ip state start goes on by value set tags, which is empty",
		"start 020000000001020000000002" + "08b5" + "0000", // masked, and not the first one
		"start 020000000001020000000002" + "88b5" + "0000",
	}
	if diff := cmp.Diff(want, got); diff != "" || more {
		t.Errorf("more %t, -want +got:\n%s", more, diff)
	}
}

// TestLoop: a stack of labels is taken as often as the limits say, and ends where the bottom bit is.
func TestLoop(t *testing.T) {
	stack := &pipeline.Stack{Name: "label"}
	for range 4 {
		h := header("label", 23, 1, 8)
		stack.Type = h.Type
		stack.Header = append(stack.Header, h)
	}
	for _, h := range stack.Header {
		h.Type = stack.Type
	}
	st := &pipeline.ParserState{Name: "label", Body: extract(&pipeline.StackRef{Stack: stack}),
		Key: []pipeline.SelectKey{{Expr: &pipeline.StackFieldRef{Stack: stack, Field: stack.Type.Fields[1]}, Width: 1}}}
	st.Next = []pipeline.Transition{on(0, st), otherwise(nil)}
	got, more := ways(&pipeline.Parser{Start: st}, paths.Limits{Paths: 10, Visits: 3}, 12)
	if len(got) != 3 || !more {
		t.Fatalf("ways %v, more %t", got, more)
	}
	for i, text := range got { // depth first: the longest way comes first
		labels := 3 - i
		packet := text[len(text)-24:] // digits
		for l := range labels {
			if bottom := packet[8*l+5]&1 != 0; bottom != (l == labels-1) { // the lowest bit of the third byte
				t.Errorf("%d labels: %s", labels, text)
			}
		}
	}
	all, more := ways(&pipeline.Parser{Start: st}, paths.Limits{Paths: 10, Visits: 9}, 12)
	if len(all) != 4 || more {
		t.Errorf("a stack of 4 has ways %v, more %t", all, more)
	}
}

// TestImpossible: a way that contradicts itself is left out.
func TestImpossible(t *testing.T) {
	h := header("h", 8)
	ref := &pipeline.FieldRef{Header: h, Field: h.Type.Fields[0]}
	key := []pipeline.SelectKey{{Expr: ref, Width: 8}}
	again := &pipeline.ParserState{Name: "again", Key: key, Next: []pipeline.Transition{on(2, nil), otherwise(nil)}}
	start := &pipeline.ParserState{Name: "start", Body: extract(&pipeline.HeaderRef{Header: h}), Key: key,
		Next: []pipeline.Transition{on(1, again), otherwise(nil)}}
	got, _ := ways(&pipeline.Parser{Start: start}, paths.DefaultLimits(), 1)
	if diff := cmp.Diff([]string{"start again 01", "start fd"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if none, _ := paths.Find(&pipeline.Parser{}, paths.DefaultLimits()); len(none) != 1 || len(none[0].States) != 0 {
		t.Errorf("a parser that accepts at once: %v", none)
	}
}
