package parity

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompare compares outputs and sorts out what is meant.
func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name         string
		theirs, ours string
		want         []string
	}{
		{"same", `{"info":{"d":{"driver":"x"}}}`, `{"info":{"d":{"driver":"x"}}}`, nil},
		{"nothing", "", `{"param":{}}`, []string{`param: devlink has nothing, p4dev says {}`}},
		{"other value", `{"info":{"d":{"driver":"x"}}}`, `{"info":{"d":{"driver":"y"}}}`,
			[]string{`info > d > driver: devlink says "x", p4dev says "y"`}},
		{"number and string", `{"a":1}`, `{"a":"1"}`, []string{`a: devlink says 1, p4dev says "1"`}},
		{"missing", `{"a":{"b":1,"c":2}}`, `{"a":{"b":1}}`, []string{`a > c: devlink says 2, p4dev has nothing`}},
		{"order of named elements", `{"a":[{"name":"x","v":1},{"name":"y","v":2}]}`, `{"a":[{"name":"y","v":2},{"name":"x","v":1}]}`, nil},
		{"order of others", `{"a":[1,2]}`, `{"a":[2,1]}`,
			[]string{`a > 0: devlink says 1, p4dev says 2`, `a > 1: devlink says 2, p4dev says 1`}},
		{"names that are not unique", `{"a":[{"name":"x"},{"name":"x"}]}`, `{"a":[{"name":"x"},{"name":"x"}]}`, nil},
		{"meant: more", `{"regions":{"d/r":{"size":1}}}`, `{"regions":{"d/r":{"size":1,"name":"r"}}}`, nil},
		{"meant: address", `{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":"2:0:0:0:0:b"}]}]}}`,
			`{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":"02:00:00:00:00:0b"}]}]}}`, nil},
		{"not the same address", `{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":"2:0:0:0:0:b"}]}]}}`,
			`{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":"02:00:00:00:00:0c"}]}]}}`,
			[]string{`table_entry > d > index=0 > match_value > e.f > value: devlink says "2:0:0:0:0:b", p4dev says "02:00:00:00:00:0c"`}},
		{"meant: byte order", `{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":16777216}]}]}}`,
			`{"table_entry":{"d":[{"index":0,"match_value":[{"header":"e","field":"f","value":1}]}]}}`, nil},
		{"depth", `{"resources":{"d":[{"name":"a","resources":[{"name":"b"}]}]}}`,
			`{"resources":{"d":[{"name":"a","id":1,"resources":[{"name":"b","id":2,"colour":3}]}]}}`,
			[]string{`resources > d > name=a > resources > name=b > colour: devlink has nothing, p4dev says 3`}},
		{"not less", `{"regions":{"d/r":{"name":"r"}}}`, `{"regions":{"d/r":{}}}`,
			[]string{`regions > d/r > name: devlink says "r", p4dev has nothing`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := Compare([]byte(tt.theirs), []byte(tt.ours))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range Unknown(found) {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, broken := range []string{`{"a":1,2}`, `{} {}`, `{`} {
		if _, err := Compare([]byte(broken), []byte("{}")); err == nil || !strings.Contains(err.Error(), "devlink") {
			t.Errorf("%s: got %v", broken, err)
		}
		if _, err := Compare([]byte("{}"), []byte(broken)); err == nil || !strings.Contains(err.Error(), "p4dev") {
			t.Errorf("%s: got %v", broken, err)
		}
	}
}

// TestDocumented: every difference that is meant stands in the documentation, in the same words.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/devlink.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Known() {
		if !strings.Contains(string(text), r.Why) {
			t.Errorf("docs/devlink.md does not say of %s: %s", r.Path, r.Why)
		}
	}
}
