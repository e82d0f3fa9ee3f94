package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
)

// perRoute is how many packets are sent along each route in a phase.
const perRoute = 50

// demo is one run.
type demo struct {
	*env
	out      io.Writer
	fallback *swfallback.Fallback
	hardware *hw.Target
	manager  *offload.Manager
	traffic  *traffic
	result   *Result
}

// Run makes a network namespace with a simulated NIC, loads l3router into it, attaches the fallback, sends packets
// along all routes, loads a package of another source, sends them again, and takes everything down. The error says
// what could not be done; whether the packets arrived is in the result. Cancelling ctx takes everything down, too.
// It needs CAP_NET_ADMIN, CAP_BPF and CAP_SYS_ADMIN.
func Run(ctx context.Context, o Options) (result *Result, err error) {
	start := time.Now()
	d := &demo{out: o.Out, result: &Result{}}
	if d.out == nil {
		d.out = io.Discard
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if d.env, err = newEnv(ctx, o.Log); err != nil {
		return nil, fmt.Errorf("demo: set up: %w", err)
	}
	defer func() {
		err = errors.Join(err, d.takeDown())
		d.result.Seconds = time.Since(start).Seconds()
	}()
	err = d.show(ctx)
	if err != nil {
		err = fmt.Errorf("demo: %w", err)
	}
	return d.result, err
}

// takeDown ends what show started, then the environment.
func (d *demo) takeDown() error {
	var errs []error
	if d.hardware != nil {
		errs = append(errs, d.hardware.Close())
	}
	if d.fallback != nil {
		errs = append(errs, inNamespace(d.host, d.fallback.Detach))
	}
	return errors.Join(append(errs, d.env.close())...)
}

// show is the story.
func (d *demo) show(ctx context.Context) error {
	first, second, err := d.packages()
	if err != nil {
		return err
	}
	if err := d.load(ctx, first, nil); err != nil {
		return err
	}
	if err := d.showDevice(ctx); err != nil {
		return err
	}
	if err := d.attach(ctx, first); err != nil {
		return err
	}
	if err := d.insert(); err != nil {
		return err
	}
	receiving, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error { return d.traffic.receive(receiving) })
	err = d.phases(ctx, second)
	stop()
	return errors.Join(err, g.Wait())
}

// packages builds two packages of one program from two sources, and writes them where the device finds them.
func (d *demo) packages() (first, second string, err error) {
	for _, p := range []struct {
		file          *string
		version, note string
	}{{&first, "1.0.0", ""}, {&second, "1.1.0", "another source"}} {
		pkg, err := buildPackage(p.version, p.note)
		if err != nil {
			return "", "", err
		}
		if err = writePackage(pkg, d.firmwareDir()); err != nil {
			return "", "", err
		}
		*p.file = fileName(pkg)
		fmt.Fprintf(d.out, "packed    %s %s, source %.19s\n", pkg.Manifest.Name, pkg.Manifest.Version, pkg.Manifest.Source)
	}
	return first, second, nil
}

// load flashes a package. The manager, where there is one, hands the traffic to software for it.
func (d *demo) load(ctx context.Context, file string, m *offload.Manager) error {
	history := firmware.History{Path: filepath.Join(d.dir, "history.jsonl")}
	_, err := offload.Load(ctx, offload.LoadRequest{
		Device:   hw.Device{Client: d.client, Handle: handle},
		Identity: firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: driver}, Bus: handle.Bus, Address: handle.Dev},
		File:     firmware.Folder + "/" + file, Search: firmware.KernelSearch(os.DirFS(d.dir)), History: &history, AllowReset: true,
		Policy:  firmware.Policy{Trust: firmware.TrustOff},
		Manager: m, Observe: d.observe,
	})
	return err
}

func (d *demo) observe(e offload.Event) {
	switch e := e.(type) {
	case offload.LoadStep:
		if e.Total == 0 || e.Done == e.Total {
			fmt.Fprintf(d.out, "%-9s %s\n", e.Step, e.Message)
		}
	case offload.GateChanged:
		fmt.Fprintf(d.out, "gate      %s: %s\n", e.New.State, e.New.Reason)
	case offload.Trouble:
		fmt.Fprintf(d.out, "trouble   %s: %v\n", e.What, e.Err)
	}
}

