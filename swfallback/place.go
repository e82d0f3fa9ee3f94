package swfallback

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// DefaultRunDir is where lock files lie.
const DefaultRunDir = "/run/p4dev"

// Place says where targets live. The zero value is the system's: /sys/fs/bpf and /run/p4dev. Processes that
// share targets must agree on it.
type Place struct {
	BPF string // a BPF file system; "": bpfrun.DefaultRoot
	Run string // folder of the lock files; "": DefaultRunDir
}

// withDefaults fills in what is empty.
func (p Place) withDefaults() Place {
	if p.BPF == "" {
		p.BPF = bpfrun.DefaultRoot
	}
	if p.Run == "" {
		p.Run = DefaultRunDir
	}
	return p
}

// The folders and files of a target.
func (p Place) root() string             { return filepath.Join(p.BPF, "p4dev") }
func (p Place) dir(name string) string   { return filepath.Join(p.root(), name) }
func (p Place) links(name string) string { return filepath.Join(p.dir(name), "links") }
func (p Place) lock(name string) string  { return filepath.Join(p.Run, name+".lock") }

// pipeline is where the running pipeline is pinned, next the one that Replace is about to put there.
func (p Place) pipeline(name string) string { return filepath.Join(p.dir(name), "pipeline") }
func (p Place) next(name string) string     { return filepath.Join(p.dir(name), "next") }

// checkName checks what a target is called: a BPF file system has no names with dots.
func checkName(name string) error {
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return !inName(r) }) {
		return fmt.Errorf("name %q: want 1 to 64 letters, digits, _ or -", name)
	}
	return nil
}

func inName(r rune) bool {
	return 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '_' || r == '-'
}

// List returns the names of all targets at a place, sorted; none where nothing was ever attached.
func List(place Place) ([]string, error) {
	entries, err := os.ReadDir(place.withDefaults().root())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("swfallback: list targets: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
