package offload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/p4dev/p4dev/firmware"
)

// FlashOrder is what a device is to write into its flash.
type FlashOrder struct {
	File      string // relative to the kernel's firmware folders
	Component string // a part of the device by the name of its version; "": what the file is for
	// Settings and Identifiers may be overwritten as well.
	Settings, Identifiers bool
}

// Activation says how a device can be made to run what is stored in it.
type Activation struct {
	Reload       bool // by reload fw_activate
	NoReset      bool // which can keep traffic up
	Reinit       bool // the driver can be started anew
	LoadPolicy   string
	ResetOnProbe string
}

// ErrNotUpdated reports that a device does not have the versions that it should have, after an update.
var ErrNotUpdated = errors.New("the device does not have what is wanted")

// Values of the parameters fw_load_policy and reset_dev_on_drv_probe that decide what an update does.
const (
	LoadFromFlash = "flash"
	LoadFromDisk  = "disk"
	ResetAlways   = "always"
)

// UpdateDevice is a device as Update needs it; offload/hw has it over devlink.
type UpdateDevice interface {
	Info(context.Context) (DeviceInfo, error)
	// Write has the device flashed. Progress is called on this goroutine.
	Write(context.Context, FlashOrder, func(FlashProgress)) error
	Activation(context.Context) (Activation, error)
	// Activate is that of LoadDevice; Reinit starts the driver anew.
	Activate(ctx context.Context, noReset bool) error
	Reinit(context.Context) error
}

// UpdateRequest says which firmware of its vendor a device is to get: a file that is no P4 package.
type UpdateRequest struct {
	Device UpdateDevice
	// File is a path, or a name below the firmware folders; it may be "" where nothing has to be written.
	File   string
	Search firmware.Search
	Stager FolderStager // for files that lie elsewhere
	Order  FlashOrder   // without the file
	// Disk is the name below /lib/firmware under which the driver looks for the file: it is put there instead of into
	// flash. "": into flash.
	Disk string
	// Want are the versions that the device should have afterwards, by component; nil: not known, and the file is
	// written whatever is there.
	Want          map[string]string
	Trust         firmware.Trust
	Mode          firmware.TrustMode
	AllowUnsigned bool
	AllowReset    bool // the device may reset, and lose what is in flight
	DryRun        bool
	Wait          time.Duration // for the device to run what was activated; 0: DefaultWait
	History       *firmware.History
	Observe       func(Event)
}

// What is left to do before the device runs what it was given.
const (
	NeedsReset  = "reset"  // which AllowReset did not allow
	NeedsDriver = "driver" // the driver has to be bound to the device anew
	NeedsReboot = "reboot" // or a power cycle
)

// UpdateReport says what an update found and did, or with DryRun would do.
type UpdateReport struct {
	Device     string            `json:"device"`
	Driver     string            `json:"driver"`
	Fixed      map[string]string `json:"fixed,omitempty"` // the design, by which firmware is chosen
	File       string            `json:"file,omitempty"`
	FlashName  string            `json:"flash_name,omitempty"` // what the device's loader was told
	Components []ComponentReport `json:"components,omitempty"`
	// LoadPolicy and ResetOnProbe are the parameters of these names; "" where the device does not have them.
	LoadPolicy   string `json:"fw_load_policy,omitempty"`
	ResetOnProbe string `json:"reset_dev_on_drv_probe,omitempty"`

	Written   bool     `json:"written"`         // into flash or onto disk
	Activated bool     `json:"activated"`       // by a reload
	Needs     string   `json:"needs,omitempty"` // NeedsReset, NeedsDriver or NeedsReboot
	Notes     []string `json:"notes,omitempty"`
	Steps     []string `json:"steps,omitempty"` // of the plan, in words
}

// ComponentReport is a component that has, or should have, another version than before.
type ComponentReport struct {
	Name    string `json:"name"`
	Want    string `json:"want,omitempty"`
	Stored  Change `json:"stored,omitzero"`
	Running Change `json:"running,omitzero"`
}

