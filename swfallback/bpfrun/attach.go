package bpfrun

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Mode says where on a device's receive path the XDP program runs.
type Mode int

// The modes.
const (
	ModeAuto    Mode = iota // in the driver, or in the generic path where the driver cannot
	ModeNative              // in the driver, or not at all
	ModeGeneric             // behind the driver, on a socket buffer: slower, works with every driver
)

// String returns "auto", "native" or "generic".
func (m Mode) String() string {
	names := [...]string{"auto", "native", "generic"}
	if m < 0 || int(m) >= len(names) {
		return fmt.Sprintf("mode(%d)", int(m))
	}
	return names[m]
}

// ParseMode reads what Mode.String writes.
func ParseMode(s string) (Mode, error) {
	for m := ModeAuto; m <= ModeGeneric; m++ {
		if m.String() == s {
			return m, nil
		}
	}
	return 0, fmt.Errorf("bpfrun: parse mode %q: not auto, native or generic", s)
}

// Attachment is a Datapath at one network device.
type Attachment struct {
	Mode Mode // ModeNative or ModeGeneric, as it came to be
	// NotNative says why the driver did not take the program; nil where it did or was not asked.
	NotNative error

	xdp, tc link.Link // tc is nil where the Datapath has no tc program
	tcPin   string    // where tc is or would be pinned, "" when the Attachment is not
}

// Attach attaches a pipeline to the device with an index in the calling thread's network namespace. The tc
// program goes first, so that it is there when the first packet has passed the XDP program. The Attachment ends
// with Close unless it is pinned.
func Attach(d *Datapath, device int, mode Mode) (_ *Attachment, err error) {
	a := &Attachment{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("bpfrun: attach to device %d: %w", device, err), a.Close())
		}
	}()
	if program := d.Programs[ProgramTC]; program != nil {
		if a.tc, err = attachTC(program, device); err != nil {
			return nil, err
		}
	}
	if mode != ModeGeneric {
		a.Mode = ModeNative
		a.xdp, err = attachXDP(d.Programs[ProgramXDP], device, ModeNative)
		if err == nil || mode == ModeNative || !noDriverXDP(err) {
			return a, err
		}
		a.NotNative = err
	}
	a.Mode = ModeGeneric
	a.xdp, err = attachXDP(d.Programs[ProgramXDP], device, ModeGeneric)
	return a, err
}

// Pin keeps the attachment beyond the process, as dir/xdp_NAME and dir/tc_NAME. Names must not contain a
// dot, which the BPF file system reserves.
func (a *Attachment) Pin(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("bpfrun: pin attachment %s: %w", name, err)
	}
	a.tcPin = filepath.Join(dir, "tc_"+name)
	if a.tc != nil {
		if err := a.tc.Pin(a.tcPin); err != nil {
			return fmt.Errorf("bpfrun: pin attachment %s: %w", name, err)
		}
	}
	if err := a.xdp.Pin(filepath.Join(dir, "xdp_"+name)); err != nil {
		return fmt.Errorf("bpfrun: pin attachment %s: %w", name, err)
	}
	return nil
}

// OpenAttachment opens what Pin pinned. The kernel does not tell a link's mode; the caller knows it.
func OpenAttachment(dir, name string, mode Mode) (*Attachment, error) {
	a := &Attachment{Mode: mode, tcPin: filepath.Join(dir, "tc_"+name)}
	var err error
	if a.xdp, err = link.LoadPinnedLink(filepath.Join(dir, "xdp_"+name), nil); err != nil {
		return nil, fmt.Errorf("bpfrun: open attachment %s: %w", name, err)
	}
	a.tc, err = link.LoadPinnedLink(a.tcPin, nil)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("bpfrun: open attachment %s: %w", name, err), a.xdp.Close())
	}
	if err != nil {
		a.tc = nil
	}
	return a, nil
}

// Device returns the index of the device, 0 when it is gone: links outlive their device.
func (a *Attachment) Device() (int, error) {
	info, err := a.xdp.Info()
	if err != nil {
		return 0, fmt.Errorf("bpfrun: ask attachment: %w", err)
	}
	return deviceOf(info), nil
}