// showDevice prints what the device says about itself.
func (d *demo) showDevice(ctx context.Context) error {
	model, err := hw.ReadModel(ctx, d.client, handle)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n%s now says that it has these tables (dpipe):\n", handle)
	for _, t := range model.Tables {
		fmt.Fprintf(d.out, "  %-28s room %-6d key %v\n", t.Name, t.Size, t.Keys)
	}
	if model.Program == nil {
		return fmt.Errorf("read parser graph: %v", model.Differences)
	}
	fmt.Fprintf(d.out, "and this parser graph (region %s):\n", hw.RegionName)
	return graph.FromParser(model.Program.Parsers[0]).Text(indent{d.out})
}

// attach puts the package's program on the host's end of the ports, and the manager over both sides.
func (d *demo) attach(ctx context.Context, file string) error {
	pkg, err := firmware.OpenFile(filepath.Join(d.firmwareDir(), file))
	if err != nil {
		return err
	}
	defer pkg.Close()
	src := swfallback.Source{Tag: pkg.Manifest.Source}
	if src.JSON, err = pkg.Pipeline(); err != nil {
		return err
	}
	if src.P4Info, err = pkg.P4Info(); err != nil {
		return err
	}
	err = inNamespace(d.host, func() error {
		d.fallback, err = swfallback.Attach(ctx, swfallback.Config{
			Name: fmt.Sprintf("demo-%d", os.Getpid()), Source: src, Device: handle.String(),
			Ports: map[uint32]string{1: "p4h1", 2: "p4h2"}, Options: bpfgen.Options{Stats: true},
			Place: swfallback.Place{Run: d.runDir()},
		})
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "attached  the same program as eBPF at XDP on p4h1 and p4h2\n")
	gate, model, err := d.gate(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "gate      %s: %s\n", gate.State, gate.Reason)
	d.hardware, err = hw.Dial(ctx, hw.Config{Address: d.agent(), Program: d.fallback.Program(), Model: model})
	if err != nil {
		return err
	}
	d.manager, err = offload.NewManager(offload.Config{
		Program: d.fallback.Program(), Software: d.fallback, Hardware: d.hardware, Gate: gate, Observe: d.observe,
	})
	if err != nil {
		return err
	}
	d.traffic = newTraffic(d.wires[0], d.wires[1])
	return d.manager.Reconcile(ctx)
}

// gate compares what the device reports with the program in software.
func (d *demo) gate(ctx context.Context) (offload.Gate, *hw.Model, error) {
	info, err := d.client.Info(ctx, handle)
	if err != nil {
		return offload.Gate{}, nil, err
	}
	model, err := hw.ReadModel(ctx, d.client, handle)
	if err != nil {
		return offload.Gate{}, nil, err
	}
	st, err := d.fallback.Show()
	if err != nil {
		return offload.Gate{}, nil, err
	}
	return offload.CheckGate(hw.Info(info), st.Tag, model.Compare(d.fallback.Program())), model, nil
}

func (d *demo) insert() error {
	list, err := entries(d.fallback.Program())
	if err != nil {
		return err
	}
	if err := d.manager.Insert(list...); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "inserted  %d routes; the hardware has room for %d\n", len(routes), hardwareRoutes)
	return nil
}

// phases sends packets with an open gate, during a load, and with a shut gate.
func (d *demo) phases(ctx context.Context, second string) error {
	if err := d.phase(ctx, "device and software run the same program", func() error { return d.traffic.round(ctx, perRoute) }); err != nil {
		return err
	}
	fmt.Fprintln(d.out)
	err := d.phase(ctx, "a package of another source is loaded", func() error { return d.loadUnderTraffic(ctx, second) })
	if err != nil {
		return err
	}
	return d.phase(ctx, "the device runs another program", func() error { return d.traffic.round(ctx, perRoute) })
}

