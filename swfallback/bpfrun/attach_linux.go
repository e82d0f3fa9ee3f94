package bpfrun

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// attachXDP attaches an XDP program in the driver, or in the generic path for ModeGeneric.
func attachXDP(program *ebpf.Program, device int, mode Mode) (link.Link, error) {
	flags := link.XDPDriverMode
	if mode == ModeGeneric {
		flags = link.XDPGenericMode
	}
	attached, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: device, Flags: flags})
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		err = nameOccupant(device, err)
	}
	if err != nil {
		return nil, fmt.Errorf("attach xdp: %w", err)
	}
	return attached, nil
}

// nameOccupant adds to a refusal which XDP program runs on the device already. The kernel has room for one, and says
// EBUSY where there is one in the same mode, EEXIST where there is one in another.
func nameOccupant(device int, refusal error) error {
	found, err := netlink.LinkByIndex(device)
	if err != nil || found.Attrs().Xdp == nil || !found.Attrs().Xdp.Attached {
		return refusal
	}
	id := found.Attrs().Xdp.ProgId
	return fmt.Errorf("XDP program %s runs on %s already: %w", describeProgram(id), found.Attrs().Name, refusal)
}

// describeProgram returns a program's number and, where the kernel tells it, its name.
func describeProgram(id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	program, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return text
	}
	defer program.Close()
	if info, err := program.Info(); err == nil && info.Name != "" {
		text += " (" + info.Name + ")"
	}
	return text
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
