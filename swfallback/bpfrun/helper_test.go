package bpfrun

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Return codes of XDP and tcx programs (linux/bpf.h).
const (
	xdpDrop = 1
	xdpPass = 2
	tcxNext = -1
)

// returning is a pipeline whose programs return fixed numbers; without a tc program when tc is nil.
func returning(xdp int32, tc *int32) *ebpf.CollectionSpec {
	spec := &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"table": {Name: "table", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1000},
		},
		Programs: map[string]*ebpf.ProgramSpec{
			ProgramXDP: {Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{
				asm.Mov.Imm(asm.R0, xdp), asm.Return(),
			}},
		},
	}
	if tc != nil {
		spec.Programs[ProgramTC] = &ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
			asm.Mov.Imm(asm.R0, *tc), asm.Return(),
		}}
	}
	return spec
}

// forwarding is a pipeline that redirects every frame to one device and stamps the last byte of its
// destination address, so that a receiver sees which pipeline it went through.
func forwarding(device int, stamp int32) *ebpf.CollectionSpec {
	spec := returning(xdpPass, nil)
	spec.Programs[ProgramXDP].Instructions = asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, 14),
		asm.JGT.Reg(asm.R4, asm.R3, "short"),
		asm.StoreImm(asm.R2, 5, int64(stamp), asm.Byte),
		asm.Mov.Imm(asm.R1, int32(device)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, xdpDrop).WithSymbol("short"),
		asm.Return(),
	}
	return spec
}

func load(t *testing.T, spec *ebpf.CollectionSpec) *Datapath {
	t.Helper()
	dp, err := Load(spec, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dp.Close() })
	return dp
}
