package bpfrun

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// twoCalls calls a function of 32 instructions twice, with the address of a word. typed gives both types.
func twoCalls(typed bool) *ebpf.ProgramSpec {
	main := asm.Instructions{asm.StoreImm(asm.RFP, -8, 5, asm.Word).WithSymbol("xdp")}
	for range 2 {
		main = append(main, asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -8), asm.Call.Label("count"))
	}
	main = append(main, asm.Return())
	count := asm.Instructions{asm.LoadMem(asm.R0, asm.R1, 0, asm.Word).WithSymbol("count")}
	for range 30 {
		count = append(count, asm.Add.Imm(asm.R0, 1))
	}
	count = append(count, asm.Return())
	if typed {
		word := &btf.Int{Name: "u32", Size: 4}
		for _, f := range []struct {
			code asm.Instructions
			tag  string
		}{{main, "arg:ctx"}, {count, "arg:nonnull"}} {
			proto := &btf.FuncProto{Return: word, Params: []btf.FuncParam{{Name: "at", Type: &btf.Pointer{Target: word}}}}
			f.code[0] = btf.WithFuncMetadata(f.code[0], &btf.Func{Name: f.code[0].Symbol(), Type: proto, Linkage: btf.GlobalFunc,
				ParamTags: [][]string{{f.tag}}})
		}
	}
	return &ebpf.ProgramSpec{Name: ProgramXDP, Type: ebpf.XDP, AttachType: ebpf.AttachXDP, License: "GPL",
		Instructions: append(main, count...)}
}

// TestFunctionTypes: the kernel checks a function that has a type once, and one without at every call.
func TestFunctionTypes(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	verified := make(map[bool]uint32)
	for _, typed := range []bool{false, true} {
		program, err := loadCasts(twoCalls(typed), nil)
		if err != nil {
			t.Fatalf("typed %v: %+v", typed, err)
		}
		defer program.Close()
		action, err := program.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
		if err != nil || action != 35 {
			t.Errorf("typed %v: returns %d, %v, want 35", typed, action, err)
		}
		info, err := program.Info()
		if err != nil {
			t.Fatal(err)
		}
		verified[typed], _ = info.VerifiedInstructions()
	}
	if verified[false] != verified[true]+32 {
		t.Errorf("%d instructions are checked with types, %d without, want 32 more", verified[true], verified[false])
	}
}
