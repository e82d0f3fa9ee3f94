package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
)

// insistable are the findings that an operator may insist on, each with a flag of its own.
var insistable = []firmware.FindingKind{firmware.Unsigned, firmware.Older, firmware.BelowLowest, firmware.SameVersion, firmware.Opaque}

// flashFlags are the flags of "p4dev flash".
type flashFlags struct {
	trust        trustFlags
	insist       map[firmware.FindingKind]*bool
	dryRun       bool
	allowReset   bool
	keepFallback bool
	fallback     bool
	probe        bool
	wait         time.Duration // for the device to report the package

	// Of firmware of the device's vendor.
	component string
	overwrite []string
	want      map[string]string
	disk      string
}

func (a *app) flashCommand() *cobra.Command {
	f := flashFlags{insist: make(map[firmware.FindingKind]*bool)}
	cmd := &cobra.Command{
		Use:   "flash DEV [FILE]",
		Short: "Load a package, or firmware of the vendor, into a device and verify that it runs",
		Long: `Checks a package, sends it to the device by devlink, activates it, and verifies that the device reports the
package's name, version and source tag. FILE is a path, or a name below /lib/firmware/p4dev. Without FILE the package
is looked for under /lib/firmware/p4dev by serial number, bus address, device identifiers, then the driver's default.

Where a fallback is attached to the device's ports, it carries the traffic during the load, follows to the
package's program when the device runs it, and entries go back into hardware.

A FILE that is no package is firmware of the device's vendor, for any devlink device: it is flashed, and activated by
reload where the device can do that. With --want only what is stored in another version is flashed, and what runs in
another version is activated; --want alone activates what is stored. What it takes until the new version runs is said,
and in JSON "needs": reset, driver or reboot.

The same version again ends with exit status 2. With --probe, for udev and systemd, there is no output but log
lines, and a device that has what it needs, or has no package, is no failure.`,
		Example: `  p4dev flash pci/0000:01:00.0 l3router.p4fw
  p4dev flash pci/0000:01:00.0
  p4dev flash --dry-run pci/0000:01:00.0 l3router.p4fw
  p4dev flash pci/0000:04:00.0 nic.pkg --want fw=222.0.1.0 --overwrite settings
  p4dev flash pci/0000:05:00.0 nic.nffw --disk netronome/nic_AMDA2001-1003.nffw`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeDevice,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) == 2 {
				file = args[1]
			}
			if vendor, err := a.isUpdate(file, f); vendor || err != nil {
				if err == nil {
					err = a.update(cmd.Context(), args[0], file, f)
				}
				return err
			}
			if f.probe {
				return a.probe(cmd.Context(), args[0], file, f)
			}
			return a.flash(cmd.Context(), args[0], file, f)
		},
	}
	f.trust.register(cmd, true)
	fl := cmd.Flags()
	for _, k := range insistable {
		f.insist[k] = fl.Bool(k.Flag()[2:], false, "load although: "+string(k))
	}
	fl.BoolVar(&f.dryRun, "dry-run", false, "check everything and say what would be done")
	fl.BoolVar(&f.allowReset, "allow-reset", false, "the device may reset, losing what is in flight")
	fl.BoolVar(&f.keepFallback, "keep-fallback", false, "leave the fallback with the program it runs")
	fl.BoolVar(&f.fallback, "fallback", false, "attach the program in eBPF to the device's ports as well, if it is not there")
	fl.DurationVar(&f.wait, "wait", offload.DefaultWait, "how long the device may take to report the package")
	fl.StringVar(&f.component, "component", "", "vendor's firmware: part of the device to flash, by the name of its version")
	fl.StringSliceVar(&f.overwrite, "overwrite", nil, "vendor's firmware: overwrite settings, identifiers or both as well")
	fl.StringToStringVar(&f.want, "want", nil, "vendor's firmware: version that a component should have, NAME=VERSION")
	fl.StringVar(&f.disk, "disk", "", "vendor's firmware: put the file below /lib/firmware, where the driver looks for it, by this name")
	fl.BoolVar(&f.probe, "probe", false, "for udev and systemd: quiet, idempotent, logs to the journal")
	return cmd
}

// policy is how strict the flags are: signatures are required where the host says who may sign.
func (f flashFlags) policy(signaturesKnown bool) (firmware.Policy, error) {
	p := firmware.Policy{Trust: firmware.TrustWarn}
	switch {
	case f.trust.policy != "":
		var err error
		if p.Trust, err = firmware.ParseTrustMode(f.trust.policy); err != nil {
			return p, err
		}
	case signaturesKnown:
		p.Trust = firmware.TrustRequire
	}
	for _, k := range insistable {
		if *f.insist[k] {
			p.Insist = append(p.Insist, k)
			if k == firmware.Unsigned {
				p.Insist = append(p.Insist, firmware.Untrusted)
			}
		}
	}
	return p, nil
}

