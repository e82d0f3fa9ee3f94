package fuzz_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/fuzz"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// programs are the project's own.
func programs(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.json", "features/*.json"} {
		found, err := filepath.Glob(filepath.Join(stftest.Root(t), "testdata", "p4", pattern))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	if len(out) == 0 {
		t.Fatal("no programs")
	}
	return out
}

func load(t testing.TB, path string) *pipeline.Program {
	t.Helper()
	p, err := stftest.LoadProgram(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSameSeed: the same seed makes the same cases, whatever was made before, and another one makes others.
func TestSameSeed(t *testing.T) {
	for _, path := range programs(t) {
		first := fuzz.New(load(t, path), fuzz.Options{Seed: 1, Packets: 20})
		second := fuzz.New(load(t, path), fuzz.Options{Seed: 1, Packets: 20})
		for range 3 {
			second.Case(99)
		}
		for n := range uint64(3) {
			a, b := first.Case(n), second.Case(n)
			if diff := cmp.Diff(a, b); diff != "" {
				t.Fatalf("%s, case %d (-first +second):\n%s", path, n, diff)
			}
			if other := fuzz.New(load(t, path), fuzz.Options{Seed: 2, Packets: 20}).Case(n); cmp.Equal(a, other) {
				t.Errorf("%s: seeds 1 and 2 make the same case %d", path, n)
			}
		}
	}
}

// seen is what packets have reached.
type seen map[string]bool

func (s seen) Trace(e interp.Event) {
	switch e := e.(type) {
	case interp.ParserState:
		s["state "+e.State.Name] = true
	case interp.Lookup:
		s[fmt.Sprintf("table %s %t", e.Table.Name, e.Hit)] = true
		if e.Call != nil {
			s["table "+e.Table.Name+" "+e.Call.Action.Name] = true
		}
	case interp.Branch:
		s[fmt.Sprintf("if %s %t", e.Conditional.Name, e.Holds)] = true
	}
}

// goals is what packets of a program could reach.
func goals(p *pipeline.Program) []string {
	var out []string
	for _, s := range p.Parsers[0].States {
		out = append(out, "state "+s.Name)
	}
	for _, c := range p.Controls {
		for _, n := range c.Conditionals {
			out = append(out, fmt.Sprintf("if %s true", n.Name), fmt.Sprintf("if %s false", n.Name))
		}
	}
	for _, t := range p.Tables {
		if len(t.Keys) > 0 {
			out = append(out, "table "+t.Name+" true", "table "+t.Name+" false")
		}
		for _, a := range t.Actions {
			out = append(out, "table "+t.Name+" "+a.Name)
		}
	}
	return out
}

// run plays cases on the interpreter.
func run(t *testing.T, path string, cases int) (goal []string, reached seen, refused int) {
	t.Helper()
	p := load(t, path)
	g := fuzz.New(p, fuzz.Options{Seed: 1, Packets: 300})
	reached = seen{}
	for n := range uint64(cases) {
		sw, err := interp.New(p, interp.Options{MaxPasses: 64, Trace: reached})
		if err != nil {
			t.Fatal(err)
		}
		c := g.Case(n)
		test, err := c.Test("case")
		if err != nil {
			t.Fatalf("%s, case %d: %v", path, n, err)
		}
		player := stf.NewPlayer(stf.Engine{Program: p, Target: sw})
		for _, s := range test.Configuration().Statements {
			if player.Play(t.Context(), s) != nil {
				refused++
			}
		}
		for _, packet := range c.Packets {
			_, _ = sw.Process(packet.Port, packet.Data) // what never ends has an error
		}
	}
	return goals(p), reached, refused
}

// unreachable is what no packet of a program can do, or only one of very many.
var unreachable = map[string][]string{
	"load_balancer.json": {"table lb_ingress.backend NoAction"},                     // a profile's default action is never called
	"mpls_edge.json":     {"if node_10 true", "table tbl_drop_0 edge_ingress.drop"}, // more passes than labels
	"keys.json": {"table keys_ingress.by_validity false", "table keys_ingress.by_validity NoAction", // its entries
		"table keys_ingress.in_order false", "table keys_ingress.in_order NoAction"}, // match everything
}

// TestReach: cases reach everything that a program has, and few of their lines are refused.
func TestReach(t *testing.T) {
	for _, path := range programs(t) {
		const cases = 25
		goal, reached, refused := run(t, path, cases)
		var missing []string
		for _, g := range goal {
			if !reached[g] && !slices.Contains(unreachable[filepath.Base(path)], g) && !slices.Contains(missing, g) {
				missing = append(missing, g)
			}
		}
		if len(missing) > 0 {
			t.Errorf("%s: not reached: %q", filepath.Base(path), missing)
		}
		if refused > 15*cases {
			t.Errorf("%s: %d lines of configuration are refused", filepath.Base(path), refused)
		}
	}
}

// TestShrink: what is not needed for a failure goes.
func TestShrink(t *testing.T) {
	c := &fuzz.Case{Config: []string{"a", "b", "needed", "c"}}
	for i := range 50 {
		c.Packets = append(c.Packets, fuzz.Packet{Port: 1, Data: []byte{1, byte(i), 3, 4, 5, 6, 7}})
	}
	calls := 0
	fails := func(c *fuzz.Case) bool {
		calls++
		return slices.Contains(c.Config, "needed") && slices.ContainsFunc(c.Packets, func(p fuzz.Packet) bool {
			return len(p.Data) >= 4 && p.Data[1] == 17
		})
	}
	want := &fuzz.Case{Config: []string{"needed"}, Packets: []fuzz.Packet{{Port: 1, Data: []byte{0, 17, 0, 0}}}}
	if diff := cmp.Diff(want, fuzz.Shrink(c, 300, fails)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls > 300 {
		t.Errorf("%d calls, at most 300 are allowed", calls)
	}
	calls = 0
	if got := fuzz.Shrink(c, 10, fails); calls > 10 || !fails(got) {
		t.Errorf("with 10 calls: %d calls, %v", calls, got)
	}
}

// TestText: a case as text is a test that has all of it.
func TestText(t *testing.T) {
	c := &fuzz.Case{Config: []string{"mirroring_add 1 2"}, Packets: []fuzz.Packet{{Port: 3, Data: []byte{0xab}}, {Port: 4}}}
	want := "# about\n# it\nmirroring_add 1 2\npacket 3 ab\nexpect 1 cd$\npacket 4 \nno_packet\n"
	if got := c.Text("about\nit", [][]string{{"expect 1 cd$"}}, []string{"no_packet"}); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
	if test, err := c.Test("x"); err != nil || len(test.Statements) != 3 {
		t.Errorf("%v, %v", test, err)
	}
}

func ExampleGenerator() {
	program, err := stftest.LoadProgram("../../testdata/p4/l3router.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	g := fuzz.New(program, fuzz.Options{Seed: 1, Packets: 3})
	fmt.Println(len(g.Case(0).Packets), "packets")
	// Output: 3 packets
}

// TestLate: late lines stand behind the packets that they come behind, also where there are fewer of either.
func TestLate(t *testing.T) {
	p := func(n byte) fuzz.Packet { return fuzz.Packet{Port: 1, Data: []byte{n}} }
	c := &fuzz.Case{Config: []string{"a", "b", "c"}, Packets: []fuzz.Packet{p(1), p(2)}, Late: 2, Pause: 1}
	for _, want := range []string{"a packet 1 01 b c packet 1 02", "packet 1 01 b c", "packet 1 01 c"} {
		if got := strings.Join(strings.Fields(c.Clone().Text("", nil, nil)), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		c.Config, c.Packets = c.Config[1:], c.Packets[:1]
	}
}
