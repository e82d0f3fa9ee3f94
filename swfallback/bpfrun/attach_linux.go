package bpfrun

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// attachXDP attaches an XDP program in the driver, or in the generic path for ModeGeneric.
func attachXDP(program *ebpf.Program, device int, mode Mode) (link.Link, error) {
	flags := link.XDPDriverMode
	if mode == ModeGeneric {
		flags = link.XDPGenericMode
	}
	attached, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: device, Flags: flags})
	if err != nil {
		return nil, fmt.Errorf("attach xdp: %w", err)
	}
	return attached, nil
}

// attachTC attaches a program in front of all others at tcx ingress.
func attachTC(program *ebpf.Program, device int) (link.Link, error) {
	attached, err := link.AttachTCX(link.TCXOptions{
		Program: program, Interface: device, Attach: ebpf.AttachTCXIngress, Anchor: link.Head(),
	})
	if err != nil {
		return nil, fmt.Errorf("attach tcx ingress (kernel 6.6): %w", err)
	}
	return attached, nil
}

// deviceOf returns the index of the device that an XDP link is attached to.
func deviceOf(info *link.Info) int { return int(info.XDP().Ifindex) }
