package offload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/pipeline"
)

// Errors of Load beside those of firmware and of the device.
var (
	// ErrNothingToDo reports that the device runs the package already.
	ErrNothingToDo = errors.New("the device runs this version already")
	// ErrNeedsReset reports that the program runs only after a reset, which LoadRequest.AllowReset did not
	// allow or the driver cannot do.
	ErrNeedsReset = errors.New("a reset is needed")
	// ErrNotVerified reports that the device does not say afterwards that it runs the package.
	ErrNotVerified = errors.New("the device does not report the package")
)

// FlashProgress is one report of a device while it is written to.
type FlashProgress struct {
	Component   string
	Message     string
	Done, Total uint64
	Timeout     time.Duration // that the driver announces for the step; 0: none
}

// step is the report as an event.
func (p FlashProgress) step() LoadStep {
	return LoadStep{Step: StepFlash, Component: p.Component, Message: p.Message, Done: p.Done, Total: p.Total, Timeout: p.Timeout}
}

// LoadDevice is a device as Load needs it; offload/hw has it over devlink.
type LoadDevice interface {
	Info(context.Context) (DeviceInfo, error)
	// Flash writes a package, named relative to the kernel's firmware folders, into a component; "" is the whole
	// device. Progress is called on this goroutine.
	Flash(ctx context.Context, file, component string, progress func(FlashProgress)) error
	// Activate makes the device run what is stored, without a reset where noReset asks for that. Devices that
	// cannot are an errors.ErrUnsupported.
	Activate(ctx context.Context, noReset bool) error
	// Differences compares what the device advertises with a program, for the gate.
	Differences(context.Context, *pipeline.Program) ([]string, error)
}

// LoadRequest says what to load, where, and how careful to be.
type LoadRequest struct {
	Device   LoadDevice
	Identity firmware.DeviceIdentity
	// File is a path, or a name below the firmware folders ("p4dev/l3router.p4fw"); "": search for the device.
	File   string
	Search firmware.Search
	// Stager makes a package that lies elsewhere visible to the device's loader; nil: such packages are refused.
	Stager  Stager
	Trust   firmware.Trust
	Policy  firmware.Policy
	History *firmware.History // nil: none is kept
	// AllowReset permits a load after which the device resets, and with that the loss of what is in flight.
	AllowReset bool
	// Manager places the entries of the program that runs now; nil: there are none.
	Manager *Manager
	// Switch makes software run the package's program and returns the manager over it, called when the device
	// was verified; nil: there is no software.
	Switch func(context.Context, *firmware.Package) (*Manager, error)
	DryRun bool
	// Probe says that nobody is there to decide: a package that is older than what runs is nothing to do, and a refusal
	// that the history ends with already is not recorded again.
	Probe bool
	// Wait is how long the device may take to report the package after activation; 0: DefaultWait.
	Wait    time.Duration
	Observe func(Event) // nil: nobody
}

// DefaultWait is how long a device may be away after activation.
const DefaultWait = 30 * time.Second

// LoadReport says what a load found and did, or with DryRun would do.
type LoadReport struct {
	Device    string             `json:"device"`
	File      string             `json:"file"`       // where the package was found
	FlashName string             `json:"flash_name"` // what the device's loader is told; "" before it is staged
	Component string             `json:"component,omitempty"`
	Package   firmware.Program   `json:"package"`
	Before    firmware.Program   `json:"before"` // what ran
	Findings  []firmware.Finding `json:"findings,omitempty"`
	// Carried reports that software takes the traffic while the device loads.
	Carried bool     `json:"carried"`
	Steps   []string `json:"steps"` // of the plan, in words
	Gate    Gate     `json:"gate"`  // afterwards
	Manager *Manager `json:"-"`     // over the program that runs afterwards; nil where there is no software
}

// Load brings a package into a device: it finds and checks it, hands traffic over to software, has the device
// flashed and activated, verifies that the device reports name, version and source tag of the package, lets
// software follow, and puts the entries back into hardware. With an error the report says how far it got; the
// error is a *LoadError once the package was found.
//
// Until the device is verified the gate stays shut. After a failure it opens again only if the device still runs
// what it did, which Load finds out itself.
func Load(ctx context.Context, r LoadRequest) (*LoadReport, error) {
	if r.Device == nil {
		return nil, errors.New("offload: load: no device")
	}
	if r.Wait == 0 {
		r.Wait = DefaultWait
	}
	if r.Observe == nil {
		r.Observe = func(Event) {}
	}
	l := &loader{LoadRequest: r, report: &LoadReport{Manager: r.Manager}, start: time.Now()}
	if r.Identity.Bus != "" {
		l.report.Device = r.Identity.Bus + "/" + r.Identity.Address
	}
	if r.Manager != nil {
		l.report.Gate = r.Manager.Gate()
	}
	err := l.find()
	if err != nil {
		return l.report, fmt.Errorf("offload: load: find package: %w", err)
	}
	defer l.close()
	if err := l.check(ctx); err != nil {
		l.record(err)
		return l.report, err
	}
	l.plan()
	if r.DryRun {
		return l.report, nil
	}
	err = l.run(ctx)
	l.record(err)
	return l.report, err
}

