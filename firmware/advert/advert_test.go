package advert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/advert"
	"github.com/p4dev/p4dev/firmware/bmv2"
)

// TestNew describes every program at hand: each part must fit into the kernel's messages, and every key must be
// found.
func TestNew(t *testing.T) {
	for _, pattern := range []string{"../../testdata/p4/*.json", "../../testdata/p4/features/*.json"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			check(t, file)
		}
	}
}

// TestCorpus does so for the corpus beside the repository.
func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/conformance/*/*.json")
	if len(files) == 0 {
		if strings.Contains(os.Getenv("P4DEV_TEST_REQUIRE"), "conformance") {
			t.Fatal("no corpus in ../shared/conformance")
		}
		t.Skip("no corpus in ../shared/conformance")
	}
	for _, file := range files {
		check(t, file)
	}
}

func check(t *testing.T, file string) {
	t.Helper()
	program, err := bmv2.ImportFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a := advert.New(program, nil)
	fields := map[string]int{}
	ids := map[uint32]bool{}
	for _, h := range a.Headers {
		size := 0
		for _, f := range h.Fields {
			size += 4 + (4+len(f.Name)+4)&^3 + 24
			fields[h.Name]++
		}
		if size > advert.MaxFieldBytes {
			t.Errorf("%s: header %s has %d bytes of fields", file, h.Name, size)
		}
		if ids[h.ID] {
			t.Errorf("%s: header %s: another has the identifier %d", file, h.Name, h.ID)
		}
		ids[h.ID] = true
	}
	for _, h := range program.Headers {
		if n := fields[h.Name]; n != len(h.Type.Fields) && n != len(h.Type.Fields)+1 {
			t.Errorf("%s: header %s has %d fields, want %d", file, h.Name, n, len(h.Type.Fields))
		}
	}
	for _, table := range a.Tables {
		if len(table.Matches) != len(table.Program.Keys) {
			t.Errorf("%s: table %s has %d matches, want %d", file, table.Name, len(table.Matches), len(table.Program.Keys))
		}
	}
	checkResources(t, file, a)
	if image, err := a.Encode(); err != nil || !sameDescription(t, a, image) {
		t.Errorf("%s: encode: %v", file, err)
	}
}

// checkResources wants every table to have a resource, and groups to be as large as their tables together.
func checkResources(t *testing.T, file string, a *advert.Advert) {
	t.Helper()
	size := map[uint32]uint32{}
	sum := map[uint32]uint32{}
	for _, r := range a.Resources {
		if _, twice := size[r.ID]; twice || r.ID == 0 {
			t.Errorf("%s: resource %d twice, or 0", file, r.ID)
		}
		size[r.ID] = r.Size
		if _, ok := size[r.Parent]; r.Parent != 0 && !ok {
			t.Errorf("%s: resource %d stands before its group %d", file, r.ID, r.Parent)
		}
		sum[r.Parent] += r.Size
	}
	for _, r := range a.Resources {
		if r.Parent == 0 && sum[r.ID] != r.Size {
			t.Errorf("%s: group %s has size %d, its tables %d", file, r.Name, r.Size, sum[r.ID])
		}
	}
	for _, table := range a.Tables {
		if size[table.Resource] != table.Size {
			t.Errorf("%s: table %s has size %d, its resource %d", file, table.Name, table.Size, size[table.Resource])
		}
	}
}
