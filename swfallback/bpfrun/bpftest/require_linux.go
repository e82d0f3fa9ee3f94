package bpftest

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// probe tries what name stands for and returns why it cannot be had.
func probe(name string) error {
	switch name {
	case "root":
		if id := os.Geteuid(); id != 0 {
			return fmt.Errorf("effective user id is %d", id)
		}
		return nil
	case "bpf":
		return probeBPF()
	case "netns":
		return probeNetNS()
	}
	return fmt.Errorf("no such requirement %q", name)
}

func probeBPF() error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.XDP,
		License:      "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()},
	})
	if err != nil {
		return err
	}
	program.Close()
	fd, err := mountBPF()
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func probeNetNS() error {
	ns, err := makeNetNS()
	if err != nil {
		return err
	}
	return errors.Join(ns.do(func() error {
		_, err := makeVeth("probe", "probe-peer")
		return err
	}), ns.close())
}
