package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/bmv2"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/firmware/pldm"
)

func (a *app) inspectCommand() *cobra.Command {
	var graph string
	var text, ebpf bool
	var stage, form string
	var d ddpInspect
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a package, a BMv2 JSON file, any PLDM package or a DDP package",
		Long: `Shows what is in a file: a p4dev package, BMv2 JSON, a PLDM package of another maker, or a DDP package, the compiled parser
that Intel's driver ice loads. Of a DDP package --list shows more: ` + ddpLists + `.`,
		Example: `  p4dev inspect l3router.p4fw
  p4dev inspect --graph svg l3router.p4fw > parser.svg
  p4dev inspect --text l3router.json
  p4dev inspect --bpf l3router.json
  p4dev inspect --stage xdp/lower l3router.json
  p4dev inspect --list ptypes,profiles /lib/firmware/intel/ice/ddp/ice.pkg`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case isDDP(args[0]):
				return a.inspectDDP(args[0], graph, text, d)
			case d.used():
				return fmt.Errorf("--list, --segment and --tx are %w", errNotDDP)
			case graph != "":
				return a.inspectGraph(args[0], graph)
			case text:
				return a.inspectText(args[0])
			case stage != "":
				return a.inspectStage(args[0], stage, form)
			case ebpf:
				return a.inspectBPF(args[0], form)
			}
			return a.inspect(args[0])
		},
	}
	cmd.Flags().StringVar(&graph, "graph", "", "print the parser graph: "+graphFormats)
	cmd.Flags().BoolVar(&ebpf, "bpf", false, "compile the program to eBPF and show how it is split and what it costs")
	cmd.Flags().StringVar(&stage, "stage", "", "print the compiler's text after a stage, PROGRAM/STAGE; 'list' names them")
	cmd.Flags().StringVar(&form, "form", "auto", "with --bpf or --stage, compile as: auto, special or general")
	cmd.Flags().BoolVar(&text, "text", false, "print the whole program in its canonical text form")
	d.add(cmd)
	return cmd
}

func (a *app) inspect(path string) error {
	pkg, err := firmware.OpenFile(path)
	switch {
	case err == nil:
		defer pkg.Close()
		return a.inspectPackage(path, pkg)
	case errors.Is(err, firmware.ErrNotPackage):
		return a.inspectPLDM(path)
	case isJSON(path):
		return a.inspectProgram(path)
	}
	return err
}

// isJSON reports whether the file begins as a JSON object does.
func isJSON(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 256)
	n, _ := io.ReadFull(f, b)
	for _, c := range b[:n] {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{'
	}
	return false
}

// packageView is what "inspect -j" prints of a package.
type packageView struct {
	File     string            `json:"file"`
	Kind     string            `json:"kind"`
	SHA256   string            `json:"sha256"`
	Manifest firmware.Manifest `json:"manifest"`
	Devices  []recordView      `json:"devices,omitempty"`
	Opaque   bool              `json:"opaque,omitempty"`
	Program  *programView      `json:"program,omitempty"`
}

// recordView is a kind of device that a package is for.
type recordView struct {
	PCI    string   `json:"pci,omitempty"` // "8086:1592" or "8086:1592-8086:0002"
	Driver string   `json:"driver,omitempty"`
	Images []string `json:"images"`
	id     firmware.DeviceID
}

func viewRecords(records []firmware.DeviceRecord) []recordView {
	views := make([]recordView, 0, len(records))
	for _, r := range records {
		v := recordView{Driver: r.Driver, Images: r.Images, id: r.DeviceID}
		if r.PCI != (firmware.PCIID{}) {
			v.PCI = r.PCI.String()
		}
		views = append(views, v)
	}
	return views
}

func (a *app) inspectPackage(path string, pkg *firmware.Package) error {
	v := packageView{File: path, Kind: "p4fw", Manifest: pkg.Manifest, Devices: viewRecords(pkg.Devices), Opaque: pkg.Opaque()}
	var err error
	if v.SHA256, err = pkg.SHA256(); err != nil {
		return err
	}
	prog, err := pkg.Program()
	if err != nil && !errors.Is(err, firmware.ErrOpaque) {
		return err
	}
	if prog != nil {
		v.Program = viewProgram(prog)
	}
	return a.render(v, v.text)
}

