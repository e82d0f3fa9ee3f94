package devlink

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mdlayher/netlink"
)

// A Reporter is a health reporter: it notices one kind of trouble, and may diagnose and cure it.
type Reporter struct {
	Handle Handle `json:"-"`
	// Port is the port that the reporter belongs to; nil: the device itself.
	Port *uint32 `json:"port,omitempty"`
	Name string  `json:"reporter"`
	// State is what the reporter thinks of the device.
	State HealthState `json:"state"`
	// Errors and Recoveries count since the driver was loaded.
	Errors     uint64 `json:"error"`
	Recoveries uint64 `json:"recover"`
	// LastDump is when the dump that is kept was taken, by the kernel's real-time clock; nil: there is no dump.
	LastDump *time.Time `json:"last_dump,omitempty"`
	// GracePeriod is the least time between two automatic recoveries, in milliseconds on the wire; nil: the reporter
	// cannot recover.
	GracePeriod *time.Duration `json:"-"`
	// BurstPeriod is how long after an error further ones belong to the same burst; nil: not reported, as before
	// Linux 6.18.
	BurstPeriod *time.Duration `json:"-"`
	// AutoRecover and AutoDump say what happens on an error without being asked; nil: not available.
	AutoRecover *bool `json:"auto_recover,omitempty"`
	AutoDump    *bool `json:"auto_dump,omitempty"`
}

// MarshalJSON implements json.Marshaler: the periods are "grace_period" and "burst_period", in milliseconds, and
// "last_dump_date" and "last_dump_time" are those of the local time zone, in seconds.
func (r Reporter) MarshalJSON() ([]byte, error) {
	type plain Reporter
	view := struct {
		plain
		Date  string `json:"last_dump_date,omitempty"`
		Time  string `json:"last_dump_time,omitempty"`
		Grace *int64 `json:"grace_period,omitempty"`
		Burst *int64 `json:"burst_period,omitempty"`
	}{plain: plain(r), Grace: inMilliseconds(r.GracePeriod), Burst: inMilliseconds(r.BurstPeriod)}
	if r.LastDump != nil {
		view.Date, view.Time = r.LastDump.Format(time.DateOnly), r.LastDump.Format(time.TimeOnly)
	}
	return json.Marshal(view)
}

// inMilliseconds converts; nil stays nil.
func inMilliseconds(d *time.Duration) *int64 {
	if d == nil {
		return nil
	}
	return ptr(d.Milliseconds())
}

// A HealthState is a reporter's view of the device (enum devlink_health_reporter_state).
type HealthState uint8

// The health states.
const (
	Healthy HealthState = iota
	Unhealthy
)

var healthStateNames = []string{"healthy", "error"}

// String returns the word of "devlink health show".
func (s HealthState) String() string { return enumString(healthStateNames, s) }

