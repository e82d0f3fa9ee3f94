package wires

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// openHost opens an endpoint where everything comes out that a device hands up the stack. A packet socket would also
// show what a tcx program takes away, because it looks in front of tcx, and by holding the packet it would keep
// such a program from changing it in place. So the last tcx program of the device copies the packet into a tap.
// Kernels without tcx (before 6.6) get a packet socket.
func openHost(device string, index int) (endpoint, error) {
	copies, copiesIndex, err := makeTap(device + "-host")
	if err != nil {
		return nil, fmt.Errorf("make tap for the host's side: %w", err)
	}
	attached, err := copyTo(index, copiesIndex)
	switch {
	case err == nil:
		return &hostSide{copies, attached}, nil
	case !errors.Is(err, ebpf.ErrNotSupported):
		return nil, errors.Join(fmt.Errorf("watch the host's side: %w", err), copies.Close())
	}
	if err := copies.Close(); err != nil {
		return nil, err
	}
	return OpenSocket(device)
}

// hostSide is the tap that copies come out of, with the program that makes them.
type hostSide struct {
	*tap
	program link.Link
}

// Close implements endpoint.
func (h *hostSide) Close() error { return errors.Join(h.program.Close(), h.tap.Close()) }

// copyTo makes a device copy what it receives to another one, behind all its other tcx programs.
func copyTo(device, copies int) (link.Link, error) {
	const tcxNext = -1
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(copies)),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnCloneRedirect.Call(),
		asm.Mov.Imm(asm.R0, tcxNext),
		asm.Return(),
	}})
	if err != nil {
		return nil, fmt.Errorf("load program: %w", err)
	}
	defer program.Close()
	return link.AttachTCX(link.TCXOptions{
		Program: program, Interface: device, Attach: ebpf.AttachTCXIngress, Anchor: link.Tail(),
	})
}
