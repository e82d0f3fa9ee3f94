package bpfgen

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// TestFunctionTypes: every function that finds cells is global and says how large its key is.
func TestFunctionTypes(t *testing.T) {
	o, err := Compile(openProgram(t, "l3router"), Options{Arena: true})
	if err != nil {
		t.Fatal(err)
	}
	program := o.Spec.Programs[ProgramXDP].Instructions
	if f := btf.FuncMetadata(&program[0]); f == nil || f.Name != ProgramXDP {
		t.Errorf("the program begins as %v", f)
	}
	found := 0
	for _, l := range o.Tables {
		if l == nil || l.Arena == nil {
			continue
		}
		first := slices.IndexFunc(program, func(ins asm.Instruction) bool { return ins.Symbol() == finderName(l.Table) })
		if first < 0 { // searched where it is applied
			continue
		}
		found++
		f := btf.FuncMetadata(&program[first])
		if f == nil || f.Linkage != btf.GlobalFunc {
			t.Errorf("%s: function is %v", l.Table.Name, f)
			continue
		}
		key := f.Type.(*btf.FuncProto).Params[0].Type.(*btf.Pointer).Target
		if size, err := btf.Sizeof(key); err != nil || size != l.finderKey() {
			t.Errorf("%s: key of %d bytes, %v, want %d", l.Table.Name, size, err, l.finderKey())
		}
	}
	if found < 3 {
		t.Errorf("%d tables have functions", found)
	}
}
