package swfallback

import (
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

// keyStore holds the entries of a table whose map has one element for each: a hash map or a trie.
type keyStore struct {
	*tableState
	index map[string]uint32 // map key to slot
}

// refresh reads the map when another process has changed it, or nothing has been read yet.
func (s *keyStore) refresh() error {
	state, fresh, err := s.fresh()
	if err != nil || fresh {
		return err
	}
	s.forget()
	s.index = make(map[string]uint32)
	var taken []uint32
	var failed error
	err = bpfrun.Dump(s.entry, func(key, value []byte) bool {
		_, slot, err := s.layout.Decode(key, value)
		if err != nil {
			failed = err
			return false
		}
		s.index[string(key)] = slot
		taken = append(taken, slot)
		return true
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	if s.slotted() {
		s.slots.recover(taken, uint32(state.High))
	}
	s.version, s.loaded = state.Version, true
	return nil
}

func (s *keyStore) count() (int, error) {
	err := s.refresh()
	return len(s.index), err
}

func (s *keyStore) entries() ([]*pipeline.Entry, []uint32, error) {
	if err := s.refresh(); err != nil {
		return nil, nil, err
	}
	list, slots := make([]*pipeline.Entry, 0, len(s.index)), make([]uint32, 0, len(s.index))
	var failed error
	err := bpfrun.Dump(s.entry, func(key, value []byte) bool {
		var e *pipeline.Entry
		var slot uint32
		if e, slot, failed = s.layout.Decode(key, value); failed != nil {
			return false
		}
		list, slots = append(list, e), append(slots, slot)
		return true
	})
	return list, slots, errors.Join(err, failed)
}

// elements is a run of map elements, one behind the other.
type elements struct {
	keys, values []byte
	slots        []uint32
	names        []string // the keys again, as the index has them
}

func (e *elements) len() int { return len(e.names) }

// encodeKeys writes the keys of entries.
func (s *keyStore) encodeKeys(entries []*pipeline.Entry) (*elements, error) {
	el := &elements{keys: make([]byte, 0, len(entries)*s.layout.KeySize), names: make([]string, 0, len(entries))}
	var err error
	for _, e := range entries {
		if el.keys, err = s.layout.AppendKey(el.keys, e); err != nil {
			return nil, err
		}
	}
	all := string(el.keys)
	for i := range entries {
		el.names = append(el.names, all[i*s.layout.KeySize:][:s.layout.KeySize])
	}
	return el, nil
}

// encodeValues writes the values of entries; el.slots is filled in.
func (s *keyStore) encodeValues(el *elements, entries []*pipeline.Entry) error {
	el.values = make([]byte, 0, len(entries)*s.layout.ValueSize)
	var err error
	for i, e := range entries {
		if el.values, err = s.layout.AppendValue(el.values, e, el.slots[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *keyStore) insert(entries []*pipeline.Entry) (edit, error) {
	if err := s.refresh(); err != nil {
		return edit{}, err
	}
	el, err := s.encodeKeys(entries)
	if err != nil {
		return edit{}, err
	}
	if len(s.index)+el.len() > s.size {
		return edit{}, errors.Join(s.firstPresent(el), s.full())
	}
	var used int
	if el.slots, used, err = s.take(el.len()); err != nil {
		return edit{}, err
	}
	err = s.encodeValues(el, entries)
	if err == nil {
		err = s.reserve(el)
	}
	if err != nil {
		s.giveBack(el.slots)
		return edit{}, err
	}
	return edit{
		apply:  func() error { return s.write(el, used) },
		undo:   func() error { return s.erase(el) },
		cancel: func() { s.release(el) },
	}, nil
}

// firstPresent is ErrExists where the table has one of the keys already: of two reasons the better one.
func (s *keyStore) firstPresent(el *elements) error {
	for _, name := range el.names {
		if _, exists := s.index[name]; exists {
			return pipeline.ErrExists
		}
	}
	return nil
}

// reserve puts new keys into the index, all or none: a key that the table has, or that comes twice, is ErrExists.
func (s *keyStore) reserve(el *elements) error {
	if len(s.index) == 0 {
		s.index = make(map[string]uint32, el.len()) // does not have to grow
	}
	for i, name := range el.names {
		if _, exists := s.index[name]; exists {
			for _, name := range el.names[:i] {
				delete(s.index, name)
			}
			return pipeline.ErrExists
		}
		s.index[name] = el.slots[i]
	}
	return nil
}

// release takes keys out of the index and gives back their slots.
func (s *keyStore) release(el *elements) {
	for _, name := range el.names {
		delete(s.index, name)
	}
	s.giveBack(el.slots)
}

// write puts new elements into the map, all or none.
func (s *keyStore) write(el *elements, used int) error {
	done := 0
	err := s.bump()
	if err == nil {
		err = s.prepareSlots(el.slots, used)
	}
	if err == nil {
		done, err = bpfrun.UpdateBatch(s.entry, el.keys, el.values, el.len())
	}
	if err == nil {
		return nil
	}
	s.forget()
	return errors.Join(s.explain(err), bpfrun.DeleteBatch(s.entry, el.keys[:done*s.layout.KeySize], done))
}

// erase removes elements that were written.
func (s *keyStore) erase(el *elements) error {
	if err := s.bump(); err != nil {
		return err
	}
	if err := bpfrun.DeleteBatch(s.entry, el.keys, el.len()); err != nil {
		s.forget()
		return err
	}
	s.release(el)
	return nil
}

// present finds the elements of entries that the table must have.
func (s *keyStore) present(entries []*pipeline.Entry) (*elements, error) {
	if err := s.refresh(); err != nil {
		return nil, err
	}
	el, err := s.encodeKeys(entries)
	if err != nil {
		return nil, err
	}
	for _, name := range el.names {
		slot, exists := s.index[name]
		if !exists {
			return nil, pipeline.ErrNotFound
		}
		el.slots = append(el.slots, slot)
	}
	return el, nil
}

func (s *keyStore) slotOf(e *pipeline.Entry) (uint32, error) {
	el, err := s.present([]*pipeline.Entry{e})
	if err != nil {
		return 0, err
	}
	return el.slots[0], nil
}

// readOld reads the values that the elements have now. A trie finds an element by its own key because nothing
// that matches it is longer.
func (s *keyStore) readOld(el *elements) ([]byte, error) {
	values := make([]byte, el.len()*s.layout.ValueSize)
	for i := range el.names {
		key, value := el.keys[i*s.layout.KeySize:][:s.layout.KeySize], values[i*s.layout.ValueSize:][:s.layout.ValueSize]
		if err := s.entry.Lookup(key, value); err != nil {
			return nil, fmt.Errorf("read entry: %w", err)
		}
	}
	return values, nil
}

func (s *keyStore) modify(entries []*pipeline.Entry) (edit, error) {
	el, err := s.present(entries)
	if err != nil {
		return edit{}, err
	}
	if err := s.encodeValues(el, entries); err != nil {
		return edit{}, err
	}
	old, err := s.readOld(el)
	if err != nil {
		return edit{}, err
	}
	return edit{
		apply: func() error { return s.overwrite(el, old) },
		undo: func() error {
			_, err := bpfrun.UpdateBatch(s.entry, el.keys, old, el.len())
			return err
		},
	}, nil
}

// overwrite gives elements new values, or all their old ones.
func (s *keyStore) overwrite(el *elements, old []byte) error {
	if err := s.bump(); err != nil {
		return err
	}
	done, err := bpfrun.UpdateBatch(s.entry, el.keys, el.values, el.len())
	if err == nil && s.hit != nil {
		err = s.touch(el.slots)
	}
	if err == nil {
		return nil
	}
	_, undo := bpfrun.UpdateBatch(s.entry, el.keys[:done*s.layout.KeySize], old[:done*s.layout.ValueSize], done)
	return errors.Join(s.explain(err), undo)
}

func (s *keyStore) remove(entries []*pipeline.Entry) (edit, error) {
	el, err := s.present(entries)
	if err != nil {
		return edit{}, err
	}
	return edit{
		keep: func() (err error) {
			el.values, err = s.readOld(el)
			return err
		},
		apply: func() error { return s.erase(el) },
		undo: func() error {
			s.forget()
			_, err := bpfrun.UpdateBatch(s.entry, el.keys, el.values, el.len())
			return err
		},
	}, nil
}
