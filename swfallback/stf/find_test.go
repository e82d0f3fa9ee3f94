package stf_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{
		"a.json", "a.stf", "a_x.stf", "a_cli.stf", "a.cli", "ab.stf", "ab_c.json", "ab_c.stf", "ab_c_d_e.stf",
		"sub/a.stf", "sub/p.p4fw", "sub/p_1.stf", "sub/q_cli.stf", "empty/a.json", "notes.txt",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := stf.Case{Name: "a", Program: "a.json", Files: []string{"a.stf"}}
	cli := stf.Case{Name: "a_cli", Program: "a.json", Files: []string{"a.cli", "a_cli.stf"}}
	x := stf.Case{Name: "a_x", Program: "a.json", Files: []string{"a_x.stf"}}
	ab := stf.Case{Name: "ab", Files: []string{"ab.stf"}}
	abc := stf.Case{Name: "ab_c", Program: "ab_c.json", Files: []string{"ab_c.stf"}}
	abcde := stf.Case{Name: "ab_c_d_e", Program: "ab_c.json", Files: []string{"ab_c_d_e.stf"}}
	sub := []stf.Case{
		{Name: "sub/a", Files: []string{"sub/a.stf"}},
		{Name: "sub/p_1", Program: "sub/p.p4fw", Files: []string{"sub/p_1.stf"}},
		{Name: "sub/q_cli", Files: []string{"sub/q_cli.stf"}},
	}
	for _, tt := range []struct {
		paths string
		want  []stf.Case
		err   error
	}{
		{".", append([]stf.Case{a, cli, x, ab, abc, abcde}, sub...), nil},
		{"sub", sub, nil},
		{"a.json", []stf.Case{a, cli, x}, nil},
		{"./a.json", []stf.Case{
			{Name: "a", Program: "./a.json", Files: a.Files}, {Name: "a_cli", Program: "./a.json", Files: cli.Files},
			{Name: "a_x", Program: "./a.json", Files: x.Files}}, nil},
		{"ab_c.json a_x.stf", []stf.Case{{Name: "a_x", Program: "ab_c.json", Files: x.Files}}, nil},
		{"a.json ab.stf a_x.stf", []stf.Case{{Name: "ab", Program: "a.json", Files: ab.Files}, x}, nil},
		{"sub/p.p4fw a.cli a.stf", []stf.Case{{Name: "a", Program: "sub/p.p4fw", Files: []string{"a.cli", "a.stf"}}}, nil},
		{"a.json sub", append([]stf.Case{a, cli, x}, sub...), nil},
		{"ab_c_d_e.stf", []stf.Case{abcde}, nil},
		{"none", nil, fs.ErrNotExist},
		{"none.stf", nil, fs.ErrNotExist},
		{"empty", nil, fs.ErrNotExist},
		{"empty/a.json", nil, fs.ErrNotExist},
		{"a.cli", nil, errAny},
		{"notes.txt", nil, errAny},
	} {
		got, err := stf.Find(strings.Fields(tt.paths)...)
		if (err == nil) != (tt.err == nil) || tt.err != errAny && !errors.Is(err, tt.err) {
			t.Errorf("%s: error %v, want %v", tt.paths, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.paths, diff)
		}
	}
}

// errAny stands for any error.
var errAny = errors.New("any")

func TestMark(t *testing.T) {
	for _, tt := range []struct{ pattern, packet, mark string }{
		{"", "\x01\x02", ""},
		{"0102", "\x01\x02\x03", ""},
		{"0102$", "\x01\x02\x03", "    ^^"},
		{"0102$", "\x01", "  ^^"},
		{"****", "\x01", "  ^^"},
		{"0*0*ff", "\x1a\x0b\xf0", "^    ^"},
		{"$", "\x00", "^^"},
	} {
		p, err := stf.ParsePattern(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Mark([]byte(tt.packet)); got != tt.mark {
			t.Errorf("%s with %x: %q, want %q", tt.pattern, tt.packet, got, tt.mark)
		}
	}
}

// TestDifferences: there is a difference just where the pattern does not match.
func TestDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[01*]{0,8}\$?`).Draw(t, "pattern")
		packet := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x10, 0x11}), 0, 5).Draw(t, "packet")
		p, err := stf.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if at := p.Differences(packet); p.Match(packet) != (len(at) == 0) {
			t.Errorf("%v with %x: matches %t, differences at %v", p, packet, p.Match(packet), at)
		}
	})
}

func TestConfiguration(t *testing.T) {
	test, err := stf.Read("t", []byte("packet 3 00\nadd t k:1 a()\nexpect 1\nwait\nsetdefault t a()\nno_packet\nmc_mgrp_create 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, s := range test.Configuration().Statements {
		lines = append(lines, s.Pos())
	}
	if diff := cmp.Diff([]int{2, 5, 7}, lines); diff != "" {
		t.Errorf("lines of the configuration (-want +got):\n%s", diff)
	}
	if len(test.Statements) != 7 {
		t.Errorf("the test has changed: %d statements", len(test.Statements))
	}
	if diff := cmp.Diff([]uint32{1, 3}, test.Ports()); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
}

// TestJoinedPlaces: an error names the file that a statement comes from.
func TestJoinedPlaces(t *testing.T) {
	commands, err := stf.ReadCommands("a.cli", []byte("\ntable_clear nothing\n"))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := stf.Read("a_cli.stf", []byte("packet 1 00\n"))
	if err != nil {
		t.Fatal(err)
	}
	joined := stf.Join("twice", stf.Join("once", commands, packets))
	for _, test := range []*stf.Test{joined, joined.Configuration()} {
		_, err := stf.Run(t.Context(), test, stf.Engine{Program: &pipeline.Program{}})
		if err == nil || !strings.HasPrefix(err.Error(), "stf: run a.cli:2: ") {
			t.Errorf("%s: %v, want an error at a.cli:2", test.Name, err)
		}
	}
}
