package hw

import (
	"context"
	"fmt"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/firmware/pipeline"
	"github.com/p4dev/p4dev/offload"
)

// Loader is what a Device needs of a devlink.Client.
type Loader interface {
	Devlink
	Info(context.Context, devlink.Handle) (devlink.Info, error)
	Flash(context.Context, devlink.Handle, devlink.FlashRequest, func(devlink.FlashStatus)) error
	Reload(context.Context, devlink.Handle, devlink.ReloadRequest) ([]devlink.ReloadAction, error)
}

var _ Loader = (*devlink.Client)(nil)

// Device is a devlink device as offload.Load needs it.
type Device struct {
	Client Loader
	Handle devlink.Handle
}

var _ offload.LoadDevice = Device{}

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
	r := devlink.FlashRequest{File: file, Component: component}
	err := d.Client.Flash(ctx, d.Handle, r, func(s devlink.FlashStatus) {
		progress(offload.FlashProgress{Message: s.Message, Done: s.Done, Total: s.Total})
	})
	if err != nil {
		return fmt.Errorf("hw: flash %s: %w", file, err)
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

// Differences implements offload.LoadDevice.
func (d Device) Differences(ctx context.Context, program *pipeline.Program) ([]string, error) {
	m, err := ReadModel(ctx, d.Client, d.Handle)
	if err != nil {
		return nil, err
	}
	return m.Compare(program), nil
}
