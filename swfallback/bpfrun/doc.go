// Package bpfrun brings what swfallback/bpfgen compiled into the running kernel: it loads programs and maps, pins
// them, attaches them to network devices, replaces them without losing a packet, runs them on test frames, and
// finds out what the kernel can do. It knows nothing of tables and entries; that is swfallback.
//
// A Datapath is one loaded pipeline: programs "xdp" and, where a packet can need more than one copy, "tc", with
// their maps. An Attachment is a Datapath at one network device: XDP in the driver where the driver has it, else in
// the generic path, and tcx ingress where there is a tc program.
//
// Everything can be pinned in a BPF file system and opened again by another process. On systems other than Linux
// every function returns an error that is errors.ErrUnsupported.
//
//	dp, err := bpfrun.Load(spec)
//	...
//	defer dp.Close()
//	a, err := bpfrun.Attach(dp, ifindex, bpfrun.ModeAuto)
//	...
//	defer a.Close()
//	err = a.Replace(next) // packets see the one or the other, none is lost
package bpfrun
