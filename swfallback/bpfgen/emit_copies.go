package bpfgen

import (
	"slices"

	"github.com/cilium/ebpf/asm"
)

// regMove is one of several copies that happen at the same time.
type regMove struct {
	dst asm.Register
	src *value
}

// copying is a copy between registers that is still to be made.
type copying struct{ dst, src asm.Register }

// parallel emits copies that happen at the same time.
func (e *emitter) parallel(moves []regMove) {
	var todo []copying
	for _, m := range moves {
		if !m.src.remat() && *m.src.reg != m.dst {
			todo = append(todo, copying{m.dst, *m.src.reg})
		}
	}
	for len(todo) > 0 {
		if i := unblocked(todo); i >= 0 {
			e.put(asm.Mov.Reg(todo[i].dst, todo[i].src))
			todo = slices.Delete(todo, i, i+1)
			continue
		}
		todo = e.circle(todo)
	}
	for _, m := range moves {
		if m.src.remat() {
			e.load(m.dst, m.src)
		}
	}
}

// unblocked returns a copy whose destination no other one still reads, -1 where all are in circles.
func unblocked(todo []copying) int {
	return slices.IndexFunc(todo, func(m copying) bool {
		return !slices.ContainsFunc(todo, func(o copying) bool { return o != m && o.src == m.dst })
	})
}

// circle emits one circle of copies, by way of the stack, and returns the others. There are only circles.
func (e *emitter) circle(todo []copying) []copying {
	first := todo[0]
	e.put(asm.StoreMem(asm.RFP, e.circleSlot(), first.src, asm.DWord))
	todo = todo[1:]
	for free := first.src; free != first.dst; {
		i := slices.IndexFunc(todo, func(m copying) bool { return m.dst == free })
		e.put(asm.Mov.Reg(free, todo[i].src))
		free = todo[i].src
		todo = slices.Delete(todo, i, i+1)
	}
	e.put(asm.LoadMem(first.dst, asm.RFP, e.circleSlot(), asm.DWord))
	return todo
}

// circleSlot is where a circle of copies is broken.
func (e *emitter) circleSlot() int16 {
	if e.f.circle == 0 {
		e.f.stack += 8
		e.f.circle = e.f.stack
	}
	return int16(-e.f.circle)
}
