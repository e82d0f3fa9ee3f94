package swfallback

import (
	"errors"
	"fmt"
	"slices"

	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/swfallback/lookup"
)

// arenaStore holds the entries of a table in the arena: a cell for each, and the structure in which the program finds
// cells. An entry is there when its cell is live; a change first makes the structure right and then the cells, or the
// other way round, so that no packet meets a cell that is not whole. A process that dies in between leaves the table
// marked, and the next one rebuilds the structure from the cells.
type arenaStore struct {
	*tableState
	cells cells
	names names
	index index
	lines bool // packets have memory for their lines
}

var _ store = (*arenaStore)(nil)

func (g *generation) newArenaStore(t *tableState) *arenaStore {
	s := &arenaStore{tableState: t, cells: cells{mem: g.memory, layout: t.layout}}
	s.names = newNames(&s.cells)
	return s
}

// head reads a word of the table's head.
func (s *arenaStore) head(word uint32) uint32 { return s.layout.Arena.Head + word }

// refresh reads the cells when another process has changed them, or nothing has been read yet.
func (s *arenaStore) refresh() error {
	state, fresh, err := s.fresh()
	if err != nil || fresh {
		return err
	}
	s.forget()
	live, err := s.cells.open()
	if err != nil {
		return err
	}
	dirty := s.cells.mem.Load(s.head(headDirty)) != 0
	if dirty {
		if live, err = s.withoutDoubles(live); err != nil {
			return err
		}
	}
	s.names = newNames(&s.cells)
	s.index = newIndex(&s.cells, &s.names)
	if err := s.readNames(live, uint32(state.High)); err != nil {
		return err
	}
	if dirty {
		if err := s.index.rebuild(live); err != nil {
			return s.explainRoom(err)
		}
		s.renewLines()
		s.cells.mem.Store(s.head(headDirty), 0)
	}
	s.version, s.loaded = state.Version, true
	return nil
}

// withoutDoubles kills cells of entries that have another one: their process died while it changed them.
func (s *arenaStore) withoutDoubles(live []uint32) ([]uint32, error) {
	all := newNames(&s.cells)
	kept := make([]uint32, 0, len(live))
	err := all.addAll(live, func(cell uint32, err error) error {
		if errors.Is(err, pipeline.ErrExists) {
			s.cells.kill(cell)
			return nil
		}
		kept = append(kept, cell)
		return err
	})
	return kept, err
}

// readNames finds out which entries and slots there are.
func (s *arenaStore) readNames(live []uint32, high uint32) error {
	if s.slotted() {
		taken := make([]uint32, len(live))
		for i, c := range live {
			taken[i] = s.layout.CellSlot(s.cells.bytes(c))
		}
		s.slots.recover(taken, high)
		if c := s.lined(); c != nil {
			c.release() // of a process that died
			s.slots.free, s.slots.stale = nil, s.slots.free
		}
	}
	if s.names.index != nil {
		s.names.count = len(live)
		return nil
	}
	return s.names.addAll(live, func(_ uint32, err error) error { return err })
}

// explainRoom turns a structure's refusal for want of room into ErrTableFull.
func (s *arenaStore) explainRoom(err error) error {
	if errors.Is(err, lookup.ErrFull) {
		return fmt.Errorf("%w: %w", s.full(), err)
	}
	return err
}

func (s *arenaStore) count() (int, error) {
	err := s.refresh()
	return s.names.count, err
}

func (s *arenaStore) entries() ([]*pipeline.Entry, []uint32, error) {
	if err := s.refresh(); err != nil {
		return nil, nil, err
	}
	list, slots := make([]*pipeline.Entry, 0, s.names.count), make([]uint32, 0, s.names.count)
	for i := range s.cells.high {
		cell := s.cells.bytes(s.cells.at(i))
		if !s.layout.CellLive(cell) {
			continue
		}
		e, slot, err := s.layout.DecodeCell(cell)
		if err != nil {
			return nil, nil, err
		}
		list, slots = append(list, e), append(slots, slot)
	}
	return list, slots, nil
}

