package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
)

// isUpdate reports whether "flash" is about firmware of a vendor, and refuses flags that go with the other kind only.
func (a *app) isUpdate(file string, f flashFlags) (bool, error) {
	flags := f.component != "" || len(f.overwrite) > 0 || len(f.want) > 0 || f.disk != ""
	vendor := offload.IsVendorFirmware(firmware.KernelSearch(os.DirFS(a.root)), file) || file == "" && len(f.want) > 0
	switch {
	case vendor && f.probe:
		return true, errors.New("--probe is for packages")
	case flags && !vendor && file == "":
		return false, errors.New("--component, --overwrite and --disk want a file")
	case flags && !vendor:
		return false, fmt.Errorf("%s is a package, or not there: --component, --overwrite, --want and --disk are for firmware of a vendor", file)
	}
	return vendor, nil
}

// updateRequest makes the request of the flags.
func (a *app) updateRequest(c *devlink.Client, h devlink.Handle, file string, f flashFlags) (offload.UpdateRequest, error) {
	history := a.history()
	r := offload.UpdateRequest{
		Device: hw.Device{Client: c, Handle: h}, File: file, Search: firmware.KernelSearch(os.DirFS(a.root)),
		Stager: offload.FolderStager{Root: filepath.Join(a.root, "lib/firmware")},
		Order:  offload.FlashOrder{Component: f.component}, Disk: f.disk, Want: f.want, AllowReset: f.allowReset,
		AllowUnsigned: *f.insist[firmware.Unsigned], DryRun: f.dryRun, Wait: f.wait, History: &history,
	}
	for _, section := range f.overwrite {
		switch section {
		case "settings":
			r.Order.Settings = true
		case "identifiers":
			r.Order.Identifiers = true
		default:
			return r, fmt.Errorf("--overwrite %q: want settings or identifiers", section)
		}
	}
	var err error
	if r.Trust, err = f.trust.trust(a.root); err != nil {
		return r, err
	}
	policy, err := f.policy(r.Trust.Allowed != nil)
	r.Mode = policy.Trust
	return r, err
}

// update brings firmware of a vendor into a device.
func (a *app) update(ctx context.Context, device, file string, f flashFlags) error {
	h, err := devlink.ParseHandle(device)
	if err != nil {
		return err
	}
	c, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	req, err := a.updateRequest(c, h, file, f)
	if err != nil {
		return err
	}
	p := newProgress(a.out, a.err, a.json)
	req.Observe = p.observe
	r, err := offload.Update(ctx, req)
	p.end()
	for _, n := range r.Notes {
		fmt.Fprintf(a.err, "p4dev: note: %s\n", n)
	}
	if err != nil {
		return err
	}
	if r.Activated {
		a.noteEntries(ctx, device)
	}
	return a.render(r, func(w io.Writer) error { return textUpdate(w, r, f.dryRun) })
}

// noteEntries says what to do about the entries of a device that was activated under its fallback.
func (a *app) noteEntries(ctx context.Context, device string) {
	fb, err := a.openFallback(ctx, device)
	if err != nil {
		return // there is none, or none that could have entries in hardware
	}
	defer fb.Close()
	fmt.Fprintf(a.err, "p4dev: note: the device may have lost its entries: 'p4dev table reconcile %s' puts them back\n", device)
}

func textUpdate(w io.Writer, r *offload.UpdateReport, dryRun bool) error {
	var rows [][]string
	for _, c := range r.Components {
		rows = append(rows, []string{c.Name, orElse(c.Want, "-"), change(c.Stored), change(c.Running)})
	}
	if len(rows) > 0 {
		if err := table(w, "COMPONENT WANT STORED RUNNING", rows); err != nil {
			return err
		}
	}
	if dryRun {
		if err := pairs(w, [][]string{{devlink.ParamFirmwareLoadPolicy, r.LoadPolicy}, {devlink.ParamResetOnProbe, r.ResetOnProbe}}); err != nil {
			return err
		}
		fmt.Fprintln(w, "would be done:")
		for _, s := range r.Steps {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	switch r.Needs {
	case "":
		return nil
	case offload.NeedsReset:
		fmt.Fprintf(w, "%s runs it after a reset: again with --allow-reset\n", r.Device)
	case offload.NeedsDriver:
		fmt.Fprintf(w, "%s runs it when its driver %s was bound anew\n", r.Device, r.Driver)
	default:
		fmt.Fprintf(w, "%s runs it after a reboot or a power cycle\n", r.Device)
	}
	return nil
}

// change is a version before and after.
func change(c offload.Change) string {
	if c.Before == c.After {
		return orElse(c.After, "-")
	}
	return orElse(c.Before, "none") + " -> " + orElse(c.After, "none")
}
