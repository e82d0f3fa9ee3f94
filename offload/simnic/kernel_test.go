package simnic_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/replay"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/firmware/advert"
)

// wire is where the recordings of kernels are, with the package that they flash.
const wire = "../../testdata/wire/"

// twin is the reference driver on a simulated kernel: what testdata/driver/p4ref does, in Go.
type twin struct {
	models.Device
	image []byte // the package

	mu              sync.Mutex
	running, stored *program
	life            uint32 // of the region
}

// program is a package in the twin.
type program struct {
	about    *advert.Advert
	pipeline []byte
}

// newTwin returns a device that runs nothing. The indices of the network devices are the kernel's.
func newTwin(image []byte, ifindex [2]uint32) *twin {
	return &twin{image: image, Device: models.Device{
		Bus: "platform", Name: "p4ref", DriverName: "p4ref",
		PortList: []sim.Port{{Index: 1, Number: 1, Ifindex: ifindex[0], Ifname: "p4ref1"}, {Index: 2, Number: 2, Ifindex: ifindex[1], Ifname: "p4ref2"}},
	}}
}

// Info implements sim.InfoGetter.
func (d *twin) Info() (sim.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info := sim.Info{Serial: "P4REF0001", Versions: []sim.Version{
		{Kind: sim.Fixed, Name: "asic.id", Value: "p4ref"}, {Kind: sim.Fixed, Name: "asic.rev", Value: "1"}}}
	for kind, p := range []*program{d.running, d.stored} {
		var a advert.Advert
		if p != nil {
			a = *p.about
		}
		k := []sim.VersionKind{sim.Running, sim.Stored}[kind]
		info.Versions = append(info.Versions, sim.Version{Kind: k, Name: "fw.app", Value: a.Version, Component: true},
			sim.Version{Kind: k, Name: "fw.app.name", Value: a.Name}, sim.Version{Kind: k, Name: "fw.app.source", Value: a.Source})
	}
	return info, nil
}

// Flash implements sim.Flasher.
func (d *twin) Flash(_ context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	say := func(message string, done, total, timeout uint64) error {
		return status(sim.FlashStatus{Message: message, Component: p.Component, Done: done, Total: total, Timeout: timeout})
	}
	next, err := open(p.Image)
	if err != nil {
		return &sim.Error{Errno: syscall.EINVAL, Message: err.Error()}
	}
	err = say("Checking package", 0, 0, 0)
	if err == nil {
		err = say("Erasing", 0, 0, 5)
	}
	const steps = 20
	size := uint64(len(p.Image))
	for i := uint64(0); i < steps && err == nil; i++ {
		err = say("Flashing", size/steps*i, size, 0)
	}
	if err == nil {
		err = say("Flashing", size, size, 0)
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.stored = next
	d.mu.Unlock()
	return say("Flashing done", 0, 0, 0)
}

// open takes a package apart.
func open(image []byte) (*program, error) {
	pkg, err := firmware.Open(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return nil, err
	}
	model, err := pkg.Program()
	if err != nil {
		return nil, err
	}
	p := &program{about: advert.New(model, nil)}
	p.about.Name, p.about.Version, p.about.Source = pkg.Manifest.Name, pkg.Manifest.Version, pkg.Manifest.Source
	component, err := pkg.Component("pipeline")
	if err != nil {
		return nil, err
	}
	p.pipeline, err = io.ReadAll(component)
	return p, err
}

// ReloadActions implements sim.Reloader.
func (d *twin) ReloadActions() ([]sim.ReloadAction, []sim.ReloadLimit) {
	return []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}, []sim.ReloadLimit{sim.LimitNoReset}
}

// Reload implements sim.Reloader.
func (d *twin) Reload(_ context.Context, action sim.ReloadAction, _ sim.ReloadLimit) ([]sim.ReloadAction, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if action == sim.FwActivate {
		d.running = d.stored
	}
	d.life++
	return []sim.ReloadAction{action}, nil
}

