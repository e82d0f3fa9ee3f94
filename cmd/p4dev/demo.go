package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/offload/demo"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on a simulated NIC: flash, show, forward in hardware and in eBPF",
		Long: `Makes network namespaces of its own with a simulated two-port NIC that has room for fewer routes than the demo
installs. It flashes l3router, shows what the device then advertises, attaches the eBPF fallback, and sends packets
along all routes; then it loads a package of another source under traffic, which shuts the gate. Every packet is
checked byte for byte at the far end. It cleans up, and fails if one packet was lost or wrong. Needs root.`,
		Example: `  p4dev demo
  p4dev demo -j`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context()) },
	}
}

func (a *app) demo(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("run demo: %w: it makes network namespaces and loads eBPF; run it as root", os.ErrPermission)
	}
	o := demo.Options{Out: a.out, Log: a.log}
	if a.json {
		o.Out = a.err
	}
	r, err := demo.Run(ctx, o)
	if err != nil {
		return err
	}
	err = a.render(r, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "\nsent %d: %d by hardware, %d by eBPF, %d lost, %d wrong; gate %s; %.1f s\n",
			r.Sent, r.HW, r.SW, r.Lost, r.Wrong, r.Gate, r.Seconds)
		return err
	})
	if err == nil && !r.OK() {
		err = fmt.Errorf("run demo: %d packets lost, %d wrong", r.Lost, r.Wrong)
	}
	return err
}