// MarshalText implements encoding.TextMarshaler.
func (s HealthState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reporters lists the health reporters of a device and its ports, or of all devices where h is zero.
func (c *Client) Reporters(ctx context.Context, h Handle) ([]Reporter, error) {
	return collect(ctx, c, &request{
		op: "list health reporters", device: h, cmd: CmdHealthReporterGet, mode: replyDump, filter: true,
	}, decodeReporter)
}

// Reporter returns one reporter, of the device itself or of the port that is given. So do the calls below: they are
// about a reporter of the device, or of one port.
func (c *Client) Reporter(ctx context.Context, h Handle, name string, port ...uint32) (Reporter, error) {
	return single(ctx, c, reporterRequest("get", h, CmdHealthReporterGet, name, port), decodeReporter)
}

// ReporterSettings are what SetReporter changes; nil leaves a setting as it is.
type ReporterSettings struct {
	GracePeriod *time.Duration // sent in milliseconds
	BurstPeriod *time.Duration // sent in milliseconds
	AutoRecover *bool
	AutoDump    *bool
}

// SetReporter changes a reporter's settings.
func (c *Client) SetReporter(ctx context.Context, h Handle, name string, s ReporterSettings, port ...uint32) error {
	req := reporterRequest("set", h, CmdHealthReporterSet, name, port)
	named := req.attrs
	req.attrs = func(ae *netlink.AttributeEncoder) {
		named(ae)
		if s.GracePeriod != nil {
			ae.Uint64(attrHealthReporterGracefulPeriod, uint64(s.GracePeriod.Milliseconds()))
		}
		if s.BurstPeriod != nil {
			ae.Uint64(attrHealthReporterBurstPeriod, uint64(s.BurstPeriod.Milliseconds()))
		}
		if s.AutoRecover != nil {
			ae.Uint8(attrHealthReporterAutoRecover, boolByte(*s.AutoRecover))
		}
		if s.AutoDump != nil {
			ae.Uint8(attrHealthReporterAutoDump, boolByte(*s.AutoDump))
		}
	}
	return c.command(ctx, req)
}

// Recover asks a reporter to cure the device now.
func (c *Client) Recover(ctx context.Context, h Handle, name string, port ...uint32) error {
	return c.command(ctx, reporterRequest("recover", h, CmdHealthReporterRecover, name, port))
}

// TestReporter asks a reporter to cause the trouble it reports, to try out what follows.
func (c *Client) TestReporter(ctx context.Context, h Handle, name string, port ...uint32) error {
	return c.command(ctx, reporterRequest("test", h, CmdHealthReporterTest, name, port))
}

// Diagnose asks a reporter for the state of what it watches. The result is what Message describes.
func (c *Client) Diagnose(ctx context.Context, h Handle, name string, port ...uint32) (any, error) {
	req := reporterRequest("diagnose", h, CmdHealthReporterDiagnose, name, port)
	req.mode = replyMulti
	return c.message(ctx, req)
}

// HealthDump returns a reporter's dump, taking one where none is kept. The result is what Message describes.
func (c *Client) HealthDump(ctx context.Context, h Handle, name string, port ...uint32) (any, error) {
	req := reporterRequest("dump", h, CmdHealthReporterDumpGet, name, port)
	req.mode = replyDump
	return c.message(ctx, req)
}

// ClearHealthDump discards a reporter's dump, so that the next error can leave one.
func (c *Client) ClearHealthDump(ctx context.Context, h Handle, name string, port ...uint32) error {
	return c.command(ctx, reporterRequest("clear dump of", h, CmdHealthReporterDumpClear, name, port))
}

// reporterRequest returns a request about one reporter, that of a port where one is given.
func reporterRequest(verb string, h Handle, cmd Command, name string, port []uint32) *request {
	return &request{
		op: verb + " health reporter " + name, device: h, cmd: cmd,
		attrs: func(ae *netlink.AttributeEncoder) {
			for _, p := range port {
				ae.Uint32(attrPortIndex, p)
			}
			ae.String(attrHealthReporterName, name)
		},
	}
}

// message runs a request that is answered by a formatted message in parts.
func (c *Client) message(ctx context.Context, req *request) (any, error) {
	var b messageBuilder
	err := c.retry(ctx, req, func() { b = messageBuilder{} }, func(_ Command, attrs []byte) error { return b.part(attrs) })
	if err != nil {
		return nil, err
	}
	v, err := b.finish()
	if err != nil {
		return nil, wrap(req, err)
	}
	return v, nil
}

// decodeReporter reads a DEVLINK_CMD_HEALTH_REPORTER_GET reply or HEALTH_REPORTER_RECOVER notification.
func decodeReporter(attrs []byte) (Reporter, error) {
	var r Reporter
	err := eachAttr(attrs, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case attrBusName, attrDevName:
			r.Handle.decode(ad)
		case attrPortIndex:
			r.Port = ptr(ad.Uint32())
		case attrHealthReporter:
			nest(ad, r.decode)
		}
	})
	return r, err
}

// decode takes one attribute of DEVLINK_ATTR_HEALTH_REPORTER. The older time stamp, in jiffies since boot, is ignored.
func (r *Reporter) decode(ad *netlink.AttributeDecoder) {
	switch ad.Type() {
	case attrHealthReporterName:
		r.Name = ad.String()
	case attrHealthReporterState:
		r.State = HealthState(ad.Uint8())
	case attrHealthReporterErrCount:
		r.Errors = ad.Uint64()
	case attrHealthReporterRecoverCount:
		r.Recoveries = ad.Uint64()
	case attrHealthReporterDumpTsNs:
		r.LastDump = ptr(time.Unix(0, int64(ad.Uint64())))
	case attrHealthReporterGracefulPeriod:
		r.GracePeriod = ptr(milliseconds(ad.Uint64()))
	case attrHealthReporterBurstPeriod:
		r.BurstPeriod = ptr(milliseconds(ad.Uint64()))
	case attrHealthReporterAutoRecover:
		r.AutoRecover = ptr(ad.Uint8() != 0)
	case attrHealthReporterAutoDump:
		r.AutoDump = ptr(ad.Uint8() != 0)
	}
}

// milliseconds converts, and keeps within what a Duration can hold.
func milliseconds(n uint64) time.Duration {
	return time.Duration(min(n, uint64(1<<63-1)/uint64(time.Millisecond))) * time.Millisecond
}
