package sim_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/p4dev/p4dev/devlink/sim"
)

// TestFlash holds notifications, component and image of a flash, and that the instance is locked all the time.
func TestFlash(t *testing.T) {
	f := full()
	begun, goOn := make(chan sim.FlashParams, 1), make(chan bool)
	f.overwrite = true
	f.flash = func(_ context.Context, p sim.FlashParams, status func(sim.FlashStatus) error) error {
		begun <- p
		<-goOn
		_ = status(sim.FlashStatus{Message: "Erasing", Timeout: 5})
		return status(sim.FlashStatus{Message: "Flashing", Component: p.Component, Done: 5, Total: 5})
	}
	k := newKernel(t, f)
	watch, flasher, other := k.Dial(), k.Dial(), k.Dial()
	if err := watch.Join(5); err != nil {
		t.Fatal(err)
	}
	flash := msg(request|ack, 58, handle(), a(122, "p4dev/fw.bin"), a(123, "fw.app"), a(152, []byte{3, 0, 0, 0, 1, 0, 0, 0}))
	refused(t, other, flash, syscall.EINVAL, a(1, "Attribute failed policy validation"), a(2, uint32(48+20+12)))
	host.PutUint32(flash[len(flash)-8:], 1)
	go flasher.Send(flash)
	if p := <-begun; p.File != "p4dev/fw.bin" || p.Component != "fw.app" || p.Overwrite != 1 || !bytes.Equal(p.Image, image) {
		t.Errorf("driver got %+v", p)
	}
	var informed atomic.Bool
	go func() {
		_ = other.Send(msg(request, 51, handle()))
		informed.Store(true)
	}()
	want(t, watch, notice(58, handle()))
	time.Sleep(20 * time.Millisecond)
	if informed.Load() {
		t.Error("info was answered in the middle of a flash")
	}
	close(goOn)
	u := func(done, total, timeout uint64) []byte { return cat(a(125, done), a(126, total), a(151, timeout)) }
	want(t, watch, notice(60, handle(), a(124, "Erasing"), u(0, 0, 5)))
	want(t, watch, notice(60, handle(), a(124, "Flashing"), a(123, "fw.app"), u(5, 5, 0)))
	want(t, watch, notice(59, handle()))
	if e, _, _ := errno(t, recv(t, flasher)); e != 0 {
		t.Errorf("flash ended with %v", e)
	}
	if d := recv(t, other); d[16] != 51 {
		t.Errorf("received % x, want the information", d)
	}
}

func TestFlashFaults(t *testing.T) {
	flash := msg(request|ack, 58, handle(), a(122, "p4dev/fw.bin"))
	k := newKernel(t, full())
	s := k.Dial()
	remove := k.Inject(sim.Fault{Kind: sim.FlashFailure, Percent: 50, Errno: syscall.EIO, Message: "worn out"})
	watch := k.Dial()
	if err := watch.Join(5); err != nil {
		t.Fatal(err)
	}
	refused(t, s, flash, syscall.EIO, a(1, "worn out"))
	for _, cmd := range []uint8{58, 60, 60, 60, 59} {
		if d := recv(t, watch); d[16] != cmd {
			t.Errorf("notified of %d, want %d", d[16], cmd)
		}
	}
	silent(t, watch)
	remove()
	accepted(t, s, flash)
	k.Inject(sim.Fault{Kind: sim.Vanish, Cmd: 58, Percent: 25})
	refused(t, s, flash, syscall.ENODEV)
	refused(t, s, msg(request, 1, handle()), syscall.ENODEV)
}

