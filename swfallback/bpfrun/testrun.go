package bpfrun

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/cilium/ebpf"
)

// TestRun is a run of a program on a frame of the caller's (BPF_PROG_TEST_RUN).
type TestRun struct {
	Frame   []byte // from the Ethernet header on, at least 14 bytes
	Ingress int    // index of the device it came in on, in the caller's network namespace; 0: the loopback
	Repeat  int    // how often; 0: once. Each run gets the frame that the one before left.
	// Live sends the frames on: what the program redirects leaves through its device and what it passes goes up
	// the stack. Kernel 5.18. There is no Result.Frame then.
	Live  bool
	Batch int // frames at a time with Live, at most 256; 0: the kernel's choice
}

// Result is the outcome of a TestRun.
type Result struct {
	Action  uint32        // what the program returned: XDP_DROP 1, XDP_PASS 2, XDP_TX 3, XDP_REDIRECT 4
	Frame   []byte        // the frame as the program left it, of the last run
	Elapsed time.Duration // of the system call: all runs, and some microseconds around them
}

// headroom is how many bytes a program may add to a frame.
const headroom = 256

// runLive is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
const runLive = 1 << 1

// xdpMD is struct xdp_md of linux/bpf.h.
type xdpMD struct{ Data, DataEnd, DataMeta, Ingress, Queue, Egress uint32 }

// TestRun runs the XDP program. It cannot be interrupted once it runs in the kernel; the context is looked at
// before.
func (d *Datapath) TestRun(ctx context.Context, run TestRun) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("bpfrun: run program on a frame: %w", err)
	}
	program := d.Programs[ProgramXDP]
	if program == nil {
		return Result{}, fmt.Errorf("bpfrun: run program %q: %w", ProgramXDP, fs.ErrNotExist)
	}
	opts := &ebpf.RunOptions{Data: run.Frame, Repeat: uint32(max(run.Repeat, 1))}
	if run.Ingress != 0 {
		opts.Context = xdpMD{DataEnd: uint32(len(run.Frame)), Ingress: uint32(run.Ingress)}
	}
	if run.Live {
		opts.Flags, opts.BatchSize = runLive, uint32(run.Batch)
	} else {
		opts.DataOut = make([]byte, len(run.Frame)+headroom)
	}
	start := time.Now()
	action, err := program.Run(opts)
	if err != nil {
		return Result{}, fmt.Errorf("bpfrun: run program on a frame: %w", err)
	}
	return Result{Action: action, Frame: opts.DataOut, Elapsed: time.Since(start)}, nil
}