// ProgramID returns the kernel's number of the XDP program that runs.
func (a *Attachment) ProgramID() (ebpf.ProgramID, error) {
	info, err := a.xdp.Info()
	if err != nil {
		return 0, fmt.Errorf("bpfrun: ask attachment: %w", err)
	}
	return info.Program, nil
}

// Replace makes the device run another pipeline. Each program is exchanged in one step in the kernel: every
// packet is handled by the old or by the new XDP program, and none is lost between them. A tc program that is
// needed from now on is attached before, one that is not needed any more is detached after. On an error the
// device runs what it ran before. Where the device is gone nothing is done, and that is no error.
func (a *Attachment) Replace(next *Datapath) error {
	err := a.replace(next)
	if err == nil {
		return nil
	}
	if device, unknown := a.Device(); unknown == nil && device == 0 { // whatever it was that failed for want of a device
		return nil
	}
	return err
}

func (a *Attachment) replace(next *Datapath) error {
	program := next.Programs[ProgramTC]
	undo, err := a.replaceTC(program)
	if err != nil {
		return fmt.Errorf("bpfrun: replace tc program: %w", err)
	}
	if err := a.xdp.Update(next.Programs[ProgramXDP]); err != nil {
		return errors.Join(fmt.Errorf("bpfrun: replace xdp program: %w", err), undo())
	}
	if program == nil && a.tc != nil {
		return a.dropTC()
	}
	return nil
}

// replaceTC puts the new tc program in place, if there is one, and returns how to take that back.
func (a *Attachment) replaceTC(program *ebpf.Program) (undo func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case program == nil:
		return nothing, nil
	case a.tc == nil:
		device, err := a.Device()
		if err != nil {
			return nil, err
		}
		if a.tc, err = attachTC(program, device); err != nil {
			return nil, err
		}
		if a.tcPin != "" {
			err = a.tc.Pin(a.tcPin)
		}
		if err != nil {
			return nil, errors.Join(err, a.dropTC())
		}
		return a.dropTC, nil
	}
	old, err := programOf(a.tc)
	if err != nil {
		return nil, err
	}
	if err := a.tc.Update(program); err != nil {
		return nil, errors.Join(err, old.Close())
	}
	return func() error { return errors.Join(a.tc.Update(old), old.Close()) }, nil
}

// programOf returns the program that a link runs.
func programOf(l link.Link) (*ebpf.Program, error) {
	info, err := l.Info()
	if err != nil {
		return nil, err
	}
	return ebpf.NewProgramFromID(info.Program)
}

// dropTC detaches the tc program and removes its pin.
func (a *Attachment) dropTC() error {
	err := errors.Join(a.unpinTC(), a.tc.Close())
	a.tc = nil
	return err
}

func (a *Attachment) unpinTC() error {
	err := os.Remove(a.tcPin)
	if a.tcPin == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Detach takes the pipeline off the device and removes the pins, the XDP program first. When it returns the device
// runs nothing of it any more. The Attachment is closed by it.
func (a *Attachment) Detach() error {
	errs := []error{cut(a.xdp), a.xdp.Unpin(), a.xdp.Close()}
	if a.tc != nil {
		errs = append(errs, cut(a.tc), a.dropTC())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("bpfrun: detach: %w", err)
	}
	return nil
}

// cut detaches a link at once, where the kernel can (5.9); else it goes, a little later, with its last reference.
func cut(l link.Link) error {
	if err := l.Detach(); err != nil && !errors.Is(err, ebpf.ErrNotSupported) {
		return err
	}
	return nil
}

// DetachAll detaches everything whose attachment is pinned in a folder, whatever it belongs to, and removes the pins.
// A folder that is not there is no error.
func DetachAll(dir string) error {
	err := eachPin(dir, func(_, path string) error {
		l, err := link.LoadPinnedLink(path, nil)
		if err != nil {
			return err
		}
		return errors.Join(cut(l), l.Unpin(), l.Close())
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("bpfrun: detach all of %s: %w", dir, err)
	}
	return nil
}

// Close closes the descriptors. An attachment that is not pinned ends.
func (a *Attachment) Close() error {
	var errs []error
	for _, l := range []link.Link{a.xdp, a.tc} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
