package hw_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
	"github.com/p4dev/p4dev/firmware"
	"github.com/p4dev/p4dev/offload"
	"github.com/p4dev/p4dev/offload/hw"
)

// garage is a device of the kernel's drivers, with a firmware folder.
type garage struct {
	kernel *sim.Kernel
	model  *models.Device
	root   string
	events []offload.Event
}

func newGarage(t *testing.T, m *models.Device) *garage {
	t.Helper()
	g := &garage{model: m, root: t.TempDir()}
	g.kernel = sim.New(sim.Options{Firmware: sim.FirmwareDirs(filepath.Join(g.root, "lib/firmware"))})
	if err := g.kernel.Register(m); err != nil {
		t.Fatal(err)
	}
	return g
}

// update brings an image of versions, "NAME VERSION" a line, into the device.
func (g *garage) update(t *testing.T, image string, change func(*offload.UpdateRequest)) (*offload.UpdateReport, error) {
	t.Helper()
	c := devlink.New(func(context.Context) (devlink.Endpoint, error) { return g.kernel.Dial(), nil })
	defer c.Close()
	h, err := devlink.ParseHandle(g.model.String())
	if err != nil {
		t.Fatal(err)
	}
	r := offload.UpdateRequest{Device: hw.Device{Client: c, Handle: h}, Search: firmware.KernelSearch(os.DirFS(g.root)),
		Stager: offload.FolderStager{Root: filepath.Join(g.root, "lib/firmware")}, Wait: 300 * time.Millisecond,
		Mode: firmware.TrustOff, Observe: func(e offload.Event) { g.events = append(g.events, e) }}
	if image != "" {
		r.File = filepath.Join(t.TempDir(), "image.bin")
		if err := os.WriteFile(r.File, []byte(image), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(&r)
	}
	return offload.Update(t.Context(), r)
}

// TestUpdateOfDrivers follows the loop with every driver's own way to report and to activate.
func TestUpdateOfDrivers(t *testing.T) {
	always := func() *models.Device {
		m := models.NFP()
		m.ParamList[1].Values[sim.CModePermanent] = uint8(1)
		return m
	}
	storing := func() *models.Device {
		m := models.Netdevsim()
		m.Versions = m.Versions[:1]
		return m
	}
	for _, tt := range []struct {
		name      string
		model     *models.Device
		component string
		version   string
		reset     bool
		needs     string
		activated bool
	}{
		{"ice", models.ICE(), "fw.mgmt", "2.2.0", false, offload.NeedsReset, false},
		{"ice with a reset", models.ICE(), "fw.mgmt", "2.2.0", true, "", true},
		{"mlx5", models.MLX5(), "fw.version", "22.35.1012", false, "", true},
		{"bnxt", models.BNXT(), "fw", "221.0.0.0", false, "", true},
		{"nfp", models.NFP(), "fw.app", "nic-2.1.17", true, offload.NeedsReboot, false},
		{"nfp that resets at probe", always(), "fw.app", "nic-2.1.17", false, offload.NeedsDriver, false},
		{"ionic", models.Ionic(), "fw", "1.40.0", true, offload.NeedsReboot, false},
		{"netdevsim", models.Netdevsim(), "fw.mgmt", "10.20.31", false, offload.NeedsReboot, false},
		{"netdevsim that says only what is stored", storing(), "fw.mgmt", "10.20.31", false, "", false},
		{"mlxsw", models.MLXSW(), "fw.version", "13.2010.1232", false, offload.NeedsReset, false},
		{"mlxsw with a reset", models.MLXSW(), "fw.version", "13.2010.1232", true, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGarage(t, tt.model)
			set := func(r *offload.UpdateRequest) {
				r.Want, r.AllowReset = map[string]string{tt.component: tt.version}, tt.reset
			}
			image := tt.component + " " + tt.version + "\n"
			r, err := g.update(t, image, set)
			if err != nil || !r.Written || r.Activated != tt.activated || r.Needs != tt.needs {
				t.Fatalf("%+v, %v", r, err)
			}
			if r.Driver != tt.model.DriverName || tt.model.DriverName != "netdevsim" && len(r.Fixed) == 0 {
				t.Errorf("the report does not say which hardware it is: %+v", r)
			}
			tt.model.Reset() // as what it needs does
			again, err := g.update(t, image, set)
			if !errors.Is(err, offload.ErrNothingToDo) || again.Written {
				t.Errorf("again: %+v, %v", again, err)
			}
			if left, err := os.ReadDir(filepath.Join(g.root, "lib/firmware/p4dev")); err != nil || len(left) > 0 {
				t.Errorf("left in the firmware folder: %v, %v", left, err)
			}
		})
	}
}

