package interp_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/p4dev/p4dev/firmware/paths"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/interp"
	"github.com/p4dev/p4dev/swfallback/stf/stftest"
)

// TestPaths: a packet that was found for a way through a parser takes that way.
func TestPaths(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(stftest.Root(t), "testdata", "p4", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	more, _ := filepath.Glob(filepath.Join(stftest.Root(t), "testdata", "p4", "features", "*.json"))
	corpus, _ := filepath.Glob(filepath.Join(stftest.Corpus(t), "*", "*.json"))
	for _, file := range slices.Concat(files, more, corpus) {
		t.Run(filepath.Base(file), func(t *testing.T) { checkPaths(t, file) })
	}
}

func checkPaths(t *testing.T, file string) {
	program, err := stftest.LoadProgram(file)
	if err != nil {
		t.Skip(err)
	}
	sw, err := interp.New(program, interp.Options{})
	if err != nil {
		t.Skip(err)
	}
	if len(program.Parsers) == 0 {
		return
	}
	found, more := paths.Find(program.Parsers[0], paths.Limits{Paths: 300, Visits: 2})
	packets := 0
	for _, p := range found {
		if p.Packet == nil {
			if p.Reason == "" {
				t.Errorf("%s: neither packet nor reason", names(p.States))
			}
			continue
		}
		packets++
		if got := way(sw, p.Packet); got != names(p.States) {
			t.Errorf("want %s\ngot  %s\nfor %x", names(p.States), got, p.Packet[:min(90, len(p.Packet))])
		}
	}
	t.Logf("%d ways, more %t, %d packets", len(found), more, packets)
}

func names(states []*pipeline.ParserState) string {
	var list []string
	for _, s := range states {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

// way returns the states that the first parser takes, up to its end; an error adds its name.
func way(sw *interp.Switch, packet []byte) string {
	var rec recorder
	_, _ = sw.ProcessTraced(0, packet, &rec)
	var list []string
	for _, e := range rec.events {
		switch e := e.(type) {
		case interp.ParserState:
			list = append(list, e.State.Name)
		case interp.ParserDone:
			if e.Error != 0 {
				list = append(list, "error "+e.Name)
			}
			return strings.Join(list, " ")
		}
	}
	return strings.Join(list, " ")
}
