package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/p4dev/p4dev/firmware/ddp"
)

// ddpTraceView is what "trace --ddp -j" prints.
type ddpTraceView struct {
	File    string `json:"file"`
	Segment string `json:"segment"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Packet  string `json:"packet"`
	Error   string `json:"error,omitempty"`
	*ddp.Result
}

func (a *app) traceDDP(f traceFlags) error {
	packet, err := readPacket(f.packet)
	if err != nil {
		return err
	}
	s, sim, err := f.simulator(f.ddp)
	if err != nil {
		return err
	}
	info, err := s.Info()
	if err != nil {
		return fmt.Errorf("%s: %w", f.ddp, err)
	}
	r, failed := sim.Run(packet)
	v := ddpTraceView{File: f.ddp, Segment: s.Type.String(), Name: info.Name, Version: info.Version.String(), Packet: fmt.Sprintf("%x", packet), Result: r}
	if failed != nil {
		v.Error = failed.Error()
	} else if err := s.Select(r); err != nil {
		return fmt.Errorf("%s: %w", f.ddp, err)
	}
	return errors.Join(a.render(v, v.text), failed)
}

func (v ddpTraceView) text(w io.Writer) error {
	fmt.Fprintf(w, "%s, %s: %s %s: %d bytes\n  %s\n", v.File, v.Segment, v.Name, v.Version, len(v.Packet)/2, v.Packet)
	return v.Result.Text(w)
}
