package bpfrun

import (
	"context"
	"errors"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/p4dev/p4dev/swfallback/bpfrun/bpftest"
)

// arenaProgram returns the word at an offset of its arena, through a tail call.
func arenaProgram(offset int32) *ebpf.CollectionSpec {
	program := func(name string, ins ...asm.Instruction) *ebpf.ProgramSpec {
		return &ebpf.ProgramSpec{Name: name, Type: ebpf.XDP, AttachType: ebpf.AttachXDP, License: "GPL", Instructions: ins}
	}
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"arena": {Name: "arena", Type: ebpf.Arena, MaxEntries: 64, Flags: 1 << 10},
			"calls": {Name: "calls", Type: ebpf.ProgramArray, KeySize: 4, ValueSize: 4, MaxEntries: 1,
				Contents: []ebpf.MapKV{{Key: uint32(0), Value: "inner"}}},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			ProgramXDP: program(ProgramXDP, asm.LoadMapPtr(asm.R2, 0).WithReference("calls"), asm.Mov.Imm(asm.R3, 0),
				asm.FnTailCall.Call(), asm.Mov.Imm(asm.R0, 0), asm.Return()),
			"inner": program("inner", asm.LoadMapPtr(asm.R1, 0).WithReference("arena"), asm.Mov.Imm(asm.R2, offset),
				Cast(asm.R2, asm.R2), asm.LoadMem(asm.R0, asm.R2, 0, asm.Word), asm.Return()),
		},
	}
}

func TestArena(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	var prober Prober
	if err := prober.HaveArena(t.Context()); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	dp, err := Load(arenaProgram(8200), nil, nil)
	if err != nil {
		t.Fatalf("%+v", err)
	}
	defer dp.Close()
	a, err := OpenArena(dp.Maps["arena"])
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	again, err := OpenArena(dp.Maps["arena"])
	if err != nil || again.Base() != a.Base() || again.Close() != nil {
		t.Errorf("opened twice: %v", err)
	}
	if at := uint64(uintptr(a.Base())); vacant(at, a.Size()) || vacant(at-4096, 8192) || !vacant(at-8192, 8192) {
		t.Error("it is not told what is vacant around an arena")
	}
	for _, want := range []uint32{0, 7, 8} { // a page without memory is zeros
		if want > 0 {
			if err := a.Populate(8192, 12288); err != nil {
				t.Fatal(err)
			}
			*(*uint32)(unsafe.Add(a.Base(), 8200)) = want
		}
		got, err := dp.TestRun(context.Background(), TestRun{Frame: make([]byte, 64)})
		if err != nil || got.Action != want {
			t.Errorf("got %d, %v, want %d", got.Action, err, want)
		}
	}
	if err := a.Populate(0, 1<<40); err == nil {
		t.Error("populated more than there is")
	}
	if err := WaitForPrograms(); err != nil {
		t.Error(err)
	}
}

func TestArenaRefused(t *testing.T) {
	bpftest.Require(t, "root", "bpf")
	spec := arenaProgram(0)
	spec.Programs["inner"].Instructions = append(asm.Instructions{asm.LoadMem(asm.R0, asm.R3, 0, asm.Word)}, spec.Programs["inner"].Instructions...)
	_, err := Load(spec, nil, nil)
	if refused := new(VerifierError); !errors.As(err, &refused) || refused.Program != "inner" || refused.Slot != 0 {
		t.Errorf("got %+v, want a VerifierError of instruction 0 of inner", err)
	}
}
