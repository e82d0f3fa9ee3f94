package swfallback

import "github.com/p4dev/p4dev/swfallback/bpfgen"

// renewLines makes packets forget what they remember of a table, after a change that they find now, and decides
// whether it pays that they remember anything. Without memory for it they do not.
func (s *arenaStore) renewLines() {
	a := s.layout.Arena
	if a.Lines == 0 {
		return
	}
	at := s.head(bpfgen.HeadLines)
	word := s.cells.mem.Load(at)&^1 + 2
	if s.names.count > a.CacheAbove && s.populateLines() {
		word |= 1
	}
	s.cells.mem.Store(at, word)
}

// populateLines gives memory to the lines of all CPUs, unless they have it.
func (s *arenaStore) populateLines() bool {
	if s.lines {
		return true
	}
	a := s.layout.Arena
	if s.lines = s.cells.mem.Populate(a.Lines, a.LinesEnd) == nil; s.lines {
		s.cells.mem.Store(s.head(bpfgen.HeadHold), onceLined)
	}
	return s.lines
}
