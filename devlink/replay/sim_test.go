package replay_test

import (
	"context"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/replay"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
)

// netdevsim returns the model of netdevsim on the machine of a recording: with its network devices, its routes, which
// the resources count, and its random numbers. On Linux 6.1 (old) the driver reports its own name.
func netdevsim(t *testing.T, rec *replay.Recording, old bool) sim.Device {
	t.Helper()
	outcomes, err := replay.Play(t.Context(), rec, replay.Netdevsim())
	if err != nil {
		t.Fatal(err)
	}
	d := models.Netdevsim()
	region, message := make([]byte, d.RegionList[0].Size), []byte(nil)
	d.Random = func(n int) []byte {
		if n == len(region) {
			return region
		}
		return message
	}
	for _, o := range outcomes {
		switch r := o.Result.(type) {
		case []devlink.Port:
			for i, p := range r {
				d.PortList[i].Ifindex, d.PortList[i].Ifname = p.IfIndex, p.NetDev
			}
		case []devlink.Resource:
			count(d.ResourceList, r)
		case devlink.Message:
			if b, ok := r.Get("test_binary").(devlink.HexBytes); ok {
				message = b
			}
		case devlink.HexBytes:
			copy(region[map[string]int{"read": 200, "read beyond the end": len(region) - 1}[o.Name]:], r)
		}
	}
	if old {
		return selfNamed{cautious{d}}
	}
	return cautious{d}
}

// cautious is netdevsim that lets no section be overwritten, as it is at first.
type cautious struct{ *models.Device }

// Flash implements sim.Flasher.
func (d cautious) Flash(ctx context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	if p.Overwrite != 0 {
		return syscall.EOPNOTSUPP
	}
	return d.Device.Flash(ctx, p, status)
}

// count makes resources report the occupancy that a recording has.
func count(list []sim.Resource, recorded []devlink.Resource) {
	for i, r := range recorded {
		if r.Occ != nil {
			list[i].Occupancy = func() uint64 { return *r.Occ }
		}
		count(list[i].Children, r.Children)
	}
}

// selfNamed is a device whose driver reports its own name.
type selfNamed struct{ cautious }

// Driver implements sim.Device.
func (selfNamed) Driver() string { return "" }

// Info implements sim.InfoGetter.
func (d selfNamed) Info() (sim.Info, error) {
	info, err := d.Device.Info()
	info.Driver = d.DriverName
	return info, err
}

// TestSimulationIsLikeKernel makes the calls of a kernel's recording of netdevsim to its model: message by message and
// byte by byte, the simulated kernel must say what the real one said. Recordings of p4ref are compared in offload/simnic,
// whose twin of it reads packages.
func TestSimulationIsLikeKernel(t *testing.T) {
	compared := 0
	for name, want := range recordings(t) {
		if !strings.HasSuffix(name, "/netdevsim") {
			continue
		}
		compared++
		t.Run(name, func(t *testing.T) {
			old := strings.HasPrefix(name, "6.1/")
			got := simulated(t, netdevsim(t, want, old), old)
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
	if compared == 0 {
		t.Error("no recording of netdevsim")
	}
}

// simulated records the calls to a device on a simulated kernel. Before Linux 6.8 (old) the kernel made notifications,
// and asked drivers for what stands in them, also when nobody listened: there somebody listens.
func simulated(t *testing.T, d sim.Device, old bool) *replay.Recording {
	t.Helper()
	k := sim.New(sim.Options{Group: 5, Firmware: func(name string) ([]byte, error) {
		if name != "p4dev/keys.p4fw" {
			return nil, fs.ErrNotExist
		}
		return []byte("fw.mgmt 10.20.30"), nil
	}})
	if old {
		s := k.Dial()
		defer s.Close()
		if err := s.Join(5); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Register(d); err != nil {
		t.Fatal(err)
	}
	rec := replay.NewRecorder(func(context.Context) (devlink.Endpoint, error) { return k.Dial(), nil })
	c := devlink.New(rec.Dial)
	defer c.Close()
	_, err := replay.Run(t.Context(), c, replay.Calls(replay.Netdevsim()), func(name string) error { rec.Begin(name); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return rec.Recording()
}