// load is what flash and probe have in common.
func (a *app) load(ctx context.Context, device, file string, f flashFlags, observe func(offload.Event)) (r *offload.LoadReport, err error) {
	h, err := devlink.ParseHandle(device)
	if err != nil {
		return nil, err
	}
	c, err := a.client(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	info, err := c.Info(ctx, h)
	if err != nil {
		return nil, err
	}
	history := a.history()
	req := offload.LoadRequest{
		Device: hw.Device{Client: c, Handle: h}, Identity: a.identity(info), File: file,
		Search: firmware.KernelSearch(os.DirFS(a.root)), Stager: offload.FolderStager{Root: filepath.Join(a.root, "lib/firmware")},
		History: &history, AllowReset: f.allowReset, DryRun: f.dryRun, Wait: f.wait, Observe: observe, Probe: f.probe,
	}
	if req.Trust, err = f.trust.trust(a.root); err != nil {
		return nil, err
	}
	if req.Policy, err = f.policy(req.Trust.Allowed != nil); err != nil {
		return nil, err
	}
	s, err := a.openSession(ctx, device)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open fallback of %s: %w", device, err)
	}
	if err == nil {
		defer func() { err = errors.Join(err, s.close()) }()
		req.Manager = s.manager
		if !f.keepFallback {
			req.Switch = func(ctx context.Context, pkg *firmware.Package) (*offload.Manager, error) {
				return a.follow(ctx, s, h, pkg)
			}
		}
	}
	return offload.Load(ctx, req)
}

// follow makes the fallback run a package's program and returns the manager over it and the device.
func (a *app) follow(ctx context.Context, s *session, h devlink.Handle, pkg *firmware.Package) (*offload.Manager, error) {
	src, err := packageSource(pkg)
	if err != nil {
		return nil, err
	}
	carried, err := s.fallback.Replace(ctx, nil, src)
	if err != nil {
		return nil, err
	}
	for t, n := range carried.Dropped {
		fmt.Fprintf(a.err, "p4dev: %d entries of %s have no place in the new program\n", n, t)
	}
	if s.hardware != nil {
		if err := s.hardware.Close(); err != nil {
			return nil, err
		}
		s.hardware = nil
	}
	cfg, err := a.deviceConfig(ctx, s, h, src.Tag)
	if err != nil {
		return nil, err
	}
	// Load opens the gate when it has the manager: that is when the entries go into hardware.
	cfg.Gate.State, cfg.Gate.Reason = offload.GateUnknown, "a load is in progress"
	return offload.NewManager(cfg)
}

func (a *app) flash(ctx context.Context, device, file string, f flashFlags) error {
	p := newProgress(a.out, a.err, a.json)
	a.observe = p.observe
	r, err := a.load(ctx, device, file, f, p.observe)
	p.end()
	if r != nil {
		for _, finding := range r.Findings {
			if finding.Severity != firmware.Refusal {
				fmt.Fprintf(a.err, "p4dev: note: %s\n", finding)
			}
		}
	}
	if f.fallback && !f.dryRun && (err == nil || errors.Is(err, offload.ErrNothingToDo)) {
		attached, ferr := a.ensureFallback(ctx, device)
		if ferr != nil {
			return fmt.Errorf("attach fallback: %w", ferr)
		}
		if attached && err != nil {
			return a.done(fmt.Sprintf("%s runs %s %s already; attached the same program in eBPF", r.Device, r.Package.Name, r.Package.Version))
		}
		if attached {
			p.observe(offload.LoadStep{Step: offload.StepReconcile, Message: "the same program is attached in eBPF"})
		}
	}
	if err != nil {
		return err
	}
	return a.render(r, func(w io.Writer) error {
		if f.dryRun {
			fmt.Fprintf(w, "%s %s (%s) would be loaded into %s:\n", r.Package.Name, r.Package.Version, r.File, r.Device)
			for _, s := range r.Steps {
				fmt.Fprintf(w, "  %s\n", s)
			}
			return nil
		}
		_, err := fmt.Fprintf(w, "%s runs %s %s, %s; gate %s\n", r.Device, r.Package.Name, r.Package.Version, shortTag(r.Package.Source), r.Gate.State)
		return err
	})
}

// probe is flash for udev and systemd: log lines only, and nothing to do is no failure.
func (a *app) probe(ctx context.Context, device, file string, f flashFlags) error {
	log := a.journal()
	r, err := a.load(ctx, device, file, f, func(e offload.Event) {
		step, ok := e.(offload.LoadStep)
		if ok && (step.Total > 0 || step.Step == offload.StepFind || step.Step == offload.StepCheck) {
			return // progress, and what is found to be in order, is not for the journal
		}
		level, msg, attrs := e.Log()
		log.LogAttrs(ctx, level, msg, attrs...)
	})
	switch {
	case err == nil:
		log.Info("loaded", "device", device, "program", r.Package.Name, "version", r.Package.Version, "gate", r.Gate.State.String())
	case errors.Is(err, offload.ErrNothingToDo):
		log.Info("nothing to do", "device", device, "reason", err)
	case errors.Is(err, fs.ErrNotExist) && !errors.Is(err, devlink.ErrDeviceGone) && file == "":
		log.Info("no package for the device", "device", device, "reason", err)
		return nil
	default:
		log.Error("load", "device", device, "error", err)
		return errors.Join(err, errSilent)
	}
	if !f.fallback {
		return nil
	}
	attached, err := a.ensureFallback(ctx, device)
	if err != nil {
		log.Error("attach fallback", "device", device, "error", err)
		return errors.Join(err, errSilent)
	}
	if attached {
		log.Info("attached the same program in eBPF", "device", device)
	}
	return nil
}
