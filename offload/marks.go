package offload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Marks remembers which entries of the software target have SkipHW, for software targets that do not: kernel maps
// hold what packets need, and no more. Keys are those of pipeline.EntryKey.
type Marks interface {
	Marked(*pipeline.Table) (map[string]bool, error)
	// SetMarked replaces the marks of a table.
	SetMarked(t *pipeline.Table, keys map[string]bool) error
}

// FileMarks keeps marks in a JSON file, by the table's name. A file that does not exist holds none. Two processes
// must not write at once.
type FileMarks struct{ Path string }

var _ Marks = FileMarks{}

// Marked implements Marks.
func (f FileMarks) Marked(t *pipeline.Table) (map[string]bool, error) {
	all, err := f.read()
	if err != nil {
		return nil, fmt.Errorf("offload: read marks of %s: %w", t.Name, err)
	}
	marked := make(map[string]bool, len(all[t.Name]))
	for _, key := range all[t.Name] {
		marked[string(key)] = true
	}
	return marked, nil
}

// SetMarked implements Marks: the file is replaced in one step.
func (f FileMarks) SetMarked(t *pipeline.Table, keys map[string]bool) error {
	all, err := f.read()
	if err != nil {
		return fmt.Errorf("offload: write marks of %s: %w", t.Name, err)
	}
	delete(all, t.Name)
	for key, on := range keys {
		if on {
			all[t.Name] = append(all[t.Name], []byte(key))
		}
	}
	slices.SortFunc(all[t.Name], slices.Compare)
	if err := f.write(all); err != nil {
		return fmt.Errorf("offload: write marks of %s: %w", t.Name, err)
	}
	return nil
}

func (f FileMarks) read() (map[string][][]byte, error) {
	all := make(map[string][][]byte)
	data, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return all, nil
}

func (f FileMarks) write(all map[string][][]byte) error {
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	next := f.Path + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, f.Path)
}

// applyMarks sets SkipHW where it was marked.
func (m *Manager) applyMarks(v *view) error {
	if m.marks == nil {
		return nil
	}
	marked, err := m.marks.Marked(v.table)
	if err != nil {
		return err
	}
	for _, it := range v.items {
		if marked[it.key] && !it.entry.SkipHW {
			e := *it.entry
			e.SkipHW = true
			it.entry = &e
		}
	}
	return nil
}

// saveMarks writes which entries of a table have SkipHW. It is called before software gets an entry, so that no
// process takes one for hardware that was not meant to go there.
func (m *Manager) saveMarks(v *view) error {
	if m.marks == nil {
		return nil
	}
	now := make(map[string]bool)
	for _, it := range v.items {
		if it.entry.SkipHW {
			now[it.key] = true
		}
	}
	was, err := m.marks.Marked(v.table)
	if err != nil {
		return err
	}
	if len(was) == len(now) {
		same := true
		for key := range now {
			same = same && was[key]
		}
		if same {
			return nil
		}
	}
	return m.marks.SetMarked(v.table, now)
}
