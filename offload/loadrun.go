package offload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/p4dev/p4dev/firmware"
)

// LoadError is a load that failed, or found nothing to do.
type LoadError struct {
	Step  Step
	Err   error  // what happened
	State string // what state the device and the traffic are in
	Next  string // what to do; "" where Err says it
}

// Error says all three.
func (e *LoadError) Error() string {
	text := fmt.Sprintf("offload: load: %s: %v; %s", e.Step, e.Err, e.State)
	if e.Next != "" {
		text += "; " + e.Next
	}
	return text
}

// Unwrap returns what happened.
func (e *LoadError) Unwrap() error { return e.Err }

func (l *loader) fail(s Step, err error, state, next string) error {
	return &LoadError{Step: s, Err: err, State: state, Next: next}
}

// run changes the device.
func (l *loader) run(ctx context.Context) error {
	if err := l.handOver(ctx); err != nil {
		return err
	}
	if err := l.flash(ctx); err != nil {
		return err
	}
	if err := l.activate(ctx); err != nil {
		return err
	}
	info, err := l.verify(ctx)
	if err != nil {
		return err
	}
	return l.follow(ctx, info)
}

// handOver lets software carry the traffic.
func (l *loader) handOver(ctx context.Context) error {
	if l.Manager == nil {
		return nil
	}
	l.step(StepHandOver, "software takes the traffic over")
	pins, err := l.Manager.pins(ctx)
	if err != nil {
		l.Observe(Trouble{"read entries with skip_sw", err})
	}
	l.pins = pins
	err = l.Manager.CloseGate(ctx, GateUnknown, "a load is in progress")
	l.report.Gate = l.Manager.Gate()
	if err == nil {
		return nil
	}
	return l.fail(StepHandOver, err, "nothing was written to the device; the gate is shut, and hardware may answer part of the packets",
		"see that the device's agent runs, then load again")
}

// flash writes the package.
func (l *loader) flash(ctx context.Context) error {
	name, remove, err := l.stage(ctx)
	if err != nil {
		return l.back(ctx, StepCopy, err)
	}
	defer func() {
		if err := remove(); err != nil {
			l.Observe(Trouble{"remove " + name, err})
		}
	}()
	l.report.FlashName = name
	l.step(StepFlash, "%s into %s%s", name, l.report.Device, component(l.report.Component))
	err = l.Device.Flash(ctx, name, l.report.Component, func(p FlashProgress) {
		l.Observe(p.step())
	})
	if err != nil {
		return l.back(ctx, StepFlash, err)
	}
	return nil
}

func (l *loader) stage(ctx context.Context) (name string, remove func() error, err error) {
	if l.source.flashName != "" {
		return l.source.flashName, func() error { return nil }, nil
	}
	if l.Stager == nil {
		return "", nil, fmt.Errorf("%s lies outside of the firmware folders: %w", l.source.path, fs.ErrNotExist)
	}
	l.step(StepCopy, "copy %s into the firmware folder", l.source.path)
	return l.Stager.Stage(ctx, l.source.pkg)
}

// activate makes the device run what is stored, unless it does already.
func (l *loader) activate(ctx context.Context) error {
	info, err := l.Device.Info(ctx)
	if err != nil || programOf(info.Running) == l.report.Package {
		return nil // a device that is away is given time by verify
	}
	l.step(StepActivate, "reload fw_activate")
	err = l.Device.Activate(ctx, true)
	if err != nil && l.AllowReset {
		l.step(StepActivate, "reload fw_activate, with a reset")
		err = l.Device.Activate(ctx, false)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errors.ErrUnsupported) && programOf(info.Stored) != l.report.Package:
		return nil // nothing waits to be activated; verify finds out whether the device is still at it
	case errors.Is(err, errors.ErrUnsupported) && l.AllowReset:
		l.pending = true
		return l.back(ctx, StepActivate, fmt.Errorf("%w, and the driver cannot do it: %w", ErrNeedsReset, err))
	case errors.Is(err, errors.ErrUnsupported):
		l.pending = true
		return l.back(ctx, StepActivate, fmt.Errorf("%w: %w", ErrNeedsReset, err))
	}
	return l.back(ctx, StepActivate, err)
}

