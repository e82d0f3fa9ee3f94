package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/graph"
	"github.com/p4dev/p4dev/offload"
)

// What Intel's driver ice calls the package that runs, in "devlink dev info" (Linux 6.12, ice devlink documentation).
const (
	driverICE    = "ice"
	infoDDPTrack = "fw.app.bundle_id"
)

// ddpDeviceView is what "show" knows of the parser of a device that runs a DDP package.
type ddpDeviceView struct {
	Name    string       `json:"name"` // of the package that runs
	Version string       `json:"version"`
	Track   string       `json:"track,omitempty"`
	File    string       `json:"file,omitempty"`    // the package on disk that it is; "" where none is
	Segment string       `json:"segment,omitempty"` // the configuration for this device
	Nodes   int          `json:"nodes,omitempty"`
	PTypes  int          `json:"ptypes,omitempty"`
	Others  []ddpOnDisk  `json:"others,omitempty"` // packages on disk that are something else
	parser  *graph.Graph // of File
}

// ddpOnDisk is a package on disk.
type ddpOnDisk struct {
	File    string `json:"file"`
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
	Error   string `json:"error,omitempty"`
}

// readDDPOf reads what a device of the driver ice says of its package, and finds that one on disk.
func (a *app) readDDPOf(ctx context.Context, c *devlink.Client, h devlink.Handle, name string) (part, error) {
	v, err := a.ddpOf(ctx, c, h)
	if err == nil {
		err = unnamed(name)
	}
	if err != nil {
		return part{}, err
	}
	return single(h, v, v.text), nil
}

func (a *app) ddpOf(ctx context.Context, c *devlink.Client, h devlink.Handle) (*ddpDeviceView, error) {
	info, err := c.Info(ctx, h)
	if err != nil {
		return nil, err
	}
	running := info.Versions.Running
	v := &ddpDeviceView{Name: running[offload.InfoName], Version: running[offload.InfoVersion], Track: running[infoDDPTrack]}
	if info.Driver != driverICE || v.Name == "" {
		return nil, fmt.Errorf("%s runs no DDP package: %w", h, errMissing)
	}
	family := ddp.SegmentE810
	if id := a.identity(info).PCI.Device; id >= 0x12d0 && id <= 0x12df {
		family = ddp.SegmentE830
	}
	search := firmware.KernelSearch(os.DirFS(a.root))
	for _, file := range ddpFiles(search, info.Serial) {
		if err := v.look(filepath.Join(a.root, file), file, family); err != nil {
			v.Others = append(v.Others, ddpOnDisk{File: file, Error: err.Error()})
		}
	}
	return v, nil
}

// ddpFiles lists the packages on disk: first what the driver asks for, by serial number and without, then all others in
// the folders that distributions put them into.
func ddpFiles(search firmware.Search, serial string) []string {
	const folder = "intel/ice/ddp"
	var files []string
	for _, name := range []string{"ice-" + strings.ReplaceAll(serial, "-", "") + ".pkg", "ice.pkg"} {
		if f, err := search.Lookup(path.Join(folder, name)); err == nil {
			files = append(files, f.Path)
			f.Close()
		}
	}
	for _, dir := range search.Paths {
		for _, pattern := range []string{"*.pkg", "*.pkg.zst", "*.pkg.xz"} {
			found, _ := fs.Glob(search.FS, path.Join(dir, folder+"*", pattern)) // the pattern is good
			for _, f := range found {
				if !slices.Contains(files, f) {
					files = append(files, f)
				}
			}
		}
	}
	return files
}

// look compares the package at a path, which is shown as file, with the one that runs. The first that is the same
// counts.
func (v *ddpDeviceView) look(path, file string, family ddp.SegmentType) error {
	data, err := firmware.ReadFile(path, maxDDP)
	if err != nil {
		return err
	}
	p, err := ddp.Read(data)
	if err != nil {
		return err
	}
	s := p.Segment(family)
	if s == nil {
		return fmt.Errorf("%w %s", ddp.ErrNoConfig, family)
	}
	info, err := s.Info()
	if err != nil {
		return err
	}
	switch {
	case !v.is(info):
		v.Others = append(v.Others, ddpOnDisk{File: file, Name: info.Name, Version: info.Version.String()})
		return nil
	case v.File != "": // the same once more
		return nil
	}
	parser, err := s.Parser(false)
	if err != nil {
		return err
	}
	v.File, v.Segment, v.parser, v.PTypes = file, family.String(), parser.Graph(), len(parser.PacketTypes())
	v.Nodes = len(v.parser.Nodes) - 2
	return nil
}

// is reports whether a configuration is the one that runs: the same name, version and, where the driver reports it,
// track.
func (v *ddpDeviceView) is(info ddp.Info) bool {
	if track, err := strconv.ParseUint(v.Track, 0, 32); v.Track != "" && (err != nil || uint32(track) != info.Track) {
		return false
	}
	return info.Name == v.Name && info.Version.String() == v.Version
}

func (v *ddpDeviceView) text(w io.Writer) error {
	fmt.Fprintf(w, "runs    %s %s\n", v.Name, v.Version)
	if v.File == "" {
		fmt.Fprintln(w, "file    none on disk is the same")
	} else {
		fmt.Fprintf(w, "file    %s\n", v.File)
		fmt.Fprintf(w, "parser  %d nodes, %d packet types (%s)\n", v.Nodes, v.PTypes, v.Segment)
	}
	for _, o := range v.Others {
		fmt.Fprintf(w, "other   %s: %s\n", o.File, orElse(o.Error, o.Name+" "+o.Version))
	}
	return nil
}
