package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/p4dev/p4dev/firmware/ddp"
	"github.com/p4dev/p4dev/firmware/graph"
)

// ddpLists are the lists that "inspect --list" knows.
const ddpLists = "protocols, ptypes, instructions, boost, groups, flags, profiles, sections"

// ddpInspect are the flags of "inspect" that are for DDP packages.
type ddpInspect struct {
	ddpFlags
	lists []string
	tx    bool
}

func (d *ddpInspect) add(cmd *cobra.Command) {
	d.addSegment(cmd)
	cmd.Flags().StringSliceVar(&d.lists, "list", nil, "DDP: also list "+ddpLists+", or all")
	cmd.Flags().BoolVar(&d.tx, "tx", false, "DDP: the parser of the transmit side")
}

func (d *ddpInspect) used() bool { return d.segment != "" || len(d.lists) > 0 || d.tx }

// wants reports whether a list is asked for.
func (d *ddpInspect) wants(list string) bool {
	return slices.Contains(d.lists, list) || slices.Contains(d.lists, "all")
}

func (d *ddpInspect) check() error {
	known := append(strings.Split(ddpLists, ", "), "all")
	for _, l := range d.lists {
		if !slices.Contains(known, l) {
			return fmt.Errorf("unknown list %q: want %s or all", l, ddpLists)
		}
	}
	return nil
}

// ddpView is what "inspect -j" prints of a DDP package.
type ddpView struct {
	File           string           `json:"file"`
	Kind           string           `json:"kind"`
	SHA256         string           `json:"sha256"`
	Size           int64            `json:"size"`
	Format         ddp.Version      `json:"format"`
	Name           string           `json:"name"`
	Version        string           `json:"version"`
	Segments       []ddpSegmentView `json:"segments"`
	Configurations []ddpConfigView  `json:"configurations"`
}

type ddpSegmentView struct {
	Index     int               `json:"index"`
	Type      string            `json:"type"`
	Name      string            `json:"name"`
	Format    ddp.Version       `json:"format"`
	Offset    int64             `json:"offset"`
	Size      int64             `json:"size"`
	Buffers   int               `json:"buffers,omitempty"`
	Sections  int               `json:"sections,omitempty"`
	Signature *ddpSignatureView `json:"signature,omitempty"`
	content   string
}

type ddpSignatureView struct {
	Algorithm string `json:"algorithm"`
	Type      string `json:"type"`
	Segment   int    `json:"segment"`
	First     int    `json:"first_buffer"`
	Count     int    `json:"buffers"`
}

// ddpConfigView is a configuration; its lists are there when they are asked for.
type ddpConfigView struct {
	Type     string         `json:"type"`
	Name     string         `json:"name"`
	Version  ddp.Version    `json:"version"`
	Track    string         `json:"track"`
	Devices  []string       `json:"devices,omitempty"`
	NVM      []ddp.Version  `json:"nvm,omitempty"`
	Counts   map[string]int `json:"counts"`
	Profiles map[string]int `json:"profile_counts"`
	ddpListView
}

func (a *app) inspectDDP(path, format string, text bool, d ddpInspect) error {
	if text {
		return errors.New("--text is for P4 programs: --graph text prints the parser of a DDP package, --list its tables")
	}
	if err := d.check(); err != nil {
		return err
	}
	p, data, err := readDDP(path)
	if err != nil {
		return err
	}
	if format != "" {
		s, err := d.pick(p)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		parser, err := s.Parser(d.tx)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return a.drawGraphs([]*graph.Graph{parser.Graph()}, format)
	}
	v, err := viewDDP(path, p, data, &d)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return a.render(v, v.text)
}

func viewDDP(path string, p *ddp.Package, data []byte, d *ddpInspect) (*ddpView, error) {
	sum := sha256.Sum256(data)
	v := &ddpView{File: path, Kind: "ddp", SHA256: hex.EncodeToString(sum[:]), Size: p.Size, Format: p.Format}
	if m := p.Metadata(); m != nil {
		v.Name, v.Version = m.Name, m.Version.String()
	}
	for i := range p.Segments {
		v.Segments = append(v.Segments, viewSegment(&p.Segments[i]))
	}
	for _, s := range p.Configurations() {
		if d.segment != "" && d.segment != s.Type.String() {
			continue
		}
		c, err := viewConfig(s, d)
		if err != nil {
			return nil, err
		}
		v.Configurations = append(v.Configurations, *c)
		sv := &v.Segments[s.Index]
		sv.content = fmt.Sprintf("%s %s, track %s; %d sections in %d buffers", c.Name, c.Version, c.Track, sv.Sections, sv.Buffers)
	}
	if d.segment != "" && len(v.Configurations) == 0 {
		return nil, fmt.Errorf("%w %s", ddp.ErrNoConfig, d.segment)
	}
	return v, nil
}

