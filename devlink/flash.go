package devlink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
)

// Overwrite says which sections of a flash component an update may overwrite besides the program itself (the
// DEVLINK_FLASH_OVERWRITE bits).
type Overwrite uint32

// The sections that an update leaves alone unless told.
const (
	OverwriteSettings    Overwrite = 1 << 0
	OverwriteIdentifiers Overwrite = 1 << 1
)

// A FlashRequest says what to write into a device's flash.
type FlashRequest struct {
	// File is the image's name relative to the kernel's firmware search path (/lib/firmware and others): the kernel
	// reads it, not this process.
	File string
	// Component is what to update, named as in Info's versions; empty: the whole device.
	Component string
	// Overwrite is sent where it is not zero; drivers without support for it refuse.
	Overwrite Overwrite
}

// A FlashStatus is one report of progress. Done and Total are in units of the driver's choice and zero where it has
// none.
type FlashStatus struct {
	Component string `json:"component,omitempty"`
	Message   string `json:"msg,omitempty"`
	Done      uint64 `json:"done,omitempty"`
	Total     uint64 `json:"total,omitempty"`
	// Timeout is how long the announced step may take at most, 0 where the driver does not say. It comes in seconds.
	Timeout time.Duration `json:"-"`
}

// MarshalJSON implements json.Marshaler: the timeout is "timeout", in seconds.
func (s FlashStatus) MarshalJSON() ([]byte, error) {
	type plain FlashStatus
	return json.Marshal(struct {
		plain
		Timeout int64 `json:"timeout,omitempty"`
	}{plain(s), int64(s.Timeout / time.Second)})
}

// Grace periods for progress that is still under way when the update's answer has arrived. Notifications are queued
// before the answer, but on another socket.
const (
	flashGrace       = 250 * time.Millisecond // the end of the update was not seen yet
	flashGraceFailed = 20 * time.Millisecond  // the update failed before anything was seen
)

// Flash writes an image into a device and returns when that has ended. Progress, where it is not nil, is called on
// this goroutine for every report about this device, in order, also for the last ones before an error; it must not
// block for long, or reports are lost. The kernel holds the device's lock all the time: queries to the same device
// wait for the end.
//
// When ctx ends Flash returns its error, but the kernel goes on: a flash update cannot be called off.
func (c *Client) Flash(ctx context.Context, h Handle, r FlashRequest, progress func(FlashStatus)) error {
	req := &request{op: "flash device", device: h, cmd: CmdFlashUpdate, attrs: func(ae *netlink.AttributeEncoder) {
		ae.String(attrFlashUpdateFileName, r.File)
		if r.Component != "" {
			ae.String(attrFlashUpdateComponent, r.Component)
		}
		if r.Overwrite != 0 {
			ae.Bytes(attrFlashUpdateOverwriteMask, bitfield32(uint32(r.Overwrite), uint32(r.Overwrite)))
		}
	}}
	if progress == nil {
		return c.command(ctx, req)
	}
	notes, err := c.subscribe(ctx)
	if err != nil {
		return wrap(req, err)
	}
	defer c.drop(notes)
	return c.flashWatched(ctx, req, notes, progress)
}

// flashWatched sends the request on one endpoint while it reads progress from notes.
func (c *Client) flashWatched(ctx context.Context, req *request, notes *wire, progress func(FlashStatus)) error {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	f := flashWatch{device: req.device, progress: progress, family: c.known().id}
	answer := make(chan error, 1)
	go func() {
		err := c.command(ctx, req)
		answer <- err
		stop()
	}()
	watchErr := f.until(watch, notes)
	if watch.Err() != nil {
		watchErr = nil // the update has its answer, or the caller is gone
	} else {
		// The progress is broken, the update is not: it still decides.
		watchErr = wrap(req, fmt.Errorf("read progress: %w", watchErr))
	}
	err := <-answer
	if ctx.Err() == nil && watchErr == nil {
		f.drain(ctx, notes, err)
	}
	return errors.Join(err, watchErr)
}

// A flashWatch follows the notifications of one update.
type flashWatch struct {
	device       Handle
	family       uint16
	progress     func(FlashStatus)
	begun, ended bool
}

// until reads notifications until the context or the endpoint ends, which is always an error. Lost ones are not.
func (f *flashWatch) until(ctx context.Context, notes *wire) error {
	for {
		datagram, err := notes.recv(ctx)
		if isLost(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := f.datagram(datagram); err != nil {
			return err
		}
	}
}

// drain reads what was queued before the update's answer.
func (f *flashWatch) drain(ctx context.Context, notes *wire, answer error) {
	if f.ended {
		return
	}
	grace := flashGrace
	if answer != nil && !f.begun {
		grace = flashGraceFailed
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for !f.ended {
		datagram, err := notes.recv(ctx)
		if isLost(err) {
			continue
		}
		if err != nil || f.datagram(datagram) != nil {
			return
		}
	}
}

// datagram takes one datagram of notifications.
func (f *flashWatch) datagram(datagram []byte) error {
	for len(datagram) > 0 {
		m, rest, err := splitMessage(datagram)
		if err != nil {
			return err
		}
		datagram = rest
		if m.Header.Type != netlink.HeaderType(f.family) {
			continue
		}
		cmd, attrs, err := splitGeneric(m.Data)
		if err != nil {
			return err
		}
		if err := f.notification(cmd, attrs); err != nil {
			return err
		}
	}
	return nil
}

// notification takes one notification, of whatever device.
func (f *flashWatch) notification(cmd Command, attrs []byte) error {
	if !isAbout(attrs, f.device) {
		return nil
	}
	switch cmd {
	case CmdFlashUpdate:
		f.begun = true
	case CmdFlashUpdateEnd:
		f.ended = true
	case CmdFlashUpdateStatus:
		f.begun = true
		status, err := decodeFlashStatus(attrs)
		if err != nil {
			return err
		}
		f.progress(status)
	}
	return nil
}

// decodeFlashStatus reads a DEVLINK_CMD_FLASH_UPDATE_STATUS notification.
func decodeFlashStatus(attrs []byte) (FlashStatus, error) {
	var s FlashStatus
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrFlashUpdateComponent:
			s.Component = ad.String()
		case attrFlashUpdateStatusMsg:
			s.Message = ad.String()
		case attrFlashUpdateStatusDone:
			s.Done = ad.Uint64()
		case attrFlashUpdateStatusTotal:
			s.Total = ad.Uint64()
		case attrFlashUpdateStatusTimeout:
			s.Timeout = seconds(ad.Uint64())
		}
	})
	return s, err
}

// seconds converts, and keeps within what a Duration can hold.
func seconds(n uint64) time.Duration {
	return time.Duration(min(n, uint64(1<<63-1)/uint64(time.Second))) * time.Second
}