func (d *twin) runs() *program {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// DpipeHeaders implements sim.Piper.
func (d *twin) DpipeHeaders() []sim.DpipeHeader {
	var out []sim.DpipeHeader
	if p := d.runs(); p != nil {
		for _, h := range p.about.Headers {
			header := sim.DpipeHeader{ID: h.ID, Name: h.Name}
			for _, f := range h.Fields {
				header.Fields = append(header.Fields, sim.DpipeField{Name: f.Name, Width: f.Width})
			}
			out = append(out, header)
		}
	}
	return out
}

func refs(a *advert.Advert, list []advert.Ref) []sim.DpipeFieldRef {
	var out []sim.DpipeFieldRef
	for _, r := range list {
		out = append(out, sim.DpipeFieldRef{Header: a.Headers[r.Header].ID, Field: r.Field})
	}
	return out
}

// DpipeTables implements sim.Piper.
func (d *twin) DpipeTables() []sim.DpipeTable {
	var out []sim.DpipeTable
	if p := d.runs(); p != nil {
		for _, t := range p.about.Tables {
			out = append(out, sim.DpipeTable{Name: t.Name, Size: uint64(t.Size), Resource: uint64(t.Resource), Units: 1,
				Matches: refs(p.about, t.Matches), Actions: refs(p.about, t.Actions), NoCounterControl: !t.Counters})
		}
	}
	return out
}

// DpipeEntries implements sim.Piper.
func (d *twin) DpipeEntries(name string, _ bool) ([]sim.DpipeEntry, error) {
	p := d.runs()
	var out []sim.DpipeEntry
	for _, t := range p.about.Tables {
		if t.Name != name {
			continue
		}
		for i, e := range t.Program.Entries {
			x := p.about.Entry(e)
			out = append(out, sim.DpipeEntry{Index: uint64(i), Matches: values(p.about, x.Matches), Actions: values(p.about, x.Actions)})
		}
	}
	return out, nil
}

func values(a *advert.Advert, list []advert.Value) []sim.DpipeValue {
	var out []sim.DpipeValue
	for _, v := range list {
		out = append(out, sim.DpipeValue{Field: refs(a, []advert.Ref{v.Field})[0], Value: v.Value, Mask: v.Mask})
	}
	return out
}

// Resources implements sim.Resourcer.
func (d *twin) Resources() []sim.Resource {
	var out []sim.Resource
	p := d.runs()
	if p == nil {
		return nil
	}
	used := map[uint32]uint64{}
	for _, t := range p.about.Tables {
		used[t.Resource] = uint64(len(t.Program.Entries))
	}
	for _, r := range p.about.Resources {
		x := sim.Resource{ID: uint64(r.ID), Name: r.Name, Size: uint64(r.Size), Min: uint64(r.Size), Max: uint64(r.Size)}
		if r.Parent == 0 {
			out = append(out, x)
			continue
		}
		x.Occupancy = func() uint64 { return used[r.ID] }
		out[len(out)-1].Children = append(out[len(out)-1].Children, x)
	}
	return out
}

// Regions implements sim.Regioner.
func (d *twin) Regions() []sim.Region {
	p := d.runs()
	if p == nil {
		return nil
	}
	return []sim.Region{{Name: "p4-pipeline", Size: uint64(len(p.pipeline)), MaxSnapshots: 4, Life: d.life,
		Snapshot: func() ([]byte, error) { return p.pipeline, nil },
		Read:     func(offset uint64, b []byte) error { copy(b, p.pipeline[offset:]); return nil }}}
}

// Reporters implements sim.HealthReporters.
func (d *twin) Reporters() []sim.Reporter {
	return []sim.Reporter{{Name: "program", Dump: d.diagnose, Recover: func() error { return nil }, Diagnose: d.diagnose, GracePeriod: 1000}}
}

func (d *twin) diagnose(f *sim.Fmsg) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, p := range []*program{d.running, d.stored} {
		if p != nil {
			f.Pair([]string{"running", "stored"}[i], p.about.Name)
		}
	}
	f.Pair("flash_memory", false)
	f.Pair("to_host", uint64(0))
	f.Pair("to_wire", uint64(0))
	return nil
}

// TestSimulationIsLikeKernel makes the calls of a kernel's recording to the twin: message by message, the simulated
// kernel must say what the real one said.
func TestSimulationIsLikeKernel(t *testing.T) {
	image, err := os.ReadFile(wire + "keys.p4fw")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(wire + "*/p4ref.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		release := filepath.Base(filepath.Dir(file))
		t.Run(release, func(t *testing.T) {
			text, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer text.Close()
			want, err := replay.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			old := release == "6.1"
			subject := replay.P4ref(!old)
			got := record(t, newTwin(image, netdevs(t, want, subject)), subject)
			for _, e := range want.Exchanges {
				mine := got.Find(e.Name)
				if mine == nil {
					t.Errorf("%s: no such exchange with the simulation", e.Name)
					continue
				}
				if diff := cmp.Diff(replay.Said(e, old), replay.Said(*mine, old)); diff != "" {
					t.Errorf("%s (-kernel +simulation):\n%s", e.Name, diff)
				}
			}
		})
	}
}

// netdevs returns the indices of the two ports' network devices in a recording, which differ from boot to boot.
func netdevs(t *testing.T, rec *replay.Recording, s replay.Subject) (ifindex [2]uint32) {
	t.Helper()
	outcomes, err := replay.Play(t.Context(), rec, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if ports, ok := o.Result.([]devlink.Port); ok {
			ifindex = [2]uint32{ports[0].IfIndex, ports[1].IfIndex}
		}
	}
	return ifindex
}

// record makes the calls to a device on a simulated kernel.
func record(t *testing.T, d *twin, s replay.Subject) *replay.Recording {
	t.Helper()
	k := sim.New(sim.Options{Firmware: func(name string) ([]byte, error) {
		if name != s.File {
			return nil, fs.ErrNotExist
		}
		return d.image, nil
	}})
	if err := k.Register(d); err != nil {
		t.Fatal(err)
	}
	rec := replay.NewRecorder(func(context.Context) (devlink.Endpoint, error) { return k.Dial(), nil })
	c := devlink.New(rec.Dial)
	defer c.Close()
	_, err := replay.Run(t.Context(), c, replay.Calls(s), func(name string) error { rec.Begin(name); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return rec.Recording()
}
