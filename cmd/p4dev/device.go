package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
)

// client opens the devlink endpoint that --endpoint names. P4DEV_TRACE=wire prints every datagram, decoded, to
// standard error.
func (a *app) client(ctx context.Context) (*devlink.Client, error) {
	var opts []devlink.Option
	if strings.Contains(os.Getenv("P4DEV_TRACE"), "wire") {
		opts = append(opts, devlink.WithTrace(a.err))
	}
	switch {
	case a.endpoint == "kernel":
		return devlink.Dial(ctx, opts...)
	case a.endpoint == "sim":
		return a.simClient(ctx, opts)
	case strings.HasPrefix(a.endpoint, "unix:"):
		path := strings.TrimPrefix(a.endpoint, "unix:")
		dial := func(ctx context.Context) (devlink.Endpoint, error) { return devlink.DialUnix(ctx, path) }
		return devlink.New(dial, opts...), nil
	}
	return nil, fmt.Errorf("unknown endpoint %q: want kernel, sim or unix:PATH", a.endpoint)
}

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List devlink devices and the programs they run",
		Args:  cobra.NoArgs,
		Example: `  p4dev list
  p4dev -j list
  p4dev --endpoint unix:/run/p4dev/sim.sock list`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context()) },
	}
}

// deviceView is a line of "list".
type deviceView struct {
	Driver  string `json:"driver,omitempty"`
	Serial  string `json:"serial_number,omitempty"`
	Ports   int    `json:"ports"`
	Program string `json:"program,omitempty"`
	Version string `json:"version,omitempty"`
	Source  string `json:"source,omitempty"`
}

func (a *app) list(ctx context.Context) error {
	c, err := a.client(ctx)
	if errors.Is(err, devlink.ErrNoDevlink) {
		return a.renderDevices(nil, nil)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	devs, err := c.Devices(ctx)
	if err != nil {
		return err
	}
	ports, err := c.Ports(ctx, devlink.Handle{})
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	views := make(map[string]*deviceView)
	var order []string
	for _, d := range devs {
		v := &deviceView{}
		info, err := c.Info(ctx, d.Handle)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
		case errors.Is(err, devlink.ErrDeviceGone):
			continue
		case err != nil:
			return err
		default:
			v.Driver, v.Serial = info.Driver, info.Serial
			run := info.Versions.Running
			v.Program, v.Version, v.Source = run["fw.app.name"], run["fw.app"], run["fw.app.source"]
		}
		views[d.Handle.String()] = v
		order = append(order, d.Handle.String())
	}
	for _, p := range ports {
		if v := views[p.Handle.String()]; v != nil {
			v.Ports++
		}
	}
	return a.renderDevices(order, views)
}

func (a *app) renderDevices(order []string, views map[string]*deviceView) error {
	if views == nil {
		views = map[string]*deviceView{}
	}
	return a.render(map[string]any{"dev": views}, func(w io.Writer) error {
		if len(order) == 0 {
			fmt.Fprintln(a.err, "no devlink devices; without hardware, 'p4dev fallback attach --ports ...' runs a program in eBPF,")
			fmt.Fprintln(a.err, "and 'p4dev sim' makes a simulated NIC")
			return nil
		}
		var rows [][]string
		for _, h := range order {
			v := views[h]
			rows = append(rows, []string{h, orElse(v.Driver, "-"), fmt.Sprint(v.Ports), orElse(v.Program, "-"),
				orElse(v.Version, "-"), orElse(shortTag(v.Source), "-")})
		}
		return table(w, "DEVICE DRIVER PORTS PROGRAM VERSION SOURCE", rows)
	})
}

// shortTag shortens a source tag for people: the algorithm and twelve digits.
func shortTag(tag string) string {
	algo, digest, ok := strings.Cut(tag, ":")
	if !ok || len(digest) <= 12 {
		return tag
	}
	return algo + ":" + digest[:12]
}
