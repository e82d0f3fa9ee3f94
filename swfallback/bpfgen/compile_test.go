package bpfgen

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

const testdata = "../../testdata/p4"

// openProgram reads a program of testdata: "l3router", "features/wide".
func openProgram(t testing.TB, name string) *pipeline.Program {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.ReadFile(filepath.Join(testdata, name+".p4info.txtpb"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := bmv2.Open(data, info)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// programs lists the programs of testdata.
func programs(t testing.TB) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.json", "features/*.json"} {
		files, err := filepath.Glob(filepath.Join(testdata, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no programs in %s: %v", testdata, err)
		}
		for _, f := range files {
			rel, _ := filepath.Rel(testdata, f)
			names = append(names, strings.TrimSuffix(rel, ".json"))
		}
	}
	return names
}

func TestCompileAll(t *testing.T) {
	for _, name := range programs(t) {
		t.Run(name, func(t *testing.T) {
			o, err := Compile(openProgram(t, name), Options{})
			if err == nil {
				t.Logf("%+v", o.Summary().Programs)
				return
			}
			var limit *LimitError
			if !errors.Is(err, errors.ErrUnsupported) && !errors.As(err, &limit) {
				t.Errorf("error is neither unsupported nor a limit: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestCompileNamesParserState(t *testing.T) {
	_, err := Compile(openProgram(t, "mpls_edge"), Options{Form: FormSpecial})
	want := "parser state parse_mpls: extraction into a stack or union is not supported"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Compile: %v, want %q", err, want)
	}
}
