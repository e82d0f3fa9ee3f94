package devlink_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/p4dev/p4dev/devlink"
	"github.com/p4dev/p4dev/devlink/sim"
	"github.com/p4dev/p4dev/devlink/sim/models"
)

// modelClient returns a client of a kernel with the devices.
func modelClient(t *testing.T, devices ...*models.Device) *devlink.Client {
	t.Helper()
	k := sim.New(sim.Options{})
	for _, d := range devices {
		if err := k.Register(d); err != nil {
			t.Fatal(err)
		}
	}
	c := direct(k)
	t.Cleanup(func() { c.Close() })
	return c
}

// TestModels reads everything of every model: whatever a driver of the kernel has can be read.
func TestModels(t *testing.T) {
	c, ctx := modelClient(t, models.All()...), t.Context()
	for _, d := range models.All() {
		bus, dev := d.Handle()
		h := devlink.Handle{Bus: bus, Dev: dev}
		info, err := c.Info(ctx, h)
		if err != nil || info.Driver != d.Driver() || len(info.Versions.Running)+len(info.Versions.Stored) == 0 {
			t.Errorf("%s: %+v, %v", d, info, err)
		}
		tables, err := c.DpipeTables(ctx, h)
		if err != nil || len(tables) != len(d.Tables) {
			t.Errorf("%s: %d tables, %v", d, len(tables), err)
		}
		headers, err := c.DpipeHeaders(ctx, h)
		if err != nil && (len(tables) > 0 || !errors.Is(err, errors.ErrUnsupported)) {
			t.Errorf("%s: %v", d, err)
		}
		for _, table := range tables {
			for _, m := range table.Matches {
				if _, f := headers.Find(m.DpipeFieldRef); f == nil {
					t.Errorf("%s: table %s matches field %+v, which no header has", d, table.Name, m)
				}
			}
		}
	}
}

// TestResetParam brings a default back.
func TestResetParam(t *testing.T) {
	d := models.MLX5()
	d.ParamList[1].Defaults = map[sim.CMode]any{sim.CModeDriverinit: uint32(512)}
	d.ParamList[0].Defaults = map[sim.CMode]any{sim.CModeDriverinit: false}
	c, ctx, h := modelClient(t, d), t.Context(), devlink.Handle{Bus: "pci", Dev: "0000:03:00.0"}
	for name, want := range map[string]any{"io_eq_size": uint32(512), "enable_roce": false} {
		p, err := c.Param(ctx, h, name)
		if err != nil || p.Values[0].Default != want || p.Value(devlink.CModeDriverInit) == want {
			t.Errorf("%+v, %v", p, err)
		}
		if err := c.ResetParam(ctx, h, p, devlink.CModeDriverInit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p, err = c.Param(ctx, h, name); err != nil || p.Value(devlink.CModeDriverInit) != want {
			t.Errorf("%+v, %v", p, err)
		}
	}
	p, err := c.Param(ctx, h, "flow_steering_mode")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ResetParam(ctx, h, p, devlink.CModeRuntime); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a parameter without a default: %v", err)
	}
}

// TestTrapGroupsAndPolicers binds a group and changes a policer.
func TestTrapGroupsAndPolicers(t *testing.T) {
	c, ctx, h := modelClient(t, models.Netdevsim()), t.Context(), devlink.Handle{Bus: "netdevsim", Dev: "netdevsim1"}
	two, none, trap, rate := uint32(2), uint32(0), devlink.TrapActionTrap, uint64(5)
	if err := c.SetTrapGroup(ctx, h, "l2_drops", devlink.TrapGroupSettings{Policer: &two, Action: &trap}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetTrapPolicer(ctx, h, 2, devlink.TrapPolicerSettings{Rate: &rate}); err != nil {
		t.Fatal(err)
	}
	groups, err := c.TrapGroups(ctx, h)
	if err != nil || *groups[0].Policer != 2 || *groups[1].Policer != 1 {
		t.Errorf("%+v, %v", groups, err)
	}
	policers, err := c.TrapPolicers(ctx, h)
	if err != nil || policers[1].Rate != 5 || policers[1].Burst != 256 || policers[0].Stats.Dropped == nil {
		t.Errorf("%+v, %v", policers, err)
	}
	traps, err := c.Traps(ctx, h)
	if err != nil || traps[0].Action != trap || traps[12].Action != devlink.TrapActionMirror {
		t.Errorf("%+v, %v", traps, err)
	}
	if err := c.SetTrapGroup(ctx, h, "l2_drops", devlink.TrapGroupSettings{Policer: &none}); err != nil {
		t.Error(err)
	}
	if groups, err = c.TrapGroups(ctx, h); err != nil || groups[0].Policer != nil {
		t.Errorf("%+v, %v", groups, err)
	}
}

// TestPortReporters tells reporters of a port from those of the device.
func TestPortReporters(t *testing.T) {
	c, ctx, h := modelClient(t, models.MLX5()), t.Context(), devlink.Handle{Bus: "pci", Dev: "0000:03:00.0"}
	const port = 131071
	v, err := c.Diagnose(ctx, h, "tx", port)
	if m, ok := v.(devlink.Message); err != nil || !ok || m.Get("SQs") == nil {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := c.Diagnose(ctx, h, "tx"); err == nil {
		t.Error("the device has the port's reporter")
	}
	if r, err := c.Reporter(ctx, h, "tx", port); err != nil || r.Port == nil || *r.Port != port {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestSelftests runs what there is and skips what there is not.
func TestSelftests(t *testing.T) {
	c, ctx, h := modelClient(t, models.BNXT()), t.Context(), devlink.Handle{Bus: "pci", Dev: "0000:04:00.0"}
	tests, err := c.Selftests(ctx, h)
	if err != nil || !cmp.Equal(tests, []devlink.Selftest{devlink.SelftestFlash}) {
		t.Errorf("%v, %v", tests, err)
	}
	got, err := c.RunSelftests(ctx, h, devlink.SelftestFlash, 7)
	want := map[devlink.Selftest]devlink.SelftestStatus{devlink.SelftestFlash: devlink.SelftestPass, 7: devlink.SelftestSkip}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestEventObjects names what every notification of a driver that comes and goes is about.
func TestEventObjects(t *testing.T) {
	k := sim.New(sim.Options{})
	c := direct(k)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m, err := c.Monitor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := k.Register(models.Netdevsim()); err != nil {
		t.Fatal(err)
	}
	k.Unregister("netdevsim", "netdevsim1")
	seen := map[string]int{}
	for ev, err := range m.Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		seen[ev.Object()+" "+ev.Verb()]++
		if ev.Object() == "dev" && ev.Deleted {
			break
		}
	}
	want := map[string]int{"dev new": 1, "dev del": 1, "port new": 2, "port del": 2, "region new": 1, "region del": 1, "param new": 2, "param del": 2,
		"trap new": 14, "trap del": 14, "trap-group new": 6, "trap-group del": 6, "trap-policer new": 3, "trap-policer del": 3}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