// loader is one call of Load.
type loader struct {
	LoadRequest
	report  *LoadReport
	source  *source
	program *pipeline.Program // of the package; nil where it is opaque
	signer  *firmware.Signer
	before  DeviceInfo
	pins    []*pipeline.Entry // pinned entries that the device held
	start   time.Time
	pending bool // the program is stored and waits for a reset
}

func (l *loader) close() {
	if err := l.source.close(); err != nil {
		l.Observe(Trouble{"close package", err})
	}
}

func (l *loader) step(s Step, format string, args ...any) {
	l.Observe(LoadStep{Step: s, Message: fmt.Sprintf(format, args...)})
}

// programOf returns what a device reports as running or stored.
func programOf(versions map[string]string) firmware.Program {
	return firmware.Program{Name: versions[InfoName], Version: versions[InfoVersion], Source: versions[InfoSource]}
}

// check compares the package with the device and with the policy.
func (l *loader) check(ctx context.Context) error {
	l.step(StepCheck, "%s %s", l.report.Package.Name, l.report.Package.Version)
	var err error
	if l.before, err = l.Device.Info(ctx); err != nil {
		return l.fail(StepCheck, err, "nothing was changed", "see that the device is there: p4dev list")
	}
	l.report.Device, l.report.Before = l.before.Device, programOf(l.before.Running)
	state := firmware.DeviceState{Identity: l.Identity, Running: l.report.Before}
	if l.History != nil {
		records, _, err := l.History.Read()
		if err != nil {
			return l.fail(StepCheck, err, "nothing was changed", "repair the history or name another one")
		}
		state.LowestVersion = firmware.Bar(records, l.before.Device, l.report.Package.Name)
	}
	signer, sigErr := l.source.pkg.VerifySignature(l.source.signature, l.Trust)
	l.signer = signer
	l.report.Findings = firmware.Check(l.source.pkg, firmware.Evidence{Signer: signer, Err: sigErr}, state, l.Policy)
	if err := l.judge(); err != nil {
		return err
	}
	if l.source.pkg.Opaque() {
		return nil
	}
	if l.program, err = l.source.pkg.Program(); err != nil {
		return l.fail(StepCheck, err, "nothing was changed", "build the package again")
	}
	return nil
}

// judge turns findings that stop the load into an error.
func (l *loader) judge() error {
	refusals := slices.DeleteFunc(slices.Clone(l.report.Findings), func(f firmware.Finding) bool {
		return f.Severity != firmware.Refusal
	})
	if len(refusals) == 1 && refusals[0].Kind == firmware.SameVersion {
		return l.fail(StepCheck, fmt.Errorf("%w: %s %s", ErrNothingToDo, l.report.Before.Name, l.report.Before.Version),
			"nothing was changed", firmware.SameVersion.Flag()+" loads it again")
	}
	if l.Probe && onlyOlder(refusals) {
		return l.fail(StepCheck, fmt.Errorf("%w: %s %s, and the package is older: %s", ErrNothingToDo, l.report.Before.Name,
			l.report.Before.Version, l.report.Package.Version), "nothing was changed", "")
	}
	if err := firmware.Refused(l.report.Findings); err != nil {
		return l.fail(StepCheck, err, "nothing was changed", "")
	}
	expect := l.source.pkg.Manifest.Expect
	if expect.NeedsReset && !l.AllowReset {
		return l.fail(StepCheck, fmt.Errorf("%w: the package says so", ErrNeedsReset), "nothing was changed",
			"--allow-reset lets the device reset")
	}
	return nil
}

// onlyOlder reports whether a package is refused for nothing but its age.
func onlyOlder(refusals []firmware.Finding) bool {
	older := false
	for _, f := range refusals {
		older = older || f.Kind == firmware.Older
		if f.Kind != firmware.Older && f.Kind != firmware.BelowLowest && f.Kind != firmware.SameVersion {
			return false
		}
	}
	return older
}

// plan fills the report with what will be done.
func (l *loader) plan() {
	p := l.report
	p.FlashName = l.source.flashName
	if l.before.Running[InfoVersion] != "" || l.before.Stored[InfoVersion] != "" {
		p.Component = InfoVersion
	}
	p.Carried = l.Manager != nil
	add := func(format string, args ...any) { p.Steps = append(p.Steps, fmt.Sprintf(format, args...)) }
	if p.Carried {
		add("software takes the traffic over")
	} else if !l.source.pkg.Manifest.Expect.Hitless {
		add("no software is attached: packets are lost until the device has loaded")
	}
	if p.FlashName == "" {
		add("copy %s into the firmware folder", p.File)
	}
	add("flash %s %s into %s%s", p.Package.Name, p.Package.Version, p.Device, component(p.Component))
	add("activate it, if the device does not do so itself%s", map[bool]string{true: ", with a reset if need be"}[l.AllowReset])
	add("verify that the device reports %s, %s and %s", p.Package.Name, p.Package.Version, shortTag(p.Package.Source))
	if l.Switch != nil {
		add("let software run the same program and put the entries back into hardware")
	}
}

// component names a part of a device behind its name; "" is the whole device.
func component(name string) string {
	if name == "" {
		return ""
	}
	return ", component " + name
}

// shortTag returns a source tag with the first digits of its digest.
func shortTag(tag string) string {
	algorithm, sum, ok := strings.Cut(tag, ":")
	if !ok {
		return "no source tag"
	}
	return algorithm + ":" + sum[:min(12, len(sum))]
}
