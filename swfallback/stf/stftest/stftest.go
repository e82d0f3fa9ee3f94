// Package stftest is the suite of packet tests that every engine is held to: the project's own programs in
// testdata/p4, and the corpus in ../shared/conformance, beside the repository, where it is present.
package stftest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/stf"
)

// Case is one packet test with its program; its name is "p4/features/keys_cli", "v1model/action-bind1".
type Case = stf.Case

// Open makes an engine run a program.
type Open func(t *testing.T, p *pipeline.Program) stf.Engine

// Run runs all cases. failing names the cases that the engine fails, each with the reason; one of them that
// passes is a failure too.
func Run(t *testing.T, open Open, failing map[string]string) {
	own := Own(t)
	t.Run("own", func(t *testing.T) { runAll(t, own, open, failing) })
	t.Run("conformance", func(t *testing.T) {
		corpus := Conformance(t)
		runAll(t, corpus, open, failing)
		for name := range failing {
			if !slices.ContainsFunc(append(own, corpus...), func(c Case) bool { return c.Name == name }) {
				t.Errorf("no case is called %s", name)
			}
		}
	})
}

func runAll(t *testing.T, cases []Case, open Open, failing map[string]string) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			err := play(t, c, open)
			switch reason, known := failing[c.Name]; {
			case known && err == nil:
				t.Errorf("passes, and is said to fail: %s", reason)
			case known:
				t.Skipf("fails as expected (%s): %v", reason, err)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

func play(t *testing.T, c Case, open Open) error {
	test, err := c.Load()
	if err != nil {
		return err
	}
	program, err := LoadProgram(c.Program)
	if err != nil {
		return err
	}
	result, err := stf.Run(t.Context(), test, open(t, program))
	if err != nil {
		return err
	}
	return result.Err()
}

// LoadProgram reads a BMv2 JSON file and, where there is one, the P4Info beside it.
func LoadProgram(path string) (*pipeline.Program, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile(strings.TrimSuffix(path, ".json") + ".p4info.txtpb")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return bmv2.Open(data, info)
}

// Root returns the repository's root: the nearest folder above the working directory that has a go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		t.Fatal("no go.mod above the working directory")
	}
}

// Own returns the cases of testdata/p4.
func Own(t testing.TB) []Case {
	t.Helper()
	return casesIn(t, "p4", filepath.Join(Root(t), "testdata", "p4"))
}

// Conformance returns the cases of the corpus; without it the test is skipped, or fails where
// P4DEV_TEST_REQUIRE names "conformance".
func Conformance(t testing.TB) []Case {
	t.Helper()
	var out []Case
	for _, suite := range []string{"v1model", "p4_14", "parser_inline"} {
		out = append(out, casesIn(t, suite, filepath.Join(Corpus(t), suite))...)
	}
	return out
}

// Corpus returns the folder of the conformance corpus, or skips the test.
func Corpus(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(Root(t), "..", "shared", "conformance")
	if _, err := os.Stat(dir); err != nil {
		if slices.Contains(strings.Split(os.Getenv("P4DEV_TEST_REQUIRE"), ","), "conformance") {
			t.Fatalf("conformance corpus is required: %v", err)
		}
		t.Skipf("no conformance corpus beside the repository: %v", err)
	}
	return dir
}

// casesIn returns the packet tests below a folder, named with a prefix in the place of its path.
func casesIn(t testing.TB, prefix, dir string) []Case {
	t.Helper()
	cases, err := stf.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		cases[i].Name = prefix + strings.TrimPrefix(cases[i].Name, filepath.ToSlash(dir))
	}
	return cases
}
