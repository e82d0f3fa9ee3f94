package bpfgen

import (
	"slices"
	"sort"
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
		return &LimitError{What: "stack bytes of " + f.name, Got: total, Max: maxStack, Source: sourceAt(deepest.first.src)}
	}
	f.stack = total
	f.slots = placed
	return nil
}

// slotLiveness says which slots live at the same time.
type slotLiveness struct {
	order []*slot // those in use, in the order of their first store
	with  []set   // by slot.id
}

func newSlotLiveness(f *fn) *slotLiveness {
	s := &slotLiveness{with: newSets(len(f.slots), len(f.slots))}
	order := rpo(f)
	s.findFirst(f, order)
	for i, b := range order {
		b.place = i
	}
	in, out := newSets(len(order), len(f.slots)), newSets(len(order), len(f.slots)) // by block.place
	live := newSet(len(f.slots))
	for changed := true; changed; {
		changed = false
		for i, b := range slices.Backward(order) {
			for _, e := range b.term.edges() {
				out[i].join(in[e.to.place], nil)
			}
			copy(live, out[i])
			s.backwards(b, live, false)
			changed = in[i].join(live, nil) || changed
		}
	}
	for i, b := range order {
		copy(live, out[i])
		s.backwards(b, live, true)
	}
	return s
}

// findFirst numbers the slots and finds the first store to each.
func (s *slotLiveness) findFirst(f *fn, order []*block) {
	for i, sl := range f.slots {
		sl.id, sl.first = i, nil
	}
	for _, b := range order {
		for _, v := range b.ops {
			if sl := storedTo(v); sl != nil && sl.first == nil {
				sl.first = v
				s.order = append(s.order, sl)
			}
		}
	}
}

// storedTo returns the slot that an operation stores to by its own address, nil for none.
func storedTo(v *value) *slot {
	if v.op == opStore && v.args[0].op == opFrame {
		return v.args[0].slot
	}
	return nil
}

// backwards walks a block from its end; with note set it records which slots live together.
func (s *slotLiveness) backwards(b *block, live set, note bool) {
	more := note // live has slots that were not there when it was last recorded
	for _, v := range slices.Backward(b.ops) {
		for _, a := range v.args {
			if a.slot != nil && !live.has(a.slot.id) {
				live.add(a.slot.id)
				more = note
			}
		}
		if more {
			live.each(func(i int) { s.with[i].join(live, nil) })
			more = false
		}
		if sl := storedTo(v); sl != nil && (sl.first == v || v.fresh) {
			live.remove(sl.id)
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
