package bmv2_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/firmware/bmv2"
)

// findings returns the single findings that err joins.
func findings(t *testing.T, err error) []*bmv2.ImportError {
	t.Helper()
	var out []*bmv2.ImportError
	var walk func(error)
	walk = func(err error) {
		if one, ok := err.(*bmv2.ImportError); ok {
			out = append(out, one)
			return
		}
		switch err := err.(type) {
		case interface{ Unwrap() error }:
			walk(err.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range err.Unwrap() {
				walk(e)
			}
		default:
			t.Errorf("not an ImportError: %v", err)
		}
	}
	walk(err)
	return out
}

// TestMalformed imports what stands in testdata/malformed/KIND: every finding has to be of that kind. The
// member "want" of a file lists where they are to be, in order; nothing else may be found.
func TestMalformed(t *testing.T) {
	kinds := map[string]error{
		"syntax": bmv2.ErrSyntax, "version": bmv2.ErrVersion, "nesting": bmv2.ErrNesting, "missing": bmv2.ErrMissing,
		"type": bmv2.ErrType, "range": bmv2.ErrRange, "unknown": bmv2.ErrUnknown, "duplicate": bmv2.ErrDuplicate,
		"operation": bmv2.ErrOperation, "arguments": bmv2.ErrArguments, "kind": bmv2.ErrKind, "width": bmv2.ErrWidth,
		"cycle": bmv2.ErrCycle, "mismatch": bmv2.ErrMismatch,
	}
	for name, kind := range kinds {
		files, err := filepath.Glob(filepath.Join("testdata", "malformed", name, "*.json"))
		if err != nil || len(files) == 0 {
			t.Errorf("no inputs for %s: %v", name, err)
		}
		for _, file := range files {
			t.Run(name+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var doc struct{ Want []string }
				if json.Unmarshal(data, &doc) != nil || doc.Want == nil {
					doc.Want = []string{""}
				}
				prog, err := bmv2.Import(data)
				if err == nil || prog != nil {
					t.Fatalf("got a program and %v", err)
				}
				var got []string
				for _, f := range findings(t, err) {
					got = append(got, f.Path)
					if !errors.Is(f, kind) {
						t.Errorf("want %v: %v", kind, f)
					}
				}
				if diff := cmp.Diff(doc.Want, got); diff != "" {
					t.Errorf("places (-want +got):\n%s\n%v", diff, err)
				}
			})
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := bmv2.Import([]byte(`{"__meta__": {"version": [2, 23]}, "header_types": [], "headers": [
		{"name": "h", "id": 0, "header_type": "h_t", "source_info": {"filename": "a.p4", "line": 7, "column": 3}},
		{"name": "i", "id": 1, "header_type": "i_t"}]}`))
	want := "bmv2: import program: /headers/0/header_type (a.p4:7:3): unknown name: no header type \"h_t\"\n" +
		"/headers/1/header_type: unknown name: no header type \"i_t\""
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var one *bmv2.ImportError
	if !errors.As(err, &one) || one.Source.Line != 7 || one.Path != "/headers/0/header_type" {
		t.Errorf("got %+v", one)
	}
}
