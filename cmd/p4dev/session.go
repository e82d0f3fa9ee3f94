package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
	"github.com/p4dev/p4dev/swfallback"
)

// errNoProgram says that a device does not show the program it runs.
var errNoProgram = fmt.Errorf("the device has no region %s: it runs no program, or its driver does not show it", hw.RegionName)

// deviceProgram returns the program that a device advertises.
func deviceProgram(ctx context.Context, c *devlink.Client, h devlink.Handle) (*pipeline.Program, error) {
	m, err := hw.ReadModel(ctx, c, h)
	if err != nil {
		return nil, err
	}
	if m.Program == nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", h, errNoProgram), differences(m))
	}
	return m.Program, nil
}

func differences(m *hw.Model) error {
	var errs []error
	for _, d := range m.Differences {
		errs = append(errs, errors.New(d))
	}
	return errors.Join(errs...)
}

// session is a fallback and, where it belongs to a device that can be reached, the device beside it.
type session struct {
	fallback *swfallback.Fallback
	hardware *hw.Target // nil: none
	manager  *offload.Manager
	// stuck says that the device answers packets with entries that cannot be changed now: a change in software
	// alone would make the two disagree.
	stuck error
}

// openSession opens the fallback of a name or of a device's handle, with the manager over both targets.
func (a *app) openSession(ctx context.Context, name string) (_ *session, err error) {
	s := &session{}
	if s.fallback, err = a.openFallback(ctx, name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	st, err := s.fallback.Show()
	if err != nil {
		return nil, err
	}
	if st.Device == "" {
		s.manager, err = offload.NewManager(a.managerConfig(s))
		return s, err
	}
	h, err := devlink.ParseHandle(st.Device)
	if err != nil {
		return nil, err
	}
	cfg, err := a.deviceConfig(ctx, s, h, st.Tag)
	if err != nil {
		return nil, err
	}
	s.manager, err = offload.NewManager(cfg)
	return s, err
}

func (a *app) managerConfig(s *session) offload.Config {
	observe := a.observe
	if observe == nil {
		observe = offload.LogEvents(a.log)
	}
	return offload.Config{Program: s.fallback.Program(), Software: s.fallback, Observe: observe,
		Gate: offload.Gate{Reason: "the fallback belongs to no device"}}
}

// deviceConfig is that of a manager over the fallback and, as far as the gate allows, the device.
func (a *app) deviceConfig(ctx context.Context, s *session, h devlink.Handle, tag string) (cfg offload.Config, err error) {
	cfg = a.managerConfig(s)
	cfg.Gate, err = a.connectHardware(ctx, s, h, tag)
	if s.hardware != nil {
		cfg.Hardware = s.hardware
	}
	return cfg, err
}

// connectHardware compares the device with the fallback and, where they are the same, connects to its agent. A
// device that cannot be asked is absent, which is no error: the software carries on.
func (a *app) connectHardware(ctx context.Context, s *session, h devlink.Handle, tag string) (offload.Gate, error) {
	c, err := a.client(ctx)
	if err != nil {
		fmt.Fprintf(a.err, "p4dev: %s cannot be asked, software only: %v\n", h, err)
		return offload.Gate{Reason: "the device cannot be asked"}, nil
	}
	defer c.Close()
	gate, model, err := checkGate(ctx, c, h, s.fallback.Program(), tag)
	if errors.Is(err, devlink.ErrDeviceGone) || errors.Is(err, devlink.ErrNoDevlink) || noEndpoint(err) {
		fmt.Fprintf(a.err, "p4dev: software only: %v\n", err)
		return offload.Gate{Device: h.String(), Want: tag, Reason: "the device is gone"}, nil
	}
	if err != nil || !gate.Open() {
		return gate, err
	}
	s.hardware, err = hw.Dial(ctx, hw.Config{Address: a.agentAddress(h), Program: s.fallback.Program(), Model: model})
	if errors.Is(err, hw.ErrUnreachable) {
		gate.State, gate.Reason = offload.GateUnknown, "the device's agent does not answer"
		fmt.Fprintf(a.err, "p4dev: software only: %v\n", err)
		var held bool
		if held, err = holdsEntries(ctx, c, h, model); held {
			s.stuck = fmt.Errorf("%s holds entries, and nobody can change them while its agent does not answer: "+
				"start the agent or name another address with --device-agent", h)
		}
	}
	return gate, err
}

// holdsEntries reports whether a device has an entry in any table, by its own account.
func holdsEntries(ctx context.Context, c *devlink.Client, h devlink.Handle, model *hw.Model) (bool, error) {
	for _, t := range model.Tables {
		for _, err := range c.DpipeEntries(ctx, h, t.Name) {
			if errors.Is(err, errors.ErrUnsupported) {
				break
			}
			return err == nil, err
		}
	}
	return false, nil
}

// noEndpoint reports whether nobody listens at a "unix:" endpoint: the simulated NIC has ended.
func noEndpoint(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// checkGate reads a device's advertisement and compares it with a program.
func checkGate(ctx context.Context, c *devlink.Client, h devlink.Handle, p *pipeline.Program, tag string) (offload.Gate, *hw.Model, error) {
	info, err := c.Info(ctx, h)
	if err != nil {
		return offload.Gate{}, nil, err
	}
	model, err := hw.ReadModel(ctx, c, h)
	if err != nil {
		return offload.Gate{}, nil, err
	}
	return offload.CheckGate(hw.Info(info), tag, model.Compare(p)), model, nil
}

// agentAddress is that of --agent, or the usual place.
func (a *app) agentAddress(h devlink.Handle) string {
	return orElse(a.agent, hw.AgentAddress(a.runDir, h))
}

func (s *session) close() error {
	var errs []error
	if s.hardware != nil {
		errs = append(errs, s.hardware.Close())
	}
	return errors.Join(append(errs, s.fallback.Close())...)
}