func (v packageView) text(w io.Writer) error {
	m := v.Manifest
	fmt.Fprintf(w, "package   %s %s\n", m.Name, m.Version)
	fmt.Fprintf(w, "file      %s\n", v.File)
	fmt.Fprintf(w, "sha256    %s\n", v.SHA256)
	fmt.Fprintf(w, "arch      %s\n", m.Arch)
	fmt.Fprintf(w, "source    %s\n", orElse(m.Source, "none"))
	if m.LowestVersion != "" {
		fmt.Fprintf(w, "lowest    %s\n", m.LowestVersion)
	}
	fmt.Fprintf(w, "loading   %s\n", loading(m.Expect))
	for _, d := range v.Devices {
		fmt.Fprintf(w, "device    %s: image %s\n", d.id, strings.Join(d.Images, ", "))
	}
	if v.Opaque {
		fmt.Fprintln(w, "opaque    yes: it holds no pipeline, nobody can see what the image does")
	}
	var rows [][]string
	for _, c := range m.Components {
		rows = append(rows, []string{c.Name, fmt.Sprint(c.Size), orElse(c.Encoding, "-"), orElse(c.Family, "-"), c.SHA256[:16]})
	}
	fmt.Fprintln(w)
	if err := table(w, "COMPONENT BYTES ENCODING FAMILY SHA256", rows); err != nil || v.Program == nil {
		return err
	}
	fmt.Fprintln(w)
	return v.Program.text(w)
}

func loading(e firmware.Expect) string {
	switch {
	case e.NeedsReset:
		return "needs a reset of the device"
	case e.Hitless:
		return "hitless"
	}
	return "stops traffic while it loads"
}

func (a *app) inspectProgram(path string) error {
	prog, err := readProgram(path)
	if err != nil {
		return err
	}
	v := struct {
		File    string       `json:"file"`
		Kind    string       `json:"kind"`
		Program *programView `json:"program"`
	}{path, "bmv2", viewProgram(prog)}
	return a.render(v, v.Program.text)
}

// readProgram reads a program from a package or from BMv2 JSON. Beside NAME.json, NAME.p4info.txtpb is read
// where it is.
func readProgram(path string) (*pipeline.Program, error) {
	if !isJSON(path) {
		pkg, err := firmware.OpenFile(path)
		if err != nil {
			return nil, err
		}
		defer pkg.Close()
		return pkg.Program()
	}
	data, info, err := readBMv2(path)
	if err != nil {
		return nil, err
	}
	return bmv2.Open(data, info)
}

// readBMv2 reads BMv2 JSON and, where it lies beside it, P4Info.
func readBMv2(path string) (data, info []byte, err error) {
	if data, err = os.ReadFile(path); err != nil {
		return nil, nil, err
	}
	stem := path[:len(path)-len(filepath.Ext(path))]
	info, err = os.ReadFile(stem + ".p4info.txtpb")
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return data, info, err
}

func (a *app) inspectText(path string) error {
	prog, err := readProgram(path)
	if err != nil {
		return err
	}
	return pipeline.WriteText(a.out, prog)
}

func (a *app) inspectGraph(path, format string) error {
	prog, err := readProgram(path)
	if err != nil {
		return err
	}
	return a.writeGraph(prog, format)
}

// pldmView is what "inspect -j" prints of a PLDM package that is not p4dev's.
type pldmView struct {
	File       string          `json:"file"`
	Kind       string          `json:"kind"`
	Version    string          `json:"version"`
	Size       int64           `json:"size"`
	Records    []pldmRecord    `json:"records"`
	Components []pldmComponent `json:"components"`
}

type pldmRecord struct {
	Version     string   `json:"version"`
	Components  []int    `json:"components"`
	Descriptors []string `json:"descriptors"`
}

type pldmComponent struct {
	ID             uint16 `json:"id"`
	Classification string `json:"classification"`
	Version        string `json:"version"`
	Offset         int64  `json:"offset"`
	Size           int64  `json:"size"`
}

func (a *app) inspectPLDM(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	p, err := pldm.Read(f, st.Size())
	if err != nil {
		return err
	}
	v := pldmView{File: path, Kind: "pldm", Version: p.Version.Data, Size: st.Size()}
	for _, r := range p.Records {
		rec := pldmRecord{Version: r.Version.Data, Components: r.Components}
		for _, d := range r.Descriptors {
			rec.Descriptors = append(rec.Descriptors, fmt.Sprintf("%#04x=%x", uint16(d.Type), d.Data))
		}
		v.Records = append(v.Records, rec)
	}
	for _, c := range p.Components {
		v.Components = append(v.Components, pldmComponent{c.Identifier, c.Classification.String(), c.Version.Data, c.Offset, c.Data.Size()})
	}
	return a.render(v, v.text)
}

func (v pldmView) text(w io.Writer) error {
	fmt.Fprintf(w, "PLDM firmware package %s, %d bytes, not made for p4dev\n\n", v.Version, v.Size)
	var rows [][]string
	for _, c := range v.Components {
		rows = append(rows, []string{fmt.Sprintf("%#04x", c.ID), c.Classification, fmt.Sprint(c.Offset), fmt.Sprint(c.Size), c.Version})
	}
	if err := table(w, "COMPONENT CLASS OFFSET BYTES VERSION", rows); err != nil {
		return err
	}
	for i, r := range v.Records {
		fmt.Fprintf(w, "\nrecord %d: components %v, version %s\n", i, r.Components, r.Version)
		for _, d := range r.Descriptors {
			fmt.Fprintf(w, "  %s\n", d)
		}
	}
	return nil
}
