package sim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
)

// The numbers in these tests are copied by hand from linux/netlink.h, genetlink.h and devlink.h: they are what
// the package is held against.

var host = binary.NativeEndian

// fake is a device that implements every optional interface.
type fake struct {
	info      sim.Info
	ports     []sim.Port
	regions   []sim.Region
	tables    []sim.DpipeTable
	headers   []sim.DpipeHeader
	entries   []sim.DpipeEntry
	resources []sim.Resource
	params    []sim.Param
	reporters []sim.Reporter
	traps     []sim.Trap
	set       map[string]any
	sizes     map[uint64]uint64
	flash     func(context.Context, sim.FlashParams, func(sim.FlashStatus) error) error
	reload    func(sim.ReloadAction, sim.ReloadLimit) ([]sim.ReloadAction, error)
	overwrite bool
}

func (f *fake) Handle() (string, string)        { return "pci", "0000:01:00.0" }
func (f *fake) Driver() string                  { return "p4sim" }
func (f *fake) Info() (sim.Info, error)         { return f.info, nil }
func (f *fake) Ports() []sim.Port               { return f.ports }
func (f *fake) Regions() []sim.Region           { return f.regions }
func (f *fake) DpipeTables() []sim.DpipeTable   { return f.tables }
func (f *fake) DpipeHeaders() []sim.DpipeHeader { return f.headers }
func (f *fake) Resources() []sim.Resource       { return f.resources }
func (f *fake) SetResourceSize(id, size uint64) bool {
	f.sizes[id] = size
	return true
}
func (f *fake) Params() []sim.Param                { return f.params }
func (f *fake) Reporters() []sim.Reporter          { return f.reporters }
func (f *fake) Traps() []sim.Trap                  { return f.traps }
func (f *fake) SetTrap(name string, a uint8) error { f.set[name] = a; return nil }
func (f *fake) FlashOverwrites() bool              { return f.overwrite }

func (f *fake) SetParam(name string, mode sim.CMode, v any) error {
	f.set[name] = v
	for _, p := range f.params {
		if p.Name == name {
			p.Values[mode] = v
		}
	}
	return nil
}

func (f *fake) DpipeEntries(string, bool) ([]sim.DpipeEntry, error) { return f.entries, nil }

func (f *fake) ReloadActions() ([]sim.ReloadAction, []sim.ReloadLimit) {
	return []sim.ReloadAction{sim.DriverReinit, sim.FwActivate}, []sim.ReloadLimit{sim.LimitNoReset}
}

func (f *fake) Reload(_ context.Context, a sim.ReloadAction, l sim.ReloadLimit) ([]sim.ReloadAction, error) {
	if f.reload != nil {
		return f.reload(a, l)
	}
	return []sim.ReloadAction{a}, nil
}

func (f *fake) Flash(ctx context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
	if f.flash != nil {
		return f.flash(ctx, p, status)
	}
	for i := range uint64(5) {
		if err := status(sim.FlashStatus{Message: "Flashing", Component: p.Component, Done: i, Total: 4}); err != nil {
			return err
		}
	}
	return nil
}

// bare is a device without any optional interface.
type bare struct{ dev string }

func (b bare) Handle() (string, string) { return "platform", b.dev }
func (b bare) Driver() string           { return "" }

// image is what the firmware loader finds under the name fw.bin.
var image = []byte("image")

