package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

const (
	programs = "../../testdata/p4"
	goldens  = "../../testdata/golden/pipeline"
)

// open imports one of our own programs: "l3router", "features/keys".
func open(t testing.TB, name string) *pipeline.Program {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(programs, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(filepath.Join(programs, name+".p4info.txtpb"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := bmv2.Open(data, info)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// golden compares got with a file, or rewrites the file where P4DEV_UPDATE is set.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("P4DEV_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (P4DEV_UPDATE=1 writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func ownPrograms(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.json", "features/*.json"} {
		files, err := filepath.Glob(filepath.Join(programs, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no programs %s: %v", pattern, err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(programs, f)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, strings.TrimSuffix(rel, ".json"))
		}
	}
	return names
}

func TestWriteText(t *testing.T) {
	for _, name := range ownPrograms(t) {
		t.Run(name, func(t *testing.T) {
			var first, second bytes.Buffer
			if err := pipeline.WriteText(&first, open(t, name)); err != nil {
				t.Fatal(err)
			}
			if err := pipeline.WriteText(&second, open(t, name)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Error("two texts of one program differ")
			}
			golden(t, filepath.Join(goldens, filepath.Base(name)+".txt"), first.Bytes())
		})
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestWriteTextError(t *testing.T) {
	want := errors.New("pipe broke")
	if err := pipeline.WriteText(brokenWriter{want}, &pipeline.Program{}); !errors.Is(err, want) {
		t.Errorf("got %v, want it to wrap %v", err, want)
	}
}
