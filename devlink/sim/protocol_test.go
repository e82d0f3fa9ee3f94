package sim_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/p4dev/p4dev/devlink/sim"
)

func TestFamily(t *testing.T) {
	k := newKernel(t)
	s := k.Dial()
	defer s.Close()
	send(t, s, rawMsg(16, request, 3, 1, a(2, "devlink")))
	got := recv(t, s)
	head := from(s, rawMsg(16, 0, 1, 2, a(2, "devlink"), a(1, uint16(0x15)), a(3, uint32(1)), a(4, uint32(0)), a(5, uint32(183))))
	tail := a(7, a(1, cat(a(2, uint32(5)), a(1, "config"))))
	if !bytes.HasPrefix(got[4:], head[4:]) || !bytes.HasSuffix(got, tail) {
		t.Errorf("received\n% x\nwant\n% x ...\n% x", got, head, tail)
	}
	// DEVLINK_CMD_GET can do and dump and has a policy; DEVLINK_CMD_REGION_READ is for administrators, dump only.
	for _, op := range [][]byte{cat(a(1, uint32(1)), a(2, uint32(0xe))), cat(a(1, uint32(46)), a(2, uint32(0xd)))} {
		if !bytes.Contains(got, op) {
			t.Errorf("operations lack % x", op)
		}
	}
	refused(t, s, rawMsg(16, request, 3, 1, a(2, "ethtool")), syscall.ENOENT)
	refused(t, s, rawMsg(16, request, 3, 1), syscall.EINVAL)
	refused(t, s, rawMsg(0x99, request, 1, 1), syscall.ENOENT)
}

func TestFamilyDump(t *testing.T) {
	k := newKernel(t)
	s := k.Dial()
	defer s.Close()
	send(t, s, rawMsg(16, request|dumping, 3, 1))
	got := recv(t, s)
	if !bytes.Contains(got, a(2, "nlctrl")) || !bytes.Contains(got, a(2, "devlink")) || !bytes.HasSuffix(got, done(s, make([]byte, 4))) {
		t.Errorf("received % x", got)
	}
}

func TestAcknowledgement(t *testing.T) {
	k := newKernel(t, &fake{})
	s := k.Dial()
	defer s.Close()
	bad := msg(request|ack, 58, handle()) // a flash without a file
	head := func(n, flags uint16, e int32) []byte {
		b := append([]byte{byte(n), 0, 0, 0, 2, 0, byte(flags), byte(flags >> 8), 7, 0, 0, 0}, 0, 0, 0, 0)
		return host.AppendUint32(from(s, b), uint32(e))
	}
	if host.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes below are those of a little-endian machine")
	}
	missing := a(5, uint32(122))
	send(t, s, bad)
	want(t, s, head(16+4+16+8, 0x300, -22), bad[:16], missing)
	s.SetAck(true, false)
	send(t, s, bad)
	want(t, s, head(uint16(16+4+len(bad)+8), 0x200, -22), bad, missing)
	s.SetAck(false, false)
	send(t, s, bad)
	want(t, s, head(uint16(16+4+len(bad)), 0, -22), bad)
	send(t, s, msg(request|ack, 58))
	if e, _, _ := errno(t, recv(t, s)); e != syscall.EINVAL {
		t.Errorf("request without a handle: %v, want EINVAL", e)
	}
	get := msg(request|ack, 35, handle(), a(66, uint64(9)), a(67, uint64(1)))
	send(t, s, get) // DEVLINK_CMD_RESOURCE_SET of a resource that is not there
	if e, _, _ := errno(t, recv(t, s)); e != syscall.EINVAL {
		t.Errorf("resource set: %v, want EINVAL", e)
	}
}

