package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/swfallback"
	"github.com/p4dev/p4dev/swfallback/bpfgen"
	"github.com/p4dev/p4dev/swfallback/bpfrun"
)

func (a *app) fallbackCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fallback",
		Short: "Run a program in eBPF on network interfaces",
		Long: `The fallback is the package's own program, compiled to eBPF and attached to network interfaces at XDP. It
forwards what the device hands to the host, or everything where there is no device. It keeps running when p4dev
ends: programs, maps and links are pinned below /sys/fs/bpf/p4dev/NAME.`,
	}
	cmd.AddCommand(a.attachCommand(), a.replaceCommand(), a.detachCommand(), a.specialiseCommand(),
		a.fallbackShowCommand(), a.fallbackCheckCommand(), a.groupCommand(), a.counterCommand(), a.registerCommand(),
		a.meterCommand(), a.memberCommand(), a.choiceCommand(), a.valueSetCommand())
	return cmd
}

// place says where targets live.
func (a *app) place() swfallback.Place { return swfallback.Place{Run: a.runDir} }

// attachFlags are the flags of "fallback attach".
type attachFlags struct {
	name, ports, mode, pkg string
}

func (a *app) attachCommand() *cobra.Command {
	var f attachFlags
	cmd := &cobra.Command{
		Use:   "attach {DEV | --ports 1=IFACE,2=IFACE FILE}",
		Short: "Compile a program and attach it",
		Long: `With DEV, the program is the one that the device runs, on the network devices of its ports. Without, it is
that of FILE, a package or BMv2 JSON, on the interfaces that --ports names.`,
		Example: `  p4dev fallback attach pci/0000:01:00.0
  p4dev fallback attach --name router --ports 1=eth1,2=eth2 l3router.p4fw`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.attach(cmd.Context(), args[0], f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.name, "name", "", "name of the fallback (default: made of the device's handle)")
	fl.StringVar(&f.ports, "ports", "", "P4 ports and their interfaces, 1=IFACE,2=IFACE")
	fl.StringVar(&f.mode, "mode", "auto", "XDP in the driver or not: auto, native, generic")
	fl.StringVar(&f.pkg, "package", "", "package of the program that the device runs (default: found under /lib/firmware)")
	return cmd
}

func (a *app) attach(ctx context.Context, what string, f attachFlags) error {
	cfg := swfallback.Config{Name: f.name, Place: a.place(), Options: bpfgen.Options{Stats: true}}
	var err error
	if cfg.Mode, err = bpfrun.ParseMode(f.mode); err != nil {
		return err
	}
	if f.ports == "" {
		if cfg, err = a.deviceFallback(ctx, cfg, what, f.pkg); err != nil {
			return err
		}
	} else {
		if f.name == "" {
			return errors.New("attach fallback: --name is needed with --ports")
		}
		if cfg.Ports, err = parsePorts(f.ports); err != nil {
			return err
		}
		if cfg.Source, err = readSource(what); err != nil {
			return err
		}
	}
	fb, err := a.attachTarget(ctx, cfg)
	if errors.Is(err, swfallback.ErrBusy) {
		return fmt.Errorf("%w: 'p4dev fallback replace' changes its program, 'p4dev fallback detach' removes it", err)
	}
	if err != nil {
		return err
	}
	defer fb.Close()
	return a.renderFallback(fb)
}

// attachTarget attaches a fallback, and has the hardware of its device, where there is one, take its entries.
func (a *app) attachTarget(ctx context.Context, cfg swfallback.Config) (*swfallback.Fallback, error) {
	fb, err := swfallback.Attach(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := a.reconcileDevice(ctx, fb); err != nil {
		fmt.Fprintf(a.err, "p4dev: attached, but the hardware holds nothing yet: %v\n", err)
	}
	return fb, nil
}

// ensureFallback attaches the program that a device runs to its ports, unless that is done already, and reports whether
// it did.
func (a *app) ensureFallback(ctx context.Context, device string) (bool, error) {
	fb, err := a.openFallback(ctx, device)
	if err == nil {
		return false, fb.Close()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	cfg := swfallback.Config{Place: a.place(), Options: bpfgen.Options{Stats: true}}
	if cfg, err = a.deviceFallback(ctx, cfg, device, ""); err != nil {
		return false, err
	}
	if fb, err = a.attachTarget(ctx, cfg); err != nil {
		return false, err
	}
	return true, fb.Close()
}

// reconcileDevice is "table reconcile" without output, for a fallback that belongs to a device: the program's
// own entries and defaults go into hardware at once.
func (a *app) reconcileDevice(ctx context.Context, fb *swfallback.Fallback) error {
	st, err := fb.Show()
	if err != nil || st.Device == "" {
		return err
	}
	s, err := a.openSession(ctx, st.Name)
	if err != nil {
		return err
	}
	return errors.Join(s.manager.Reconcile(ctx), s.close())
}

// parsePorts reads 1=IFACE,2=IFACE.
func parsePorts(s string) (map[uint32]string, error) {
	ports := make(map[uint32]string)
	for _, part := range strings.Split(s, ",") {
		num, name, ok := strings.Cut(part, "=")
		n, err := strconv.ParseUint(num, 10, 32)
		if !ok || err != nil || name == "" {
			return nil, fmt.Errorf("read --ports %q: want PORT=INTERFACE, such as 1=eth1", part)
		}
		if ports[uint32(n)] != "" {
			return nil, fmt.Errorf("read --ports: port %d is named twice", n)
		}
		ports[uint32(n)] = name
	}
	return ports, nil
}

// readSource reads the program of a package or of BMv2 JSON.
func readSource(path string) (swfallback.Source, error) {
	if isJSON(path) {
		data, info, err := readBMv2(path)
		return swfallback.Source{JSON: data, P4Info: info}, err
	}
	pkg, err := firmware.OpenFile(path)
	if err != nil {
		return swfallback.Source{}, err
	}
	defer pkg.Close()
	return packageSource(pkg)
}

func packageSource(pkg *firmware.Package) (s swfallback.Source, err error) {
	if s.JSON, err = pkg.Pipeline(); err != nil {
		return s, err
	}
	s.P4Info, err = pkg.P4Info()
	s.Tag = pkg.Manifest.Source
	return s, err
}

func (a *app) replaceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "replace NAME FILE",
		Short: "Run another program without losing a packet",
		Long: `Loads the program of FILE beside the running one, carries over the entries of tables that both have, and takes over
port by port. Counters start at zero.`,
		Example: `  p4dev fallback replace router l3router-2.p4fw`,
		Args:    cobra.ExactArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.replace(cmd.Context(), args[0], args[1]) },
	}
}