// verify waits until the device reports the package.
func (l *loader) verify(ctx context.Context) (DeviceInfo, error) {
	l.step(StepVerify, "the device must report %s %s", l.report.Package.Name, l.report.Package.Version)
	ctx, cancel := context.WithTimeout(ctx, l.Wait)
	defer cancel()
	var info DeviceInfo
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		var err error
		if info, err = l.Device.Info(ctx); err == nil {
			if err = l.compare(info); err == nil {
				return info, nil
			}
			if l.other(info) {
				return info, l.back(ctx, StepVerify, fmt.Errorf("%w: %w", ErrNotVerified, err))
			}
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return info, l.back(context.WithoutCancel(ctx), StepVerify, fmt.Errorf("%w within %v: %w", ErrNotVerified, l.Wait, err))
		}
	}
}

// other reports whether the device runs another program than before that has the package's name and version and
// is not the package's: it has loaded, and waiting changes nothing.
func (l *loader) other(info DeviceInfo) bool {
	got, want := programOf(info.Running), l.report.Package
	return got.Name == want.Name && got.Version == want.Version && got.Source != "" && got != l.report.Before
}

// compare says in what the device's report differs from the package. Opaque packages may have no source tag.
func (l *loader) compare(info DeviceInfo) error {
	got, want := programOf(info.Running), l.report.Package
	var wrong []string
	note := func(what, got, want string) {
		wrong = append(wrong, fmt.Sprintf("%s is %q, not %q", what, got, want))
	}
	if got.Name != want.Name {
		note(InfoName, got.Name, want.Name)
	}
	if got.Version != want.Version {
		note(InfoVersion, got.Version, want.Version)
	}
	if want.Source != "" && !firmware.SameSource(strings.ToLower(got.Source), strings.ToLower(want.Source)) {
		note(InfoSource, got.Source, want.Source)
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, ", "))
	}
	return nil
}

// follow lets software run the program, checks the gate and puts the entries back.
func (l *loader) follow(ctx context.Context, info DeviceInfo) error {
	if l.program == nil {
		l.report.Gate = CheckGate(info, "", nil)
		return nil
	}
	differences, err := l.Device.Differences(ctx, l.program)
	if err != nil {
		differences = []string{fmt.Sprintf("the advertisement cannot be read: %v", err)}
	}
	gate := CheckGate(info, l.report.Package.Source, differences)
	l.report.Gate = gate
	if l.Switch == nil {
		if err := l.gateError(gate); err != nil || l.Manager == nil {
			return err
		}
		return l.stay(ctx, info)
	}
	l.step(StepReconcile, "software follows, entries go back into hardware")
	m, err := l.Switch(ctx, l.source.pkg)
	if err != nil {
		err = errors.Join(fmt.Errorf("switch software: %w", err), l.setGate(ctx, l.gateFor(ctx, info)))
		return l.fail(StepReconcile, err,
			"the device runs "+l.label()+"; software carries the traffic with the program that it had, and the gate is shut",
			"attach the package's program to software")
	}
	l.report.Manager = m
	if err := m.SetGate(ctx, gate); err != nil {
		l.report.Gate = m.Gate()
		return l.fail(StepReconcile, err, "device and software run "+l.label()+"; entries that are missing in hardware are carried by software",
			"p4dev table reconcile puts them back")
	}
	l.report.Gate = m.Gate()
	l.restorePins(m)
	return l.gateError(gate)
}

// stay leaves software with the program that it had, and gives the device its entries back if that is the same.
func (l *loader) stay(ctx context.Context, info DeviceInfo) error {
	if err := l.setGate(ctx, l.gateFor(ctx, info)); err != nil {
		return l.fail(StepReconcile, err, "the device runs "+l.label()+"; entries that are missing in hardware are carried by software",
			"p4dev table reconcile puts them back")
	}
	return nil
}

// gateError reports a gate that stays shut although the device reports the package.
func (l *loader) gateError(g Gate) error {
	if g.Open() {
		return nil
	}
	return l.fail(StepVerify, fmt.Errorf("%w: %s: %s", ErrNotVerified, g.Reason, strings.Join(g.Differences, "; ")),
		"the device runs "+l.label()+", but the gate stays shut: "+l.entries(),
		"p4dev show says in what the device differs; load a package that was made for it")
}

func (l *loader) label() string { return l.report.Package.Name + " " + l.report.Package.Version }

