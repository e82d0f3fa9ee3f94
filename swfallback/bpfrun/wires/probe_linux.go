package wires

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// ProbeBPF returns nil where this process may load XDP programs and make BPF file systems, else why it may not.
func ProbeBPF() error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.XDP,
		License:      "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
	})
	if err != nil {
		return fmt.Errorf("wires: load XDP program: %w", err)
	}
	program.Close()
	fd, err := mountBPF()
	if err != nil {
		return fmt.Errorf("wires: make BPF file system: %w", err)
	}
	return unix.Close(fd)
}

// ProbePorts returns nil where this process may make network namespaces and veth pairs, else why it may not.
func ProbePorts() error {
	ns, err := NewNetNS()
	if err != nil {
		return err
	}
	err = ns.Do(func() error {
		_, err := makeVeth("probe", "probe-peer")
		return err
	})
	if err = errors.Join(err, ns.Close()); err != nil {
		return fmt.Errorf("wires: make veth pair: %w", err)
	}
	return nil
}
