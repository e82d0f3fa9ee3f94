package hw

import (
	"context"
	"errors"
	"fmt"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// Loader is what a Device needs of a devlink.Client.
type Loader interface {
	Devlink
	Info(context.Context, devlink.Handle) (devlink.Info, error)
	Device(context.Context, devlink.Handle) (devlink.Device, error)
	Params(context.Context, devlink.Handle) ([]devlink.Param, error)
	Flash(context.Context, devlink.Handle, devlink.FlashRequest, func(devlink.FlashStatus)) error
	Reload(context.Context, devlink.Handle, devlink.ReloadRequest) ([]devlink.ReloadAction, error)
}

var _ Loader = (*devlink.Client)(nil)

// Device is a devlink device as offload.Load needs it.
type Device struct {
	Client Loader
	Handle devlink.Handle
}

var (
	_ offload.LoadDevice   = Device{}
	_ offload.UpdateDevice = Device{}
)

// Info implements offload.LoadDevice.
func (d Device) Info(ctx context.Context) (offload.DeviceInfo, error) {
	info, err := d.Client.Info(ctx, d.Handle)
	if err != nil {
		return offload.DeviceInfo{}, fmt.Errorf("hw: read info: %w", err)
	}
	return Info(info), nil
}

// Flash implements offload.LoadDevice with DEVLINK_CMD_FLASH_UPDATE.
func (d Device) Flash(ctx context.Context, file, component string, progress func(offload.FlashProgress)) error {
	return d.Write(ctx, offload.FlashOrder{File: file, Component: component}, progress)
}

// Write implements offload.UpdateDevice with DEVLINK_CMD_FLASH_UPDATE.
func (d Device) Write(ctx context.Context, o offload.FlashOrder, progress func(offload.FlashProgress)) error {
	r := devlink.FlashRequest{File: o.File, Component: o.Component}
	if o.Settings {
		r.Overwrite |= devlink.OverwriteSettings
	}
	if o.Identifiers {
		r.Overwrite |= devlink.OverwriteIdentifiers
	}
	err := d.Client.Flash(ctx, d.Handle, r, func(s devlink.FlashStatus) {
		progress(offload.FlashProgress{Component: s.Component, Message: s.Message, Done: s.Done, Total: s.Total, Timeout: s.Timeout})
	})
	if err != nil {
		return fmt.Errorf("hw: flash %s: %w", o.File, err)
	}
	return nil
}

// Activate implements offload.LoadDevice with the reload action fw_activate, and the limit no_reset where that is
// asked for.
func (d Device) Activate(ctx context.Context, noReset bool) error {
	r := devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate}
	if noReset {
		r.Limits = []devlink.ReloadLimit{devlink.ReloadNoReset}
	}
	if _, err := d.Client.Reload(ctx, d.Handle, r); err != nil {
		return fmt.Errorf("hw: activate: %w", err)
	}
	return nil
}

// Reinit implements offload.UpdateDevice with the reload action driver_reinit.
func (d Device) Reinit(ctx context.Context) error {
	if _, err := d.Client.Reload(ctx, d.Handle, devlink.ReloadRequest{Action: devlink.ReloadDriverReinit}); err != nil {
		return fmt.Errorf("hw: start the driver anew: %w", err)
	}
	return nil
}

// Activation implements offload.UpdateDevice. The kernel counts the reloads that the driver can do, and no others.
func (d Device) Activation(ctx context.Context) (offload.Activation, error) {
	dev, err := d.Client.Device(ctx, d.Handle)
	if err != nil {
		return offload.Activation{}, fmt.Errorf("hw: read reloads: %w", err)
	}
	var a offload.Activation
	limits, ok := dev.Reload[devlink.ReloadFirmwareActivate]
	a.Reload = ok
	_, a.NoReset = limits[devlink.ReloadNoReset]
	_, a.Reinit = dev.Reload[devlink.ReloadDriverReinit]
	params, err := d.Client.Params(ctx, d.Handle)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return a, fmt.Errorf("hw: read parameters: %w", err)
	}
	for _, p := range params {
		switch p.Name {
		case devlink.ParamFirmwareLoadPolicy:
			a.LoadPolicy = paramWord(p)
		case devlink.ParamResetOnProbe:
			a.ResetOnProbe = paramWord(p)
		}
	}
	return a, nil
}

// paramWord is the name of a parameter's value, in the first mode that it has.
func paramWord(p devlink.Param) string {
	if len(p.Values) == 0 {
		return ""
	}
	return fmt.Sprint(p.Named(p.Values[0].Value))
}

// Differences implements offload.LoadDevice.
func (d Device) Differences(ctx context.Context, program *pipeline.Program) ([]string, error) {
	m, err := ReadModel(ctx, d.Client, d.Handle)
	if err != nil {
		return nil, err
	}
	return m.Compare(program), nil
}