// Change is a version before and after; "" where the device reports none.
type Change struct {
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Update brings firmware of a vendor into a device, as the kernel's documentation asks of an update agent (Linux,
// Documentation/networking/devlink/devlink-flash.rst): what is wanted is compared with what is stored, and flashed where
// it differs; then with what runs, and the device is made to run it by reload where it can do that. Where it cannot, the
// report says what it takes. ErrNothingToDo reports that everything wanted runs.
func Update(ctx context.Context, r UpdateRequest) (*UpdateReport, error) {
	if r.Wait == 0 {
		r.Wait = DefaultWait
	}
	if r.Observe == nil {
		r.Observe = func(Event) {}
	}
	u := &updater{UpdateRequest: r, report: &UpdateReport{}, start: time.Now()}
	if err := u.find(); err != nil {
		return u.report, fmt.Errorf("offload: update: find firmware: %w", err)
	}
	defer u.close()
	err := u.run(ctx)
	if u.report.Written || u.tried || u.refused {
		u.record(err)
	}
	if err != nil {
		err = fmt.Errorf("offload: update %s: %w", u.report.Device, err)
	}
	return u.report, err
}

// updater is one call of Update.
type updater struct {
	UpdateRequest
	report *UpdateReport
	file   *vendorFile // nil: none was named
	before DeviceInfo
	can    Activation
	signer *firmware.Signer
	start  time.Time

	tried   bool // the device, or the disk, was written to
	refused bool // for the file's signature
}

func (u *updater) step(s Step, format string, args ...any) {
	u.Observe(LoadStep{Step: s, Message: fmt.Sprintf(format, args...)})
}

func (u *updater) note(format string, args ...any) {
	u.report.Notes = append(u.report.Notes, fmt.Sprintf(format, args...))
}

func (u *updater) run(ctx context.Context) (err error) {
	if u.before, err = u.Device.Info(ctx); err != nil {
		return err
	}
	u.report.Device, u.report.Driver, u.report.Fixed = u.before.Device, u.before.Driver, u.before.Fixed
	if u.can, err = u.Device.Activation(ctx); err != nil {
		return err
	}
	u.report.LoadPolicy, u.report.ResetOnProbe = u.can.LoadPolicy, u.can.ResetOnProbe
	if err := u.check(); err != nil {
		return err
	}
	write, wrong := u.compare(u.before), u.outdated(u.before)
	if len(u.Want) > 0 && len(write) == 0 && len(wrong) == 0 {
		u.finish(u.before)
		return ErrNothingToDo
	}
	write = u.toWrite(write, wrong)
	u.plan(write)
	if u.DryRun {
		u.finish(u.before)
		return nil
	}
	if len(write) > 0 {
		if err := u.write(ctx); err != nil {
			return err
		}
	}
	return u.settle(ctx)
}

// check refuses what cannot be meant, and whom nobody trusts.
func (u *updater) check() error {
	reported := maps.Clone(u.before.Running)
	if reported == nil {
		reported = map[string]string{}
	}
	maps.Copy(reported, u.before.Stored)
	for _, name := range slices.Sorted(maps.Keys(u.Want)) {
		if _, ok := reported[name]; !ok {
			return fmt.Errorf("the device reports no version %s; it has %s", name,
				strings.Join(slices.Sorted(maps.Keys(reported)), ", "))
		}
	}
	if u.Disk != "" && u.can.LoadPolicy == LoadFromFlash {
		return errors.New("the device does not look on disk: its parameter fw_load_policy is flash")
	}
	if u.Disk == "" && u.can.LoadPolicy == LoadFromDisk {
		u.note("fw_load_policy is disk: the device may run what lies on disk, whatever is in its flash")
	}
	if u.file == nil {
		if len(u.Want) == 0 {
			return errors.New("neither a file nor a wanted version is named")
		}
		return nil
	}
	return u.verify()
}

// verify checks the signature beside the file.
func (u *updater) verify() error {
	if u.Mode == firmware.TrustOff {
		return nil
	}
	signer, err := firmware.VerifySignature(u.file.reader(), u.file.signature, u.Trust)
	u.signer = signer
	switch {
	case err == nil:
		return nil
	case errors.Is(err, firmware.ErrBadSignature):
		u.refused = true
		return err
	case u.Mode == firmware.TrustRequire && !u.AllowUnsigned:
		u.refused = true
		return fmt.Errorf("%w; %s loads it all the same", err, firmware.Unsigned.Flag())
	case !u.AllowUnsigned:
		u.note("%s: %v", u.file.path, err)
	}
	return nil
}

// stored is the version of a component that the device keeps: in flash, or where it does not say, what it runs.
func stored(info DeviceInfo, name string) string {
	if v, ok := info.Stored[name]; ok {
		return v
	}
	return info.Running[name]
}

// compare returns the components that are wanted in another version than the device keeps.
func (u *updater) compare(info DeviceInfo) []string {
	var other []string
	for _, name := range slices.Sorted(maps.Keys(u.Want)) {
		if stored(info, name) != u.Want[name] {
			other = append(other, name)
		}
	}
	return other
}

// outdated returns the components of which the device keeps, or should have, another version than it runs.
func (u *updater) outdated(info DeviceInfo) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(info.Running)) {
		want, wanted := u.Want[name]
		kept, isStored := info.Stored[name]
		switch running := info.Running[name]; {
		case wanted && running != want, !wanted && len(u.Want) == 0 && isStored && kept != running:
			out = append(out, name)
		}
	}
	return out
}

// toWrite says what is written: into flash what is stored in another version, onto disk what runs in another; all of
// the file where nobody said what is wanted.
func (u *updater) toWrite(notStored, notRunning []string) []string {
	switch {
	case u.file == nil:
		return nil
	case len(u.Want) == 0:
		return []string{orWhole(u.Order.Component)}
	case u.Disk != "":
		return notRunning
	}
	return notStored
}

func orWhole(component string) string {
	if component == "" {
		return "what the file holds"
	}
	return component
}

// plan fills the report with what will be done.
func (u *updater) plan(write []string) {
	add := func(format string, args ...any) {
		u.report.Steps = append(u.report.Steps, fmt.Sprintf(format, args...))
	}
	switch {
	case len(write) == 0:
	case u.Disk != "":
		add("put %s into the firmware folder as %s", u.file.path, u.Disk)
	default:
		add("flash %s into %s%s", u.file.path, u.report.Device, component(u.Order.Component))
	}
	switch {
	case u.Disk != "" && u.can.Reinit && u.AllowReset:
		add("start the driver anew")
	case u.Disk == "" && u.can.Reload && u.can.NoReset:
		add("activate it without a reset, if the device does not do so itself")
	case u.Disk == "" && u.can.Reload && u.AllowReset:
		add("activate it with a reset, if the device does not do so itself")
	default:
		add("nothing to activate it: it runs %s", afterWhat(u.needs()))
	}
}

// needs is what it takes to run what was written, where nothing is done about it.
func (u *updater) needs() string {
	switch {
	case u.Disk != "":
		return NeedsDriver
	case u.can.Reload:
		return NeedsReset
	case u.can.ResetOnProbe == ResetAlways:
		return NeedsDriver
	}
	return NeedsReboot
}

// afterWhat says in words what is needed.
func afterWhat(needs string) string {
	switch needs {
	case NeedsReset:
		return "after a reset: again with --allow-reset"
	case NeedsDriver:
		return "after the driver was bound to the device anew"
	}
	return "after a reboot or a power cycle"
}