func newKernel(t *testing.T, devices ...sim.Device) *sim.Kernel {
	t.Helper()
	k := sim.New(sim.Options{
		Firmware: func(name string) ([]byte, error) {
			if name != "p4dev/fw.bin" {
				return nil, os.ErrNotExist
			}
			return image, nil
		},
		Now: func() time.Time { return time.Unix(5, 6) },
	})
	for _, d := range devices {
		if err := k.Register(d); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// a builds an attribute from a type and a payload: a string gets its terminating zero, integers host order.
func a(typ uint16, v any) []byte {
	var p []byte
	switch v := v.(type) {
	case nil:
	case string:
		p = append([]byte(v), 0)
	case uint8:
		p = []byte{v}
	case uint16:
		p = host.AppendUint16(nil, v)
	case uint32:
		p = host.AppendUint32(nil, v)
	case uint64:
		p = host.AppendUint64(nil, v)
	case []byte:
		p = v
	}
	b := host.AppendUint16(nil, uint16(4+len(p)))
	b = append(host.AppendUint16(b, typ), p...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// msg builds a message of the devlink family, sequence number 7.
func msg(flags uint16, cmd uint8, attrs ...[]byte) []byte {
	return rawMsg(0x15, flags, cmd, 1, attrs...)
}

func rawMsg(typ, flags uint16, cmd, version uint8, attrs ...[]byte) []byte {
	body := cat(append([][]byte{{cmd, version, 0, 0}}, attrs...)...)
	b := host.AppendUint32(nil, uint32(16+len(body)))
	b = host.AppendUint16(b, typ)
	b = host.AppendUint16(b, flags)
	b = host.AppendUint32(b, 7)
	b = host.AppendUint32(b, 0)
	return append(b, body...)
}

// handle are the attributes that name the fake.
func handle() []byte { return cat(a(1, "pci"), a(2, "0000:01:00.0")) }

const (
	request = 0x1
	multi   = 0x2
	ack     = 0x4
	dumping = 0x300
)

func send(t *testing.T, s *sim.Socket, d []byte) {
	t.Helper()
	if err := s.Send(d); err != nil {
		t.Fatal(err)
	}
}

func recv(t *testing.T, s *sim.Socket) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d, err := s.Recv(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// silent fails where a socket has something to receive.
func silent(t *testing.T, s *sim.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if d, err := s.Recv(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("received % x, %v; want nothing", d, err)
	}
}

// want receives one datagram and compares it with messages whose sender port is filled in.
func want(t *testing.T, s *sim.Socket, messages ...[]byte) {
	t.Helper()
	got := recv(t, s)
	if w := cat(messages...); !bytes.Equal(got, w) {
		t.Fatalf("received\n% x\nwant\n% x", got, w)
	}
}

// from fills in the port that replies to a socket carry.
func from(s *sim.Socket, m []byte) []byte {
	m = bytes.Clone(m)
	host.PutUint32(m[12:], s.PortID())
	return m
}

// notice is a notification: sequence number and port are 0.
func notice(cmd uint8, attrs ...[]byte) []byte {
	m := msg(0, cmd, attrs...)
	host.PutUint32(m[8:], 0)
	return m
}

// done is an NLMSG_DONE with a payload.
func done(s *sim.Socket, payload []byte) []byte {
	b := host.AppendUint32(nil, uint32(16+len(payload)))
	b = host.AppendUint16(b, 3)
	b = host.AppendUint16(b, multi)
	b = host.AppendUint32(b, 7)
	b = host.AppendUint32(b, s.PortID())
	return append(b, payload...)
}

// errno takes a datagram that begins with an NLMSG_ERROR apart: error number, flags, and the attributes of the
// extended acknowledgement behind a capped echo of the request.
func errno(t *testing.T, d []byte) (syscall.Errno, uint16, []byte) {
	t.Helper()
	if len(d) < 36 || host.Uint16(d[4:]) != 2 {
		t.Fatalf("received % x, want an NLMSG_ERROR", d)
	}
	return syscall.Errno(-int32(host.Uint32(d[16:]))), host.Uint16(d[6:]), d[36:]
}

// refused sends a request and expects it to fail.
func refused(t *testing.T, s *sim.Socket, d []byte, e syscall.Errno, tlvs ...[]byte) {
	t.Helper()
	send(t, s, d)
	got, _, ext := errno(t, recv(t, s))
	if got != e {
		t.Errorf("errno %v, want %v", got, e)
	}
	if w := cat(tlvs...); !bytes.Equal(ext, w) {
		t.Errorf("extended acknowledgement\n% x (%q)\nwant\n% x", ext, ext, w)
	}
}

// accepted sends a request that asks for an acknowledgement and expects only that.
func accepted(t *testing.T, s *sim.Socket, d []byte) {
	t.Helper()
	send(t, s, d)
	if e, _, _ := errno(t, recv(t, s)); e != 0 {
		t.Fatalf("errno %v, want success", e)
	}
}
