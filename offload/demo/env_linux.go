package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sync/errgroup"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/offload/simnic"
)

// handle is the simulated NIC's.
var handle = devlink.Handle{Bus: "pci", Dev: "0000:01:00.0"}

// env is what the demonstration makes for itself: two network namespaces without names, one with the host's end
// of the NIC's ports and one with the wires, the NIC, and a folder. All of it is gone when the process is, but for
// the folder and the pins, which close removes.
type env struct {
	dir        string // firmware, sockets, locks
	host, wire netns.NsHandle
	kernel     *sim.Kernel
	nic        *simnic.NIC
	client     *devlink.Client
	wires      [2]*wire

	cancel context.CancelFunc
	serve  *errgroup.Group
}

func newEnv(ctx context.Context, log *slog.Logger) (e *env, err error) {
	e = &env{host: netns.None(), wire: netns.None()}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.dir, err = os.MkdirTemp("", "p4dev-demo-"); err != nil {
		return e, err
	}
	if err = os.MkdirAll(e.firmwareDir(), 0o755); err != nil {
		return e, err
	}
	for _, ns := range []*netns.NsHandle{&e.host, &e.wire} {
		if *ns, err = newNamespace(); err != nil {
			return e, err
		}
	}
	e.kernel = sim.New(sim.Options{Firmware: sim.FirmwareDirs(filepath.Join(e.dir, "lib/firmware"))})
	if e.nic, err = simnic.New(e.kernel, e.config(log)); err != nil {
		return e, err
	}
	dial := func(context.Context) (devlink.Endpoint, error) { return e.kernel.Dial(), nil }
	e.client = devlink.New(dial)
	ctx, e.cancel = context.WithCancel(ctx)
	e.serve, ctx = errgroup.WithContext(ctx)
	e.serve.Go(func() error { return e.nic.ServeAgent(ctx, e.agent()) })
	return e, e.openWires()
}

// config is a NIC with two ports and room for fewer routes than the demonstration has.
func (e *env) config(log *slog.Logger) simnic.Config {
	c := simnic.Config{Bus: handle.Bus, Dev: handle.Dev, Driver: driver, Log: log}
	for i := 1; i <= 2; i++ {
		c.Ports = append(c.Ports, simnic.PortConfig{
			Host: fmt.Sprint("p4h", i), HostNamespace: namespaceFile(e.host),
			Wire: fmt.Sprint("p4w", i), WireNamespace: namespaceFile(e.wire),
		})
	}
	c.Limits.Entries = map[string]int{"router_ingress.ipv4_lpm": hardwareRoutes}
	c.Limits.Flash = simnic.FlashLimits{Milliseconds: 400, ActivateMilliseconds: 100, Reload: true}
	return c
}

func (e *env) agent() string       { return hw.AgentAddress(e.dir, handle) }
func (e *env) firmwareDir() string { return filepath.Join(e.dir, "lib/firmware/p4dev") }
func (e *env) runDir() string      { return filepath.Join(e.dir, "run") }

func (e *env) openWires() error {
	return inNamespace(e.wire, func() error {
		for i := range e.wires {
			link, err := netlink.LinkByName(fmt.Sprint("p4w", i+1))
			if err != nil {
				return err
			}
			if e.wires[i], err = openWire(link.Attrs().Index); err != nil {
				return err
			}
		}
		return nil
	})
}

// close takes everything down, in the reverse order.
func (e *env) close() error {
	var errs []error
	for _, w := range e.wires {
		if w != nil {
			errs = append(errs, w.close())
		}
	}
	if e.client != nil {
		errs = append(errs, e.client.Close())
	}
	if e.cancel != nil {
		e.cancel()
		errs = append(errs, e.serve.Wait())
	}
	if e.nic != nil {
		errs = append(errs, e.nic.Close())
	}
	for _, ns := range []*netns.NsHandle{&e.host, &e.wire} {
		if ns.IsOpen() {
			errs = append(errs, ns.Close())
		}
	}
	if e.dir != "" {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}

func namespaceFile(ns netns.NsHandle) string { return fmt.Sprintf("/proc/self/fd/%d", int(ns)) }

// newNamespace makes a network namespace without a name, in which loopback is up.
func newNamespace() (ns netns.NsHandle, err error) {
	err = onThread(func() error {
		if ns, err = netns.New(); err != nil {
			return fmt.Errorf("make network namespace: %w", err)
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return ns, err
}

// inNamespace runs f in a network namespace.
func inNamespace(ns netns.NsHandle, f func() error) error {
	return onThread(func() error {
		if err := netns.Set(ns); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// onThread runs f on a thread of its own, which ends with it, so that a namespace that f enters stays with f.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		result <- f()
	}()
	return <-result
}
