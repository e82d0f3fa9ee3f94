package models

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/p4dev/p4dev/devlink/sim"
)

// Device is a simulated device made of what it says about itself. Nobody else changes its fields once it is registered; its
// methods are safe for concurrent use.
type Device struct {
	Bus, Name  string // "pci", "0000:03:00.0"
	DriverName string
	Serial     string
	Board      string
	// Versions at first, in the driver's order. A running version without a stored one of its name changes with the
	// next reset as well.
	Versions []sim.Version

	PortList     []sim.Port
	ParamList    []sim.Param
	RegionList   []sim.Region
	ResourceList []sim.Resource
	ReporterList []sim.Reporter
	TrapList     []sim.Trap
	PolicerList  []sim.Policer
	Groups       map[string]uint32 // the policer of a trap group
	Tests        map[uint32]uint8  // self-tests with their outcomes; nil: the driver has none
	Headers      []sim.DpipeHeader
	Tables       []sim.DpipeTable
	Entries      map[string][]sim.DpipeEntry

	// Random are the bytes of n that netdevsim makes up in its region and its message; nil: they count up.
	Random func(n int) []byte
	// Reinit brings back what the driver registers anew when it is re-initialized; nil: nothing.
	Reinit func()

	Overwrite bool               // flash updates take an overwrite mask
	Actions   []sim.ReloadAction // of reload
	Limits    []sim.ReloadLimit
	// Progress is what a flash update reports for one component; nil: one line for each quarter.
	Progress func(component string) []sim.FlashStatus

	mu      sync.Mutex
	running map[string]string // after a flash; nil: nothing was flashed
	stored  map[string]string
	flashed sim.FlashParams
}

// Handle implements sim.Device.
func (d *Device) Handle() (bus, dev string) { return d.Bus, d.Name }

// Driver implements sim.Device.
func (d *Device) Driver() string { return d.DriverName }

// Info implements sim.InfoGetter.
func (d *Device) Info() (sim.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info := sim.Info{Serial: d.Serial, BoardSerial: d.Board}
	for _, v := range d.Versions {
		changed := map[sim.VersionKind]map[string]string{sim.Running: d.running, sim.Stored: d.stored}[v.Kind]
		if now, ok := changed[v.Name]; ok {
			v.Value = now
		}
		info.Versions = append(info.Versions, v)
	}
	return info, nil
}

// Flashed returns the last flash update.
func (d *Device) Flashed() sim.FlashParams {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flashed
}

// Reset makes the device run what is stored in it, as a reset or a reboot does.
func (d *Device) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = maps.Clone(d.stored)
}

// FlashOverwrites implements sim.OverwriteFlasher.
func (d *Device) FlashOverwrites() bool { return d.Overwrite }

// Flash implements sim.Flasher. The image is text with a line "NAME VERSION" for each component; with a component in
// the request only its line counts.
func (d *Device) Flash(_ context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	versions, err := parseImage(p)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		for _, s := range d.progress(name) {
			if err := status(s); err != nil {
				return err
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stored == nil {
		d.stored = map[string]string{}
	}
	maps.Copy(d.stored, versions)
	d.flashed = p
	return nil
}

// progress is what flashing one component reports.
func (d *Device) progress(component string) []sim.FlashStatus {
	if d.Progress != nil {
		return d.Progress(component)
	}
	out := []sim.FlashStatus{{Message: "Preparing to flash"}}
	for done := uint64(0); done <= 100; done += 25 {
		out = append(out, sim.FlashStatus{Message: "Flashing", Component: component, Done: done, Total: 100})
	}
	return append(out, sim.FlashStatus{Message: "Flashing done"})
}

// parseImage reads the versions that an image holds.
func parseImage(p sim.FlashParams) (map[string]string, error) {
	versions := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(p.Image))
	for lines.Scan() {
		name, version, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			return nil, &sim.Error{Errno: syscall.EINVAL, Message: "The image is not one of this device"}
		}
		if p.Component == "" || p.Component == name {
			versions[name] = version
		}
	}
	if len(versions) == 0 {
		return nil, &sim.Error{Errno: syscall.EINVAL, Message: "The image holds nothing for this device"}
	}
	return versions, nil
}

// ReloadActions implements sim.Reloader.
func (d *Device) ReloadActions() ([]sim.ReloadAction, []sim.ReloadLimit) { return d.Actions, d.Limits }