// back finds out what state a failed load left the device in, and gives it the traffic back if it still runs what
// it did.
func (l *loader) back(ctx context.Context, s Step, cause error) error {
	ctx = context.WithoutCancel(ctx)
	info, err := l.Device.Info(ctx)
	if err != nil {
		state := "the device does not answer" + l.traffic()
		l.setGate(ctx, Gate{State: GateAbsent, Device: l.report.Device, Reason: "the device does not answer: " + err.Error()})
		return l.fail(s, errors.Join(cause, err), state, "reset the device, then load again")
	}
	next := "load again, or load another package"
	if l.pending {
		next = "reset the device; or load again with --allow-reset"
	}
	was, now := l.report.Before, programOf(info.Running)
	if now != was {
		l.setGate(ctx, l.gateFor(ctx, info))
		return l.fail(s, cause, "the device reports "+describe(now)+", before it was "+describe(was)+l.traffic(), next)
	}
	if err := l.setGate(ctx, l.gateFor(ctx, info)); err != nil {
		return l.fail(s, errors.Join(cause, err), "the device runs what it did"+l.traffic(), next)
	}
	state := "the device runs what it did" + l.traffic()
	switch {
	case was == firmware.Program{}:
		state = "the device runs no program, as before" + l.traffic()
	case l.Manager != nil && l.Manager.Gate().Open():
		state = "the device runs what it did and has its entries back"
	}
	if l.pending {
		state = l.label() + " is stored in the device and does not run yet; " + state
	}
	return l.fail(s, cause, state, next)
}

// describe names a program that a device reports.
func describe(p firmware.Program) string {
	if p.Name == "" && p.Version == "" {
		return "no program"
	}
	return fmt.Sprintf("%q %q", p.Name, p.Version)
}

// gateFor compares the device with the program that software still runs.
func (l *loader) gateFor(ctx context.Context, info DeviceInfo) Gate {
	if l.Manager == nil {
		return CheckGate(info, l.report.Before.Source, nil)
	}
	differences, err := l.Device.Differences(ctx, l.Manager.program)
	if err != nil {
		differences = []string{fmt.Sprintf("the advertisement cannot be read: %v", err)}
	}
	return CheckGate(info, l.Manager.Gate().Want, differences)
}

func (l *loader) setGate(ctx context.Context, g Gate) error {
	l.report.Gate = g
	if l.Manager == nil {
		return nil
	}
	err := l.Manager.SetGate(ctx, g)
	l.report.Gate = l.Manager.Gate()
	l.restorePins(l.Manager)
	return err
}

// traffic says who carries it while the gate is shut.
func (l *loader) traffic() string {
	if l.Manager == nil {
		return "; no software is attached to carry the traffic"
	}
	return "; software carries the traffic, and the gate is shut"
}

// entries says where they are while the gate stays shut.
func (l *loader) entries() string {
	if l.Manager == nil {
		return "it gets no entries"
	}
	return "software carries all entries"
}

// record writes the history.
func (l *loader) record(err error) {
	if l.History == nil || l.DryRun || errors.Is(err, ErrNothingToDo) {
		return
	}
	p, was := l.report.Package, l.report.Before
	r := firmware.LoadRecord{Device: l.report.Device, Name: p.Name, Version: p.Version, Source: p.Source,
		LowestVersion: l.source.pkg.Manifest.LowestVersion, FromName: was.Name, FromVersion: was.Version,
		Result: l.result(err), Duration: time.Since(l.start)}
	if l.signer != nil {
		r.Signer = l.signer.Fingerprint
	}
	if err != nil {
		r.Message = err.Error()
	}
	var sumErr error
	if r.SHA256, sumErr = l.source.pkg.SHA256(); sumErr != nil {
		l.Observe(Trouble{"compute the package's digest", sumErr})
	}
	if l.Probe && r.Result == firmware.LoadRefused && l.recorded(r) {
		return
	}
	l.step(StepRecord, "%s", r.Result)
	if err := l.History.Append(r); err != nil {
		l.Observe(Trouble{"record the load", err})
	}
}

// recorded reports whether the history says the same already, as the last thing of the device.
func (l *loader) recorded(r firmware.LoadRecord) bool {
	records, _, err := l.History.Read()
	if err != nil {
		return false
	}
	for _, last := range slices.Backward(records) {
		if last.Device == r.Device {
			return last.Result == r.Result && last.SHA256 == r.SHA256 && last.Message == r.Message
		}
	}
	return false
}

// result classes the outcome.
func (l *loader) result(err error) firmware.LoadResult {
	var failed *LoadError
	var refused *firmware.RefusedError
	switch {
	case err == nil:
		return firmware.Loaded
	case l.pending:
		return firmware.LoadPending
	case errors.As(err, &refused) || errors.Is(err, ErrNeedsReset):
		return firmware.LoadRefused
	case errors.As(err, &failed) && failed.Step == StepReconcile:
		return firmware.Loaded
	}
	return firmware.LoadFailed
}
