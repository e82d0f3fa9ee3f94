package simnic

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
)

// cmdFlashUpdate is DEVLINK_CMD_FLASH_UPDATE of linux/devlink.h.
const cmdFlashUpdate = 58

// Names that devlink shows. Those of versions are what p4dev looks for.
const (
	regionName    = "p4-pipeline"
	reporterName  = "datapath"
	paramHandOver = "hand_over"

	versionName   = "fw.app.name"
	versionApp    = "fw.app"
	versionSource = "fw.app.source"
)

// maxSnapshots is how many snapshots the core keeps of the region.
const maxSnapshots = 4

// device is the NIC's driver as the kernel sees it.
type device struct{ n *NIC }

var (
	_ sim.Device          = (*device)(nil)
	_ sim.InfoGetter      = (*device)(nil)
	_ sim.Flasher         = (*device)(nil)
	_ sim.Reloader        = (*device)(nil)
	_ sim.Porter          = (*device)(nil)
	_ sim.Piper           = (*device)(nil)
	_ sim.Resourcer       = (*device)(nil)
	_ sim.Regioner        = (*device)(nil)
	_ sim.Paramer         = (*device)(nil)
	_ sim.HealthReporters = (*device)(nil)
)

// Handle implements sim.Device.
func (d *device) Handle() (bus, dev string) { return d.n.cfg.Bus, d.n.cfg.Dev }

// Driver implements sim.Device.
func (d *device) Driver() string { return d.n.cfg.Driver }

// programs returns the running and the stored program.
func (d *device) programs() (running, stored *program) {
	d.n.mu.RLock()
	defer d.n.mu.RUnlock()
	return d.n.running, d.n.stored
}

// Info implements sim.InfoGetter. The version fw.app is the component that can be flashed.
func (d *device) Info() (sim.Info, error) {
	running, stored := d.programs()
	info := sim.Info{Serial: d.n.cfg.Serial, Versions: []sim.Version{
		{Kind: sim.Fixed, Name: "asic.id", Value: d.n.cfg.Driver},
		{Kind: sim.Fixed, Name: "asic.rev", Value: "1"},
	}}
	for _, v := range []struct {
		kind sim.VersionKind
		p    *program
	}{{sim.Running, running}, {sim.Stored, stored}} {
		var name, version, source string
		if v.p != nil {
			name, version, source = v.p.manifest.Name, v.p.manifest.Version, v.p.manifest.Source
			if other := d.n.cfg.Limits.Faults.Source; other != "" {
				source = other
			}
		}
		info.Versions = append(info.Versions,
			sim.Version{Kind: v.kind, Name: versionName, Value: name},
			sim.Version{Kind: v.kind, Name: versionApp, Value: version, Component: true},
			sim.Version{Kind: v.kind, Name: versionSource, Value: source})
	}
	return info, nil
}

// Ports implements sim.Porter: devlink's port numbers are P4's.
func (d *device) Ports() []sim.Port {
	var out []sim.Port
	for _, p := range d.n.ports {
		out = append(out, sim.Port{Index: p.number, Number: p.number, Ifindex: uint32(p.host.index), Ifname: p.host.name})
	}
	return out
}

// Regions implements sim.Regioner: the running program's pipeline as it is stored in its package.
func (d *device) Regions() []sim.Region {
	running, _ := d.programs()
	if running == nil {
		return nil
	}
	data := running.component
	if d.n.cfg.Limits.Faults.BadRegion {
		data = append([]byte(nil), data...)
		data[len(data)/2] ^= 1
	}
	return []sim.Region{{
		Name: regionName, Size: uint64(len(data)), MaxSnapshots: maxSnapshots,
		Snapshot: func() ([]byte, error) { return data, nil },
		Read:     func(offset uint64, p []byte) error { copy(p, data[offset:]); return nil },
	}}
}

// Params implements sim.Paramer. hand_over sends every packet to the host while it is true: that is how traffic
// leaves the device before a load.
func (d *device) Params() []sim.Param {
	d.n.mu.RLock()
	defer d.n.mu.RUnlock()
	return []sim.Param{{Name: paramHandOver, Type: sim.ParamBool, Values: map[sim.CMode]any{sim.CModeRuntime: d.n.handOver}}}
}

// SetParam implements sim.Paramer.
func (d *device) SetParam(_ string, _ sim.CMode, value any) error {
	on, ok := value.(bool)
	if !ok {
		return fmt.Errorf("%T for a boolean: %w", value, errors.ErrUnsupported)
	}
	d.n.mu.Lock()
	defer d.n.mu.Unlock()
	d.n.handOver = on
	return nil
}

// ReloadActions implements sim.Reloader.
func (d *device) ReloadActions() ([]sim.ReloadAction, []sim.ReloadLimit) {
	actions := []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}
	if d.n.cfg.Limits.Flash.NoReset {
		return actions, []sim.ReloadLimit{sim.LimitNoReset}
	}
	return actions, nil
}

// Reload implements sim.Reloader. fw_activate makes the stored program run, driver_reinit starts the running one
// anew: both without entries.
func (d *device) Reload(ctx context.Context, action sim.ReloadAction, limit sim.ReloadLimit) ([]sim.ReloadAction, error) {
	running, stored := d.programs()
	next := stored
	if action == sim.DriverReinit {
		next = running
	}
	if next == nil {
		return []sim.ReloadAction{action}, nil
	}
	e, err := newEngine(next.model, &d.n.cfg.Limits)
	if err != nil {
		return nil, err
	}
	fresh := *next
	fresh.engine = e
	return []sim.ReloadAction{action}, d.n.activate(ctx, &fresh, limit == sim.LimitNoReset)
}

// activate makes a program the running one. While that takes time the host gets all packets, unless there must
// not be any pause.
func (n *NIC) activate(ctx context.Context, p *program, hitless bool) error {
	if pause := milliseconds(n.cfg.Limits.Flash.ActivateMilliseconds); pause > 0 && !hitless {
		n.setLoading(true)
		defer n.setLoading(false)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	n.mu.Lock()
	n.running, n.stored = p, p
	n.mu.Unlock()
	n.agents.tell(p, n.cfg.Log)
	if unknown := n.cfg.Limits.unknown(p.model); len(unknown) > 0 {
		n.cfg.Log.Warn("limits name what the program does not have", "program", p.manifest.Name, "names", strings.Join(unknown, ", "))
	}
	n.cfg.Log.Info("program runs", "device", n.cfg.Bus+"/"+n.cfg.Dev, "name", p.manifest.Name, "version", p.manifest.Version)
	return nil
}

func (n *NIC) setLoading(on bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loading = on
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reporters implements sim.HealthReporters.
func (d *device) Reporters() []sim.Reporter {
	return []sim.Reporter{{Name: reporterName, Diagnose: d.diagnose, Dump: d.diagnose, Recover: func() error { return nil }}}
}

// diagnose reports the packet counts.
func (d *device) diagnose(f *sim.Fmsg) error {
	s := d.n.Stats()
	f.Pair("received", s.Received)
	f.Pair("hardware", s.Hardware)
	f.Pair("dropped", s.Dropped)
	f.Pair("no_port", s.NoPort)
	f.Pair("from_host", s.FromHost)
	f.Pair("lost", s.Lost)
	f.ObjectPair("misses", func() {
		for r := range reasons {
			f.Pair(r.String(), s.Misses[r])
		}
	})
	return nil
}