// TestUpdateWithoutWant writes what it is given, and activates what was stored before.
func TestUpdateWithoutWant(t *testing.T) {
	g := newGarage(t, models.BNXT())
	r, err := g.update(t, "fw 221.0.0.0\nfw.roce 221.0.0.1\n", nil)
	if err != nil || !r.Activated {
		t.Fatalf("%+v, %v", r, err)
	}
	want := []offload.ComponentReport{
		{Name: "fw", Stored: offload.Change{Before: "220.0.59.0", After: "221.0.0.0"}, Running: offload.Change{Before: "220.0.59.0", After: "221.0.0.0"}},
		{Name: "fw.roce", Stored: offload.Change{Before: "220.0.59.0", After: "221.0.0.1"}, Running: offload.Change{Before: "220.0.59.0", After: "221.0.0.1"}}}
	if diff := cmp.Diff(want, r.Components); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	g = newGarage(t, models.ICE())
	if r, err := g.update(t, "fw.undi 1.3000.0\n", nil); err != nil || r.Needs != offload.NeedsReset {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = g.update(t, "", func(r *offload.UpdateRequest) {
		r.Want, r.AllowReset = map[string]string{"fw.undi": "1.3000.0"}, true
	})
	if err != nil || r.Written || !r.Activated || r.Needs != "" {
		t.Errorf("activation alone: %+v, %v", r, err)
	}
	if _, err := g.update(t, "", nil); err == nil {
		t.Error("neither a file nor a version was accepted")
	}
}

// TestUpdateOntoDisk puts the file where the driver looks for it, as its policy allows.
func TestUpdateOntoDisk(t *testing.T) {
	disk := func(r *offload.UpdateRequest) { r.Disk = "netronome/nic.nffw" }
	g := newGarage(t, models.NFP())
	if r, err := g.update(t, "fw.app 3\n", disk); err == nil || r.Written {
		t.Errorf("onto disk, where the device takes flash: %+v, %v", r, err)
	}
	m := models.NFP()
	m.ParamList[0].Values[sim.CModePermanent] = uint8(2)
	g = newGarage(t, m)
	r, err := g.update(t, "fw.app 3\n", disk)
	if err != nil || r.Needs != offload.NeedsDriver || r.LoadPolicy != offload.LoadFromDisk {
		t.Errorf("%+v, %v", r, err)
	}
	path := filepath.Join(g.root, "lib/firmware/netronome/nic.nffw")
	if data, err := os.ReadFile(path); err != nil || string(data) != "fw.app 3\n" {
		t.Errorf("on disk is %q, %v", data, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if m.Flashed().File != "" {
		t.Error("the device was flashed as well")
	}
	if r, err := g.update(t, "fw.app 4\n", nil); err != nil || len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "disk") {
		t.Errorf("into flash, where the device takes disk: %+v, %v", r, err)
	}
	if _, err := g.update(t, "fw.app 3\n", func(r *offload.UpdateRequest) { r.Disk = "../etc/passwd" }); err == nil {
		t.Error("a name outside of the firmware folder was accepted")
	}
}

// TestUpdateFails leaves the device with what it had, and says so.
func TestUpdateFails(t *testing.T) {
	want := func(r *offload.UpdateRequest) { r.Want = map[string]string{"fw": "221.0.0.0"} }
	g := newGarage(t, models.BNXT())
	g.kernel.Inject(sim.Fault{Kind: sim.FlashFailure, Cmd: 58, Percent: 50, Errno: syscall.EIO, Message: "cell failed", Nth: 1})
	r, err := g.update(t, "fw 221.0.0.0\n", want)
	if !errors.Is(err, syscall.EIO) || r.Written || !strings.Contains(err.Error(), "cell failed") {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := g.update(t, "fw 222.0.0.0\n", want); !errors.Is(err, offload.ErrNotUpdated) || !r.Written {
		t.Errorf("an image of another version: %+v, %v", r, err)
	}
	if _, err := g.update(t, "fw 221.0.0.0\n", func(r *offload.UpdateRequest) { r.Want = map[string]string{"fw.moon": "1"} }); err == nil ||
		!strings.Contains(err.Error(), "fw.moon") {
		t.Errorf("a version that the device does not report: %v", err)
	}
	history := firmware.History{Path: filepath.Join(g.root, "history")}
	g.kernel.Unregister("pci", "0000:04:00.0")
	if _, err := g.update(t, "fw 221.0.0.0\n", func(r *offload.UpdateRequest) { r.History = &history }); !errors.Is(err, devlink.ErrDeviceGone) {
		t.Errorf("a device that is gone: %v", err)
	}
	if records, _, err := history.Read(); err != nil || len(records) > 0 {
		t.Errorf("recorded %+v, %v", records, err)
	}
}

// TestUpdateReportsTimeouts passes on what the driver announces.
func TestUpdateReportsTimeouts(t *testing.T) {
	g := newGarage(t, models.Ionic())
	if _, err := g.update(t, "fw 1.40.0\n", nil); err != nil {
		t.Fatal(err)
	}
	longest := time.Duration(0)
	for _, e := range g.events {
		if s, ok := e.(offload.LoadStep); ok {
			longest = max(longest, s.Timeout)
		}
	}
	if longest != 25*time.Minute {
		t.Errorf("the longest time-out is %v", longest)
	}
}