// find returns the cell of the entry with the same match and priority, 0 where there is none.
func (s *arenaStore) find(e *pipeline.Entry) (uint32, error) {
	cell, err := s.layout.AppendMatch(nil, e)
	if err != nil {
		return 0, err
	}
	return s.names.find(cell), nil
}

func (s *arenaStore) slotOf(e *pipeline.Entry) (uint32, error) {
	if err := s.refresh(); err != nil {
		return 0, err
	}
	cell, err := s.find(e)
	if err == nil && cell == 0 {
		err = pipeline.ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	return s.layout.CellSlot(s.cells.bytes(cell)), nil
}

// change brackets a change of the structure.
func (s *arenaStore) change(f func() error) error {
	if err := s.bump(); err != nil {
		return err
	}
	s.cells.mem.Store(s.head(headDirty), 1)
	err := f()
	s.renewLines()
	if err != nil {
		s.forget() // and leave the mark: the structure is rebuilt
		return s.explainRoom(err)
	}
	s.cells.mem.Store(s.head(headDirty), 0)
	return nil
}

func (s *arenaStore) insert(entries []*pipeline.Entry) (edit, error) {
	return s.insertChecked(entries, func(*pipeline.Entry, bool) error { return nil })
}

// insertChecked is insert of entries that have not been checked yet.
func (s *arenaStore) insertChecked(entries []*pipeline.Entry, check entryCheck) (edit, error) {
	if err := s.refresh(); err != nil {
		return edit{}, err
	}
	if s.names.count+len(entries) > s.size {
		if err := checkAll(entries, check); err != nil {
			return edit{}, err
		}
		return edit{}, errors.Join(s.anyPresent(entries), s.full())
	}
	slots, used, err := s.take(len(entries))
	if err != nil {
		return edit{}, err
	}
	made, err := s.write(entries, slots, check)
	if err != nil {
		s.drop(made)
		s.giveBack(slots)
		return edit{}, err
	}
	return edit{
		apply: func() error {
			err := s.prepareSlots(slots, used)
			if err == nil {
				err = s.publish(made)
			}
			return err
		},
		undo: func() error { return s.erase(made) },
		cancel: func() {
			s.drop(made)
			s.giveBack(slots)
		},
	}, nil
}

// anyPresent is ErrExists where the table has one of the entries already: of two reasons the better one.
func (s *arenaStore) anyPresent(entries []*pipeline.Entry) error {
	for _, e := range entries {
		if cell, err := s.find(e); err != nil || cell != 0 {
			return errors.Join(err, pipeline.ErrExists)
		}
	}
	return nil
}

// write checks new entries and makes cells of them, which are not live yet. It returns those that were made, also with an
// error.
func (s *arenaStore) write(entries []*pipeline.Entry, slots []uint32, check entryCheck) ([]uint32, error) {
	if err := s.cells.ahead(len(entries)); err != nil {
		return nil, err
	}
	defer s.cells.trim()
	s.names.reserve(len(entries))
	made := make([]uint32, 0, len(entries))
	for len(made) < len(entries) {
		n := len(made)
		for i := n; i < min(n+group, len(entries)); i++ {
			cell, err := s.cells.take()
			if err != nil {
				return s.unnamed(made, n), err
			}
			made = append(made, cell)
			if err := s.layout.PutCell(s.cells.bytes(cell), entries[i], slots[i], check); err != nil {
				return s.unnamed(made, n), err
			}
		}
		for i, err := range s.names.addGroup(made[n:]) {
			if err != nil {
				return s.unnamed(made, n+i), err
			}
		}
	}
	return made, nil
}

// unnamed gives up the cells from the n-th on, which have no names, and returns those before.
func (s *arenaStore) unnamed(made []uint32, n int) []uint32 {
	s.cells.free = append(s.cells.free, made[n:]...)
	return made[:n]
}

// drop gives up cells that no packet has seen.
func (s *arenaStore) drop(made []uint32) {
	for _, cell := range made {
		s.names.count--
		s.names.forget(cell)
	}
	s.cells.free = append(s.cells.free, made...)
}

// publish makes cells live and packets find them.
func (s *arenaStore) publish(made []uint32) error {
	return s.change(func() error {
		for _, cell := range made {
			s.layout.ReviveCell(s.cells.bytes(cell))
		}
		err := s.index.insert(made, s.names.count)
		s.names.published(made)
		if err != nil { // the structure is rebuilt without them
			for _, cell := range made {
				s.cells.kill(cell)
			}
		}
		return err
	})
}

// erase takes entries out of the table.
func (s *arenaStore) erase(gone []uint32) error {
	slots := make([]uint32, 0, len(gone))
	err := s.change(func() error {
		for _, cell := range gone {
			slots = append(slots, s.layout.CellSlot(s.cells.bytes(cell)))
			s.names.drop(cell)
			if err := s.index.remove(cell); err != nil {
				return err
			}
			s.cells.kill(cell)
		}
		return nil
	})
	if err == nil {
		s.giveBack(slots)
	}
	return err
}

// present finds the cells of entries that the table must have.
func (s *arenaStore) present(entries []*pipeline.Entry) ([]uint32, error) {
	if err := s.refresh(); err != nil {
		return nil, err
	}
	found := make([]uint32, 0, len(entries))
	buffer := make([]byte, 0, s.layout.Arena.Stride)
	for _, e := range entries {
		var err error
		if buffer, err = s.layout.AppendMatch(buffer[:0], e); err != nil {
			return nil, err
		}
		cell := s.names.find(buffer)
		if cell == 0 {
			return nil, pipeline.ErrNotFound
		}
		found = append(found, cell)
	}
	return found, nil
}

func (s *arenaStore) modify(entries []*pipeline.Entry) (edit, error) {
	found, err := s.present(entries)
	if err != nil {
		return edit{}, err
	}
	var next, old [][]byte
	for i, e := range entries {
		now := s.cells.bytes(found[i])
		cell, err := s.layout.AppendCell(nil, e, s.layout.CellSlot(now))
		if err != nil {
			return edit{}, err
		}
		next, old = append(next, cell), append(old, slices.Clone(now))
	}
	return edit{
		apply: func() error {
			if err := s.exchange(next); err != nil {
				return err
			}
			if s.hit == nil {
				return nil
			}
			var slots []uint32
			for _, cell := range next {
				slots = append(slots, s.layout.CellSlot(cell))
			}
			return s.touch(slots)
		},
		undo: func() error { return s.exchange(old) },
	}, nil
}

// exchange gives entries new cells with the same match and priority.
func (s *arenaStore) exchange(next [][]byte) error {
	return s.change(func() error {
		for _, b := range next {
			old := s.names.find(b)
			if old == 0 {
				return pipeline.ErrNotFound
			}
			cell, err := s.cells.take()
			if err != nil {
				return err
			}
			copy(s.cells.bytes(cell), b)
			if err := s.index.replace(old, cell); err != nil {
				return err
			}
			s.names.replace(cell)
			s.cells.kill(old)
		}
		return nil
	})
}

func (s *arenaStore) remove(entries []*pipeline.Entry) (edit, error) {
	found, err := s.present(entries)
	if err != nil {
		return edit{}, err
	}
	slices.Sort(found)
	found = slices.Compact(found)
	var old []*pipeline.Entry
	return edit{
		keep: func() error {
			for _, cell := range found {
				e, _, err := s.layout.DecodeCell(slices.Clone(s.cells.bytes(cell)))
				if err != nil {
					return err
				}
				old = append(old, e)
			}
			return nil
		},
		apply: func() error { return s.erase(found) },
		undo: func() error {
			e, err := s.insert(old)
			if err == nil {
				err = e.apply()
			}
			return err
		},
	}, nil
}

// settle makes everything that was taken out usable again, for the process that comes next.
func (s *arenaStore) settle() error {
	if !s.loaded || s.index == nil {
		return nil
	}
	return s.index.settle()
}