// loadUnderTraffic loads a package while packets go on, and shows what the gate says afterwards.
func (d *demo) loadUnderTraffic(ctx context.Context, file string) error {
	ctx, stop := context.WithCancel(ctx)
	var g errgroup.Group
	g.Go(func() error {
		for ctx.Err() == nil {
			if err := d.traffic.round(ctx, 1); err != nil && ctx.Err() == nil {
				return err
			}
		}
		return nil
	})
	err := d.load(ctx, file, d.manager)
	if err == nil {
		var gate offload.Gate
		if gate, _, err = d.gate(ctx); err == nil {
			err = d.manager.SetGate(ctx, gate)
		}
	}
	stop()
	return errors.Join(err, g.Wait())
}

// phase runs one part and adds up who forwarded its packets.
func (d *demo) phase(ctx context.Context, name string, send func() error) error {
	before, err := d.counts()
	if err != nil {
		return err
	}
	atNIC := d.forwarded()
	if err := send(); err != nil {
		return err
	}
	tallies := d.traffic.collect(ctx)
	after, err := d.counts()
	if err != nil {
		return err
	}
	p := Phase{Name: name, Gate: d.manager.Gate()}
	for i, r := range routes {
		t := tallies[i]
		a, b := after[r.prefix], before[r.prefix]
		t.SW = int(a.SWCount.Packets - b.SWCount.Packets)
		t.HW = t.Sent - t.Lost - t.SW // a counter in hardware goes with its entry; the NIC's own is compared below
		rr := RouteResult{Prefix: r.prefix.String(), Place: "sw", Why: a.Why, Tally: t}
		if a.Hardware {
			rr.Place = "hw+sw"
		}
		p.Routes = append(p.Routes, rr)
		p.Tally.add(t)
	}
	if err := d.agree(atNIC + uint64(p.HW)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.result.Phases = append(d.result.Phases, p)
	d.result.Tally.add(p.Tally)
	d.result.Gate = p.Gate.State.String()
	p.text(d.out)
	return nil
}

// forwarded is how many packets the NIC's pipeline has sent on, by its own account.
func (d *demo) forwarded() uint64 {
	st := d.nic.Stats()
	return st.Hardware - st.Dropped
}

// agree compares the NIC's account with the packets that arrived and that eBPF did not count. The NIC counts a
// packet a moment after it has left.
func (d *demo) agree(want uint64) error {
	for range 50 {
		if d.forwarded() == want {
			return nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("the NIC says that it forwarded %d packets, but by what arrived and eBPF did not count it is %d", d.forwarded(), want)
}

// counts returns the routes' entries with their counters, by prefix.
func (d *demo) counts() (map[netip.Prefix]offload.PlacedEntry, error) {
	t, err := d.fallback.Program().TableByName("ipv4_lpm")
	if err != nil {
		return nil, err
	}
	placed, err := d.manager.Placement(t)
	if err != nil {
		return nil, err
	}
	byPrefix := make(map[netip.Prefix]offload.PlacedEntry)
	for _, p := range placed {
		addr, ok := netip.AddrFromSlice(p.Entry.Match[0].Value)
		if !ok {
			return nil, fmt.Errorf("read %s: %x is no address", t.Name, p.Entry.Match[0].Value)
		}
		byPrefix[netip.PrefixFrom(addr, p.Entry.Match[0].Prefix)] = p
	}
	return byPrefix, nil
}

// indent writes lines with two spaces in front.
type indent struct{ w io.Writer }

func (i indent) Write(b []byte) (int, error) {
	start := 0
	for at, c := range b {
		if c == '\n' {
			if _, err := fmt.Fprintf(i.w, "  %s", b[start:at+1]); err != nil {
				return start, err
			}
			start = at + 1
		}
	}
	if start < len(b) {
		if _, err := fmt.Fprintf(i.w, "  %s", b[start:]); err != nil {
			return start, err
		}
	}
	return len(b), nil
}