func (a *app) replace(ctx context.Context, name, path string) error {
	fb, err := a.openFallback(ctx, name)
	if err != nil {
		return err
	}
	defer fb.Close()
	src, err := readSource(path)
	if err != nil {
		return err
	}
	carried, err := fb.Replace(ctx, nil, src)
	if err != nil {
		return err
	}
	for _, t := range slices.Sorted(maps.Keys(carried.Dropped)) {
		fmt.Fprintf(a.err, "p4dev: %d entries of %s have no place in the new program\n", carried.Dropped[t], t)
	}
	if err := a.reconcileDevice(ctx, fb); err != nil {
		fmt.Fprintf(a.err, "p4dev: replaced, but the hardware holds nothing yet: %v\n", err)
	}
	return a.renderFallback(fb)
}

func (a *app) detachCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "detach NAME",
		Short:   "Take the program off its interfaces and remove all that belongs to it",
		Example: `  p4dev fallback detach router`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.detach(cmd.Context(), args[0], force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "also where it cannot be opened: made by another version, or half attached")
	return cmd
}

func (a *app) detach(ctx context.Context, name string, force bool) error {
	fb, err := a.openFallback(ctx, name)
	switch {
	case err == nil:
		err = fb.Detach()
	case force && !errors.Is(err, fs.ErrNotExist):
		err = swfallback.Remove(ctx, fallbackName(name), a.place())
	}
	if err != nil {
		return err
	}
	return a.render(map[string]string{"detached": name}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: detached\n", name)
		return err
	})
}

// openFallback opens a target by its name, or by the handle of the device whose ports it is attached to.
func (a *app) openFallback(ctx context.Context, name string) (*swfallback.Fallback, error) {
	fb, err := swfallback.Open(ctx, fallbackName(name), swfallback.At(a.place()))
	if errors.Is(err, fs.ErrNotExist) && strings.Contains(name, "/") {
		if other, found := a.fallbackOf(ctx, name); found {
			return other, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no fallback %s, 'p4dev fallback show' lists them: %w", name, err)
	}
	if errors.Is(err, swfallback.ErrIncomplete) || errors.Is(err, swfallback.ErrLayout) {
		return nil, fmt.Errorf("%w ('p4dev fallback detach --force %s' removes it)", err, name)
	}
	return fb, err
}

// fallbackOf looks for the target of a device among those that have names of their own.
func (a *app) fallbackOf(ctx context.Context, device string) (*swfallback.Fallback, bool) {
	names, err := swfallback.List(a.place())
	if err != nil {
		return nil, false
	}
	for _, n := range names {
		fb, err := swfallback.Open(ctx, n, swfallback.At(a.place()))
		if err != nil {
			continue
		}
		if st, err := fb.Show(); err == nil && st.Device == device {
			return fb, true
		}
		fb.Close()
	}
	return nil, false
}

// fallbackName makes a target's name of a device's handle; names are left as they are.
func fallbackName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
}

func (a *app) fallbackShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show [NAME]",
		Short:   "Show a fallback: ports, programs, tables, packets; or list them all",
		Example: `  p4dev fallback show router`,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listFallbacks()
			}
			fb, err := a.openFallback(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer fb.Close()
			return a.renderFallback(fb)
		},
	}
}

