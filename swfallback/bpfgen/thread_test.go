package bpfgen

import (
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/firmware/pipeline"
)

// TestWaysDecideBranches: which port an interface is has been decided where the program asks for the port, so that
// every interface is compared once.
func TestWaysDecideBranches(t *testing.T) {
	p := newTiny()
	p.action("send", nil, assign(p.std("egress_spec"), number(2)))
	p.action("other", nil, assign(p.std("egress_spec"), number(3)))
	only := &pipeline.Conditional{Name: "if port 1", Then: p.call("send"), Else: p.call("other"),
		If: &pipeline.Binary{Op: pipeline.OpEq, X: p.std("ingress_port"), Y: number(1)}}
	p.ingress.Conditionals, p.ingress.Start = []*pipeline.Conditional{only}, only
	o, err := Compile(p.Program, Options{Ports: map[uint32]int{1: 11, 2: 12}})
	if err != nil {
		t.Fatal(err)
	}
	compared := make(map[int64]int)
	for _, ins := range o.Spec.Programs[ProgramXDP].Instructions {
		if ins.OpCode.Class().IsJump() && ins.OpCode.Source() == asm.ImmSource && (ins.OpCode.JumpOp() == asm.JEq || ins.OpCode.JumpOp() == asm.JNE) {
			compared[ins.Constant]++
		}
	}
	if len(compared) != 2 || compared[11] != 1 || compared[12] != 1 {
		t.Errorf("compared with %v, want 11 and 12 once\n%v", compared, o.Spec.Programs[ProgramXDP].Instructions)
	}
}
