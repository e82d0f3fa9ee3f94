package bpfgen

import "slices"

// numberParams numbers the parameters of all blocks and returns how many there are.
func numberParams(f *fn) int {
	n := 0
	for _, b := range f.blocks {
		for _, p := range b.params {
			p.num = n
			n++
		}
	}
	return n
}

// passParams removes parameters of blocks that have the same value on every way in.
func passParams(f *fn) error {
	var sub substitution
	n := numberParams(f)
	incoming, many := make([]*value, n), newSet(n) // by parameter: its value, and whether there are several
	for again := true; again; {
		clear(incoming)
		clear(many)
		for _, b := range f.blocks {
			for _, e := range b.term.edges() {
				for i, p := range e.to.params {
					a := sub.of(e.args[i])
					if a == p {
						continue
					}
					if old := incoming[p.num]; old != nil && old != a {
						many.add(p.num)
					}
					incoming[p.num] = a
				}
			}
		}
		again = false
		for _, b := range f.blocks {
			for _, p := range b.params {
				if a := incoming[p.num]; a != nil && !many.has(p.num) && p.by == nil && sub.of(a) != p {
					sub.put(p, a)
					again = true
				}
			}
		}
	}
	dropParams(f, func(p *value) bool { return p.by != nil })
	sub.apply(f)
	return nil
}

// ways returns the ways into every block, by its number, which it sets.
func ways(f *fn) [][]*edge {
	return intoBlocks(f, func(_ *block, e *edge) *edge { return e })
}

// passDead removes operations and parameters that nothing depends on.
func passDead(f *fn) error {
	in := ways(f)
	places := make([]paramPlace, 0, numberParams(f))
	for _, b := range f.blocks {
		for i := range b.params {
			places = append(places, paramPlace{b, i})
		}
	}
	m := marker{f: f}
	f.visits++
	for _, b := range f.blocks {
		for _, v := range b.ops {
			if v.op == opStore || v.op == opCall || v.op == opFetchAdd {
				m.mark(v)
			}
		}
		m.mark(b.term.a)
		m.mark(b.term.b)
	}
	for len(m.work) > 0 {
		v := m.work[len(m.work)-1]
		m.work = m.work[:len(m.work)-1]
		for _, a := range v.args {
			m.mark(a)
		}
		if v.op != opParam {
			continue
		}
		at := places[v.num]
		for _, e := range in[at.b.id] {
			m.mark(e.args[at.i])
		}
	}
	dead := func(v *value) bool { return v.seen != f.visits }
	dropParams(f, dead)
	for _, b := range f.blocks {
		b.ops = slices.DeleteFunc(b.ops, dead)
	}
	return nil
}

// paramPlace is where a parameter is.
type paramPlace struct {
	b *block
	i int
}

// marker marks values that something depends on, with the present visit.
type marker struct {
	f    *fn
	work []*value // marked, and its operands not yet
}

func (m *marker) mark(v *value) {
	if v != nil && v.seen != m.f.visits {
		v.seen = m.f.visits
		m.work = append(m.work, v)
	}
}