func (a *app) listFallbacks() error {
	names, err := swfallback.List(a.place())
	if err != nil {
		return err
	}
	if names == nil {
		names = []string{}
	}
	return a.render(map[string]any{"fallback": names}, func(w io.Writer) error {
		if len(names) == 0 {
			fmt.Fprintf(a.err, "no fallbacks below %s\n", filepath.Join(bpfrun.DefaultRoot, "p4dev"))
		}
		for _, n := range names {
			fmt.Fprintln(w, n)
		}
		return nil
	})
}

func (a *app) renderFallback(fb *swfallback.Fallback) error {
	st, err := fb.Show()
	if err != nil {
		return err
	}
	v := viewFallback(st)
	return a.render(map[string]any{"fallback": map[string]any{st.Name: v}}, func(w io.Writer) error { return textFallback(w, st) })
}

// fallbackView is what "fallback show -j" prints.
type fallbackView struct {
	Program  string            `json:"program"`
	Source   string            `json:"source,omitempty"`
	Device   string            `json:"device,omitempty"`
	Since    time.Time         `json:"since"`
	Ports    []portView        `json:"ports"`
	Tables   []bpfTableView    `json:"tables"`
	Special  []string          `json:"specialised,omitempty"`
	Maps     []mapView         `json:"maps"`
	Programs []bpfProgramView  `json:"programs"`
	Packets  map[string]uint64 `json:"packets,omitempty"`
	Pinned   string            `json:"pinned"`
}

// The views of a status have the fields of swfallback's types in their order, so that they convert.
type (
	portView struct {
		Port      uint32 `json:"port"`
		Interface string `json:"netdev"`
		Index     int    `json:"ifindex"`
		Mode      string `json:"mode"`
		NotNative string `json:"not_native,omitempty"`
		ProgramID uint32 `json:"program_id"`
	}
	bpfTableView struct {
		Name    string `json:"name"`
		Kind    string `json:"kind"`
		Entries int    `json:"entries"`
		Size    int    `json:"size"`
		Map     string `json:"map"`
	}
	mapView struct {
		Name       string `json:"name"`
		Type       string `json:"type"`
		ID         uint32 `json:"id"`
		KeySize    int    `json:"key_bytes"`
		ValueSize  int    `json:"value_bytes"`
		MaxEntries int    `json:"max_entries"`
		Memory     uint64 `json:"memory_bytes"`
	}
	bpfProgramView struct {
		Name         string `json:"name"`
		ID           uint32 `json:"id"`
		Tag          string `json:"tag"`
		Instructions int    `json:"instructions"`
	}
)

func viewFallback(st *swfallback.Status) fallbackView {
	v := fallbackView{Program: st.Program, Source: st.Tag, Device: st.Device, Since: st.Since,
		Ports: []portView{}, Tables: []bpfTableView{}, Maps: []mapView{}, Programs: []bpfProgramView{},
		Special: st.Specialised, Pinned: filepath.Join(bpfrun.DefaultRoot, "p4dev", st.Name)}
	for _, p := range st.Ports {
		v.Ports = append(v.Ports, portView(p))
	}
	for _, t := range st.Tables {
		v.Tables = append(v.Tables, bpfTableView(t))
	}
	for _, m := range st.Maps {
		v.Maps = append(v.Maps, mapView(m))
	}
	for _, p := range st.Programs {
		v.Programs = append(v.Programs, bpfProgramView(p))
	}
	for i, c := range st.Fates {
		if v.Packets == nil {
			v.Packets = make(map[string]uint64)
		}
		v.Packets[bpfgen.Fate(i).String()] = c.Packets
	}
	return v
}

func textFallback(w io.Writer, st *swfallback.Status) error {
	fmt.Fprintf(w, "%s: %s since %s\n", st.Name, st.Program, st.Since.Local().Format(time.DateTime))
	if st.Tag != "" {
		fmt.Fprintf(w, "  source %s\n", st.Tag)
	}
	if st.Device != "" {
		fmt.Fprintf(w, "  device %s\n", st.Device)
	}
	for _, p := range st.Ports {
		note := ""
		switch {
		case p.Index == 0:
			note = " (the interface is gone)"
		case p.NotNative != "":
			note = " (" + p.NotNative + ")"
		}
		fmt.Fprintf(w, "  port %d %s, XDP %s%s\n", p.Port, p.Interface, p.Mode, note)
	}
	for i, c := range st.Fates {
		if c.Packets > 0 {
			fmt.Fprintf(w, "  %s %d packets, %d bytes\n", bpfgen.Fate(i), c.Packets, c.Bytes)
		}
	}
	if len(st.Specialised) > 0 {
		fmt.Fprintf(w, "  specialised for %s\n", strings.Join(st.Specialised, ", "))
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, t := range st.Tables {
		rows = append(rows, []string{t.Name, t.Kind, fmt.Sprint(t.Entries), fmt.Sprint(t.Size), orElse(t.Map, "-")})
	}
	return table(w, "TABLE KIND ENTRIES SIZE MAP", rows)
}
