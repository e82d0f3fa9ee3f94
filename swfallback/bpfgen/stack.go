package bpfgen

import (
	"sort"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// maxStack is the size of an eBPF program's stack, in bytes.
const maxStack = 512

// passStack places the stack slots. A slot lives from the first store to it until its last use; slots that do
// not live at the same time share their place.
func passStack(f *fn) error {
	s := newSlotLiveness(f)
	used := s.order
	sort.SliceStable(used, func(a, b int) bool { return used[a].size > used[b].size })
	placed := make([]*slot, 0, len(used))
	for _, sl := range used {
		off := s.firstFit(sl, placed)
		sl.off = -off
		placed = append(placed, sl)
	}
	total, deepest := 0, (*slot)(nil)
	for _, sl := range placed {
		if -sl.off > total {
			total, deepest = -sl.off, sl
		}
	}
	if total > maxStack {
		return &LimitError{What: "stack bytes of " + f.name, Got: total, Max: maxStack, Source: s.sourceOf(deepest)}
	}
	f.stack = total
	f.slots = placed
	return nil
}

// slotLiveness says which slots live at the same time.
type slotLiveness struct {
	order []*slot // those in use, in the order of their first store
	first map[*value]*slot
	with  []set // by slot.id
	n     int
}

func newSlotLiveness(f *fn) *slotLiveness {
	s := &slotLiveness{first: make(map[*value]*slot), n: len(f.slots)}
	for i, sl := range f.slots {
		sl.id = i
		s.with = append(s.with, newSet(s.n))
	}
	seen := make(map[*slot]bool)
	order := rpo(f)
	for _, b := range order {
		for _, v := range b.ops {
			if v.op == opStore && v.args[0].op == opFrame && !seen[v.args[0].slot] {
				seen[v.args[0].slot] = true
				s.first[v] = v.args[0].slot
				s.order = append(s.order, v.args[0].slot)
			}
		}
	}
	in, out := make(map[*block]set), make(map[*block]set)
	for _, b := range order {
		in[b], out[b] = newSet(s.n), newSet(s.n)
	}
	for changed := true; changed; {
		changed = false
		for i := len(order) - 1; i >= 0; i-- {
			b := order[i]
			for _, e := range b.term.edges() {
				out[b].join(in[e.to], nil)
			}
			live := append(set(nil), out[b]...)
			s.backwards(b, live, false)
			if in[b].join(live, nil) {
				changed = true
			}
		}
	}
	for _, b := range order {
		s.backwards(b, append(set(nil), out[b]...), true)
	}
	return s
}

// sourceOf returns the place in the P4 program of the first store to a slot.
func (s *slotLiveness) sourceOf(sl *slot) pipeline.Source {
	for v, first := range s.first {
		if first == sl {
			return sourceAt(v.src)
		}
	}
	return pipeline.Source{}
}

// backwards walks a block from its end; with note set it records which slots live together.
func (s *slotLiveness) backwards(b *block, live set, note bool) {
	for i := len(b.ops) - 1; i >= 0; i-- {
		v := b.ops[i]
		for _, a := range v.args {
			if a.slot != nil {
				live.add(a.slot.id)
			}
		}
		if note {
			live.each(func(i int) { s.with[i].join(live, nil) })
		}
		if sl := s.first[v]; sl != nil {
			live.remove(sl.id)
		} else if v.fresh {
			live.remove(v.args[0].slot.id)
		}
	}
}

// firstFit returns the smallest distance from the frame pointer at which a slot meets no other that lives with
// it.
func (s *slotLiveness) firstFit(sl *slot, placed []*slot) int {
	size := sl.room()
	for top := size; ; top += 8 {
		free := true
		for _, p := range placed {
			pTop := -p.off
			pLow := pTop - p.room()
			if (s.with[sl.id].has(p.id) || s.with[p.id].has(sl.id)) && pLow < top && top-size < pTop {
				free = false
				break
			}
		}
		if free {
			return top
		}
	}
}

// room returns the bytes that a slot takes up.
func (s *slot) room() int { return (s.bias + s.size + 7) &^ 7 }
