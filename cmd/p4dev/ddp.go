package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/ddp"
)

// maxDDP bounds a DDP package in memory, in bytes; Intel's have 1.5 million.
const maxDDP = 64 << 20

// ddpFlags are the flags of all commands that look into a DDP package's configuration.
type ddpFlags struct {
	segment    string
	singleVLAN bool
	vxlan      []uint
	geneve     []uint
	ecpri      []uint
}

func (f *ddpFlags) addSegment(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.segment, "segment", "", "configuration to look at: e810 or e830 (default the first)")
}

// addSettings adds the flags for what the driver changes in the parser.
func (f *ddpFlags) addSettings(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.singleVLAN, "single-vlan", false, "DDP: the parser of single VLAN mode; the driver prefers double")
	fl.UintSliceVar(&f.vxlan, "vxlan", []uint{4789}, "DDP: UDP ports of VXLAN")
	fl.UintSliceVar(&f.geneve, "geneve", []uint{6081}, "DDP: UDP ports of Geneve")
	fl.UintSliceVar(&f.ecpri, "ecpri", nil, "DDP: UDP ports of eCPRI")
}

func (f *ddpFlags) settings() (ddp.Settings, error) {
	s := ddp.Settings{SingleVLAN: f.singleVLAN}
	for _, p := range []struct {
		from []uint
		to   *[]uint16
	}{{f.vxlan, &s.VXLAN}, {f.geneve, &s.Geneve}, {f.ecpri, &s.ECPRI}} {
		for _, port := range p.from {
			if port == 0 || port > 65535 {
				return s, fmt.Errorf("%d is no UDP port", port)
			}
			*p.to = append(*p.to, uint16(port))
		}
	}
	return s, nil
}

// isDDP reports whether a file holds a DDP package, compressed ones too. Files that cannot be read do not.
func isDDP(path string) bool {
	if ext := filepath.Ext(path); ext == ".zst" || ext == ".xz" {
		data, err := firmware.ReadFile(path, maxDDP)
		return err == nil && ddp.Detect(data)
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 12)
	n, _ := io.ReadFull(f, head)
	return ddp.Detect(head[:n])
}

// readDDP reads a package from a file, and returns its bytes too.
func readDDP(path string) (*ddp.Package, []byte, error) {
	data, err := firmware.ReadFile(path, maxDDP)
	if err != nil {
		return nil, nil, err
	}
	p, err := ddp.Read(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, data, nil
}

// pick returns the configuration that --segment names, or the first.
func (f *ddpFlags) pick(p *ddp.Package) (*ddp.Segment, error) {
	list := p.Configurations()
	for _, s := range list {
		if f.segment == "" || f.segment == s.Type.String() {
			return s, nil
		}
	}
	if f.segment == "" {
		return nil, ddp.ErrNoConfig
	}
	return nil, fmt.Errorf("%w %s", ddp.ErrNoConfig, f.segment)
}

// simulator reads a package and makes a model of its receive parser.
func (f *ddpFlags) simulator(path string) (*ddp.Segment, *ddp.Simulator, error) {
	settings, err := f.settings()
	if err != nil {
		return nil, nil, err
	}
	p, _, err := readDDP(path)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.pick(p)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	parser, err := s.Parser(false)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	sim, err := parser.Simulate(settings)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, sim, nil
}

// errNotDDP is what commands say that want a DDP package and got another file.
var errNotDDP = errors.New("only for DDP packages")
