package bpfgen

// A slab makes elements in pieces of memory that hold many.
type slab[T any] struct {
	rest []T // of the present piece
	size int // of it
}

// The sizes of pieces: the first is small, for the small functions.
const (
	firstPiece = 16
	mostPiece  = 256
)

// take returns n zero elements.
func (s *slab[T]) take(n int) []T {
	if len(s.rest) < n {
		s.size = max(firstPiece, min(2*s.size, mostPiece))
		s.rest = make([]T, max(n, s.size))
	}
	list := s.rest[:n:n]
	s.rest = s.rest[n:]
	return list
}

// emptyLists returns lists with room for as many elements as counts says, in one piece of memory.
func emptyLists[T any](counts []int) [][]T {
	all := 0
	for _, n := range counts {
		all += n
	}
	lists, room := make([][]T, len(counts)), make([]T, all)
	for i, n := range counts {
		lists[i], room = room[:0:n], room[n:]
	}
	return lists
}

// next returns one zero element.
func (s *slab[T]) next() *T { return &s.take(1)[0] }
