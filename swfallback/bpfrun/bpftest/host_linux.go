package bpftest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// openHost opens an endpoint where everything comes out that a device hands up the stack. A packet socket would also
// show what a tcx program takes away, because it looks in front of tcx, and by holding the packet it would keep
// such a program from changing it in place. So the last tcx program of the device copies the packet into a tap.
// Kernels without tcx (before 6.6) get a packet socket.
func openHost(t testing.TB, device string, index int) endpoint {
	t.Helper()
	copies, copiesIndex, err := makeTap(device + "-host")
	if err != nil {
		t.Fatalf("make tap for the host's side of %s: %v", device, err)
	}
	t.Cleanup(func() { unix.Close(copies.fd) })
	attached, err := copyTo(index, copiesIndex)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return openSocket(t, device)
	}
	if err != nil {
		t.Fatalf("watch the host's side of %s: %v", device, err)
	}
	t.Cleanup(func() { attached.Close() })
	return copies
}

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
