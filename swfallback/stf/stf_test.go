package stf_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern string
		packet  []byte
		want    bool
	}{
		{"", nil, true},
		{"", []byte{1, 2}, true},
		{"0a 0b", []byte{0x0a, 0x0b}, true},
		{"0a0b", []byte{0x0a, 0x0b, 0x0c}, true},
		{"0a0b$", []byte{0x0a, 0x0b, 0x0c}, false},
		{"0a0b$", []byte{0x0a, 0x0b}, true},
		{"0A0b0c", []byte{0x0a, 0x0b}, false},
		{"*a", []byte{0xfa}, true},
		{"*a", []byte{0xfb}, false},
		{"a*$", []byte{0xa7}, true},
		{"****$", []byte{1}, false},
		{"a", []byte{0xaf}, true},
		{"$", nil, true},
		{"$", []byte{0}, false},
	}
	for _, tt := range tests {
		p, err := stf.ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
			continue
		}
		if got := p.Match(tt.packet); got != tt.want {
			t.Errorf("%q matches %x: %t, want %t", tt.pattern, tt.packet, got, tt.want)
		}
		again, err := stf.ParsePattern(p.String())
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Errorf("%q becomes %q: %v\n%s", tt.pattern, p.String(), err, diff)
		}
	}
}

func TestRead(t *testing.T) {
	test, err := stf.Read("x.stf", []byte(`
		# a comment
		ADD t.one 7 hdr.a:0x0a** "odd name":3 act(x : 1, y:0b1) = LABEL   # behind it
		setdefault two act()
		packet 1 0102 03
		expect 2 01*2$
		expect 3
		check_counter c($LABEL) bytes >= 12
		check_counter c(3)
		mc_node_create 7 1 2
		remove all
		wait
		add t hdr.a : 0x0a000000 / 8 act()=B
		check_counter c(3)packets>=2
		check_register r(3) == 0xff
		expect_digest d 1 0x2
		no_packet
	`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range test.Statements {
		got = append(got, fmt.Sprintf("%d %T %+v", s.Pos(), s, s))
	}
	add := test.Statements[0].(*stf.Add)
	if *add.Priority != 7 || add.Label != "LABEL" {
		t.Errorf("priority and label: %+v", add)
	}
	if diff := cmp.Diff([]stf.Pair{{Name: "hdr.a", Value: "0x0a**"}, {Name: "odd name", Value: "3"}}, add.Match); diff != "" {
		t.Errorf("match (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(stf.Call{Action: "act", Args: []stf.Pair{{Name: "x", Value: "1"}, {Name: "y", Value: "0b1"}}}, add.Call); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	want := []string{"3 *stf.Add", "4 *stf.SetDefault", "5 *stf.Packet", "6 *stf.Expect", "7 *stf.Expect",
		"8 *stf.CheckCounter", "9 *stf.CheckCounter", "10 *stf.Command", "11 *stf.RemoveAll", "12 *stf.Wait",
		"13 *stf.Add", "14 *stf.CheckCounter", "15 *stf.CheckRegister", "16 *stf.ExpectDigest", "17 *stf.NoPacket"}
	if add := test.Statements[10].(*stf.Add); add.Label != "B" || add.Match[0].Value != "0x0a000000/8" {
		t.Errorf("blanks in other places: %+v", add)
	}
	if c := test.Statements[11].(*stf.CheckCounter); c.Cond != ">=" || c.Value != 2 {
		t.Errorf("no blanks: %+v", c)
	}
	for i, w := range want {
		if i >= len(got) || !strings.HasPrefix(got[i], w) {
			t.Errorf("statement %d: want %s, got all of %q", i, w, got)
			break
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, text := range []string{
		"frobnicate 1",
		"add",
		"add t",
		"add t hdr.a 3 act()",
		"add t hdr.a:3",
		"add t hdr.a:3 act(x 1)",
		"add t hdr.a:3 act(x:1",
		"add t hdr.a:3 act() = ",
		"add t hdr.a:3 act() more",
		"setdefault t",
		"packet",
		"packet x 00",
		"packet 1 0",
		"packet 1 zz",
		"packet 4294967296 00",
		"expect 1 0g",
		"expect 1 00$00",
		"remove some",
		"check_counter c",
		"check_counter c(1) bits == 1",
		"check_counter c(1) bytes = 1",
		"check_counter c(1) bytes == x",
		"check_register r(1)",
		"check_register r(x) == 1",
		"check_register r(1) = 1",
		"check_register r(1) == x",
		"expect_digest",
		"expect_digest d x",
	} {
		_, err := stf.Read("x.stf", []byte("\n"+text))
		var syntax *stf.SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != 2 || syntax.Name != "x.stf" {
			t.Errorf("%q: %v, want an error in line 2", text, err)
		}
	}
	if _, err := stf.ReadCommands("x.cli", []byte("load_new_config_file x")); err == nil {
		t.Error("an unknown command is taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("add t 1 hdr.a:0x** act(x:1) = A\npacket 1 00\nexpect 1 *$\ncheck_counter c(1) bytes == 1\n"))
	f.Add([]byte("table_add t a 1 => 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = stf.Read("fuzz", data)
		_, _ = stf.ReadCommands("fuzz", data)
	})
}

// target keeps entries of one table and nothing else.
type target struct{ entries []*pipeline.Entry }

func (t *target) Insert(e ...*pipeline.Entry) error {
	for _, e := range e {
		if err := pipeline.CheckEntry(e); err != nil {
			return err
		}
	}
	t.entries = append(t.entries, e...)
	return nil
}
func (t *target) Modify(...*pipeline.Entry) error                        { return nil }
func (t *target) Delete(e ...*pipeline.Entry) error                      { t.entries = nil; return nil }
func (t *target) SetDefault(*pipeline.Table, *pipeline.ActionCall) error { return nil }
func (t *target) ReadCounter(*pipeline.Counter, int) (pipeline.Count, error) {
	return pipeline.Count{}, nil
}
func (t *target) ReadRegister(*pipeline.Register, int) (*big.Int, error) { return big.NewInt(7), nil }
func (t *target) WriteRegister(*pipeline.Register, int, *big.Int) error  { return nil }

func (t *target) Entries(*pipeline.Table) (out []pipeline.EntryState, err error) {
	for _, e := range t.entries {
		out = append(out, pipeline.EntryState{Entry: e, Count: pipeline.Count{Packets: 3, Bytes: 30}})
	}
	return out, nil
}

// program has one table with a key of each kind.
func program() *pipeline.Program {
	act := &pipeline.Action{Name: "ingress.act", Params: []*pipeline.ActionParam{{Name: "port", Width: 9}}}
	table := &pipeline.Table{Name: "ingress.classify", Size: 10, Actions: []*pipeline.Action{act}}
	for i, k := range []pipeline.Key{
		{Name: "hdr.a", Kind: pipeline.MatchExact, Width: 16},
		{Name: "hdr.b[0].x", Kind: pipeline.MatchTernary, Width: 12},
		{Name: "hdr.c", Kind: pipeline.MatchLPM, Width: 32},
		{Name: "hdr.d", Kind: pipeline.MatchRange, Width: 8},
		{Name: "hdr.e.$valid$", Kind: pipeline.MatchValid, Width: 1},
	} {
		k.Index = i
		table.Keys = append(table.Keys, &k)
	}
	counter := &pipeline.Counter{Name: "ingress.hits", Table: table}
	table.Counter = counter
	return &pipeline.Program{Name: "test", Tables: []*pipeline.Table{table}, Actions: []*pipeline.Action{act},
		Counters: []*pipeline.Counter{counter}, Registers: []*pipeline.Register{{Name: "ingress.reg", Size: 3, Width: 8}}}
}

// wire is echo with one digest.
type wire struct{ stf.Wire }

func (wire) Digests(context.Context, int) ([]stf.Digest, error) {
	return []stf.Digest{{Digest: &pipeline.Digest{Name: "dig"}, Values: [][]byte{{1}, {2, 3}}}}, nil
}

// echo returns every packet to port 1, but those into port 9.
func echo(port uint32, packet []byte) ([]stf.Received, error) {
	if port == 9 {
		return nil, nil
	}
	return []stf.Received{{Port: 1, Packet: packet}}, nil
}

func run(t *testing.T, read func(string, []byte) (*stf.Test, error), text string) (*target, *stf.Result, error) {
	t.Helper()
	test, err := read("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	to := &target{}
	result, err := stf.Run(context.Background(), test, stf.Engine{Program: program(), Target: to, Wire: wire{stf.Synchronous(echo)}})
	return to, result, err
}

func TestEntries(t *testing.T) {
	want := pipeline.Entry{Match: []pipeline.Match{
		{Value: []byte{0x12, 0x34}},
		{Value: []byte{0x0a, 0x03}, Mask: []byte{0x0f, 0x0f}},
		{Value: []byte{10, 1, 0, 0}, Prefix: 16},
		{Value: []byte{5}, High: []byte{9}},
		{Value: []byte{1}},
	}}
	for name, tt := range map[string]struct {
		read     func(string, []byte) (*stf.Test, error)
		text     string
		priority int32
	}{
		"add": {stf.Read, "add classify 5 hdr.a:0x1234 b$0.x:0xa*3 c:0x0a01**** hdr.d:5->9 e.valid:1 act(port:300)", 6},
		"table_add": {stf.ReadCommands,
			"table_add classify act 0x1234 0xaf3&&&0xf0f 10.1.2.3/16 5->9 1 => 300 5", 1<<31 - 1 - 5},
	} {
		to, _, err := run(t, tt.read, tt.text)
		if err != nil || len(to.entries) != 1 {
			t.Errorf("%s: %v, %d entries", name, err, len(to.entries))
			continue
		}
		got := to.entries[0]
		if diff := cmp.Diff(want.Match, got.Match); diff != "" {
			t.Errorf("%s: match (-want +got):\n%s", name, diff)
		}
		if got.Priority != tt.priority || string(got.Call.Args[0]) != "\x01\x2c" {
			t.Errorf("%s: priority %d, arguments %x", name, got.Priority, got.Call.Args)
		}
	}
}

func TestRunErrors(t *testing.T) {
	for text, want := range map[string]error{
		"add nothing hdr.a:1 act(port:1)":                     pipeline.ErrNoTable,
		"add classify hdr.a:1 other(port:1)":                  pipeline.ErrNoAction,
		"add classify hdr.z:1 act(port:1)":                    pipeline.ErrBadMatch,
		"add classify hdr.a:0x12345 act(port:1)":              pipeline.ErrBadRange,
		"add classify hdr.c:0x**01**** act(port:1)":           pipeline.ErrBadMatch,
		"add classify hdr.a:1 act(port:512)":                  pipeline.ErrBadRange,
		"add classify hdr.a:1 act()":                          pipeline.ErrBadAction,
		"add classify 2147483647 hdr.a:1 act(port:1)":         pipeline.ErrBadRange,
		"mirroring_add 1 2":                                   errors.ErrUnsupported,
		"table_delete classify 0":                             pipeline.ErrNotFound,
		"table_add classify act 1 0&&&0 0/0 0->255 0 => 1":    pipeline.ErrBadAction,
		"table_add classify act 1 0&&&0 0/33 0->255 0 => 1 1": pipeline.ErrBadRange,
		"table_add classify act 1 0 0/0 0->255 0 => 1 1":      pipeline.ErrBadMatch,
		"table_add classify act 1 => 1 1":                     pipeline.ErrBadMatch,
		"check_counter hits($A) bytes == 1":                   pipeline.ErrNotFound,
	} {
		if _, _, err := run(t, stf.Read, text); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

// TestExpectations: what comes out wrong is a failure of the line that expects it.
func TestExpectations(t *testing.T) {
	for text, want := range map[string][]int{
		"packet 1 0102\nexpect 1 0102$":                                               nil,
		"packet 1 0102\nexpect 1 0103$":                                               {2},
		"packet 1 0102":                                                               {0},
		"packet 9 0102\nexpect 1":                                                     {2},
		"packet 1 01\npacket 1 02\nexpect 1 02\nexpect 1 01":                          {3, 4},
		"packet 5 0102\nexpect 2 0102":                                                {2}, // port 1 is not named
		"packet 5 0102":                                                               nil,
		"packet 5 0102\nno_packet":                                                    {0},
		"packet 9 0102\nno_packet":                                                    nil,
		"packet 5 0102\nexpect 1 0102\nno_packet":                                     nil,
		"check_register reg(2) == 7\npacket 9 00":                                     nil,
		"check_register reg(2) < 7\npacket 9 00":                                      {1},
		"expect_digest dig 1 0x0203\npacket 9 00":                                     nil,
		"expect_digest dig 1 2\npacket 9 00":                                          {1},
		"expect_digest dig 1 515\nexpect_digest dig 2 3":                              {2},
		"add classify 1 hdr.a:1 act(port:1) = A\ncheck_counter hits($A) packets == 3": nil,
		"add classify 1 hdr.a:1 act(port:1)\ncheck_counter hits(0) bytes > 30":        {2},
		"check_counter hits($A) packets == 3\npacket 1 00\nexpect 2\nadd classify 1 hdr.a:1 act(port:1) = A": {3, 0},
	} {
		_, result, err := run(t, stf.Read, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		var got []int
		for _, f := range result.Failures {
			got = append(got, f.Line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: failing lines (-want +got):\n%s%v", text, diff, result.Err())
		}
		if result.OK() != (want == nil) {
			t.Errorf("%q: OK is %t", text, result.OK())
		}
	}
}

func ExampleRead() {
	test, err := stf.Read("echo.stf", []byte("packet 1 0102\nexpect 1 0103$\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	wire := stf.Synchronous(func(port uint32, packet []byte) ([]stf.Received, error) {
		return []stf.Received{{Port: port, Packet: packet}}, nil
	})
	result, err := stf.Run(context.Background(), test, stf.Engine{Program: &pipeline.Program{}, Wire: wire})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Err())
	// Output:
	// line 2: port 1: packet 0
	//  got 0102
	// want 0103$
}