func TestRequestFaults(t *testing.T) {
	get := msg(request, 1, handle())
	k := newKernel(t, full())
	s := k.Dial()
	send(t, s, get)
	plain := recv(t, s)
	once := func(f sim.Fault, check func()) {
		t.Helper()
		f.Cmd, f.Nth, f.Device = 1, 1, "pci/0000:01:00.0"
		remove := k.Inject(f)
		defer remove()
		check()
		send(t, s, get)
		if d := recv(t, s); !bytes.Equal(d, plain) {
			t.Errorf("after fault %d: % x", f.Kind, d)
		}
	}
	once(sim.Fault{Kind: sim.Errno, Errno: syscall.EPERM, Message: "no"}, func() { refused(t, s, get, syscall.EPERM, a(1, "no")) })
	once(sim.Fault{Kind: sim.Stall}, func() { send(t, s, get); silent(t, s) })
	once(sim.Fault{Kind: sim.Delay, Delay: 30 * time.Millisecond}, func() {
		begin := time.Now()
		send(t, s, get)
		if recv(t, s); time.Since(begin) < 30*time.Millisecond {
			t.Error("no delay")
		}
	})
	once(sim.Fault{Kind: sim.Truncate, Length: 33}, func() {
		if send(t, s, get); len(recv(t, s)) != 33 {
			t.Error("not truncated")
		}
	})
	once(sim.Fault{Kind: sim.Garbage}, func() {
		if send(t, s, get); bytes.Contains(recv(t, s), handle()) {
			t.Error("no garbage")
		}
	})
	once(sim.Fault{Kind: sim.UnknownAttributes}, func() {
		send(t, s, get)
		if d := recv(t, s); int(host.Uint32(d)) != len(d) || !bytes.Contains(d, a(0x3ff0, []byte{1, 2, 3, 4, 5})) {
			t.Errorf("received % x", d)
		}
	})
	once(sim.Fault{Kind: sim.NoBuffers}, func() {
		send(t, s, get)
		if _, err := s.Recv(t.Context()); !errors.Is(err, syscall.ENOBUFS) {
			t.Errorf("received %v, want ENOBUFS", err)
		}
	})
}

func TestDumpFaults(t *testing.T) {
	k := newKernel(t, full())
	s := k.Dial()
	remove := k.Inject(sim.Fault{Kind: sim.DumpInterrupted, Cmd: 5})
	send(t, s, msg(request|dumping, 5))
	for d := recv(t, s); len(d) > 0; d = d[host.Uint32(d):] {
		if host.Uint16(d[6:])&0x10 == 0 {
			t.Errorf("message without NLM_F_DUMP_INTR: % x", d)
		}
	}
	remove()
	k.Inject(sim.Fault{Kind: sim.Vanish, Cmd: 46, Nth: 1})
	send(t, s, msg(request|dumping, 46, handle(), a(88, "r"), a(179, nil)))
	if d := recv(t, s); len(payload(d, 95)) == 0 {
		t.Errorf("received % x, want the first part", d)
	}
	e := host.AppendUint32(nil, uint32(0xffffffff-uint32(syscall.ENODEV)+1))
	want(t, s, done(s, e))
}

func TestNotificationFaults(t *testing.T) {
	k := newKernel(t)
	s := k.Dial()
	if err := s.Join(5); err != nil {
		t.Fatal(err)
	}
	k.Inject(sim.Fault{Kind: sim.Duplicate, Cmd: 4})
	k.Inject(sim.Fault{Kind: sim.Reorder, Cmd: 3, Nth: 1})
	for _, n := range []string{"a", "b"} {
		if err := k.Register(bare{n}); err != nil {
			t.Fatal(err)
		}
	}
	k.Unregister("platform", "a")
	for i, w := range []struct {
		cmd uint8
		dev string
	}{{3, "b"}, {3, "a"}, {4, "a"}, {4, "a"}} {
		if d := recv(t, s); d[16] != w.cmd || !bytes.Contains(d, a(2, w.dev)) {
			t.Errorf("notification %d: % x, want command %d of %s", i, d, w.cmd, w.dev)
		}
	}
}

func TestServe(t *testing.T) {
	k := newKernel(t, full())
	path := filepath.Join(t.TempDir(), "devlink.sock")
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- k.Serve(ctx, l) }()
	conn, err := net.DialUnix("unixpacket", nil, &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	control := host.AppendUint32(host.AppendUint32(host.AppendUint32(nil, 0xffffffff), 1), 5)
	buf := make([]byte, 4096)
	for _, d := range [][]byte{control, msg(request, 51, handle())} {
		if _, err := conn.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := conn.Read(buf); err != nil || n < 20 || buf[16] != 51 {
		t.Fatalf("received % x, %v", buf[:n], err)
	}
	k.Unregister("pci", "0000:01:00.0")
	if n, err := conn.Read(buf); err != nil || n < 20 || buf[16] != 41 {
		t.Fatalf("received % x, %v, want a notification", buf[:n], err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}
