package pipeline

import (
	"fmt"
	"testing"
)

// TestWalk: every field that an expression reads is met, in computed indices of stacks and unions too.
func TestWalk(t *testing.T) {
	n := 0
	field := func() Expr {
		n++
		return &Param{Index: n}
	}
	e := &Cond{
		If: &Binary{X: &Unary{X: field()}, Y: &Access{Header: &StackElem{Stack: &StackRef{}, Index: field()}}},
		Then: &Access{Header: &UnionAccess{Union: &UnionStackElem{Stack: &UnionStackRef{Member: -1},
			Index: &RegisterElem{Index: field()}}}},
		Else: &List{Elems: []Expr{field(), field()}},
	}
	var met []int
	Walk(e, func(e Expr) {
		if p, ok := e.(*Param); ok {
			met = append(met, p.Index)
		}
	})
	if got, want := fmt.Sprint(met), "[1 2 3 4 5]"; got != want {
		t.Errorf("met %s, want %s", got, want)
	}
}