func TestRefusals(t *testing.T) {
	k := newKernel(t, &fake{}, bare{"b"})
	s := k.Dial()
	defer s.Close()
	b := cat(a(1, "platform"), a(2, "b"))
	flashFile := a(122, "p4dev/none.bin")
	tests := []struct {
		name string
		send []byte
		want syscall.Errno
		tlvs []byte
	}{
		{"unknown device", msg(request, 1, a(1, "pci"), a(2, "nowhere")), syscall.ENODEV, nil},
		{"unknown command", msg(request, 200, handle()), syscall.EOPNOTSUPP, nil},
		{"dump of what cannot be dumped", msg(request|dumping, 31, handle()), syscall.EOPNOTSUPP, nil},
		{"name without zero", msg(request, 1, a(1, []byte("pci")), a(2, "x")), syscall.EINVAL,
			cat(a(1, "Attribute failed policy validation"), a(2, uint32(20)))},
		{"short integer", msg(request, 5, handle(), a(3, uint16(1))), syscall.ERANGE,
			cat(a(1, "Attribute failed policy validation"), a(2, uint32(20+8+20)))},
		{"reload action out of range", msg(request, 37, handle(), a(153, uint8(9))), syscall.ERANGE,
			cat(a(1, "integer out of range"), a(2, uint32(48)))},
		{"reload action too long", msg(request, 37, handle(), a(153, uint32(2))), syscall.EINVAL,
			cat(a(1, "invalid attribute length"), a(2, uint32(48)))},
		{"flash not supported", msg(request, 58, b, flashFile), syscall.EOPNOTSUPP, nil},
		{"flash file missing", msg(request, 58, handle(), flashFile), syscall.ENOENT,
			cat(a(1, "failed to locate the requested firmware file"), a(2, uint32(48)))},
		{"flash component unknown", msg(request, 58, handle(), flashFile, a(123, "fw.x")), syscall.EINVAL,
			cat(a(1, "selected component is not supported by this device"), a(2, uint32(48+20)))},
		{"flash overwrite", msg(request, 58, handle(), flashFile, a(152, []byte{1, 0, 0, 0, 1, 0, 0, 0})), syscall.EOPNOTSUPP,
			cat(a(1, "overwrite settings are not supported by this device"), a(2, uint32(48+20)))},
		{"reload not supported", msg(request, 37, b), syscall.EOPNOTSUPP, nil},
		{"reload reinit without reset", msg(request, 37, handle(), a(153, uint8(1)), a(155, []byte{2, 0, 0, 0, 2, 0, 0, 0})), syscall.EINVAL,
			a(1, "Requested limit is invalid for this action")},
		{"port unknown", msg(request, 5, handle(), a(3, uint32(1))), syscall.ENODEV, nil},
		{"entries without table", msg(request, 32, handle()), syscall.EINVAL, a(5, uint32(29))},
		{"headers not there", msg(request, 33, handle()), syscall.EOPNOTSUPP, nil},
		{"resources not there", msg(request, 36, handle()), syscall.EOPNOTSUPP, nil},
		{"region unnamed", msg(request, 44, handle()), syscall.EINVAL, cat(a(1, "No region name provided"), a(5, uint32(88)))},
		{"region unknown", msg(request, 44, handle(), a(88, "r")), syscall.EINVAL, a(1, "The requested region does not exist")},
		{"param unnamed", msg(request, 38, handle()), syscall.EINVAL, a(5, uint32(81))},
		{"reporter unnamed", msg(request, 52, handle()), syscall.EINVAL, nil},
		{"traps not there", msg(request, 61, handle(), a(130, "t")), syscall.EOPNOTSUPP, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { refused(t, s, tt.send, tt.want, tt.tlvs) })
	}
}

// TestFraming sends what netlink skips in silence, between requests that it answers.
func TestFraming(t *testing.T) {
	k := newKernel(t, &fake{})
	s := k.Dial()
	defer s.Close()
	get := msg(request|ack, 38, handle())
	for _, junk := range [][]byte{nil, {1, 2, 3}, get[:15], get[:len(get)-1], make([]byte, 40)} {
		send(t, s, junk)
		silent(t, s)
	}
	noop := rawMsg(1, request, 0, 0)
	send(t, s, cat(noop, get, msg(0, 1, handle()), get))
	for range 2 {
		if e, _, _ := errno(t, recv(t, s)); e != syscall.EINVAL {
			t.Errorf("errno %v, want EINVAL", e)
		}
	}
	silent(t, s)
}

func TestSocket(t *testing.T) {
	k := newKernel(t)
	s := k.Dial()
	if err := s.Join(4); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("join of an unknown group: %v", err)
	}
	ended := make(chan error)
	go func() {
		_, err := s.Recv(context.Background())
		ended <- err
	}()
	s.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("receive ended with %v", err)
	}
	if err := s.Send(nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("send on a closed socket: %v", err)
	}
}

func TestOverrun(t *testing.T) {
	k := sim.New(sim.Options{Buffer: 600})
	s := k.Dial()
	defer s.Close()
	if err := s.Join(5); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if err := k.Register(bare{name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Recv(context.Background()); !errors.Is(err, syscall.ENOBUFS) {
		t.Fatalf("receive: %v, want ENOBUFS", err)
	}
	if d := recv(t, s); !bytes.Contains(d, a(2, "a")) {
		t.Errorf("received % x", d)
	}
}

func FuzzSend(f *testing.F) {
	f.Add(msg(request, 1, handle()))
	f.Add(msg(request|dumping, 46, handle(), a(88, "r"), a(179, nil), a(96, uint64(9)), a(97, uint64(1<<63))))
	f.Add(msg(request, 39, handle(), a(81, "p"), a(83, uint8(5)), a(86, "x"), a(87, uint8(1))))
	f.Add(msg(request|ack, 37, handle(), a(155, []byte{2, 0, 0, 0, 2, 0, 0, 0})))
	f.Add(cat(msg(request, 31, handle()), msg(request, 58, handle(), a(122, "p4dev/fw.bin"))))
	f.Fuzz(func(t *testing.T, d []byte) {
		k := newKernel(t, full())
		s := k.Dial()
		defer s.Close()
		if err := s.Send(d); err != nil {
			t.Fatal(err)
		}
		for {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			got, err := s.Recv(ctx)
			if err != nil {
				return
			}
			if len(got) < 16 || int(host.Uint32(got)) > len(got) {
				t.Errorf("reply is not a message: % x", got)
			}
		}
	})
}
