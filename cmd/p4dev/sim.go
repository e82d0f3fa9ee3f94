package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/offload/simnic"
)

// simFlags describe the simulated NIC of "p4dev sim".
type simFlags struct {
	handle, serial, limits, socket, agent string
	ports                                 int
	wireNS, hostPrefix, wireName          string
}

func (a *app) simCommand() *cobra.Command {
	var f simFlags
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Run a simulated P4 NIC until interrupted",
		Long: `Runs a P4 NIC that exists in software: a devlink device behind a Unix socket, ports that are real network
devices, and a P4Runtime agent. Other p4dev commands reach it with --endpoint unix:SOCKET.

Every port has two network devices: the host's, where misses arrive and where XDP is attached, and the wire's,
which stands for the neighbour at the other end of the cable.

--limits names a JSON file that says what the device cannot do, for example
  {"entries": {"router_ingress.ipv4_lpm": 4, "default": 1000}, "kinds": {"default": ["exact", "lpm"]},
   "packets_per_second": 10000, "flash": {"milliseconds": 2000, "reload": true}}`,
		Example: `  p4dev sim --ports 2 &
  p4dev --endpoint unix:/run/p4dev/sim.sock list`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.sim(cmd.Context(), f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.handle, "device", "pci/0000:01:00.0", "devlink handle")
	fl.StringVar(&f.serial, "serial", "", "serial number (default P4SIM0001)")
	fl.IntVar(&f.ports, "ports", 2, "number of ports, 1 to 64")
	fl.StringVar(&f.limits, "limits", "", "JSON file with the device's limits and faults")
	fl.StringVar(&f.socket, "socket", "", "devlink socket (default RUNDIR/sim.sock)")
	fl.StringVar(&f.agent, "agent", "", "P4Runtime address, unix:PATH or HOST:PORT (default below RUNDIR/agent)")
	fl.StringVar(&f.wireNS, "wire-netns", "", "network namespace of the wires (default that of --netns)")
	fl.StringVar(&f.hostPrefix, "host-name", "p4h", "the host's network devices are called so, with the port's number behind it")
	fl.StringVar(&f.wireName, "wire-name", "p4w", "the wires' network devices are called so, with the port's number behind it")
	return cmd
}

// config makes the NIC's configuration of the flags.
func (f simFlags) config(log *slog.Logger) (simnic.Config, error) {
	h, err := devlink.ParseHandle(f.handle)
	if err != nil {
		return simnic.Config{}, err
	}
	c := simnic.Config{Bus: h.Bus, Dev: h.Dev, Serial: f.serial, Log: log}
	for i := 1; i <= f.ports; i++ {
		c.Ports = append(c.Ports, simnic.PortConfig{
			Host: fmt.Sprint(f.hostPrefix, i),
			Wire: fmt.Sprint(f.wireName, i), WireNamespace: namespacePath(f.wireNS),
		})
	}
	if f.limits != "" {
		c.Limits, err = simnic.ReadLimits(f.limits)
	}
	return c, err
}

func namespacePath(name string) string {
	if name == "" {
		return ""
	}
	return filepath.Join("/run/netns", name)
}

func (a *app) sim(ctx context.Context, f simFlags) (err error) {
	cfg, err := f.config(a.log)
	if err != nil {
		return err
	}
	socket := orElse(f.socket, filepath.Join(a.runDir, "sim.sock"))
	l, err := listenPacket(socket)
	if err != nil {
		return err
	}
	kernel := sim.New(sim.Options{Firmware: a.loadFirmware})
	nic, err := simnic.New(kernel, cfg)
	if err != nil {
		l.Close()
		return err
	}
	defer func() { err = errors.Join(err, nic.Close()) }()
	agent := orElse(f.agent, hw.AgentAddress(a.runDir, devlink.Handle{Bus: cfg.Bus, Dev: cfg.Dev}))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return kernel.Serve(ctx, l) })
	g.Go(func() error { return nic.ServeAgent(ctx, agent) })
	v := struct {
		Device   string `json:"device"`
		Endpoint string `json:"endpoint"`
		Agent    string `json:"agent"`
		Ports    int    `json:"ports"`
	}{f.handle, "unix:" + socket, agent, f.ports}
	if err := a.render(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s with %d ports: --endpoint %s, agent %s\n", v.Device, v.Ports, v.Endpoint, v.Agent)
		return err
	}); err != nil {
		return err
	}
	return g.Wait()
}

// listenPacket opens a Unix socket of type SOCK_SEQPACKET. One that nobody listens on any more is removed.
func listenPacket(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	addr := &net.UnixAddr{Name: path, Net: "unixpacket"}
	if c, err := net.DialUnix("unixpacket", nil, addr); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen on %s: another simulated NIC is there", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unixpacket", addr)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// loadFirmware stands for the kernel's request_firmware below the root.
func (a *app) loadFirmware(name string) ([]byte, error) {
	f, err := firmware.KernelSearch(os.DirFS(a.root)).Lookup(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
}

// simClient makes a simulated NIC with two ports inside this process; it lives as long as the command.
func (a *app) simClient(ctx context.Context, opts []devlink.Option) (*devlink.Client, error) {
	if a.simKernel == nil {
		cfg, err := simFlags{handle: "pci/0000:01:00.0", ports: 2, hostPrefix: "p4h", wireName: "p4w"}.config(a.log)
		if err != nil {
			return nil, err
		}
		kernel := sim.New(sim.Options{Firmware: a.loadFirmware})
		nic, err := simnic.New(kernel, cfg)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancel(ctx)
		var serve errgroup.Group
		agent := hw.AgentAddress(a.runDir, devlink.Handle{Bus: cfg.Bus, Dev: cfg.Dev})
		serve.Go(func() error { return nic.ServeAgent(ctx, agent) })
		a.simKernel = kernel
		a.atExit = append(a.atExit, func() error {
			cancel()
			return errors.Join(serve.Wait(), nic.Close())
		})
	}
	kernel := a.simKernel
	return devlink.New(func(context.Context) (devlink.Endpoint, error) { return kernel.Dial(), nil }, opts...), nil
}
