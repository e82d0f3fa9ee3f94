package swfallback

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// source reads a program of testdata/p4.
func source(t testing.TB, name string) Source {
	t.Helper()
	base := filepath.Join("..", "testdata", "p4", name)
	var s Source
	var err error
	if s.JSON, err = os.ReadFile(base + ".json"); err != nil {
		t.Fatal(err)
	}
	if s.P4Info, err = os.ReadFile(base + ".p4info.txtpb"); err != nil {
		t.Fatal(err)
	}
	s.Tag = "sha256:" + name
	return s
}

// small makes the tables of l3router small: making and freeing a million counters takes a second.
func small(s Source) Source {
	for _, size := range []string{"1048576", "262144"} {
		s.JSON = bytes.ReplaceAll(s.JSON, []byte(`"max_size" : `+size), []byte(`"max_size" : 4096`))
		s.P4Info = bytes.ReplaceAll(s.P4Info, []byte("size: "+size), []byte("size: 4096"))
	}
	return s
}

// testPlace is a place that nobody else knows and that goes with the test.
func testPlace(t testing.TB) Place {
	t.Helper()
	bpftest.Require(t, "root", "bpf")
	return Place{BPF: bpftest.BPFFS(t), Run: t.TempDir()}
}

// attachProgram attaches a program to no port at all.
func attachProgram(t testing.TB, name string) *Fallback {
	t.Helper()
	return attachSource(t, small(source(t, name)))
}

func attachSource(t testing.TB, s Source) *Fallback {
	t.Helper()
	return attachConfig(t, Config{Source: s})
}

// attachConfig attaches to no port, in a place of the test's own.
func attachConfig(t testing.TB, config Config) *Fallback {
	t.Helper()
	config.Name, config.Place = "test", testPlace(t)
	f, err := Attach(t.Context(), config)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// reopen opens the same target again, as another process would.
func reopen(t testing.TB, f *Fallback) *Fallback {
	t.Helper()
	again, err := Open(t.Context(), f.name, At(f.place))
	if err != nil {
		t.Fatalf("%+v", err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

func table(t testing.TB, f *Fallback, name string) *pipeline.Table {
	t.Helper()
	found, err := f.Program().TableByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// entry reads "TABLE [PRIORITY] KEY... => ACTION ARGUMENT...".
func entry(t testing.TB, f *Fallback, text string) *pipeline.Entry {
	t.Helper()
	left, right, _ := strings.Cut(text, "=>")
	match, call := strings.Fields(left), strings.Fields(right)
	name, match := match[0], match[1:]
	priority := 0
	if table(t, f, name).NeedsPriority() {
		if _, err := fmt.Sscan(match[0], &priority); err != nil {
			t.Fatal(err)
		}
		match = match[1:]
	}
	e, err := pipeline.ParseEntry(f.Program(), name, match, call[0], call[1:], int32(priority))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func entries(t testing.TB, f *Fallback, texts ...string) []*pipeline.Entry {
	t.Helper()
	var list []*pipeline.Entry
	for _, text := range texts {
		list = append(list, entry(t, f, text))
	}
	return list
}

func insert(t testing.TB, f *Fallback, texts ...string) {
	t.Helper()
	if err := f.Insert(entries(t, f, texts...)...); err != nil {
		t.Fatal(err)
	}
}

// listed returns a table's entries as text, sorted.
func listed(t testing.TB, f *Fallback, name string) []string {
	t.Helper()
	states, err := f.Entries(table(t, f, name))
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, s := range states {
		list = append(list, pipeline.FormatEntry(s.Entry))
	}
	slices.Sort(list)
	return list
}

// checkEntries compares a table with entries as text.
func checkEntries(t testing.TB, f *Fallback, name string, want ...string) {
	t.Helper()
	formatted := []string{}
	for _, e := range entries(t, f, want...) {
		formatted = append(formatted, pipeline.FormatEntry(e))
	}
	slices.Sort(formatted)
	if got := listed(t, f, name); !slices.Equal(got, formatted) {
		t.Errorf("%s holds\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(formatted, "\n"))
	}
}