func viewSegment(s *ddp.Segment) ddpSegmentView {
	v := ddpSegmentView{Index: s.Index, Type: s.Type.String(), Name: s.Name, Format: s.Format, Offset: s.Offset, Size: s.Size, Buffers: len(s.Buffers)}
	for i := range s.Buffers {
		v.Sections += len(s.Buffers[i].Sections)
	}
	v.content = fmt.Sprintf("%d sections in %d buffers", v.Sections, v.Buffers)
	switch {
	case s.Metadata != nil:
		v.content = fmt.Sprintf("%s %s", s.Metadata.Name, s.Metadata.Version)
	case s.Signature != nil:
		g := s.Signature
		v.Signature = &ddpSignatureView{g.AlgorithmName(), g.Segment.String(), g.Signed, g.FirstBuffer, g.BufferCount}
		v.content = fmt.Sprintf("%s over segment %d (%s)", g.AlgorithmName(), g.Signed, g.Segment)
		if g.BufferCount > 0 {
			v.content += fmt.Sprintf(", buffers %d to %d", g.FirstBuffer, g.FirstBuffer+g.BufferCount-1)
		}
	case len(s.Buffers) == 0:
		v.content = "-"
	}
	return v
}

func viewConfig(s *ddp.Segment, d *ddpInspect) (*ddpConfigView, error) {
	info, err := s.Info()
	if err != nil {
		return nil, err
	}
	v := &ddpConfigView{Type: s.Type.String(), Name: info.Name, Version: info.Version, Track: fmt.Sprintf("0x%08x", info.Track),
		NVM: s.NVM, Counts: map[string]int{}, Profiles: map[string]int{}}
	for _, dev := range s.Devices {
		v.Devices = append(v.Devices, dev.String())
	}
	p, err := s.Parser(d.tx)
	if err != nil && !errors.Is(err, ddp.ErrNoParser) {
		return nil, err
	}
	if p != nil {
		g := p.Graph()
		v.Counts["nodes"], v.Counts["edges"] = len(g.Nodes)-2, len(g.Edges)-1
		v.Counts["protocols"], v.Counts["ptypes"] = len(p.Protocols()), len(p.PacketTypes())
		for i := range p.Boost {
			if p.Boost[i].Group != 0 {
				v.Counts["boost"]++
			}
		}
	}
	return v, v.addLists(s, p, d)
}

func (v *ddpView) text(w io.Writer) error {
	fmt.Fprintf(w, "package   %s %s\n", v.Name, v.Version)
	fmt.Fprintf(w, "file      %s\n", v.File)
	fmt.Fprintf(w, "sha256    %s\n", v.SHA256)
	fmt.Fprintf(w, "kind      DDP package of Intel's driver ice, format %s, %d bytes\n\n", v.Format, v.Size)
	var rows [][]string
	for _, s := range v.Segments {
		rows = append(rows, []string{fmt.Sprint(s.Index), s.Type, fmt.Sprint(s.Offset), fmt.Sprint(s.Size), s.content})
	}
	if err := table(w, "SEGMENT TYPE OFFSET BYTES CONTENT", rows); err != nil {
		return err
	}
	for i := range v.Configurations {
		if err := v.Configurations[i].text(w); err != nil {
			return err
		}
	}
	return nil
}

func (v *ddpConfigView) text(w io.Writer) error {
	c := v.Counts
	fmt.Fprintf(w, "\n%s: %d nodes, %d edges, %d boost entries, %d protocols, %d packet types\n", v.Type, c["nodes"], c["edges"], c["boost"],
		c["protocols"], c["ptypes"])
	var parts []string
	for _, b := range ddp.Blocks() {
		if n := v.Profiles[b]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", b, n))
		}
	}
	fmt.Fprintf(w, "  profiles  %s\n", orElse(strings.Join(parts, ", "), "none"))
	fmt.Fprintf(w, "  devices   %s\n", orElse(strings.Join(v.Devices, " "), "all of the family"))
	return v.ddpListView.text(w)
}
