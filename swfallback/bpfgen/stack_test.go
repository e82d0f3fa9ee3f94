package bpfgen

import (
	"errors"
	"testing"
)

// checkStack follows every way through a program and reports loads from a slot whose place another slot has been
// written to since.
func checkStack(t *testing.T, f *fn) {
	t.Helper()
	type cells [maxStack / 8]*slot // who wrote a word last; nil: nobody, or not the same on all ways
	in := make(map[*block]*cells)
	in[f.blocks[0]] = new(cells)
	touch := func(c *cells, s *slot) {
		for o := s.off; o < s.off+s.room(); o += 8 {
			c[-o/8-1] = s
		}
	}
	for changed, check := true, false; changed || check; {
		if !changed {
			check = false
		} else {
			check = true
		}
		verify := !changed
		changed = false
		for _, b := range rpo(f) {
			if in[b] == nil {
				continue
			}
			c := *in[b]
			for _, v := range b.ops {
				for i, a := range v.args {
					if a.op != opFrame {
						continue
					}
					if v.op == opStore && i == 0 {
						touch(&c, a.slot)
						continue
					}
					for o := a.slot.off; verify && o < a.slot.off+a.slot.room(); o += 8 {
						if w := c[-o/8-1]; w != nil && w != a.slot {
							t.Fatalf("%s: b%d reads slot%d where slot%d is", f.name, b.id, a.slot.id, w.id)
						}
					}
				}
			}
			for _, e := range b.term.edges() {
				if old := in[e.to]; old == nil {
					n := c
					in[e.to] = &n
					changed = true
				} else {
					for i := range old {
						if old[i] != c[i] && old[i] != nil {
							old[i], changed = nil, true
						}
					}
				}
			}
		}
		if verify {
			return
		}
	}
}

// TestStackSlots checks that no slot is overwritten by another while it is needed.
func TestStackSlots(t *testing.T) {
	for _, name := range programs(t) {
		o, err := Compile(openProgram(t, name), Options{keep: func(f *fn) { checkStack(t, f) }})
		if err != nil {
			if !errors.Is(err, errors.ErrUnsupported) && !errors.As(err, new(*LimitError)) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		_ = o
	}
}
