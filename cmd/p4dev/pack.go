package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/advert"
	"github.com/p4dev/p4dev/firmware/bmv2"
)

// packFlags are the flags of "p4dev pack".
type packFlags struct {
	out, name, version, json, p4info string
	lowest, sourceTag                string
	images, adverts, devices         []string
	hitless, needsReset              bool
}

func (a *app) packCommand() *cobra.Command {
	var f packFlags
	cmd := &cobra.Command{
		Use:   "pack PROGRAM.p4",
		Short: "Build a package from p4c's output",
		Long: `Builds a .p4fw package from a P4 program and what p4c made of it. The compiled forms are looked for beside
the source: PROGRAM.json (BMv2 JSON) and PROGRAM.p4info.txtpb. The digest of the source, with all files
that it includes in quotes, becomes the package's source tag. The same inputs make the same bytes.`,
		Example: `  p4dev pack l3router.p4 --version 1.0.0
  p4dev pack l3router.p4 --version 1.0.0 --image fpga:acme=l3.bit --device pci:1234:5678=fpga -o acme.p4fw
  p4dev pack l3router.p4 --version 1.0.0 --advert p4ref --device driver:p4ref=p4ref`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.pack(args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "output", "o", "", "file to write (default NAME.p4fw)")
	fl.StringVar(&f.name, "name", "", "program's name (default that of the source file)")
	fl.StringVar(&f.version, "version", "", "program's version, such as 1.0.0")
	fl.StringVar(&f.json, "bmv2", "", "p4c's BMv2 JSON (default PROGRAM.json)")
	fl.StringVar(&f.p4info, "p4info", "", "p4c's P4Info, text or binary (default PROGRAM.p4info.txtpb)")
	fl.StringVar(&f.lowest, "lowest-version", "", "oldest version a device that ran this may be taken back to")
	fl.StringVar(&f.sourceTag, "source-tag", "", "source tag, where it is not to be computed from the source")
	fl.StringArrayVar(&f.images, "image", nil, "device image NAME[:FAMILY]=FILE; may be repeated")
	fl.StringArrayVar(&f.adverts, "advert", nil,
		"device image NAME[:FAMILY] that is made here: the program in the terms of dpipe, for drivers like p4ref; may be repeated")
	fl.StringArrayVar(&f.devices, "device", nil,
		"devices and their images: pci:VENDOR:DEVICE[:SUBVENDOR:SUBDEVICE]=IMAGE,... or driver:NAME=IMAGE,...; may be repeated")
	fl.BoolVar(&f.hitless, "hitless", false, "the device goes on forwarding while it loads")
	fl.BoolVar(&f.needsReset, "needs-reset", false, "the device has to be reset for the program to run")
	cmd.MarkFlagRequired("version")
	return cmd
}

func (a *app) pack(source string, f packFlags) error {
	o, closeImages, err := f.options(source)
	if err != nil {
		return err
	}
	defer closeImages()
	pkg, err := firmware.Build(o)
	if err != nil {
		return err
	}
	out := f.out
	if out == "" {
		out = o.Name + ".p4fw"
	}
	if err := writeFile(out, pkg.WriteTo); err != nil {
		return err
	}
	return a.inspectPackage(out, pkg)
}

// options reads the inputs of a package. The returned function closes the images.
func (f packFlags) options(source string) (o firmware.BuildOptions, done func(), err error) {
	done = func() {}
	stem := strings.TrimSuffix(source, filepath.Ext(source))
	o = firmware.BuildOptions{
		Name: orElse(f.name, filepath.Base(stem)), Version: f.version, SourceTag: f.sourceTag,
		LowestVersion: f.lowest, Expect: firmware.Expect{Hitless: f.hitless, NeedsReset: f.needsReset},
	}
	if o.Released, err = firmware.SourceDate(os.Getenv); err != nil {
		return o, done, err
	}
	if f.sourceTag == "" {
		if o.Source, err = firmware.ReadSource(os.DirFS(filepath.Dir(source)), filepath.Base(source)); err != nil {
			return o, done, err
		}
	}
	if o.Pipeline, err = os.ReadFile(orElse(f.json, stem+".json")); err != nil {
		return o, done, err
	}
	if o.P4Info, err = os.ReadFile(orElse(f.p4info, stem+".p4info.txtpb")); err != nil {
		return o, done, err
	}
	for _, d := range f.devices {
		rec, err := parseDevice(d)
		if err != nil {
			return o, done, err
		}
		o.Devices = append(o.Devices, rec)
	}
	if o.Images, done, err = openImages(f.images); err != nil {
		return o, done, err
	}
	return o, done, addAdverts(&o, f.adverts)
}

// addAdverts adds the images NAME[:FAMILY] that describe the program itself.
func addAdverts(o *firmware.BuildOptions, specs []string) error {
	if len(specs) == 0 {
		return nil
	}
	program, err := bmv2.Import(o.Pipeline)
	if err != nil {
		return err
	}
	a := advert.New(program, nil)
	a.Name, a.Version, a.Source = o.Name, o.Version, o.SourceTag
	if a.Source == "" {
		if a.Source, err = firmware.SourceTag(o.Source...); err != nil {
			return err
		}
	}
	data, err := a.Encode()
	if err != nil {
		return err
	}
	for _, s := range specs {
		name, family, _ := strings.Cut(s, ":")
		o.Images = append(o.Images, firmware.Image{Name: name, Family: family, Data: firmware.Bytes(data)})
	}
	return nil
}

// openImages opens the files of NAME[:FAMILY]=FILE.
func openImages(specs []string) (images []firmware.Image, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, s := range specs {
		id, path, ok := strings.Cut(s, "=")
		if !ok {
			return nil, done, fmt.Errorf("read --image %q: want NAME[:FAMILY]=FILE", s)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, done, err
		}
		files = append(files, file)
		st, err := file.Stat()
		if err != nil {
			return nil, done, err
		}
		name, family, _ := strings.Cut(id, ":")
		images = append(images, firmware.Image{Name: name, Family: family, Data: io.NewSectionReader(file, 0, st.Size())})
	}
	return images, done, nil
}

// parseDevice reads pci:V:D[:SV:SD]=IMAGES or driver:NAME=IMAGES.
func parseDevice(s string) (rec firmware.DeviceRecord, err error) {
	id, images, _ := strings.Cut(s, "=")
	if images != "" {
		rec.Images = strings.Split(images, ",")
	}
	kind, rest, _ := strings.Cut(id, ":")
	parts := strings.Split(rest, ":")
	switch {
	case kind == "driver" && rest != "":
		rec.Driver = rest
		return rec, nil
	case kind != "pci" || len(parts) != 2 && len(parts) != 4:
		return rec, fmt.Errorf("read --device %q: want pci:VENDOR:DEVICE[:SUBVENDOR:SUBDEVICE]=IMAGE or driver:NAME=IMAGE", s)
	}
	ids := [4]*uint16{&rec.PCI.Vendor, &rec.PCI.Device, &rec.PCI.Subvendor, &rec.PCI.Subdevice}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 16, 16)
		if err != nil {
			return rec, fmt.Errorf("read --device %q: %q is not a hexadecimal number of 16 bits", s, p)
		}
		*ids[i] = uint16(n)
	}
	return rec, nil
}

// writeFile makes a file whole or not at all: it writes beside it and renames.
func writeFile(path string, write func(io.Writer) (int64, error)) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	defer tmp.Close()
	if _, err := write(tmp); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
