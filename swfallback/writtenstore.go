package swfallback

import (
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// writtenStore is a table whose entries are part of the program's text: they are always there, and none can be changed.
type writtenStore struct{ *tableState }

func (s *writtenStore) immutable([]*pipeline.Entry) (edit, error) {
	return edit{}, fmt.Errorf("entries of the program: %w", pipeline.ErrImmutable)
}

func (s *writtenStore) insert(list []*pipeline.Entry) (edit, error) { return s.immutable(list) }
func (s *writtenStore) modify(list []*pipeline.Entry) (edit, error) { return s.immutable(list) }
func (s *writtenStore) remove(list []*pipeline.Entry) (edit, error) { return s.immutable(list) }

func (s *writtenStore) count() (int, error) { return len(s.layout.Table.Entries), nil }

// entries returns them as other stores do: without their place in the source.
func (s *writtenStore) entries() ([]*pipeline.Entry, []uint32, error) {
	var list []*pipeline.Entry
	var slots []uint32
	for i, own := range s.layout.Table.Entries {
		e := cloneEntry(own)
		e.Source = pipeline.Source{}
		list, slots = append(list, e), append(slots, bpfgen.WrittenSlot(i))
	}
	return list, slots, nil
}

func (s *writtenStore) slotOf(e *pipeline.Entry) (uint32, error) {
	key := pipeline.EntryKey(e)
	i := slices.IndexFunc(s.layout.Table.Entries, func(own *pipeline.Entry) bool { return pipeline.EntryKey(own) == key })
	if i < 0 {
		return 0, pipeline.ErrNotFound
	}
	return bpfgen.WrittenSlot(i), nil
}
