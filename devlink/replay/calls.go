package replay

import (
	"context"
	"errors"

	"github.com/p4dev/p4dev/devlink"
)

// A Call is one call of a client, by the name of its exchange.
type Call struct {
	Name string
	Do   func(ctx context.Context, c *devlink.Client) (any, error)
}

// A Subject says what the calls are about.
type Subject struct {
	Device   devlink.Handle
	File     string // that is flashed; "": none
	Reload   devlink.ReloadRequest
	Table    string // of dpipe; "": the device has none
	Region   string
	Direct   bool // the region can be read directly
	Reporter string
	Settings []Call // before the reload
}

// P4ref is the subject of recordings of the reference driver with the package keys.p4fw. Kernels before 6.4 cannot read
// regions directly.
func P4ref(direct bool) Subject {
	return Subject{
		Device: devlink.Handle{Bus: "platform", Dev: "p4ref"}, File: "p4dev/keys.p4fw",
		Reload: devlink.ReloadRequest{Action: devlink.ReloadFirmwareActivate, Limits: []devlink.ReloadLimit{devlink.ReloadNoReset}},
		Table:  "keys_ingress.in_order", Region: "p4-pipeline", Direct: direct, Reporter: "program",
	}
}

// Netdevsim is the subject of recordings of netdevsim, whose settings are changed too. Left out is a flash update that
// succeeds, which takes five hundred notifications.
func Netdevsim() Subject {
	h := devlink.Handle{Bus: "netdevsim", Dev: "netdevsim1"}
	return Subject{
		Device: h, Reload: devlink.ReloadRequest{Action: devlink.ReloadDriverReinit}, Region: "dummy", Settings: settings(h),
	}
}

// listed makes a call whose result and error are those of f, which takes a device.
func listed[T any](name string, h devlink.Handle, f func(*devlink.Client, context.Context, devlink.Handle) (T, error)) Call {
	return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) { return f(c, ctx, h) }}
}

// named makes a call of f, which takes a device and the name of something on it.
func named[T any](name string, h devlink.Handle, what string, f func(*devlink.Client, context.Context, devlink.Handle, string) (T, error)) Call {
	return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) { return f(c, ctx, h, what) }}
}

// Calls are the calls of which a recording is made, in their order: it flashes and reloads the device.
func Calls(s Subject) []Call {
	h := s.Device
	calls := []Call{
		{"devices", func(ctx context.Context, c *devlink.Client) (any, error) { return c.Devices(ctx) }},
		listed("info before", h, (*devlink.Client).Info),
		flash("flash of an absent file", h, devlink.FlashRequest{File: "p4dev/absent"}),
	}
	if s.File != "" {
		calls = append(calls,
			flash("flash of an unknown component", h, devlink.FlashRequest{File: s.File, Component: "absent"}),
			flash("flash", h, devlink.FlashRequest{File: s.File}),
			listed("info stored", h, (*devlink.Client).Info))
	}
	calls = append(calls, s.Settings...)
	calls = append(calls, []Call{
		{"reload", func(ctx context.Context, c *devlink.Client) (any, error) { return c.Reload(ctx, h, s.Reload) }},
		watched("reload that is watched", "dev new", func(ctx context.Context, c *devlink.Client) error {
			_, err := c.Reload(ctx, h, s.Reload)
			return err
		}),
		listed("info", h, (*devlink.Client).Info),
		listed("device", h, (*devlink.Client).Device),
		listed("device that is absent", devlink.Handle{Bus: h.Bus, Dev: "absent"}, (*devlink.Client).Device),
		listed("ports", h, (*devlink.Client).Ports),
		listed("resources", h, (*devlink.Client).Resources),
		listed("regions", h, (*devlink.Client).Regions),
		named("region that is absent", h, "absent", (*devlink.Client).Region),
		listed("params", h, (*devlink.Client).Params),
		listed("reporters", h, (*devlink.Client).Reporters),
		listed("traps", h, (*devlink.Client).Traps),
		listed("trap groups", h, (*devlink.Client).TrapGroups),
		listed("trap policers", h, (*devlink.Client).TrapPolicers),
		listed("selftests", h, (*devlink.Client).Selftests),
	}...)
	if s.Table != "" {
		calls = append(calls,
			listed("headers", h, (*devlink.Client).DpipeHeaders),
			listed("tables", h, (*devlink.Client).DpipeTables),
			named("table that is absent", h, "absent", (*devlink.Client).DpipeTable),
			Call{"entries", func(ctx context.Context, c *devlink.Client) (any, error) { return entries(ctx, c, h, s.Table) }},
			Call{"entries of an absent table", func(ctx context.Context, c *devlink.Client) (any, error) { return entries(ctx, c, h, "absent") }},
			Call{"counters", func(ctx context.Context, c *devlink.Client) (any, error) {
				return nil, c.SetDpipeCounters(ctx, h, s.Table, true)
			}})
	}
	if s.Region != "" {
		calls = append(calls, snapshotCalls(s)...)
	}
	if s.Reporter != "" {
		calls = append(calls, Call{"diagnosis", func(ctx context.Context, c *devlink.Client) (any, error) {
			return c.Diagnose(ctx, h, s.Reporter)
		}})
	}
	return calls
}

