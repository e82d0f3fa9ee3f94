package bpfgen

// A substitution replaces values by others. What has been replaced is in no program any more when it has been applied.
type substitution struct{ some bool }

// put replaces v by w.
func (s *substitution) put(v, w *value) { v.by, s.some = w, true }

// of returns what a value has been replaced by, in the end.
func (s *substitution) of(v *value) *value {
	for v.by != nil && v.by != v {
		v = v.by
	}
	return v
}

// apply replaces the operands of a whole program.
func (s *substitution) apply(f *fn) {
	if !s.some {
		return
	}
	for _, b := range f.blocks {
		for _, v := range b.ops {
			for i, a := range v.args {
				v.args[i] = s.of(a)
			}
		}
		s.applyTerm(&b.term)
	}
}

func (s *substitution) applyTerm(t *term) {
	if t.a != nil {
		t.a = s.of(t.a)
	}
	if t.b != nil {
		t.b = s.of(t.b)
	}
	for _, e := range t.edges() {
		for i, a := range e.args {
			e.args[i] = s.of(a)
		}
	}
}
