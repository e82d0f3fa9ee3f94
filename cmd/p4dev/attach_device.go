package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/swfallback"
)

// deviceFallback completes the configuration of a fallback for a device: its ports, and the program it runs.
func (a *app) deviceFallback(ctx context.Context, cfg swfallback.Config, device, pkgPath string) (swfallback.Config, error) {
	h, err := devlink.ParseHandle(device)
	if err != nil {
		return cfg, fmt.Errorf("%w (a file needs --ports as well)", err)
	}
	c, err := a.client(ctx)
	if err != nil {
		return cfg, err
	}
	defer c.Close()
	ports, err := c.Ports(ctx, h)
	if err != nil {
		return cfg, err
	}
	info, err := c.Info(ctx, h)
	if err != nil {
		return cfg, err
	}
	cfg.Name, cfg.Device = orElse(cfg.Name, fallbackName(device)), device
	if cfg.Ports = devicePorts(ports); len(cfg.Ports) == 0 {
		return cfg, fmt.Errorf("attach fallback to %s: it has no ports with network devices: %w", device, errMissing)
	}
	pkg, err := a.runningPackage(info, pkgPath)
	if err != nil {
		return cfg, err
	}
	defer pkg.Close()
	cfg.Source, err = packageSource(pkg)
	return cfg, err
}

// devicePorts numbers the ports that have network devices: P4 port 1 is the first in the order of their numbers.
func devicePorts(ports []devlink.Port) map[uint32]string {
	result := make(map[uint32]string)
	n := uint32(0)
	for _, p := range ports {
		if p.NetDev == "" {
			continue
		}
		n++
		if p.Number != nil && *p.Number > 0 {
			n = *p.Number
		}
		result[n] = p.NetDev
	}
	return result
}

// runningPackage opens the package of the program that a device runs: the given file, or the first of the device's
// candidates under /lib/firmware that has its source tag.
func (a *app) runningPackage(info devlink.Info, path string) (*firmware.Package, error) {
	tag := info.Versions.Running[offload.InfoSource]
	if path != "" {
		pkg, err := firmware.OpenFile(path)
		if err != nil {
			return nil, err
		}
		if tag != "" && !firmware.SameSource(pkg.Manifest.Source, tag) {
			fmt.Fprintf(a.err, "p4dev: %s has another source than the program that runs: nothing will be offloaded\n", path)
		}
		return pkg, nil
	}
	if info.Versions.Running[offload.InfoName] == "" && tag == "" {
		return nil, fmt.Errorf("find package of %s: the device runs no program: load one with 'p4dev flash', or name one with --package", info.Handle)
	}
	if tag == "" {
		return nil, fmt.Errorf("find package of %s: the device reports no source tag; name the package with --package", info.Handle)
	}
	search := firmware.KernelSearch(os.DirFS(a.root))
	for _, name := range firmware.Candidates(a.identity(info)) {
		f, err := search.Lookup(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		pkg, err := firmware.Open(f, f.Size())
		if err == nil && firmware.SameSource(pkg.Manifest.Source, tag) {
			return pkg, nil
		}
		f.Close()
	}
	return nil, fmt.Errorf("find package of %s: none under /lib/firmware/p4dev has the source %s that it runs; name one with --package: %w",
		info.Handle, shortTag(tag), errMissing)
}

// identity is what a package is looked up and matched by. PCI identifiers come from sysfs.
func (a *app) identity(info devlink.Info) firmware.DeviceIdentity {
	id := firmware.DeviceIdentity{DeviceID: firmware.DeviceID{Driver: info.Driver}, Bus: info.Handle.Bus,
		Address: info.Handle.Dev, Serial: info.Serial}
	if info.Handle.Bus != "pci" || a.endpoint != "kernel" {
		return id
	}
	for name, v := range map[string]*uint16{"vendor": &id.PCI.Vendor, "device": &id.PCI.Device,
		"subsystem_vendor": &id.PCI.Subvendor, "subsystem_device": &id.PCI.Subdevice} {
		b, err := os.ReadFile(filepath.Join(a.root, "sys/bus/pci/devices", info.Handle.Dev, name))
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 0, 16); err == nil {
			*v = uint16(n)
		}
	}
	return id
}
