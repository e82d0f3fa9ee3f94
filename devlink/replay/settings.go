package replay

import (
	"context"
	"time"

	"github.com/p4dev/p4dev/devlink"
)

// watchTime is how long the notifications of a call may take.
const watchTime = 10 * time.Second

// refused makes a call that has no result; most of them are refused.
func refused(name string, do func(ctx context.Context, c *devlink.Client) error) Call {
	return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) { return nil, do(ctx, c) }}
}

// watched makes a call with somebody listening, and results in what the notifications were of, up to the one that
// comes last.
func watched(name, last string, do func(ctx context.Context, c *devlink.Client) error) Call {
	return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) {
		m, err := c.Monitor(ctx)
		if err != nil {
			return nil, err
		}
		defer m.Close()
		if err := do(ctx, c); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, watchTime)
		defer cancel()
		var seen []string
		for ev, err := range m.Events(ctx) {
			if err != nil {
				return seen, err
			}
			seen = append(seen, ev.Object()+" "+ev.Verb())
			if seen[len(seen)-1] == last {
				break
			}
		}
		return seen, nil
	}}
}

// settings changes what can be changed in netdevsim, and tries what cannot. The reload that follows takes up sizes and
// parameters and takes back the rest.
func settings(h devlink.Handle) []Call {
	calls := paramCalls(h)
	calls = append(calls, trapCalls(h)...)
	return append(calls, healthCalls(h)...)
}

func paramCalls(h devlink.Handle) []Call {
	set := func(name string, mode devlink.CMode, value any) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error { return c.SetParam(ctx, h, name, mode, value) }
	}
	size := func(id, size uint64) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error { return c.SetResource(ctx, h, id, size) }
	}
	return []Call{
		flash("flash with settings", h, devlink.FlashRequest{File: "p4dev/keys.p4fw", Overwrite: devlink.OverwriteSettings}),
		flash("flash of an unknown component", h, devlink.FlashRequest{File: "p4dev/keys.p4fw", Component: "absent"}),
		watched("number", "param new", set("max_macs", devlink.CModeDriverInit, uint32(64))),
		watched("truth", "param new", set("test1", devlink.CModeDriverInit, false)),
		refused("param of another type", set("max_macs", devlink.CModeDriverInit, uint8(1))),
		refused("param in another mode", set("max_macs", devlink.CModeRuntime, uint32(1))),
		refused("param that is absent", set("absent", devlink.CModeRuntime, true)),
		listed("params set", h, (*devlink.Client).Params),
		refused("part too large", size(1, 100)),
		refused("size", size(7, 100)),
		refused("size of a resource that is absent", size(99, 100)),
		listed("resources set", h, (*devlink.Client).Resources),
		{"reload with parts too large", func(ctx context.Context, c *devlink.Client) (any, error) {
			return c.Reload(ctx, h, devlink.ReloadRequest{Action: devlink.ReloadDriverReinit})
		}},
		refused("parts", size(1, 1<<63)),
		refused("part", size(2, 50)),
		refused("other part", size(3, 60)),
		{"reload that is not supported", func(ctx context.Context, c *devlink.Client) (any, error) {
			return c.Reload(ctx, h, devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate})
		}},
		{"reload with a limit", func(ctx context.Context, c *devlink.Client) (any, error) {
			return c.Reload(ctx, h, devlink.ReloadRequest{Action: devlink.ReloadDriverReinit, Limits: []devlink.ReloadLimit{devlink.ReloadNoReset}})
		}},
	}
}

func trapCalls(h devlink.Handle) []Call {
	trap := func(name string, action devlink.TrapAction) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error { return c.SetTrap(ctx, h, name, action) }
	}
	group := func(name string, action devlink.TrapAction, policer uint32) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error {
			return c.SetTrapGroup(ctx, h, name, devlink.TrapGroupSettings{Action: &action, Policer: &policer})
		}
	}
	policer := func(id uint32, rate, burst uint64) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error {
			return c.SetTrapPolicer(ctx, h, id, devlink.TrapPolicerSettings{Rate: &rate, Burst: &burst})
		}
	}
	return []Call{
		refused("trap", trap("blackhole_route", devlink.TrapActionTrap)),
		refused("trap that stays", trap("fid_miss", devlink.TrapActionDrop)),
		refused("trap that is absent", trap("absent", devlink.TrapActionDrop)),
		refused("group", group("l2_drops", devlink.TrapActionMirror, 2)),
		refused("group without a policer", group("acl_drops", devlink.TrapActionDrop, 0)),
		refused("group with an absent policer", group("l3_drops", devlink.TrapActionDrop, 9)),
		refused("group that is absent", group("absent", devlink.TrapActionDrop, 1)),
		refused("policer", policer(1, 2000, 1024)),
		refused("policer too fast", policer(1, 9000, 1024)),
		refused("policer too small", policer(1, 2000, 4)),
		refused("policer of an odd size", policer(1, 2000, 1000)),
		refused("policer that is absent", policer(9, 2000, 1024)),
		listed("traps set", h, (*devlink.Client).Traps),
		listed("groups set", h, (*devlink.Client).TrapGroups),
		listed("policers set", h, (*devlink.Client).TrapPolicers),
	}
}

func healthCalls(h devlink.Handle) []Call {
	no, grace := false, 500*time.Millisecond
	set := func(name string, s devlink.ReporterSettings) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error { return c.SetReporter(ctx, h, name, s) }
	}
	on := func(name string, do func(*devlink.Client, context.Context, devlink.Handle, string, ...uint32) error) func(context.Context, *devlink.Client) error {
		return func(ctx context.Context, c *devlink.Client) error { return do(c, ctx, h, name) }
	}
	said := func(name, reporter string, ask func(*devlink.Client, context.Context, devlink.Handle, string, ...uint32) (any, error)) Call {
		return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) { return ask(c, ctx, h, reporter) }}
	}
	return []Call{
		refused("grace period", set("dummy", devlink.ReporterSettings{GracePeriod: &grace, AutoRecover: &no, AutoDump: &no})),
		refused("recovery of a reporter without", set("empty", devlink.ReporterSettings{AutoRecover: &no})),
		refused("reporter that is absent", set("absent", devlink.ReporterSettings{AutoRecover: &no})),
		listed("reporters set", h, (*devlink.Client).Reporters),
		said("message", "dummy", (*devlink.Client).Diagnose),
		said("empty message", "empty", (*devlink.Client).Diagnose),
		said("message of an absent reporter", "absent", (*devlink.Client).Diagnose),
		said("empty dump", "empty", (*devlink.Client).HealthDump),
		refused("dump cleared", on("empty", (*devlink.Client).ClearHealthDump)),
		refused("recovery of the healthy", on("dummy", (*devlink.Client).Recover)),
		refused("recovery without", on("empty", (*devlink.Client).Recover)),
		refused("test of a reporter without", on("dummy", (*devlink.Client).TestReporter)),
	}
}