func flash(name string, h devlink.Handle, r devlink.FlashRequest) Call {
	return Call{name, func(ctx context.Context, c *devlink.Client) (any, error) {
		var statuses []devlink.FlashStatus
		err := c.Flash(ctx, h, r, func(s devlink.FlashStatus) { statuses = append(statuses, s) })
		return statuses, err
	}}
}

func entries(ctx context.Context, c *devlink.Client, h devlink.Handle, table string) ([]devlink.DpipeEntry, error) {
	var list []devlink.DpipeEntry
	for e, err := range c.DpipeEntries(ctx, h, table) {
		if err != nil {
			return list, err
		}
		list = append(list, e.Clone())
	}
	return list, nil
}

// snapshotCalls take a snapshot and delete it again. The kernel chooses its number.
func snapshotCalls(s Subject) []Call {
	h := s.Device
	var id uint32
	read := func(r devlink.RegionRead) func(context.Context, *devlink.Client) (any, error) {
		return func(ctx context.Context, c *devlink.Client) (any, error) {
			if !s.Direct {
				r.Snapshot = &id
			}
			data, err := c.ReadRegion(ctx, h, r)
			return devlink.HexBytes(data), err
		}
	}
	return []Call{
		{"snapshot", func(ctx context.Context, c *devlink.Client) (any, error) {
			var err error
			id, err = c.NewSnapshot(ctx, h, s.Region, nil)
			return id, err
		}},
		named("region", h, s.Region, (*devlink.Client).Region),
		{"read", read(devlink.RegionRead{Region: s.Region, Offset: 200, Length: 300})},
		{"read beyond the end", func(ctx context.Context, c *devlink.Client) (any, error) {
			r, err := c.Region(ctx, h, s.Region)
			if err != nil {
				return nil, err
			}
			return read(devlink.RegionRead{Region: s.Region, Offset: r.Size - 1, Length: 300})(ctx, c)
		}},
		{"deletion", func(ctx context.Context, c *devlink.Client) (any, error) {
			return nil, c.DelSnapshot(ctx, h, s.Region, id)
		}},
		{"deletion again", func(ctx context.Context, c *devlink.Client) (any, error) {
			return nil, c.DelSnapshot(ctx, h, s.Region, id)
		}},
	}
}

// An Outcome is what a call returned.
type Outcome struct {
	Name   string `json:"call"`
	Result any    `json:"result,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Run makes the calls, begin being told the name of each before it. Errors of the device are outcomes like any other;
// only that begin fails, or the client cannot be used, ends Run.
func Run(ctx context.Context, c *devlink.Client, calls []Call, begin func(name string) error) ([]Outcome, error) {
	var out []Outcome
	for _, call := range calls {
		if err := begin(call.Name); err != nil {
			return out, err
		}
		result, err := call.Do(ctx, c)
		o := Outcome{Name: call.Name, Result: result}
		if err != nil {
			o.Error = err.Error()
		}
		if errors.Is(err, devlink.ErrClosed) || ctx.Err() != nil {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}
