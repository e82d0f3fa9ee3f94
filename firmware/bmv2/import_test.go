package bmv2_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

const (
	ownPrograms = "../../testdata/p4"
	conformance = "../../../shared/conformance"
)

// programs returns the JSON files below dir, sorted; none where dir is absent.
func programs(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".json" {
			out = append(out, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

// corpus returns the programs of p4c's own tests, and skips or fails without them.
func corpus(t testing.TB) []string {
	t.Helper()
	files := programs(t, conformance)
	if len(files) == 0 {
		if strings.Contains(os.Getenv("P4DEV_TEST_REQUIRE"), "conformance") {
			t.Fatalf("no programs in %s", conformance)
		}
		t.Skipf("no programs in %s", conformance)
	}
	return files
}

// open reads a program with the P4Info beside it, if any.
func open(t testing.TB, path string) *pipeline.Program {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(strings.TrimSuffix(path, ".json") + ".p4info.txtpb")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	prog, err := bmv2.Open(data, info)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

func TestOwnPrograms(t *testing.T) {
	files := programs(t, ownPrograms)
	if len(files) < 16 {
		t.Fatalf("%d programs in %s, want at least 16", len(files), ownPrograms)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) { open(t, path) })
	}
}

func TestConformancePrograms(t *testing.T) {
	files := corpus(t)
	if len(files) < 181 {
		t.Errorf("%d programs in %s, want at least 181", len(files), conformance)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			prog := open(t, path)
			var text bytes.Buffer
			if err := pipeline.WriteText(&text, prog); err != nil {
				t.Error(err)
			}
			for _, table := range prog.Tables {
				if !strings.Contains(text.String(), "    table "+table.Name+" {") {
					t.Errorf("no table %s in the text", table.Name)
				}
				for _, e := range table.Entries {
					if err := pipeline.CheckEntry(e); err != nil {
						t.Error(err)
					}
				}
			}
			for _, p := range prog.Parsers {
				if err := graph.FromParser(p).SVG(io.Discard); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
