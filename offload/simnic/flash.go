package simnic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/firmware"
)

// Flash implements sim.Flasher: it checks a package, stores it and, unless the device needs a reload for that,
// runs its program. Whatever fails leaves both the stored and the running program as they were.
func (d *device) Flash(ctx context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	say := func(message string, done, total, timeout uint64) error {
		return status(sim.FlashStatus{Message: message, Component: p.Component, Done: done, Total: total, Timeout: timeout})
	}
	if err := say("Checking package", 0, 0, 0); err != nil {
		return err
	}
	next, err := d.n.accept(p.Image)
	if err != nil {
		return &sim.Error{Errno: syscall.EINVAL, Message: err.Error()}
	}
	if err := d.n.write(ctx, uint64(len(p.Image)), say); err != nil {
		return err
	}
	d.n.mu.Lock()
	d.n.stored = next
	d.n.mu.Unlock()
	if !d.n.cfg.Limits.Flash.Reload {
		seconds := uint64(d.n.cfg.Limits.Flash.ActivateMilliseconds+999) / 1000
		if err := say("Activating", 0, 0, seconds); err != nil {
			return err
		}
		if err := d.n.activate(ctx, next, false); err != nil {
			return err
		}
	}
	return say("Flashing done", 0, 0, 0)
}

// write takes the time that the limits say, in steps, and fails where they say so.
func (n *NIC) write(ctx context.Context, size uint64, say func(string, uint64, uint64, uint64) error) error {
	l := n.cfg.Limits
	if err := say("Erasing", 0, 0, 5); err != nil {
		return err
	}
	steps := uint64(l.Flash.Steps)
	for i := range steps + 1 {
		done := size * i / steps
		if err := say("Flashing", done, size, 0); err != nil {
			return err
		}
		if at := uint64(l.Faults.FailsAt); at > 0 && i*100 >= at*steps {
			return &sim.Error{Errno: syscall.EIO, Message: fmt.Sprintf("flash cell failed at %d percent", i*100/steps)}
		}
		if i == steps {
			break
		}
		if err := sleep(ctx, milliseconds(l.Flash.Milliseconds)/time.Duration(steps)); err != nil {
			return err
		}
	}
	return nil
}

// accept checks an image and makes it ready to run.
func (n *NIC) accept(image []byte) (*program, error) {
	pkg, err := firmware.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return nil, err
	}
	if err := pkg.Verify(); err != nil {
		return nil, err
	}
	if len(pkg.Devices) > 0 {
		if _, err := pkg.Matches(firmware.DeviceID{PCI: n.cfg.PCI, Driver: n.cfg.Driver}); err != nil {
			return nil, err
		}
	}
	p := &program{manifest: pkg.Manifest}
	if p.model, err = pkg.Program(); err != nil {
		return nil, err
	}
	if p.p4info, err = pkg.P4Info(); err != nil {
		return nil, err
	}
	component, err := pkg.Component("pipeline")
	if err != nil {
		return nil, err
	}
	if p.component, err = io.ReadAll(component); err != nil {
		return nil, err
	}
	if len(p.component) == 0 {
		return nil, errors.New("pipeline is empty")
	}
	p.engine, err = newEngine(p.model, &n.cfg.Limits)
	return p, err
}