// Reload implements sim.Reloader: activation runs what is stored.
func (d *Device) Reload(_ context.Context, action sim.ReloadAction, _ sim.ReloadLimit) ([]sim.ReloadAction, error) {
	if action == sim.FwActivate {
		d.Reset()
	}
	if action == sim.DriverReinit && d.Reinit != nil {
		d.Reinit()
	}
	return []sim.ReloadAction{action}, nil
}

// Ports implements sim.Porter.
func (d *Device) Ports() []sim.Port { return d.PortList }

// Regions implements sim.Regioner.
func (d *Device) Regions() []sim.Region { return d.RegionList }

// Resources implements sim.Resourcer.
func (d *Device) Resources() []sim.Resource { return d.ResourceList }

// SetResourceSize implements sim.ResourceSizer. Drivers do not ask for the sizes of resources that have parts.
func (d *Device) SetResourceSize(id, size uint64) bool {
	var set func([]sim.Resource) bool
	set = func(list []sim.Resource) bool {
		for i, r := range list {
			if r.ID == id && len(r.Children) == 0 {
				list[i].Size = size
				return true
			}
			if set(r.Children) {
				return true
			}
		}
		return false
	}
	return set(d.ResourceList)
}

// Params implements sim.Paramer.
func (d *Device) Params() []sim.Param { return d.ParamList }

// SetParam implements sim.Paramer.
func (d *Device) SetParam(name string, mode sim.CMode, value any) error {
	for i := range d.ParamList {
		if d.ParamList[i].Name == name {
			d.ParamList[i].Values[mode] = value
		}
	}
	return nil
}

// Reporters implements sim.HealthReporters.
func (d *Device) Reporters() []sim.Reporter { return d.ReporterList }

// Traps implements sim.Trapper.
func (d *Device) Traps() []sim.Trap { return d.TrapList }

// SetTrap implements sim.TrapSetter.
func (d *Device) SetTrap(name string, action uint8) error {
	for i := range d.TrapList {
		if d.TrapList[i].Name == name {
			d.TrapList[i].Action = action
		}
	}
	return nil
}

// SetTrapGroup implements sim.TrapGroupSetter.
func (d *Device) SetTrapGroup(name string, policer *uint32) error {
	delete(d.Groups, name)
	if policer != nil {
		d.Groups[name] = *policer
	}
	return nil
}

// Policers implements sim.TrapPolicer.
func (d *Device) Policers() []sim.Policer { return d.PolicerList }

// GroupPolicer implements sim.TrapPolicer.
func (d *Device) GroupPolicer(group string) *uint32 {
	if id, ok := d.Groups[group]; ok {
		return &id
	}
	return nil
}

// SetPolicer implements sim.TrapPolicer.
func (d *Device) SetPolicer(id uint32, rate, burst uint64) error {
	for i := range d.PolicerList {
		if d.PolicerList[i].ID == id {
			d.PolicerList[i].Rate, d.PolicerList[i].Burst = rate, burst
		}
	}
	return nil
}

// Selftests implements sim.Selftester.
func (d *Device) Selftests() []uint32 {
	if d.Tests == nil {
		return nil
	}
	list := slices.AppendSeq([]uint32{}, maps.Keys(d.Tests))
	slices.Sort(list)
	return list
}

// Selftest implements sim.Selftester.
func (d *Device) Selftest(id uint32) uint8 { return d.Tests[id] }

// DpipeHeaders implements sim.Piper.
func (d *Device) DpipeHeaders() []sim.DpipeHeader { return d.Headers }

// DpipeTables implements sim.Piper.
func (d *Device) DpipeTables() []sim.DpipeTable { return d.Tables }

// DpipeEntries implements sim.Piper. Counters are left out where they are off.
func (d *Device) DpipeEntries(table string, counters bool) ([]sim.DpipeEntry, error) {
	list := slices.Clone(d.Entries[table])
	for i := range list {
		if !counters {
			list[i].Counter = nil
		}
	}
	return list, nil
}

// random returns bytes that are random in the kernel.
func (d *Device) random(n int) []byte {
	if d.Random != nil {
		return d.Random(n)
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(i)
	}
	return out
}

// String names the model's device.
func (d *Device) String() string { return fmt.Sprintf("%s/%s", d.Bus, d.Name) }
